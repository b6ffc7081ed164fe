"""Contents of the status and the statistics behind it, and diagnostic levels."""

import math
from collections import deque
from types import SimpleNamespace

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticStatus
from fake_predictor import FakePredictor
from processor_bench import Bench
from zoedepth_ros.msg import Status

from zoedepth_ros.geometry.ground import Ground
from zoedepth_ros.inference.fallback import FallbackPredictor
from zoedepth_ros.pipeline.scale_file import ScaleState
from zoedepth_ros.pipeline.scaling import ScaleReport
from zoedepth_ros.ros import image_processor, inference_thread
from zoedepth_ros.ros.health import statistics
from zoedepth_ros.ros.health.statistics import RECENT, STAGES, Statistics, rate_hz
from zoedepth_ros.ros.health.status import Diagnostics, make_status
from zoedepth_ros.ros.image_processor import SUPERSEDED, ReceivedImage
from zoedepth_ros.ros.parameters.node_settings import NodeSettings, settings_from

STATES = (
    'STATE_UNKNOWN', 'STATE_UNCONFIGURED', 'STATE_INACTIVE', 'STATE_DISABLED', 'STATE_IDLE',
    'STATE_NO_INPUT', 'STATE_WORKING', 'STATE_FAILED',
)  # fmt: skip


def report(statistics=None, state=Status.STATE_WORKING, predictor=None, scale=None):
    predictor = predictor or FakePredictor(weights_warning='')
    known = {'head': 'indoor', 'network_height': 64, 'network_width': 96, 'scale': scale}
    return make_status(Time(sec=5), statistics or Statistics(), state, predictor, **known)


def level(diagnostics, msg):
    return diagnostics.make(msg, NodeSettings()).level


def test_a_status_reports_what_runs():
    msg = report(predictor=FakePredictor(model_name='m', weights_origin='w', weights_warning='t'))
    assert (msg.model, msg.weights, msg.weights_warning) == ('m', 'w', 't')
    assert (msg.device, msg.precision, msg.head) == ('cpu', 'fp32', 'indoor')
    assert (msg.network_height, msg.network_width) == (64, 96)
    assert msg.header.stamp.sec == 5
    assert 10e6 < msg.memory < 100e9
    assert msg.device_memory == 0
    assert [stage.name for stage in msg.stages] == list(STAGES)
    assert math.isnan(msg.depth_age_median)


def test_a_status_of_an_unconfigured_node_is_possible():
    msg = make_status(Time(), Statistics(), Status.STATE_UNCONFIGURED, None)
    assert (msg.state, msg.model) == (Status.STATE_UNCONFIGURED, '')
    assert msg.message == 'the node is not configured'


def test_frames_drops_and_ages_are_counted():
    counted = Statistics()
    for _ in range(3):
        counted.note_received()
    counted.note_outputs(0.1)
    counted.note_outputs(0.3)
    for reason in ('too old', 'zero size', 'too old'):
        counted.note_drop(reason)
    msg = report(counted)
    assert (msg.received, msg.published) == (3, 2)
    assert {d.reason: d.count for d in msg.drops} == {'too old': 2, 'zero size': 1}
    assert msg.depth_age_median == pytest.approx(0.2)


def test_the_same_warning_comes_now_and_then_only():
    counted = Statistics(warn_every_s=60.0)
    assert counted.note_drop('a')
    assert not counted.note_drop('a')
    assert counted.note_drop('b')
    assert Statistics(warn_every_s=0.0).note_drop('a')


def test_the_known_duration_of_a_stage_is_counted():
    measured = Statistics()
    measured.note_stages(network=0.02, preprocess=math.nan)
    assert math.isnan(measured.last('preprocess'))
    assert measured.median_and_p95('network')[0] == pytest.approx(20.0)


def test_rates_ages_and_stages_are_those_of_the_stream(monkeypatch):
    """Ten seconds at 15 Hz, by a clock that the network alone moves on within an image."""
    now_s = [50.0]
    for module in (image_processor, statistics, inference_thread):
        monkeypatch.setattr(module, 'time', SimpleNamespace(monotonic=lambda: now_s[0]))

    def takes_30_ms(rgb, head):
        now_s[0] += 0.03
        bench.now_s += 0.03
        return 2.0

    predictor = FakePredictor(takes_30_ms, preprocess_ms=10.0, weights_warning='')
    bench = Bench(predictor, **{'cloud.rate': 5.0, 'router.rate': 3.0})
    for i in range(150):
        now_s[0], bench.now_s = 50.0 + i / 15, 1000.0 + i / 15
        bench.statistics.note_received()
        bench.network.work(
            [(bench.processor, ReceivedImage(bench.message(), bench.now_s, now_s[0]))]
        )
    msg = report(bench.statistics, predictor=predictor)
    assert (msg.input_rate, msg.depth_rate) == pytest.approx((15.0, 15.0))
    assert msg.cloud_rate == pytest.approx(5.0, rel=0.05)
    assert msg.router_rate == pytest.approx(3.0, rel=0.05)
    assert (msg.received, msg.published) == (150, 150)
    assert msg.depth_age_median == pytest.approx(0.03, abs=1e-6)
    stages = {stage.name: stage.median for stage in msg.stages}
    assert stages['preprocess'] == pytest.approx(0.01)
    assert stages['network'] == pytest.approx(0.02)
    assert (stages['wait'], stages['publish']) == (0.0, 0.0)


@pytest.mark.parametrize(
    ('topic', 'rate'),
    [
        ('depth/image', 'depth_rate'),
        ('depth/image/compressedDepth', 'depth_rate'),
        ('depth/uncertainty', 'depth_rate'),
        ('depth/color/compressed', 'depth_rate'),
        ('scan', 'depth_rate'),
        ('depth/points', 'cloud_rate'),
        ('depth/points/obstacles', 'cloud_rate'),
        ('depth/points/clearing', 'cloud_rate'),
    ],
)
def test_every_output_alone_counts_for_the_rate_of_its_kind(topic, rate):
    bench = Bench(
        subscribed=frozenset({topic}),
        **{'scan.enabled': True, 'camera.height': 1.0, 'camera.pitch_tolerance': 0.0},
    )
    for i in range(3):
        bench.now_s = 1000.0 + i
        bench.process()
    assert len(bench.publishers.sent[topic]) == 3
    msg = report(bench.statistics)
    assert {name for name in ('depth_rate', 'cloud_rate') if getattr(msg, name) > 0.0} == {rate}


def test_all_is_well_when_depth_flows():
    reported = Diagnostics('/ns/zoedepth').make(report(), NodeSettings())
    assert reported.name == '/ns/zoedepth: depth'
    assert reported.level == DiagnosticStatus.OK
    values = {pair.key: pair.value for pair in reported.values}
    assert values['model'] == 'fake'
    assert values['received'] == '0'


def test_new_drops_are_a_warning_and_old_ones_are_not():
    counted, diagnostics = Statistics(), Diagnostics('n')
    for _ in range(5):
        counted.note_received()
    counted.note_drop('too old')
    assert level(diagnostics, report(counted)) == DiagnosticStatus.WARN
    assert level(diagnostics, report(counted)) == DiagnosticStatus.OK


def test_the_reason_named_is_that_of_the_newest_drops():
    counted, diagnostics = Statistics(), Diagnostics('n')
    for _ in range(5):
        counted.note_drop('too old')
    assert diagnostics.make(report(counted), NodeSettings()).message.endswith('too old')
    counted.note_drop('damaged image')
    assert diagnostics.make(report(counted), NodeSettings()).message.endswith('damaged image')


def test_the_memory_of_a_gpu_is_in_bytes():
    predictor = FakePredictor()
    predictor.device_memory_mb = 1.5
    assert report(predictor=predictor).device_memory == 1_500_000


def test_every_state_has_a_constant_of_its_own_a_name_and_a_sentence():
    states = {name: getattr(Status, name) for name in STATES}
    assert sorted(states.values()) == list(range(8))
    for name, state in states.items():
        msg = report(state=state)
        values = {
            pair.key: pair.value for pair in Diagnostics('n').make(msg, NodeSettings()).values
        }
        assert values['state'] == name.removeprefix('STATE_').lower().replace('_', ' ')
        assert msg.message


@pytest.mark.parametrize(
    ('phase', 'state'),
    [
        ('unknown', 'SCALE_UNKNOWN'),
        ('converging', 'SCALE_CONVERGING'),
        ('converged', 'SCALE_CONVERGED'),
    ],
)
def test_the_state_of_the_calibration_is_a_constant(phase, state):
    msg = report(scale=ScaleReport(1.1, ScaleState(1.1, 1.2, 0.5, phase), None))
    assert msg.scale_state == getattr(Status, state)
    values = {pair.key: pair.value for pair in Diagnostics('n').make(msg, NodeSettings()).values}
    assert values['scale'] == f'1.100 ({phase})'


def test_the_message_is_the_state_and_the_worst_finding_of_the_diagnostics():
    msg = report(predictor=FakePredictor(weights_warning='random weights: not depth'))
    assert msg.message == 'images are processed'
    diagnosis = Diagnostics('n').make(msg, NodeSettings())
    assert diagnosis.level == DiagnosticStatus.WARN
    assert (
        diagnosis.message
        == 'the weights are not those of the ZoeDepth authors: random weights: not depth'
    )
    assert msg.message == f'images are processed; {diagnosis.message}'
    failed = report(state=Status.STATE_FAILED)
    assert Diagnostics('n').make(failed, NodeSettings()).message == failed.message
    assert failed.message == 'the depth network cannot run'


OK, WARN, ERROR = DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR


def diagnose(
    statistics=None, *, fields=None, state=Status.STATE_WORKING, thresholds=None, **condition
):
    settings = settings_from({f'diagnostics.{k}': v for k, v in (thresholds or {}).items()})
    predictor = FakePredictor(weights_warning='')
    msg = make_status(
        Time(),
        statistics or Statistics(),
        state,
        predictor,
        **condition,
    )
    for name, value in (fields or {}).items():
        setattr(msg, name, value)
    return Diagnostics('n').make(msg, settings)


def test_a_status_can_be_made_while_an_image_is_processed(monkeypatch):
    """Whatever the status thread reads may be gone when it reads it again."""

    def vanish_after_one_read(owner, name, value):
        found = iter([value])
        attribute = property(lambda _: next(found, None), lambda _, value: None)
        monkeypatch.setattr(type(owner), name, attribute, raising=False)

    processor = Bench().processor
    scaling = processor.pipeline._scaling
    segmentation = processor.pipeline._clouds.ground_segmentation
    predictor = FakePredictor(preprocess_ms=3.0)
    predictor.device_memory_mb, predictor.optimization_note = 2.0, 'slow'
    fallback = FallbackPredictor(lambda _: predictor, NodeSettings().predictor, print)
    camera = SimpleNamespace(reading=SimpleNamespace(text='rectified', is_guess=False))
    vanish_after_one_read(processor, '_known', camera)
    assert processor.assumptions == ('rectified',)
    vanish_after_one_read(scaling, 'shape', SimpleNamespace(logs=np.zeros(3)))
    assert 'up to 0 %' in scaling.report(None).note
    vanish_after_one_read(segmentation, 'ground', Ground((0.0, -1.0, 0.0), 1.0, 1.0))
    assert segmentation.confirms
    for name in ('preprocess_ms', 'device_memory_mb', 'optimization_note'):
        vanish_after_one_read(fallback, '_predictor', predictor)
        assert getattr(fallback, name) == getattr(predictor, name)


def test_thresholds_of_zero_never_speak():
    quiet = diagnose(fields={'depth_age_p95': 9e3, 'depth_rate': 0.1, 'memory': 9 * 10**11})
    assert (quiet.level, quiet.message) == (OK, 'images are processed')


@pytest.mark.parametrize(
    ('fields', 'level', 'words'),
    [
        ({'depth_age_p95': 0.15}, OK, 'processed'),
        (
            {'depth_age_p95': 0.25},
            WARN,
            '0.25 s old at its publication (95th percentile), more than the limit of 0.2 s',
        ),
        ({'depth_age_p95': 1.5}, ERROR, '(95th percentile), more than the limit of 1 s'),
        ({'depth_rate': 8.0}, WARN, '8.0 Hz, less than the limit of 10 Hz'),
        ({'depth_rate': 3.0}, ERROR, '3.0 Hz, less than the limit of 5 Hz'),
        ({'depth_rate': 0.0, 'cloud_rate': 12.0}, OK, 'processed'),
        ({'memory': 2_100_000_000}, WARN, '2100 MB of memory, more than the limit of 2000 MB'),
    ],
)
def test_what_passes_a_threshold_is_reported_with_both_numbers(fields, level, words):
    thresholds = {
        'warn_age': 0.2, 'error_age': 1.0, 'warn_rate': 10.0, 'error_rate': 5.0,
        'warn_memory': 2000.0,
    }  # fmt: skip
    usual = {'depth_age_p95': 0.1, 'depth_rate': 30.0, 'memory': 10**9}
    found = diagnose(fields={**usual, **fields}, thresholds=thresholds)
    assert (found.level, words in found.message) == (level, True), found.message


@pytest.mark.parametrize(
    ('state', 'input_age_s', 'level'),
    [
        (Status.STATE_NO_INPUT, 3.0, WARN),
        (Status.STATE_NO_INPUT, 9.9, WARN),
        (Status.STATE_NO_INPUT, 10.0, ERROR),
        # with a warn_no_input of more than error_no_input
        (Status.STATE_WORKING, 9.9, OK),
        (Status.STATE_WORKING, 10.0, ERROR),
    ],
)
def test_a_silent_camera_is_a_warning_at_first_and_an_error_later(state, input_age_s, level):
    found = diagnose(state=state, input_age=input_age_s)
    assert found.level == level
    assert (f'{input_age_s:.0f} s' in found.message) == (level != OK)


@pytest.mark.parametrize(('dropped', 'level'), [(0, OK), (1, WARN), (9, WARN), (10, ERROR)])
def test_the_share_of_faulty_images_makes_the_level(dropped, level):
    statistics = Statistics()
    for i in range(10):
        statistics.note_received()
        if i < dropped:
            statistics.note_drop('zero size')
    found = diagnose(statistics)
    assert found.level == level
    assert ('zero size' in found.message) == (dropped > 0)


def test_superseded_images_are_no_fault_even_beside_real_ones():
    statistics = Statistics()
    for _ in range(100):
        statistics.note_received()
        statistics.note_drop(SUPERSEDED)
    assert diagnose(statistics).level == OK
    statistics.note_drop('too old')
    assert diagnose(statistics).message == (
        '1% of the images of the last second were dropped or lack an output, mostly for this '
        'reason: too old'
    )


def test_every_notice_is_a_warning_and_the_worst_speaks_first():
    found = diagnose(notices=('no CUDA device', 'other'), state=Status.STATE_FAILED)
    assert (found.level, found.message) == (ERROR, 'the depth network cannot run')
    values = {pair.key: pair.value for pair in found.values}
    assert (values['notice 1'], values['notice 2']) == ('no CUDA device', 'other')
    found = diagnose(notices=('no CUDA device',))
    assert (found.level, found.message) == (WARN, 'no CUDA device')


def test_the_router_and_its_doubt_are_reported():
    found = diagnose(router_probabilities={'indoor': 0.52, 'outdoor': 0.48}, router_uncertain=True)
    values = {pair.key: pair.value for pair in found.values}
    assert values['router, indoor / outdoor'] == '0.52 / 0.48, too uncertain to switch the head'
    assert found.level == OK


def test_the_rate_of_a_regular_stream_is_measured():
    times_s = deque(np.arange(0, 10, 0.05))
    assert rate_hz(times_s, 9.96) == pytest.approx(20.0, rel=0.01)


def test_the_measured_rate_falls_when_the_stream_stops_and_rises_again():
    times_s = deque(np.arange(0, 10, 0.1))
    assert rate_hz(times_s, 12.0) < 9.0
    assert rate_hz(times_s, 16.0) == 0.0
    times_s.extend(np.arange(20, 21, 0.1))
    assert rate_hz(times_s, 20.95) == pytest.approx(10.0, rel=0.05)


def test_percentiles_are_those_of_the_last_values():
    measured = Statistics()
    assert all(math.isnan(v) for v in measured.median_and_p95('network'))
    for value in range(1000):
        measured.note_stages(network=1e-3 * value)
    expected = np.percentile(np.arange(1000 - RECENT, 1000), (50, 95))
    assert measured.median_and_p95('network') == pytest.approx(tuple(expected))
