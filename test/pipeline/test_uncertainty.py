"""The standard deviation of depth in metres: its image, the filter, and a field of clouds."""

import math

import numpy as np
import pytest
from corridor import CEILING, FLOOR, WALLS, Box, Eye, look
from fake_predictor import FakePredictor, outputs_of
from std_msgs.msg import Header

from zoedepth_ros.geometry.camera import Camera
from zoedepth_ros.geometry.intrinsics import CameraModel, Intrinsics
from zoedepth_ros.geometry.rays import rays
from zoedepth_ros.inference.uncertainty import UncertaintyMap
from zoedepth_ros.messages.clouds import cloud_points
from zoedepth_ros.pipeline.camera_pipeline import CameraPipeline
from zoedepth_ros.pipeline.outputs import (
    CLEARING,
    DEPTH,
    GROUND,
    OBSTACLES,
    POINTS,
    UNCERTAINTY,
    OutputMessages,
)
from zoedepth_ros.pipeline.settings import settings_from
from zoedepth_ros.ros.publishers import make

MODEL = CameraModel(Intrinsics.from_hfov(160, 120, 1.2))
CAMERA = Camera(MODEL)
RGB = np.random.default_rng(0).integers(0, 255, (120, 160, 3), dtype=np.uint8)
LEARNT_RAD = math.radians(90.0)
MAPS = {'indoor': UncertaintyMap(0.1, depth_exponent=2.0, spread_exponent=0.0)}
"""std = 0.1 depth^2."""


def corridor_m():
    box = Box(2.0, 2.3, -0.2, 0.2, 0.0, 0.6)
    eye = Eye(0.0, 0.0, 0.8, 0.0, -0.15)
    return look(eye, rays(MODEL), (FLOOR, CEILING, *WALLS, box)).astype(np.float32)


def process(names, depth=2.0, maps=MAPS, camera=CAMERA, learnt_rad=0.0, **values):
    """Return name -> output."""
    values = {name.replace('__', '.'): value for name, value in values.items()}
    predictor = FakePredictor(depth, uncertainty_maps=maps, training_hfov_rad=learnt_rad)
    settings = settings_from({'router.mode': 'indoor', 'filter.edge': False, **values})
    pipeline = CameraPipeline(predictor, settings)
    return outputs_of(pipeline, predictor, RGB, camera, 0.0, set(names))


def std_of(**kwargs):
    (std_m,) = np.unique(process({UNCERTAINTY}, **kwargs)[UNCERTAINTY].pixels)
    return float(std_m)


def test_the_map_of_the_weights_turns_the_spread_into_metres():
    assert std_of() == pytest.approx(0.1 * 2.0**2, rel=1e-6)


def test_without_a_map_the_spread_of_the_bins_is_published():
    assert std_of(maps={}) == pytest.approx(0.1)


def test_the_scale_applies_to_the_result_and_not_to_the_depth_that_the_map_gets():
    assert std_of(depth__scale=3.0) == pytest.approx(3.0 * 0.4, rel=1e-6)


def test_so_does_the_focal_correction():
    factor = (0.5 / math.tan(0.6)) / 0.5  # f / W of both cameras
    assert std_of(learnt_rad=LEARNT_RAD) == pytest.approx(factor * 0.4, rel=1e-5)


def test_the_filter_compares_metres():
    depth_m = np.full((120, 160), 2.0, np.float32)
    depth_m[:, 80:] = 4.0  # std 0.4 and 1.6 m, times the scale
    for limit_m, known in ((0.7, (False, False)), (0.9, (True, False)), (3.3, (True, True))):
        values = {'filter__max_uncertainty': limit_m, 'depth__scale': 2.0}
        pixels = process({DEPTH}, depth_m, **values)[DEPTH].pixels
        assert (np.isfinite(pixels[0, 0]), np.isfinite(pixels[0, -1])) == known, limit_m


def test_clouds_have_no_such_number_by_default():
    made = process({POINTS, GROUND, OBSTACLES, CLEARING}, corridor_m())
    assert made[POINTS].points.shape == (30, 40, 4)
    assert {made[name].points.shape[1] for name in (GROUND, OBSTACLES, CLEARING)} == {3}


@pytest.mark.parametrize('organized', [True, False])
@pytest.mark.parametrize('color', [True, False])
def test_points_have_the_standard_deviation_of_their_depth(organized, color):
    values = {'cloud__organized': organized, 'cloud__color': color, 'depth__scale': 0.5}
    plain = process({POINTS}, corridor_m(), **values)[POINTS].points
    points = process({POINTS}, corridor_m(), cloud__uncertainty=True, **values)[POINTS].points
    np.testing.assert_array_equal(points[..., :3], plain[..., :3])
    np.testing.assert_array_equal(
        np.ascontiguousarray(points[..., 3]).view(np.uint32),
        np.ascontiguousarray(plain[..., 3]).view(np.uint32),
    )
    z_m = points[..., 2]
    known = np.isfinite(z_m)
    assert known.sum() > 500
    # 0.5 of 0.1 z^2, where z was before the factor of 0.5
    np.testing.assert_allclose(points[known][:, 4], 0.5 * 0.1 * (2.0 * z_m[known]) ** 2, rtol=1e-5)


def test_ground_and_obstacles_have_it_and_free_rays_which_measure_nothing_do_not():
    names = {GROUND, OBSTACLES, CLEARING}
    plain = process(names, corridor_m())
    made = process(names, corridor_m(), cloud__uncertainty=True)
    for name in (GROUND, OBSTACLES):
        points_m = made[name].points
        np.testing.assert_array_equal(points_m[:, :3], plain[name].points)
        assert len(points_m) > 100
        np.testing.assert_allclose(points_m[:, 3], 0.1 * points_m[:, 2] ** 2, rtol=1e-5)
    np.testing.assert_array_equal(made[CLEARING].points, plain[CLEARING].points)


def layout(msg):
    return [(field.name, field.offset) for field in msg.fields], msg.point_step


XYZ = [('x', 0), ('y', 4), ('z', 8)]


def test_the_messages_have_the_field_std_after_the_others():
    messages = OutputMessages(make)
    header = Header()
    names = {POINTS, GROUND, OBSTACLES, CLEARING}
    for color, fields, step in (
        (True, [*XYZ, ('rgb', 12), ('std', 16)], 20),
        (False, [*XYZ, ('std', 16)], 20),
    ):
        for organized in (True, False):
            values = {'cloud__color': color, 'cloud__organized': organized}
            made = process(names, corridor_m(), cloud__uncertainty=True, **values)
            cloud = made[POINTS]
            if organized:
                messages.array(POINTS, cloud.points.shape, np.float32)[...] = cloud.points
            msg = messages.message(cloud, header)
            assert layout(msg) == (fields, step)
            assert msg.row_step == step * msg.width
            assert len(msg.data) == step * msg.width * msg.height
            known = cloud.points[np.isfinite(cloud.points[..., 2])]
            np.testing.assert_array_equal(cloud_points(msg), known[:, :3])
            data = np.frombuffer(bytes(msg.data), np.float32).reshape(-1, 5)
            np.testing.assert_array_equal(data[:, 4], cloud.points.reshape(-1, 5)[:, 4])
            assert layout(messages.message(made[OBSTACLES], header)) == (
                [*XYZ, ('std', 12)],
                16,
            )
            assert layout(messages.message(made[CLEARING], header)) == (XYZ, 16)
    plain = process({POINTS}, corridor_m())[POINTS]
    messages.array(POINTS, plain.points.shape, np.float32)[...] = plain.points
    assert layout(messages.message(plain, header)) == ([*XYZ, ('rgb', 12)], 16)
