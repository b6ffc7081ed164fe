"""The applied scale follows the evidence and never jumps; files keep it."""

import json
import math
import os
from itertools import pairwise

import numpy as np
import pytest
from fake_predictor import FakePredictor, outputs_of

from zoedepth_ros.geometry.camera import Camera
from zoedepth_ros.geometry.intrinsics import CameraModel, Intrinsics
from zoedepth_ros.geometry.scale import NO_PAIRS, ScaleEstimate, pairs_at_points
from zoedepth_ros.inference.uncertainty import UncertaintyMap
from zoedepth_ros.pipeline.camera_pipeline import CameraPipeline
from zoedepth_ros.pipeline.scale_file import (
    CONVERGED,
    CONVERGING,
    UNKNOWN,
    ScaleFileError,
    ScaleState,
    load_scales,
    save_scales,
)
from zoedepth_ros.pipeline.scaling import ScaleTracker, TrackerSettings
from zoedepth_ros.pipeline.settings import settings_from


def estimate(scale, confidence=0.9):
    return ScaleEstimate(scale, confidence, 100, 0.05)


def run(tracker, scales, start_s=0.0, step_s=0.1, max_rate=0.05):
    """Feed one estimate per image; give the scales that were applied."""
    applied = []
    for i, scale in enumerate(scales):
        tracker.observe(None if scale is None else estimate(scale), start_s + i * step_s)
        applied.append(tracker.advance(start_s + i * step_s, max_rate).scale)
    return applied


def test_without_evidence_the_scale_is_one_and_unknown():
    tracker = ScaleTracker()
    assert run(tracker, [None] * 20) == [1.0] * 20
    assert tracker.state.phase == UNKNOWN


@pytest.mark.parametrize('true', [0.5, 1.3, 2.0])
def test_it_gets_there_without_ever_moving_faster_than_it_may(true):
    tracker = ScaleTracker()
    applied = run(tracker, [true] * 200, max_rate=0.1)
    assert applied[-1] == pytest.approx(true, rel=0.01)
    assert tracker.state.phase == CONVERGED
    steps = [abs(math.log(b / a)) for a, b in pairwise(applied)]
    assert max(steps) <= 0.1 * 0.1 + 1e-9
    assert applied[10] == pytest.approx(math.exp(math.copysign(0.0953, math.log(true))), rel=0.02)


def test_while_it_moves_it_reports_it():
    tracker = ScaleTracker()
    run(tracker, [2.0] * 10)
    assert tracker.state.phase == CONVERGING
    assert tracker.state.target == pytest.approx(2.0, rel=0.01)


def test_one_wrong_estimate_among_many_changes_next_to_nothing():
    tracker = ScaleTracker()
    run(tracker, [1.5] * 200, max_rate=0.5)
    before = tracker.state.target
    tracker.observe(estimate(0.3), 20.0)
    assert tracker.state.target == pytest.approx(before, rel=0.002)


def test_a_change_that_lasts_wins_in_the_end():
    tracker = ScaleTracker()
    tracker.settings = TrackerSettings(memory_s=5.0)
    run(tracker, [1.0] * 200, max_rate=0.5)
    applied = run(tracker, [1.4] * 1200, start_s=20.0, max_rate=0.5)
    assert applied[-1] == pytest.approx(1.4, rel=0.02)


def test_weak_and_impossible_estimates_are_not_evidence():
    tracker = ScaleTracker()
    tracker.observe(estimate(1.5, confidence=0.1), 0.0)
    tracker.observe(estimate(50.0), 0.1)
    tracker.observe(None, 0.2)
    assert tracker.state == ScaleState()


@pytest.mark.parametrize('jump_s', [-1000.0, 1000.0])
def test_a_clock_that_jumps_moves_nothing_far(jump_s):
    tracker = ScaleTracker()
    run(tracker, [2.0] * 20, max_rate=0.1)
    before = tracker.state.scale
    tracker.observe(estimate(2.0), 2.0 + jump_s)
    after = tracker.advance(2.0 + jump_s, 0.1).scale
    assert 1.0 <= after / before <= 1.1**0.5 + 1e-6
    run(tracker, [2.0] * 200, start_s=2.0 + jump_s, max_rate=0.1)
    assert tracker.state.scale == pytest.approx(2.0, rel=0.01)


def test_a_file_keeps_the_target_and_the_tracker_goes_on_from_it(tmp_path):
    tracker = ScaleTracker()
    run(tracker, [1.7] * 100, max_rate=0.5)
    path = tmp_path / 'deep' / 'scale.yaml'
    save_scales(path, {'indoor': tracker.state}, camera='front')
    assert 'camera: front' in path.read_text()
    (state,) = load_scales(path).values()
    assert state.scale == state.target == pytest.approx(1.7, rel=0.01)
    again = ScaleTracker(start=state)
    assert again.advance(0.0, 0.05).scale == state.scale
    assert again.state.phase == CONVERGED
    assert [p.name for p in path.parent.iterdir()] == ['scale.yaml']


BOMB = 'a0: &a0 [x, x, x, x, x, x, x, x, x]\n' + ''.join(
    f'a{n + 1}: &a{n + 1} [{", ".join([f"*a{n}"] * 9)}]\n' for n in range(9)
)


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('', 'format'),
        ('[1, 2', 'not YAML'),
        ('format: zoedepth scale 9\nheads: {}', 'format'),
        ('format: zoedepth scale 1\nheads: 3', 'expected'),
        ('format: zoedepth scale 1\nheads: {garden: {scale: 1, confidence: 1}}', 'garden'),
        ('format: zoedepth scale 1\nheads: {indoor: {scale: 1}}', 'confidence'),
        ('format: zoedepth scale 1\nheads: {indoor: {scale: 99, confidence: 1}}', 'scale must be'),
        ('format: zoedepth scale 1\nheads: {indoor: {scale: .nan, confidence: 1}}', 'scale must'),
        ('format: zoedepth scale 1\nheads: {indoor: {scale: yes, confidence: 1}}', 'scale must'),
        (
            f'format: zoedepth scale 1\nheads: {{indoor: {{scale: 1{"0" * 400}, confidence: 1}}}}',
            'scale must be',
        ),
        ('format: zoedepth scale 1\nheads: {}\nmore: 1', 'more'),
        (f'{BOMB}format: zoedepth scale 1\nheads: {{indoor: *a9}}\n', r'aliases \(\*name\)'),
        ('format: zoedepth scale 1\nheads: {indoor: ' + '{a: ' * 99, 'nested too deeply'),
        ('format: ' + 'x' * (2 << 20), 'expected a file of at most 1,048,576 bytes'),
        ('format: zoedepth scale 1\nheads: {? "' + 'x' * 900_000 + '" : 1}', 'expected the heads'),
        (
            'format: zoedepth scale 1\nheads: {indoor: {scale: [' + '1, ' * 9000 + '], '
            'confidence: 1}}',
            r'indoor.scale must be 0.1 to 10.0, got \[1, ',
        ),
    ],
    ids=lambda value: value[:60],
)
def test_a_wrong_file_is_refused_with_its_name_in_few_words(tmp_path, text, message):
    path = tmp_path / 'scale.yaml'
    path.write_text(text)
    with pytest.raises(ScaleFileError, match=message) as caught:
        load_scales(path)
    assert str(caught.value).startswith(f'{path}: ')
    assert len(str(caught.value)) < 500


def test_scales_are_not_written_through_a_link(tmp_path):
    (tmp_path / 'precious').write_text('mine')
    path = tmp_path / 's.yaml'
    for name in (path.name, f'{path.name}.{os.getpid()}.part'):
        (tmp_path / name).symlink_to(tmp_path / 'precious')
    save_scales(path, {'indoor': ScaleState(1.5, 1.5, 0.9, CONVERGED)})
    assert (tmp_path / 'precious').read_text() == 'mine'
    assert not path.is_symlink()
    assert load_scales(path)['indoor'].scale == 1.5


HEIGHT, WIDTH = 48, 64
CAMERA = Camera(CameraModel(Intrinsics.from_hfov(WIDTH, HEIGHT, 1.2)))
RGB = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
TRUE_M = np.linspace(1.0, 6.0, HEIGHT, dtype=np.float32)[::-1, None] * np.ones((1, WIDTH), 'f4')
NETWORK_M = 1.5 * TRUE_M**0.7
CURVE = {'scale.source': 'points', 'scale.shape': 'curve', 'filter.edge': False}


def pipeline_of(**values) -> CameraPipeline:
    predictor = FakePredictor(NETWORK_M, heads=('indoor',))
    return CameraPipeline(predictor, settings_from(values))


def sensor(depth_m, camera):
    """Compare with every 13th pixel of the true points."""
    points_m = np.dstack((CAMERA.rays(), np.ones_like(TRUE_M))) * TRUE_M[..., None]
    return pairs_at_points(points_m.reshape(-1, 3)[::13], depth_m, camera.model)


def depth(pipeline, number, compare=sensor, network_m=NETWORK_M):
    """Return the depth of an image at 5 Hz."""
    predictor, names = FakePredictor(network_m, heads=('indoor',)), {'depth/image'}
    made = outputs_of(pipeline, predictor, RGB, CAMERA, 0.2 * number, names, compare=compare)
    return made['depth/image'].pixels.copy()


def error(depth_m) -> float:
    return float(np.mean(np.abs(depth_m - TRUE_M) / TRUE_M))


def test_depth_becomes_that_of_the_sensor_with_curve_and_not_with_one_factor():
    curve, factor = pipeline_of(**CURVE), pipeline_of(**{**CURVE, 'scale.shape': 'factor'})
    for number in range(60):
        curved_m, scaled_m = depth(curve, number), depth(factor, number)
    assert error(scaled_m) > 0.1
    assert error(curved_m) < 0.03


def test_a_network_whose_scale_changes_with_every_image_is_corrected_in_every_image():
    pipeline = pipeline_of(**CURVE)
    for number in range(20):
        network_m = NETWORK_M * np.float32(1.15 if number % 2 else 0.85)
        assert error(depth(pipeline, number, network_m=network_m)) < 0.03


def test_the_standard_deviation_is_corrected_as_the_depth_that_it_belongs_to():
    """The map gets the depth of the network: 0.1 of its square, whatever the sensor measures."""
    maps = {'indoor': UncertaintyMap(0.1, depth_exponent=2.0, spread_exponent=0.0)}
    predictor = FakePredictor(NETWORK_M, heads=('indoor',), uncertainty_maps=maps)
    values = {**CURVE, 'cloud.uncertainty': True, 'cloud.decimation': 2}
    pipeline = CameraPipeline(predictor, settings_from(values))
    names = {'depth/image', 'depth/uncertainty', 'depth/points'}
    for number in range(30):
        at_s = 0.2 * number
        outputs = outputs_of(pipeline, predictor, RGB, CAMERA, at_s, names, compare=sensor)
    depth_m = outputs['depth/image'].pixels
    factors = depth_m / NETWORK_M
    assert np.ptp(factors) > 0.1
    std_m = outputs['depth/uncertainty'].pixels
    np.testing.assert_allclose(std_m, 0.1 * NETWORK_M**2 * factors, rtol=1e-5)
    points = outputs['depth/points'].points
    np.testing.assert_array_equal(points[..., 4], std_m[1::2, 1::2])


def test_without_the_sensor_the_shape_fades():
    pipeline = pipeline_of(**CURVE)
    for number in range(60):
        curved_m = depth(pipeline, number)
    for number in range(60, 200):
        faded_m = depth(pipeline, number, compare=lambda depth_m, camera: NO_PAIRS)
    assert error(curved_m) < 0.03
    np.testing.assert_allclose(faded_m / NETWORK_M, np.median(faded_m / NETWORK_M), rtol=0.01)


def test_a_resumed_sequence_continues_with_the_same_numbers():
    whole = pipeline_of(**CURVE)
    expected = [depth(whole, number) for number in range(8)]
    first = pipeline_of(**CURVE)
    for number in range(4):
        depth(first, number)
    second = pipeline_of(**CURVE)
    second.restore(json.loads(json.dumps(first.snapshot())))
    for number in range(4, 8):
        np.testing.assert_array_equal(depth(second, number), expected[number])


@pytest.mark.parametrize('source', ['off', 'height', 'range'])
def test_curve_needs_a_sensor_of_many_points(source):
    with pytest.raises(
        ValueError, match=f"scale.shape 'curve' needs .* got scale.source {source}"
    ):
        settings_from({'scale.source': source, 'scale.shape': 'curve'})


@pytest.mark.parametrize(
    ('unit', 'text'),
    [
        (1000.0, '1e+03 times the depth'),
        (100.0, 'are in metres'),
        (4.0, 'range is 4, which is unu'),
    ],
)
def test_a_reference_in_another_unit_than_metres_is_reported(unit, text):
    """Depth of 2 m beside a range finder that measures the same in millimetres or feet."""
    assert text in notices_beside(2.0 * unit)['scale']
    assert 'scale' not in notices_beside(2.0 * 1.2)


def notices_beside(range_m):
    """Return the notices of a pipeline that sees 2 m, where a sensor of 60 points reports range_m.

    The sensor is compared with depth as it is published, ten times.
    """

    def compare(depth_m, camera):
        return pairs_at_points(np.tile((0.0, 0.0, range_m), (60, 1)), depth_m, camera.model)

    predictor = FakePredictor(2.0, heads=('indoor',))
    pipeline = CameraPipeline(predictor, settings_from({'scale.source': 'range'}))
    camera = Camera(CameraModel(Intrinsics(8.0, 8.0, 3.5, 2.5, 8, 6)))
    rgb = np.zeros((6, 8, 3), np.uint8)
    for i in range(10):
        outputs_of(pipeline, predictor, rgb, camera, 0.5 * i, ['depth/image'], compare=compare)
    return pipeline.notices
