"""Pixels to directions to points, compared with projections the other way."""

import math

import cv2
import numpy as np
import pytest

from zoedepth_ros.geometry.filters import decimate, flying_pixels
from zoedepth_ros.geometry.intrinsics import CameraModel, Intrinsics
from zoedepth_ros.geometry.points import depth_to_points, pack_points
from zoedepth_ros.geometry.rays import project, rays, rays_at

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


T265 = CameraModel(
    Intrinsics(284.5091, 282.9419, 421.896, 398.1, 848, 800),
    'equidistant',
    (-0.014216, 0.060412, -0.054711, 0.011151),
)
WIDE_FISHEYES = {
    'T265': T265,
    'theta_d beyond 90 degrees': CameraModel(
        Intrinsics(180.0, 180.0, 320.0, 240.0, 640, 480), 'equidistant', (0.1, 0.0, 0.0, 0.0)
    ),
    'folds at 74 degrees': CameraModel(
        Intrinsics(150.0, 150.0, 320.0, 240.0, 640, 480), 'equidistant', (-0.2, 0.0, 0.0, 0.0)
    ),
    'ideal': CameraModel(
        Intrinsics(200.0, 210.0, 300.0, 250.0, 640, 480), 'equidistant', (0.0, 0.0, 0.0, 0.0)
    ),
}


def angle_off_axis_rad(camera, nearer_px=0.0):
    """Invert theta_d by searching a fine table of its definition; NaN beyond its first maximum."""
    k = camera.intrinsics
    columns, rows = np.meshgrid(np.arange(k.width), np.arange(k.height))
    radius = np.hypot((columns - k.cx_px) / k.fx_px, (rows - k.cy_px) / k.fy_px)
    radius = np.maximum(radius - nearer_px / k.fx_px, 0.0)
    theta = np.linspace(0.0, math.pi, 300001)
    theta_d = theta + sum(d * theta ** (2 * i + 3) for i, d in enumerate(camera.distortion))
    grows = np.append(np.diff(theta_d) > 0.0, False)
    end = int(np.argmin(grows))
    found = np.interp(radius, theta_d[: end + 1], theta[: end + 1])
    return np.where(radius <= theta_d[end], found, np.nan)


@pytest.mark.parametrize('name', WIDE_FISHEYES)
def test_a_wide_fisheye_lens_has_a_ray_wherever_it_can_be_inverted_up_to_80_degrees(name):
    camera = WIDE_FISHEYES[name]
    expected_rad, limit_rad = angle_off_axis_rad(camera), math.radians(80.0)
    directions = rays(camera)
    tangent = np.linalg.norm(directions, axis=-1)
    surely_in = angle_off_axis_rad(camera, nearer_px=-0.5) < limit_rad
    surely_out = ~(angle_off_axis_rad(camera, nearer_px=0.5) < limit_rad)
    assert np.isfinite(tangent[surely_in]).all()
    assert np.isnan(tangent[surely_out]).all()
    assert surely_in.sum() > 0.1 * surely_in.size
    assert surely_out.sum() > 1000
    np.testing.assert_allclose(np.arctan(tangent[surely_in]), expected_rad[surely_in], atol=1e-4)


@pytest.mark.parametrize('name', WIDE_FISHEYES)
def test_a_wide_fisheye_lens_sees_each_direction_in_the_pixel_whose_ray_it_is(name):
    camera = WIDE_FISHEYES[name]
    directions = rays(camera)
    pixels = project(directions, camera)
    k = camera.intrinsics
    own = np.stack(np.meshgrid(np.arange(k.width), np.arange(k.height)), axis=-1)
    known = np.isfinite(directions).all(axis=-1)
    assert np.isfinite(pixels[known]).mean() > 0.999  # but for rounding at the limit
    np.testing.assert_allclose(np.nan_to_num(pixels - own), 0.0, atol=0.11)


def test_a_barrel_lens_is_not_inverted_beyond_the_fold_of_its_polynomial():
    # r (1 - 0.35 r^2 + 0.05 r^4) grows up to r = 1.2124 and falls beyond
    d = (-0.35, 0.05, 0.0, 0.0, 0.0)
    camera = CameraModel(Intrinsics(250.0, 250.0, 319.5, 239.5, 640, 480), 'plumb_bob', d)
    s = np.roots([5 * 0.05, 3 * -0.35, 1.0])
    fold = math.sqrt(min(s.real))
    farthest_px = 250.0 * fold * (1 - 0.35 * fold**2 + 0.05 * fold**4)
    columns, rows = np.meshgrid(np.arange(640), np.arange(480))
    radius_px = np.hypot(columns - 319.5, rows - 239.5)
    tangent = np.linalg.norm(rays(camera), axis=-1)
    assert np.isnan(tangent[radius_px > farthest_px + 0.5]).all()
    assert np.isfinite(tangent[radius_px < farthest_px - 0.5]).all()
    assert np.nanmax(tangent) <= fold + 1e-6
    outside = np.array([[1.5 * fold, 0.0]], np.float32)
    assert np.isnan(project(outside, camera)).all()


def test_a_pole_with_a_zero_beside_it_costs_the_rays_of_a_ring_and_not_the_image():
    # as an OAK-D Lite publishes it: 1 - 4.19 s + 9.56 s^2 - 9.30 s^3 is 0 at r = 0.7535
    d = (-4.0934, 9.19078, 0.00125, -0.00103, -8.91725, -4.18796, 9.55683, -9.30353)
    inner = Intrinsics(196.79, 196.79, 123.86, 127.05, 250, 250)
    directions = rays(CameraModel(inner, 'rational_polynomial', d)).astype(np.float64)
    known = np.isfinite(directions).all(axis=-1)
    assert known.mean() > 0.98
    points = np.concatenate((directions, np.ones((250, 250, 1))), axis=-1)[known]
    none = np.zeros(3)
    seen = cv2.projectPoints(points, none, none, inner.matrix(), np.array(d))[0][:, 0]
    own = np.stack(np.meshgrid(np.arange(250), np.arange(250)), axis=-1)[known]
    np.testing.assert_allclose(seen, own, atol=0.11)
    tangent = np.linalg.norm(directions, axis=-1)
    radius = np.hypot(*((own - (123.86, 127.05)) / 196.79).T)
    assert np.abs(tangent[known] / np.maximum(radius, 1e-9) - 1.0).max() < 0.1  # a mild lens


@pytest.mark.parametrize('k4', [-0.2, -0.35, -0.5, -0.6])
def test_a_pole_outside_the_image_costs_no_rays(k4):
    directions = rays(CameraModel(INNER, 'rational_polynomial', (*(0.0,) * 5, k4, 0.0, 0.0)))
    radius = np.linalg.norm(directions.astype(np.float64), axis=-1)
    columns, rows = np.meshgrid((np.arange(96) - 47.0) / 60.0, (np.arange(64) - 33.0) / 62.0)
    expected = np.hypot(columns, rows)
    np.testing.assert_allclose(radius / (1.0 + k4 * radius**2), expected, atol=1e-4)


@pytest.mark.parametrize('unknown', [math.nan, math.inf, -math.inf])
def test_a_pixel_without_a_depth_is_nan_in_all_coordinates_and_its_neighbours_are_not(unknown):
    depth_m = np.full((64, 96), 2.0, np.float32)
    depth_m[33, 47] = unknown  # on the axis, where the ray is zero
    depth_m[5, 6] = unknown
    points_m = depth_to_points(depth_m, rays(CameraModel(INNER)))
    assert np.isnan(points_m[33, 47]).all()
    assert np.isnan(points_m[5, 6]).all()
    assert np.isnan(points_m).sum() == 6


def test_points_are_written_in_place_when_requested_and_the_depth_is_left_alone():
    depth_m = np.full((64, 96), 2.0, np.float32)
    depth_m[0, 0] = np.nan
    out = np.zeros((64, 96, 3), np.float32)
    assert depth_to_points(depth_m, rays(CameraModel(INNER)), out) is out
    assert out[33, 77, 0] == pytest.approx(1.0)
    assert np.isnan(depth_m[0, 0])
    assert np.isnan(depth_m).sum() == 1


@pytest.mark.parametrize('kind', [np.float64, np.int64])
def test_depth_of_another_type_gives_the_same_points_and_marks(kind):
    camera = CameraModel(Intrinsics.from_hfov(64, 48, 1.0))
    depth_m = np.where(np.arange(64) < 32, 1.0, 3.0) * np.ones((48, 1))
    expected_m = depth_m.astype(np.float32)
    points = depth_to_points(depth_m.astype(kind), rays(camera))
    np.testing.assert_array_equal(points, depth_to_points(expected_m, rays(camera)))
    np.testing.assert_array_equal(flying_pixels(depth_m.astype(kind)), flying_pixels(expected_m))


def test_a_decimation_of_zero_and_rays_of_another_size_are_refused():
    with pytest.raises(ValueError, match='1 or more, got 0'):
        decimate(np.zeros((4, 4)), 0)
    with pytest.raises(ValueError, match=r'\(4, 4, 2\).*\(64, 96, 2\)'):
        depth_to_points(np.zeros((4, 4), np.float32), rays(CameraModel(INNER)))


@pytest.mark.parametrize('model', ['none', *LENSES])
def test_no_pixels_have_no_rays(model):
    camera = CameraModel(INNER, model, LENSES.get(model, ()))
    assert rays_at(np.empty((0, 2)), camera).shape == (0, 2)
    assert project(np.empty((0, 2), np.float32), camera).shape == (0, 2)


@pytest.mark.parametrize('rgb', [np.zeros((4, 5, 3), np.uint8), np.zeros((8, 12, 3), np.float32)])
def test_colours_of_another_size_or_type_are_not_packed(rgb):
    depth_m, directions = np.ones((8, 12), np.float32), np.zeros((8, 12, 2), np.float32)
    with pytest.raises(ValueError, match='must fit depth'):
        pack_points(depth_m, directions, rgb, np.empty((8, 12, 4), np.float32))
