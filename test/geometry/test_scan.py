"""A planar scan of known scenes."""

import math

import numpy as np
import pytest

from zoedepth_ros.geometry.intrinsics import CameraModel, Intrinsics
from zoedepth_ros.geometry.rays import rays
from zoedepth_ros.geometry.scan import BandScan

INNER = Intrinsics.from_hfov(200, 101, math.pi / 2)  # 90 degrees: rays from -0.995 to 0.995
RAYS = rays(CameraModel(INNER))
LIMITS = {'range_min_m': 0.1, 'range_max_m': 10.0}


def angles(scan: BandScan) -> np.ndarray:
    return scan.angle_min_rad + scan.angle_increment_rad * np.arange(len(scan.stretch))


def test_a_wall_across_the_axis_has_ranges_of_its_distance_over_the_cosine():
    scan = BandScan.from_rays(RAYS)
    ranges_m = scan.ranges(np.full((101, 200), 3.0, np.float32), **LIMITS)
    np.testing.assert_allclose(ranges_m, 3.0 / np.cos(angles(scan)), rtol=1e-5)
    assert ranges_m.dtype == np.float32


def test_convention_angles_grow_to_the_left_and_the_first_beam_is_the_right_edge():
    depth_m = np.full((101, 200), 3.0, np.float32)
    depth_m[:, :20] = 1.0  # something near on the left
    scan = BandScan.from_rays(RAYS)
    ranges_m = scan.ranges(depth_m, **LIMITS)
    assert scan.angle_min_rad == pytest.approx(-math.atan(0.995), abs=1e-6)
    assert scan.angle_max_rad == pytest.approx(math.atan(0.995), abs=1e-6)
    assert ranges_m[-1] == pytest.approx(math.hypot(1.0, 0.995), rel=1e-4)
    assert ranges_m[0] == pytest.approx(3.0 * math.hypot(1.0, 0.995), rel=1e-4)


@pytest.mark.parametrize('column', [0, 1, 57, 99, 100, 150, 198, 199])
def test_no_column_is_skipped_and_each_is_found_at_its_own_angle(column):
    depth_m = np.full((101, 200), 3.0, np.float32)
    depth_m[:, column] = 1.0
    scan = BandScan.from_rays(RAYS)
    near = np.flatnonzero(scan.ranges(depth_m, **LIMITS) < 2.0)
    assert near.size > 0
    expected_rad = -math.atan((column - 99.5) / 100.0)
    np.testing.assert_allclose(angles(scan)[near], expected_rad, atol=0.008)


def test_the_nearest_of_the_band_wins_and_rows_outside_it_do_not_count():
    depth_m = np.full((101, 200), 3.0, np.float32)
    depth_m[52] = 2.0
    depth_m[60] = 1.0
    scan = BandScan.from_rays(RAYS, band_rows=5)  # rows 48 to 52, about row 50
    middle = scan.ranges(depth_m, **LIMITS)[len(scan.stretch) // 2]
    assert middle == pytest.approx(2.0, rel=1e-4)


def test_far_is_infinite_unknown_is_nan_and_too_near_is_minus_infinite():
    depth_m = np.full((101, 200), 20.0, np.float32)
    depth_m[50, :50] = np.nan
    depth_m[50, 150:] = 0.05
    ranges_m = BandScan.from_rays(RAYS).ranges(depth_m, **LIMITS)
    assert np.isneginf(ranges_m[0])
    assert np.isnan(ranges_m[-1])
    assert np.isposinf(ranges_m[len(ranges_m) // 2])


def test_a_known_row_outweighs_an_unknown_one():
    depth_m = np.full((101, 200), np.nan, np.float32)
    depth_m[51] = 4.0
    ranges_m = BandScan.from_rays(RAYS, band_rows=3).ranges(depth_m, **LIMITS)
    assert ranges_m[len(ranges_m) // 2] == pytest.approx(4.0, rel=1e-4)


def test_a_distorting_lens_sees_the_same_flat_wall():
    camera = CameraModel(INNER, 'plumb_bob', (-0.2, 0.03, 0.0, 0.0, 0.0))
    scan = BandScan.from_rays(rays(camera), band_rows=9)
    ranges_m = scan.ranges(np.full((101, 200), 3.0, np.float32), **LIMITS)
    np.testing.assert_allclose(ranges_m, 3.0 / np.cos(angles(scan)), rtol=1e-5)


def camera_axes(pitch_rad: float, roll_rad: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return forward, left and up of the world in the optical frame of a tilted camera.

    Built by turning the camera: first up by pitch, then about its own axis by roll.
    """
    c, s = math.cos(pitch_rad), math.sin(pitch_rad)
    # world axes (forward, left, up) of the camera's x (right), y (down), z (ahead)
    x, y, z = np.array((0, -1, 0)), np.array((s, 0, -c)), np.array((c, 0, s))
    cr, sr = math.cos(roll_rad), math.sin(roll_rad)
    turned = np.stack((cr * x + sr * y, cr * y - sr * x, z))  # rows: camera axes in the world
    return turned[:, 0], turned[:, 1], turned[:, 2]


@pytest.mark.parametrize('roll_deg', [-20, 0, 5])
@pytest.mark.parametrize('pitch_deg', [-60, -35, -10, 0, 10])
def test_the_scan_of_a_tilted_camera_is_level(pitch_deg, roll_deg):
    """A wall 3 m ahead and one 2 m to the left, both plumb: distances along the floor."""
    forward, left, up = camera_axes(math.radians(pitch_deg), math.radians(roll_deg))
    directions = np.concatenate((RAYS, np.ones_like(RAYS[..., :1])), axis=-1).astype(np.float64)
    scan = BandScan.from_rays(RAYS, up=tuple(up))
    with np.errstate(divide='ignore'):
        ahead_m, left_m = 3.0 / (directions @ forward), 2.0 / (directions @ left)
    depth_m = np.fmin(np.where(ahead_m > 0, ahead_m, np.inf), np.where(left_m > 0, left_m, np.inf))
    ranges_m = scan.ranges(depth_m.astype(np.float32), range_min_m=0.1, range_max_m=50.0)
    beams = angles(scan)
    expected_m = 3.0 / np.cos(beams)
    aside = beams > 0.0
    expected_m[aside] = np.fmin(expected_m[aside], 2.0 / np.sin(beams[aside]))
    seen = np.isfinite(ranges_m)
    assert seen.mean() > 0.9
    # a beam takes the nearest column, which looks up to half a column past it
    np.testing.assert_allclose(ranges_m[seen], expected_m[seen], rtol=0.03)
    middle = np.abs(beams) < 0.3
    np.testing.assert_allclose(ranges_m[middle & seen], expected_m[middle & seen], rtol=0.012)


def test_a_lens_that_sees_nothing_in_the_middle_column_has_a_scan_of_the_others():
    """A region of interest: 46 columns from 80 degrees off the axis to 26."""
    columns, rows = np.meshgrid(np.arange(100), np.arange(60))
    x, y = (columns - 130.0) / 55.0, (rows - 30.0) / 55.0  # equidistant, f = 55 px
    angle = np.hypot(x, y)
    along = np.where(angle < math.radians(80.0), np.tan(np.minimum(angle, 1.5)) / angle, np.nan)
    seen = np.stack((x * along, y * along), axis=-1).astype(np.float32)
    assert np.isnan(seen[:, 50]).all()
    assert np.isfinite(seen[30, 99]).all()
    scan = BandScan.from_rays(seen)
    ranges_m = scan.ranges(np.full((60, 100), 3.0, np.float32), range_min_m=0.1, range_max_m=100)
    known = angles(scan)[np.isfinite(ranges_m)]
    assert known.size > 40
    assert known.min() == pytest.approx(31.0 / 55.0, abs=0.01)
    assert known.max() == pytest.approx(math.radians(79.5), abs=0.02)
    np.testing.assert_allclose(ranges_m[np.isfinite(ranges_m)], 3.0 / np.cos(known), rtol=0.1)


@pytest.mark.parametrize(
    ('directions', 'given', 'reason'),
    [
        (RAYS, {'band_rows': 0}, '0 rows of 200 x 101 px'),
        (RAYS, {'up': (0.0, 0.0, -1.0)}, 'straight up or down'),
        (np.full_like(RAYS, np.nan), {}, 'the calibration gives a direction for too few pixels'),
    ],
)
def test_what_has_no_scan_is_refused_with_the_reason(directions, given, reason):
    with pytest.raises(ValueError, match=reason):
        BandScan.from_rays(directions, **given)
