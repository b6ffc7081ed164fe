"""Sky is found by distance, direction, connection and smoothness; nothing else becomes sky."""

import numpy as np
import pytest

from zoedepth_ros.geometry.intrinsics import CameraModel, Intrinsics
from zoedepth_ros.geometry.rays import rays
from zoedepth_ros.geometry.sky import sky_mask, with_infinite_sky
from zoedepth_ros.synthetic.scene import render_scene

RAYS = rays(CameraModel(Intrinsics.from_hfov(160, 120, 1.2)))
GREY = np.full((120, 160, 3), 180, np.uint8)


def street():
    depth_m = np.full((120, 160), 8.0, np.float32)
    depth_m[:50] = 60.0
    return depth_m


def test_what_is_far_up_and_joined_to_the_top_is_sky():
    mask = sky_mask(street(), 'outdoor', rays=RAYS, rgb=GREY)
    assert mask[:50].all()
    assert not mask[50:].any()


def test_indoors_there_is_no_sky():
    assert not sky_mask(street(), 'indoor', rays=RAYS).any()


def test_a_far_thing_below_the_horizon_or_under_a_roof_is_not_sky():
    depth_m = street()
    depth_m[70:] = 60.0  # a far valley
    depth_m[:10] = 3.0  # an awning
    assert not sky_mask(depth_m, 'outdoor', rays=RAYS).any()


def test_a_camera_that_looks_down_has_its_horizon_elsewhere():
    up = (0.0, -np.cos(0.5), -np.sin(0.5))
    assert not sky_mask(street(), 'outdoor', rays=RAYS, up=up).any()


def test_a_far_wall_full_of_windows_is_not_smooth_enough():
    rgb = GREY.copy()
    rgb[:50:8, :80] = 0
    mask = sky_mask(street(), 'outdoor', rays=RAYS, rgb=rgb)
    assert mask[:40, 100:].all()
    assert mask[:40, 5:55].mean() < 0.1


def test_images_of_other_sizes_and_without_sky_are_not_changed_beyond_their_sky():
    near_m = np.full((120, 160), 8.0, np.float32)
    for depth_m, rows in ((street(), 50), (near_m, 0), (street()[10:], 40)):
        directions = RAYS[-len(depth_m) :] - np.float32([0.0, (120 - len(depth_m)) / 117])
        mask = sky_mask(depth_m, 'outdoor', rays=directions, rgb=GREY[-len(depth_m) :])
        np.testing.assert_array_equal(mask.all(axis=1), np.arange(len(depth_m)) < rows)
        result = with_infinite_sky(depth_m, mask)
        np.testing.assert_array_equal(np.isposinf(result), mask)
        np.testing.assert_array_equal(result[~mask], depth_m[~mask])
    assert near_m.max() == 8.0


@pytest.mark.parametrize('reported_m', [40.0, 80.0])
def test_on_held_out_streets_sky_is_found_and_houses_stay(reported_m):
    found, taken, sky_pixels, others = 0, 0, 0, 0
    for seed in range(4):
        sample = render_scene('outdoor', 2**40 + 4000 + seed, 240, 320)
        true = np.isnan(sample.depth_m)
        depth_m = np.nan_to_num(sample.depth_m, nan=reported_m)
        mask = sky_mask(depth_m, 'outdoor', rays=rays(CameraModel(sample.camera)), rgb=sample.rgb)
        found, sky_pixels = found + (mask & true).sum(), sky_pixels + true.sum()
        taken, others = taken + (mask & ~true).sum(), others + (~true).sum()
    assert found > 0.9 * sky_pixels > 1000
    assert taken < 0.03 * others
