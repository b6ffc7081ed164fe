"""Pixels to directions to points, held against projections the other way."""

import math

import cv2
import numpy as np
import pytest

from zoedepth_ros.geometry.intrinsics import CameraModel, Intrinsics
from zoedepth_ros.geometry.points import decimate, depth_to_points
from zoedepth_ros.geometry.rays import rays

INNER = Intrinsics(60.0, 62.0, 47.0, 33.0, 96, 64)
LENSES = {
    'plumb_bob': (-0.3, 0.1, 0.001, -0.002, 0.01),
    'rational_polynomial': (0.45, -2.6, 0.001, -0.0003, 1.5, 0.33, -2.43, 1.43),  # an RGB-D camera
    'equidistant': (0.02, -0.01, 0.003, -0.001),
}


def test_convention_x_points_right_y_down_and_the_principal_point_straight_ahead():
    directions = rays(CameraModel(INNER))
    assert directions.shape == (64, 96, 2)
    assert directions.dtype == np.float32
    np.testing.assert_array_equal(directions[33, 47], [0.0, 0.0])
    np.testing.assert_allclose(directions[33, 77], [0.5, 0.0])
    np.testing.assert_allclose(directions[2, 47], [0.0, -0.5])


@pytest.mark.parametrize('model', LENSES)
def test_distorted_rays_project_back_to_their_own_pixels(model):
    camera = CameraModel(INNER, model, LENSES[model])
    directions = rays(camera).astype(np.float64).reshape(-1, 1, 2)
    if model == 'equidistant':  # by the definition of the model, not by OpenCV
        radius = np.linalg.norm(directions, axis=-1, keepdims=True)
        theta = np.arctan(radius)
        terms = sum(k * theta ** (2 * i + 2) for i, k in enumerate(LENSES[model]))
        bent = directions * np.where(radius > 0, theta * (1 + terms) / np.maximum(radius, 1e-9), 1)
        pixels = bent * (60.0, 62.0) + (47.0, 33.0)
    else:
        points = np.concatenate((directions, np.ones_like(directions[..., :1])), axis=-1)
        pixels = cv2.projectPoints(points, np.zeros(3), np.zeros(3), INNER.matrix(),
                                   np.array(LENSES[model]))[0]  # fmt: skip
    expected = np.stack(np.meshgrid(np.arange(96), np.arange(64)), axis=-1).reshape(-1, 1, 2)
    np.testing.assert_allclose(pixels, expected, atol=0.01)


def test_pixels_that_look_90_degrees_off_the_axis_have_no_ray():
    fisheye = CameraModel(Intrinsics(20.0, 20.0, 48.0, 32.0, 96, 64), 'equidistant', (0.01,) * 4)
    directions = rays(fisheye)
    assert np.isnan(directions[32, 0]).all()  # 48 px / 20 px = 2.4 rad
    assert np.isfinite(directions[32, 30]).all()


def test_a_flat_wall_two_metres_ahead_becomes_a_flat_wall():
    points_m = depth_to_points(np.full((64, 96), 2.0, np.float32), rays(CameraModel(INNER)))
    assert points_m.shape == (64, 96, 3)
    np.testing.assert_array_equal(points_m[..., 2], 2.0)
    np.testing.assert_allclose(points_m[33, 77], [1.0, 0.0, 2.0])
    np.testing.assert_allclose(points_m[2, 47], [0.0, -1.0, 2.0])


def test_a_point_projects_back_to_the_pixel_it_came_from():
    depth_m = np.random.default_rng(0).uniform(1, 9, (64, 96)).astype(np.float32)
    x, y, z = np.moveaxis(depth_to_points(depth_m, rays(CameraModel(INNER))), -1, 0)
    np.testing.assert_allclose(60.0 * x / z + 47.0, np.tile(np.arange(96), (64, 1)), atol=1e-3)
    np.testing.assert_allclose(62.0 * y / z + 33.0, np.tile(np.arange(64), (96, 1)).T, atol=1e-3)
    np.testing.assert_array_equal(z, depth_m)


@pytest.mark.parametrize('unknown', [math.nan, math.inf, -math.inf])
def test_a_pixel_without_a_depth_is_nan_in_all_coordinates_and_its_neighbours_are_not(unknown):
    depth_m = np.full((64, 96), 2.0, np.float32)
    depth_m[33, 47] = unknown  # on the axis, where the ray is zero
    depth_m[5, 6] = unknown
    points_m = depth_to_points(depth_m, rays(CameraModel(INNER)))
    assert np.isnan(points_m[33, 47]).all()
    assert np.isnan(points_m[5, 6]).all()
    assert np.isnan(points_m).sum() == 6


def test_points_are_written_in_place_when_asked_and_the_depth_is_left_alone():
    depth_m = np.full((64, 96), 2.0, np.float32)
    depth_m[0, 0] = np.nan
    out = np.zeros((64, 96, 3), np.float32)
    assert depth_to_points(depth_m, rays(CameraModel(INNER)), out) is out
    assert out[33, 77, 0] == pytest.approx(1.0)
    assert np.isnan(depth_m[0, 0])
    assert np.isnan(depth_m).sum() == 1


def test_decimated_depth_and_rays_give_the_decimated_points():
    depth_m = np.random.default_rng(0).uniform(1, 9, (63, 95)).astype(np.float32)
    directions = rays(CameraModel(INNER))[:63, :95]
    few = depth_to_points(decimate(depth_m, 4), decimate(directions, 4))
    np.testing.assert_array_equal(few, depth_to_points(depth_m, directions)[2::4, 2::4])
    assert few.shape == (16, 24, 3)


def test_a_decimation_of_zero_and_rays_of_another_size_are_refused():
    with pytest.raises(ValueError, match='1 or more, got 0'):
        decimate(np.zeros((4, 4)), 0)
    with pytest.raises(ValueError, match=r'\(4, 4, 2\).*\(64, 96, 2\)'):
        depth_to_points(np.zeros((4, 4), np.float32), rays(CameraModel(INNER)))
