"""What is floor, what is in the way, and where rays are free."""

import math
from dataclasses import replace

import numpy as np
import pytest

from zoedepth_ros.geometry.ground import Ground, up_from_angles
from zoedepth_ros.geometry.intrinsics import CameraModel, Intrinsics
from zoedepth_ros.geometry.obstacles import (
    ObstacleLimits,
    RaySpacing,
    classify_points,
    clear_to,
    clearing_points,
)
from zoedepth_ros.geometry.points import depth_to_points
from zoedepth_ros.geometry.rays import rays
from zoedepth_ros.geometry.scan import HeightScan

RAYS = rays(CameraModel(Intrinsics.from_hfov(160, 120, 1.2)))
HEIGHT_M = 0.8
LIMITS = ObstacleLimits(min_height_m=0.1, max_height_m=1.8, ground_slope=0.03, max_range_m=5.0)
BOX = (2.0, -0.25, 0.25, 0.5)  # distance, left, right, height [m]


def hall(pitch_rad=0.0, roll_rad=0.0, box=BOX):
    """Depth (H, W) of an endless floor with a box on it, and where up is."""
    up = np.array(up_from_angles(pitch_rad, roll_rad))
    forward = np.array((0.0, 0.0, 1.0)) - up[2] * up
    forward /= np.linalg.norm(forward)
    right = np.cross(forward, up)
    directions = np.concatenate((RAYS, np.ones_like(RAYS[..., :1])), axis=-1).astype(np.float64)
    climb, ahead, aside = directions @ up, directions @ forward, directions @ right
    with np.errstate(divide='ignore', invalid='ignore'):
        depth_m = np.where(climb < 0, HEIGHT_M / -climb, np.nan)
        if box is not None:
            distance, left, rightmost, top = box
            front_m = distance / ahead
            height_m, side_m = HEIGHT_M + front_m * climb, front_m * aside
            hit = (front_m > 0) & (height_m >= 0) & (height_m <= top)
            hit &= (side_m >= left) & (side_m <= rightmost)
            depth_m = np.where(hit & ~(depth_m < front_m), front_m, depth_m)
    return depth_m.astype(np.float32), Ground(tuple(up), HEIGHT_M, 1.0)


TILTS = [(0.0, 0.0), (-0.2, 0.0), (0.1, 0.05), (-0.15, -0.1)]


@pytest.mark.parametrize('tilt', TILTS)
def test_floor_is_ground_and_the_box_is_an_obstacle_whatever_the_tilt(tilt):
    depth_m, ground = hall(*tilt)
    floor_m, _ = hall(*tilt, box=None)
    split = classify_points(
        depth_to_points(depth_m, RAYS), ground, replace(LIMITS, max_range_m=4.0)
    )
    on_box = np.isfinite(depth_m) & (depth_m != floor_m)
    tall = on_box & (split.height_m > 0.10 + 0.03 * 2.1)
    assert tall.sum() > 100
    assert split.obstacle[tall].all()
    assert not split.obstacle[~on_box].any()
    near_floor = ~on_box & (split.distance_m < 3.99)
    assert split.ground[near_floor].all()
    assert not (split.ground & split.obstacle).any()
    assert split.height_m[split.obstacle].max() <= 0.5 + 1e-3


def test_points_beyond_the_trusted_range_are_nothing_but_free():
    depth_m, ground = hall()
    split = classify_points(
        depth_to_points(depth_m, RAYS), ground, replace(LIMITS, max_range_m=1.5)
    )
    far = split.distance_m > 1.5
    assert far.any()
    assert split.free[far].all()
    assert not split.obstacle.any()


def test_a_ceiling_is_not_in_the_way_and_a_hole_is_not_ground():
    ground = Ground((0.0, -1.0, 0.0), HEIGHT_M, 1.0)
    points_m = np.array([[[0.0, -1.5, 2.0], [0.0, 1.2, 2.0], [0.0, 1.2, 9.0]]], np.float32)
    split = classify_points(points_m, ground, LIMITS)
    assert split.height_m[0, :2] == pytest.approx((2.3, -0.4))
    assert not (split.obstacle | split.ground)[0].any()
    assert split.free.tolist() == [[True, False, False]]


def test_unknown_pixels_clear_nothing_unless_they_are_configured_to_be_free():
    ground = Ground((0.0, -1.0, 0.0), HEIGHT_M, 1.0)
    points_m = np.full((2, 2, 3), np.nan, np.float32)
    assert not classify_points(points_m, ground, LIMITS).free.any()
    sky = np.array([[True, False], [False, False]])
    assert (classify_points(points_m, ground, LIMITS, free=sky).free == sky).all()


@pytest.mark.parametrize('tilt', TILTS)
def test_clearing_points_end_at_the_trusted_range_or_just_above_the_top(tilt):
    depth_m, ground = hall(*tilt)
    band = replace(LIMITS, max_range_m=3.0, max_height_m=1.2)
    split = classify_points(depth_to_points(depth_m, RAYS), ground, band, free=np.isnan(depth_m))
    free_to_m = np.nan_to_num(depth_m, nan=np.inf)
    points_m = clearing_points(RAYS, free_to_m, split, ground, band)
    assert len(points_m) == split.free.sum() > 100
    up = np.array(ground.up)
    climb_m = points_m @ up
    height_m = climb_m + HEIGHT_M
    flat_m = np.linalg.norm(points_m - climb_m[:, None] * up, axis=1)
    at_range, at_top = np.isclose(flat_m, 3.0, rtol=1e-4), np.isclose(height_m, 1.4, rtol=1e-3)
    assert (at_range | at_top).all()
    assert at_range.any()
    assert at_top.any()
    assert flat_m.max() < 3.001
    assert height_m.min() >= -0.2
    blocked = np.abs(points_m[:, 0] / points_m[:, 2]) < 0.1
    assert not (blocked & at_range & (height_m < 0.35)).any()  # rays that the box stops


def test_a_ray_to_the_ceiling_is_free_to_there_and_no_farther():
    ground = Ground((0.0, -1.0, 0.0), HEIGHT_M, 1.0)
    directions = np.array([[[0.0, -1.0]]], np.float32)  # 45 degrees up
    depth_m = np.array([[1.1]], np.float32)  # 1.9 m high, 1.1 m away
    split = classify_points(depth_to_points(depth_m, directions), ground, LIMITS)
    assert split.free.all()
    assert not split.obstacle.any()
    points_m = clearing_points(directions, depth_m, split, ground, LIMITS)
    np.testing.assert_allclose(points_m, [[0.0, -1.1, 1.1]], rtol=1e-6)


@pytest.mark.parametrize('tilt', TILTS)
def test_a_scan_by_height_sees_the_box_and_not_the_floor_whatever_the_tilt(tilt):
    depth_m, ground = hall(*tilt)
    scan = HeightScan.from_rays(RAYS, ground.up)
    ranges_m = scan.ranges(depth_m, HEIGHT_M, low_m=0.1, high_m=1.5, range_min_m=0.2,
                           range_max_m=8.0)  # fmt: skip
    angles = scan.angle_min_rad + scan.angle_increment_rad * np.arange(scan.count)
    edge = math.atan(0.25 / 2.0)
    slack = 2 * scan.angle_increment_rad
    on_box, beside = np.abs(angles) < edge - slack, np.abs(angles) > edge + slack
    np.testing.assert_allclose(ranges_m[on_box], 2.0 / np.cos(angles[on_box]), rtol=5e-3)
    assert on_box.sum() > 10
    seen = beside & (np.abs(angles) < 0.5)
    assert np.isposinf(ranges_m[seen]).mean() > 0.95
    assert not (ranges_m[beside] < 8.0).any()


def test_rows_of_the_image_would_have_seen_the_floor_as_a_wall():
    depth_m, _ = hall(-0.25)
    rows_m = np.nanmin(depth_m[55:66] * np.hypot(1.0, RAYS[55:66, :, 0]), axis=0)
    assert (rows_m < 3.6).all()  # what depthimage_to_laserscan gives when the robot nods


def test_convention_beams_grow_to_the_left():
    depth_m, ground = hall(box=(2.0, -0.8, -0.4, 0.5))  # a box to the left
    scan = HeightScan.from_rays(RAYS, ground.up)
    ranges_m = scan.ranges(depth_m, HEIGHT_M, low_m=0.1, high_m=1.5, range_min_m=0.2,
                           range_max_m=8.0)  # fmt: skip
    angles = scan.angle_min_rad + scan.angle_increment_rad * np.arange(scan.count)
    hits = angles[ranges_m < 3.0]
    assert hits.min() == pytest.approx(math.atan(0.2), abs=0.02)
    assert hits.max() == pytest.approx(math.atan(0.4), abs=0.02)


def test_a_beam_without_a_known_pixel_is_unknown_and_near_points_are_reported_to_be():
    depth_m = np.full((120, 160), 5.0, np.float32)
    depth_m[:, :80] = np.nan
    depth_m[:, 120:] = 0.05
    scan = HeightScan.from_rays(RAYS, (0.0, -1.0, 0.0))
    ranges_m = scan.ranges(depth_m, 1.0, low_m=0.5, high_m=1.5, range_min_m=0.3, range_max_m=9.0)
    assert np.isnan(ranges_m[-10:]).all()
    assert np.isneginf(ranges_m[:10]).all()
    assert ranges_m[scan.count // 2 - 10] == pytest.approx(5.0, rel=0.01)


def test_a_camera_that_looks_straight_down_makes_no_scan():
    with pytest.raises(ValueError, match='straight up or down'):
        HeightScan.from_rays(RAYS, (0.0, 0.0, -1.0))


def equidistant_rays(rows, columns, focal_px):
    """Return the rays (rows, columns, 2) of an ideal fisheye: the angle to the axis is r / f."""
    y, x = np.mgrid[:rows, :columns]
    x, y = x - (columns - 1) / 2, y - (rows - 1) / 2
    from_axis_px = np.maximum(np.hypot(x, y), 1e-9)
    along = np.tan(from_axis_px / focal_px) / from_axis_px
    return np.dstack((x * along, y * along)).astype(np.float32)


@pytest.mark.parametrize('lens', ['pinhole', 'fisheye'])
def test_a_ray_ends_where_it_comes_near_an_obstacle_and_no_other_ray_ends(lens):
    """Near is measured as the angle between two rays times the range of the obstacle."""
    directions = RAYS if lens == 'pinhole' else equidistant_rays(90, 120, 60.0)
    unit = np.dstack((directions, np.ones(directions.shape[:2]))).astype(np.float64)
    unit /= np.linalg.norm(unit, axis=-1, keepdims=True)
    random = np.random.default_rng(4)
    shape, margin_m = directions.shape[:2], 0.15
    pixel_rad = np.arccos(np.clip((unit[1:] * unit[:-1]).sum(axis=-1), -1.0, 1.0)).max()
    for _ in range(4):
        obstacle = np.zeros(shape, bool)
        obstacle[random.integers(0, shape[0], 3), random.integers(0, shape[1], 3)] = True
        range_m = np.where(obstacle, random.uniform(0.8, 4.0, shape), 9.0)
        depth_m = (range_m * unit[..., 2]).astype(np.float32)
        spacing = RaySpacing.from_rays(directions)
        ends_m = clear_to(depth_m, obstacle, spacing, margin_m) / unit[..., 2]
        must_m = np.full(shape, np.inf)
        may = np.zeros(shape, bool)
        for row, column in np.argwhere(obstacle):
            angle = np.arccos(np.clip(unit @ unit[row, column], -1.0, 1.0))
            at_m = range_m[row, column]
            near = angle * at_m <= 0.8 * margin_m
            must_m[near] = np.minimum(must_m[near], at_m)
            may |= angle <= 2.5 * margin_m / at_m + 3 * pixel_rad
        assert np.isfinite(must_m).sum() > 30
        assert (ends_m <= must_m * (1 + 1e-5)).all()
        assert np.isposinf(ends_m[~may]).all()
        assert set(np.round(ends_m[may & np.isfinite(ends_m)], 4)) == set(
            np.round(range_m[obstacle], 4)
        )
    assert np.isposinf(clear_to(depth_m, np.zeros(shape, bool), spacing, margin_m)).all()


def test_rays_to_the_floor_and_to_obstacles_clear_as_far_as_they_may():
    depth_m, ground = hall()
    split = classify_points(depth_to_points(depth_m, RAYS), ground, LIMITS)
    free_m = clearing_points(RAYS, depth_m, split, ground, LIMITS)
    limit_m = np.full_like(depth_m, np.inf)
    all_m = clearing_points(RAYS, depth_m, split, ground, LIMITS, clear_to_m=limit_m)
    assert len(all_m) == (split.free | split.ground | split.obstacle).sum() > len(free_m)
    limit_m[:] = 0.5
    short_m = clearing_points(RAYS, depth_m, split, ground, LIMITS, clear_to_m=limit_m)
    assert len(short_m) == len(all_m)
    np.testing.assert_allclose(short_m[:, 2], np.minimum(all_m[:, 2], 0.5), rtol=1e-5)
