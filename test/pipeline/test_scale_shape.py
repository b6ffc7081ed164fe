"""scale.shape curve: another sensor's points correct depth in the pipeline, image by image."""

import json

import numpy as np
import pytest
from fake_predictor import FakePredictor

from zoedepth_ros.geometry.camera import Camera
from zoedepth_ros.geometry.intrinsics import CameraModel, Intrinsics
from zoedepth_ros.geometry.scale import NO_PAIRS, pairs_at_points
from zoedepth_ros.inference.uncertainty import UncertaintyMap
from zoedepth_ros.pipeline.camera_pipeline import CameraPipeline
from zoedepth_ros.pipeline.request import predict
from zoedepth_ros.pipeline.settings import settings_from

HEIGHT, WIDTH = 48, 64
CAMERA = Camera(CameraModel(Intrinsics.from_hfov(WIDTH, HEIGHT, 1.2)))
RGB = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
TRUE_M = np.linspace(1.0, 6.0, HEIGHT, dtype=np.float32)[::-1, None] * np.ones((1, WIDTH), 'f4')
NETWORK_M = 1.5 * TRUE_M**0.7
CURVE = {'scale.source': 'points', 'scale.shape': 'curve', 'filter.edge': False}


def pipeline_of(**values) -> CameraPipeline:
    predictor = FakePredictor(NETWORK_M, heads=('indoor',))
    return CameraPipeline.of(predictor, settings_from(values))


def sensor(depth_m, camera):
    """Compare with every 13th pixel of the true points."""
    points_m = np.dstack((CAMERA.rays(), np.ones_like(TRUE_M))) * TRUE_M[..., None]
    return pairs_at_points(points_m.reshape(-1, 3)[::13], depth_m, camera.model)


def depth(pipeline, number, compare=sensor):
    """Return the depth of an image at 5 Hz."""
    request = pipeline.prepare(RGB, CAMERA, 0.2 * number, {'depth/image'})
    result = predict(FakePredictor(NETWORK_M, heads=('indoor',)), request)
    (output,) = pipeline.process(request, result, compare=compare)
    return output.pixels.copy()


def error(depth_m) -> float:
    return float(np.mean(np.abs(depth_m - TRUE_M) / TRUE_M))


def test_depth_becomes_that_of_the_sensor_with_curve_and_not_with_one_factor():
    curve, factor = pipeline_of(**CURVE), pipeline_of(**{**CURVE, 'scale.shape': 'factor'})
    for number in range(60):
        curved_m, scaled_m = depth(curve, number), depth(factor, number)
    assert error(scaled_m) > 0.1
    assert error(curved_m) < 0.03


def test_the_standard_deviation_is_corrected_as_the_depth_that_it_belongs_to():
    """The map gets the depth of the network: 0.1 of its square, whatever the sensor measures."""
    maps = {'indoor': UncertaintyMap(0.1, depth_exponent=2.0, spread_exponent=0.0)}
    predictor = FakePredictor(NETWORK_M, heads=('indoor',), uncertainty_maps=maps)
    values = {**CURVE, 'cloud.uncertainty': True, 'cloud.decimation': 2}
    pipeline = CameraPipeline.of(predictor, settings_from(values))
    for number in range(30):
        names = {'depth/image', 'depth/uncertainty', 'depth/points'}
        request = pipeline.prepare(RGB, CAMERA, 0.2 * number, names)
        made = pipeline.process(request, predict(predictor, request), compare=sensor)
        outputs = {output.name: output for output in made}
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
    with pytest.raises(ValueError, match=f'scale.shape curve needs .* got {source}'):
        settings_from({'scale.source': source, 'scale.shape': 'curve'})
