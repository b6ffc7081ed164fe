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
SCANNED = {'low_m': 0.1, 'high_m': 1.5, 'range_min_m': 0.2, 'range_max_m': 8.0}
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


def places(points_m, ground):
    """Return the height above the ground and the horizontal distance of points [m]."""
    height_m, up = ground.heights(points_m), np.array(ground.up)
    return height_m, np.linalg.norm(points_m - (points_m @ up)[..., None] * up, axis=-1)


TILTS = [(0.0, 0.0), (-0.2, 0.0), (0.1, 0.05), (-0.15, -0.1)]


@pytest.mark.parametrize('tilt', TILTS)
def test_floor_is_ground_and_the_box_is_an_obstacle_whatever_the_tilt(tilt):
    depth_m, ground = hall(*tilt)
    floor_m, _ = hall(*tilt, box=None)
    points_m = depth_to_points(depth_m, RAYS)
    height_m, distance_m = places(points_m, ground)
    split = classify_points(points_m, ground, replace(LIMITS, max_range_m=4.0))
    on_box = np.isfinite(depth_m) & (depth_m != floor_m)
    tall = on_box & (height_m > 0.10 + 0.03 * 2.1)
    assert tall.sum() > 100
    assert split.obstacle[tall].all()
    assert not split.obstacle[~on_box].any()
    near_floor = ~on_box & (distance_m < 3.99)
    assert split.ground[near_floor].all()
    assert not (split.ground & split.obstacle).any()
    assert height_m[split.obstacle].max() <= 0.5 + 1e-3


def test_points_beyond_the_trusted_range_are_nothing_but_free():
    depth_m, ground = hall()
    points_m = depth_to_points(depth_m, RAYS)
    split = classify_points(points_m, ground, replace(LIMITS, max_range_m=1.5))
    far = places(points_m, ground)[1] > 1.501
    assert far.any()
    assert split.free[far].all()
    assert not split.obstacle.any()


def test_a_ceiling_is_not_in_the_way_and_a_hole_is_not_ground():
    ground = Ground((0.0, -1.0, 0.0), HEIGHT_M, 1.0)
    points_m = np.array([[[0.0, -1.5, 2.0], [0.0, 1.2, 2.0], [0.0, 1.2, 9.0]]], np.float32)
    split = classify_points(points_m, ground, LIMITS)
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
    ranges_m = scan.ranges(depth_m, HEIGHT_M, **SCANNED)
    angles = scan.angle_min_rad + scan.angle_increment_rad * np.arange(scan.count)
    edge = math.atan(0.25 / 2.0)
    slack = 2 * scan.angle_increment_rad
    on_box, beside = np.abs(angles) < edge - slack, np.abs(angles) > edge + slack
    np.testing.assert_allclose(ranges_m[on_box], 2.0 / np.cos(angles[on_box]), rtol=5e-3)
    assert on_box.sum() > 10
    seen = beside & (np.abs(angles) < 0.5)
    assert np.isposinf(ranges_m[seen]).mean() > 0.95
    assert not (ranges_m[beside] < 8.0).any()


def test_convention_beams_grow_to_the_left():
    depth_m, ground = hall(box=(2.0, -0.8, -0.4, 0.5))  # a box to the left
    scan = HeightScan.from_rays(RAYS, ground.up)
    ranges_m = scan.ranges(depth_m, HEIGHT_M, **SCANNED)
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


def pinhole_rays(hfov_deg):
    """Return the rays (120, 160, 2) of a pinhole camera."""
    return rays(CameraModel(Intrinsics.from_hfov(160, 120, math.radians(hfov_deg))))


LENSES = {  # directions, largest distance of a ray that ends [margins]: windows are square
    'pinhole, 69 degrees': (RAYS, 3.0),
    'pinhole, 100 degrees': (pinhole_rays(100.0), 3.5),
    'pinhole, 130 degrees': (pinhole_rays(130.0), 5.5),
    'fisheye': (equidistant_rays(90, 120, 60.0), 2.5),
}


def distance_to_border(point_m, unit):
    """Give the smallest distance of a point (3,) to the outermost of the rays (H, W, 3)."""
    outermost = np.concatenate((unit[0], unit[-1], unit[:, 0], unit[:, -1]))
    along_m = np.maximum(outermost @ point_m, 0.0)
    return np.linalg.norm(point_m - along_m[:, None] * outermost, axis=-1).min()


@pytest.mark.parametrize('lens', LENSES)
def test_a_ray_ends_where_it_comes_near_an_obstacle_and_no_other_ray_ends(lens):
    """Near is the distance of a point from a line, whatever the place in the image."""
    (directions, farthest), margin_m = LENSES[lens], 0.15
    unit = np.dstack((directions, np.ones(directions.shape[:2]))).astype(np.float64)
    unit /= np.linalg.norm(unit, axis=-1, keepdims=True)
    spacing = RaySpacing.from_rays(directions)
    random = np.random.default_rng(4)
    shape = directions.shape[:2]
    corners = [(0, 0), (0, shape[1] - 1), (shape[0] // 3, 3), (shape[0] - 5, shape[1] // 5)]
    for row, column in corners + random.integers(0, shape, (60, 2)).tolist():
        obstacle = np.zeros(shape, bool)
        obstacle[row, column] = True
        range_m = random.uniform(0.5, 4.0)
        point_m = range_m * unit[row, column]
        depth_m = np.where(obstacle, point_m[2], 9.0).astype(np.float32)
        ends_m = clear_to(depth_m, obstacle, spacing, margin_m) / unit[..., 2]
        along_m = unit @ point_m
        beside_m = np.linalg.norm(point_m - along_m[..., None] * unit, axis=-1)
        ended = np.isfinite(ends_m)
        to_border_m = distance_to_border(point_m, unit)
        step_m = range_m * np.linalg.norm(np.diff(unit, axis=1), axis=-1).max()
        if abs(to_border_m - margin_m) < margin_m / 3.0 + step_m:
            continue  # pixels are not fine enough to tell on which side of the margin it is
        early = ended & (ends_m < range_m - 0.5 * margin_m)
        assert early.any() == (to_border_m < margin_m)
        np.testing.assert_allclose(ends_m[early], range_m - margin_m, rtol=1e-5)
        np.testing.assert_allclose(ends_m[ended & ~early], range_m, rtol=1e-5)
        assert ended[(beside_m <= margin_m) & (along_m > 0.0)].all()
        for which, near_m in ((ended & ~early, margin_m), (early, 2.0 * margin_m)):
            assert (beside_m[which] <= farthest * near_m + 2.0 * step_m).all()


def test_no_ray_ends_without_an_obstacle():
    depth_m = np.full(RAYS.shape[:2], 2.0, np.float32)
    none = np.zeros(RAYS.shape[:2], bool)
    assert np.isposinf(clear_to(depth_m, none, RaySpacing.from_rays(RAYS), 0.15)).all()


@pytest.mark.parametrize('side', ['left', 'right', 'top', 'bottom'])
def test_an_object_that_the_border_cuts_may_continue_beyond_it_and_nearer(side):
    """Rays along the border that pass it at 0.25 m end 0.15 m before it, others do not."""
    shape, forward_m, margin_m = RAYS.shape[:2], 2.0, 0.15
    row, column = {'left': (60, 0), 'right': (60, 159), 'top': (0, 80), 'bottom': (119, 80)}[side]
    across = 0 if side in ('left', 'right') else 1
    from_side_m, beside_m = (
        np.abs(RAYS[..., i] - RAYS[row, column, i]) * forward_m for i in (across, 1 - across)
    )
    range_m = forward_m * np.linalg.norm((*RAYS[row, column], 1.0))
    obstacle = np.zeros(shape, bool)
    obstacle[row, column] = True
    depth_m = np.full(shape, forward_m, np.float32)
    ends_m = clear_to(depth_m, obstacle, RaySpacing.from_rays(RAYS), margin_m)
    ends_m *= np.linalg.norm(np.dstack((RAYS, np.ones(shape))), axis=-1)
    along_border = (from_side_m < 0.1) & (beside_m < 0.25)
    assert along_border.sum() > 100
    np.testing.assert_allclose(ends_m[along_border], range_m - margin_m, rtol=1e-5)
    inward = (from_side_m > 0.25) & (beside_m < 0.1)
    assert (ends_m[inward] > range_m - 1e-5).all()
    assert np.isposinf(ends_m[np.hypot(from_side_m, beside_m) > 0.6]).all()


def test_obstacles_end_rays_each_at_the_nearest():
    spacing, shape = RaySpacing.from_rays(RAYS), RAYS.shape[:2]
    obstacle = np.zeros(shape, bool)
    obstacle[40, [60, 66]] = True
    depth_m = np.full(shape, 2.0, np.float32)
    depth_m[40, 66] = 1.5
    together_m = clear_to(depth_m, obstacle, spacing, 0.15)
    alone = [obstacle & (np.arange(shape[1]) == column) for column in (60, 66)]
    apart_m = [clear_to(depth_m, one, spacing, 0.15) for one in alone]
    np.testing.assert_array_equal(together_m, np.minimum(*apart_m))


@pytest.mark.parametrize('shape', [(1, 1), (1, 160), (120, 1)])
def test_rays_of_one_row_or_column_end_at_obstacles(shape):
    directions = RAYS[: shape[0], : shape[1]]
    depth_m = np.full(shape, 2.0, np.float32)
    ends_m = clear_to(depth_m, depth_m > 0.0, RaySpacing.from_rays(directions), 0.15)
    np.testing.assert_array_less(ends_m, 2.5)


def test_an_obstacle_nearer_than_the_margin_ends_every_ray_of_a_large_image():
    directions = rays(CameraModel(Intrinsics.from_hfov(2000, 3, 1.2)))
    depth_m = np.full((3, 2000), 0.12, np.float32)
    obstacle = np.zeros((3, 2000), bool)
    obstacle[1, 0] = True
    ends_m = clear_to(depth_m, obstacle, RaySpacing.from_rays(directions), 0.15)
    assert np.isfinite(ends_m).all()


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
