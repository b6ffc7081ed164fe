"""From a status to a level and a sentence."""

import pytest
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticStatus
from fake_predictor import FakePredictor
from zoedepth_ros.msg import Status

from zoedepth_ros.ros.health.statistics import Statistics
from zoedepth_ros.ros.health.status import Diagnostics, make_status
from zoedepth_ros.ros.parameters.node_settings import settings_from
from zoedepth_ros.ros.received_image import SUPERSEDED

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


def test_thresholds_of_zero_never_speak():
    quiet = diagnose(fields={'depth_age_p95': 9e3, 'depth_rate': 0.1, 'memory': 9 * 10**11})
    assert (quiet.level, quiet.message) == (OK, 'depth is published')


@pytest.mark.parametrize(
    ('fields', 'level', 'says'),
    [
        ({'depth_age_p95': 0.15}, OK, 'published'),
        ({'depth_age_p95': 0.25}, WARN, '0.25 s old, more than 0.2'),
        ({'depth_age_p95': 1.5}, ERROR, '1.50 s old, more than 1'),
        ({'depth_rate': 8.0}, WARN, '8.0 Hz, less than 10'),
        ({'depth_rate': 3.0}, ERROR, '3.0 Hz, less than 5'),
        ({'depth_rate': 0.0, 'cloud_rate': 12.0}, OK, 'published'),
        ({'memory': 2_100_000_000}, WARN, '2100 MB, more than 2000'),
    ],
)
def test_what_passes_a_threshold_is_reported_with_both_numbers(fields, level, says):
    thresholds = {
        'warn_age': 0.2, 'error_age': 1.0, 'warn_rate': 10.0, 'error_rate': 5.0,
        'warn_memory': 2000.0,
    }  # fmt: skip
    usual = {'depth_age_p95': 0.1, 'depth_rate': 30.0, 'memory': 10**9}
    found = diagnose(fields={**usual, **fields}, thresholds=thresholds)
    assert (found.level, says in found.message) == (level, True), found.message


@pytest.mark.parametrize(('input_age_s', 'level'), [(3.0, WARN), (9.9, WARN), (10.0, ERROR)])
def test_a_silent_camera_is_a_warning_at_first_and_an_error_later(input_age_s, level):
    found = diagnose(state=Status.STATE_NO_INPUT, input_age=input_age_s)
    assert found.level == level
    assert f'{input_age_s:.0f} s' in found.message


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
    assert diagnose(statistics).message == '1% of the images are dropped: too old'


def test_every_notice_is_a_warning_and_the_worst_speaks_first():
    found = diagnose(notices=('no CUDA device', 'other'), state=Status.STATE_FAILED)
    assert (found.level, found.message) == (ERROR, 'the network is out of service')
    values = {pair.key: pair.value for pair in found.values}
    assert (values['notice 1'], values['notice 2']) == ('no CUDA device', 'other')
    found = diagnose(notices=('no CUDA device',))
    assert (found.level, found.message) == (WARN, 'no CUDA device')


def test_the_router_and_its_doubt_are_reported():
    found = diagnose(router_probabilities={'indoor': 0.52, 'outdoor': 0.48}, router_uncertain=True)
    values = {pair.key: pair.value for pair in found.values}
    assert values['router, indoor / outdoor'] == '0.52 / 0.48, uncertain: the head is kept'
    assert found.level == OK
