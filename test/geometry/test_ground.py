"""The ground is found under clutter, and its height and tilt are the true ones."""

import math

import numpy as np
import pytest

from zoedepth_ros.geometry.ground import fit_ground, up_from_angles
from zoedepth_ros.geometry.intrinsics import CameraModel, Intrinsics
from zoedepth_ros.geometry.points import depth_to_points
from zoedepth_ros.geometry.rays import rays
from zoedepth_ros.synthetic.scene import random_view, render_sample

RAYS = rays(CameraModel(Intrinsics.from_hfov(160, 120, 1.2)))


def floor(height_m, pitch_rad=0.0, roll_rad=0.0, *, wall_m=6.0, noise=0.0):
    """Points of a floor that ends at a wall across the axis."""
    up = np.array(up_from_angles(pitch_rad, roll_rad))
    drop = -(RAYS[..., 0] * up[0] + RAYS[..., 1] * up[1] + up[2])
    with np.errstate(divide='ignore'):
        depth_m = np.where(drop > 0, height_m / drop, np.inf)
    depth_m = np.minimum(depth_m, wall_m)
    fluctuation = np.exp(noise * np.random.default_rng(0).normal(size=depth_m.shape))
    return depth_to_points((depth_m * fluctuation).astype(np.float32), RAYS)


def test_convention_pitch_is_up_and_roll_is_the_right_side_down():
    assert up_from_angles(0.0) == pytest.approx((0.0, -1.0, 0.0))
    looks_up = up_from_angles(0.1)
    assert looks_up[2] == pytest.approx(math.sin(0.1))  # up is partly ahead
    right_down = up_from_angles(0.0, 0.2)
    assert right_down[0] == pytest.approx(-math.sin(0.2))  # up is partly to the left
    ground = fit_ground(floor(1.0, 0.1, 0.05)).ground
    assert (ground.pitch_rad, ground.roll_rad) == pytest.approx((0.1, 0.05), abs=1e-3)


@pytest.mark.parametrize('height_m', [0.15, 1.2, 3.0])
@pytest.mark.parametrize('pitch_deg', [-15.0, 0.0, 8.0])
def test_height_and_pitch_of_a_bare_floor(height_m, pitch_deg):
    ground = fit_ground(floor(height_m, math.radians(pitch_deg), wall_m=5 * height_m)).ground
    assert ground.height_m == pytest.approx(height_m, rel=1e-3)
    assert math.degrees(ground.pitch_rad) == pytest.approx(pitch_deg, abs=0.1)
    assert ground.confidence > 0.6


def test_a_noisy_floor_is_found_within_two_percent():
    ground = fit_ground(floor(1.2, -0.1, noise=0.03)).ground
    assert ground.height_m == pytest.approx(1.2, rel=0.02)


def test_a_table_top_loses_against_the_floor_beneath_it():
    points_m = floor(1.2, -0.25)
    table = RAYS[..., 1] * math.cos(0.25) + math.sin(0.25)  # drop of each ray
    on_table = (np.abs(RAYS[..., 0]) < 0.3) & (table > 0.25)
    points_m[on_table] *= 0.45 / 1.2  # 75 cm above the floor
    assert 0.2 < on_table.mean() < 0.5
    ground = fit_ground(points_m).ground
    assert ground.height_m == pytest.approx(1.2, rel=0.01)


def test_a_known_direction_needs_only_a_little_floor():
    points_m = floor(1.2, 0.0, wall_m=2.6)  # the wall takes all but the lowest rows
    assert (points_m[..., 1] > 1.19).mean() < 0.12
    ground = fit_ground(points_m, up=(0.0, -1.0, 0.0), tolerance_rad=0.0).ground
    assert ground.height_m == pytest.approx(1.2, rel=1e-3)
    assert ground.up == pytest.approx((0.0, -1.0, 0.0))


def test_there_is_no_ground_in_the_sky_in_a_wall_or_in_nothing():
    assert fit_ground(np.full((10, 10, 3), np.nan, np.float32)).ground is None
    assert fit_ground(np.zeros((0, 3), np.float32)).ground is None
    sky = floor(1.2, math.radians(60))
    assert fit_ground(sky).ground is None or fit_ground(sky).ground.confidence < 0.3
    wall = depth_to_points(np.full((120, 160), 0.8, np.float32), RAYS)
    found = fit_ground(wall).ground
    assert found is None or found.confidence < 0.3


def test_heights_are_measured_along_up():
    ground = fit_ground(floor(1.0, -0.2)).ground
    forward = np.array((0.0, math.sin(0.2) * 3, math.cos(0.2) * 3), np.float32)
    np.testing.assert_allclose(ground.heights(forward), 1.0 - 3 * math.sin(0.4), atol=5e-3)
    np.testing.assert_allclose(ground.heights(np.zeros(3, np.float32)), 1.0, atol=1e-3)


@pytest.mark.parametrize(('domain', 'seed'), [('indoor', 13), ('indoor', 15), ('outdoor', 8)])
def test_the_floor_of_a_drawn_scene_has_the_height_of_its_camera(domain, seed):
    view = random_view(domain, 2**40 + 100 + seed)
    sample = render_sample(view, 120, 160, 'x')
    points_m = depth_to_points(sample.depth_m, rays(CameraModel(sample.camera)))
    ground = fit_ground(points_m).ground
    assert ground.height_m == pytest.approx(view.pose.z_m, rel=0.01)
    assert ground.pitch_rad == pytest.approx(view.pose.pitch_rad, abs=0.005)
    assert ground.roll_rad == pytest.approx(view.pose.roll_rad, abs=0.005)


@pytest.mark.filterwarnings('error')
def test_points_of_which_no_two_are_at_one_height_are_no_ground():
    depth_m = 2.0 ** np.arange(-8.0, 22.0)
    points_m = np.stack([0.0 * depth_m, 0.5 * depth_m, depth_m], axis=-1).astype(np.float32)
    assert fit_ground(points_m, tolerance_rad=0.0).trusted is None
