"""The same worlds through cameras of many kinds."""

import math
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip('numba')

from zoedepth_ros.geometry.intrinsics import Intrinsics
from zoedepth_ros.media.sample import Sample
from zoedepth_ros.synthetic.dice import Dice
from zoedepth_ros.synthetic.render import render
from zoedepth_ros.synthetic.tracks import random_track
from zoedepth_ros.synthetic.varied import (
    ASPECT_RATIOS,
    CLOSE_SHARE,
    DIAGONAL_DEG,
    LONG_LENS_DEG,
    TRACK_SHARE,
    defocused,
    scene_kind,
    varied_scene,
    with_bonnet,
)
from zoedepth_ros.synthetic.world import ImageEffects

PIXELS = 96 * 128


@pytest.mark.parametrize('domain', ['indoor', 'outdoor'])
def test_cameras_differ_in_shape_and_field_of_view_within_their_ranges(domain):
    shapes = set()
    for seed in range(24):
        sample = varied_scene(domain, seed, PIXELS)
        height, width = sample.depth_m.shape
        shapes.add((height, width))
        assert height * width == pytest.approx(PIXELS, rel=0.1)
        assert min(abs(width / height / ratio - 1) for ratio in ASPECT_RATIOS) < 0.03
        half = math.atan(0.5 * math.hypot(width, height) / sample.camera.fx_px)
        low, high = LONG_LENS_DEG[0], DIAGONAL_DEG[1]
        assert low - 1 < math.degrees(2 * half) < high + 1
        assert np.isfinite(sample.depth_m).any()
    assert len(shapes) > 3


def test_a_scene_is_the_same_every_time():
    first, again = (varied_scene('indoor', 5, PIXELS) for _ in range(2))
    np.testing.assert_array_equal(first.rgb, again.rgb)
    np.testing.assert_array_equal(first.depth_m, again.depth_m)
    assert first.camera == again.camera


def test_most_rooms_are_seen_from_close_by_and_nothing_is_inside_the_camera():
    samples = [varied_scene('indoor', seed, PIXELS) for seed in range(40)]
    centers_m = [sample.depth_m[tuple(n // 2 for n in sample.depth_m.shape)] for sample in samples]
    # Close-up cameras are 0.35 to 2.6 m away, and small objects stand before what they look at.
    assert sum(depth_m <= 1.9 for depth_m in centers_m) >= 20
    assert all(np.nanmin(sample.depth_m) > 0.02 for sample in samples)


def test_every_kind_of_scene_is_drawn_about_as_often_as_its_share_says():
    dice = [Dice(f'kind {seed}') for seed in range(1000)]
    inside = Counter(scene_kind('indoor', one) for one in dice)
    outside = Counter(scene_kind('outdoor', one) for one in dice)
    assert set(inside) == {'close', 'plain'}
    assert inside['close'] / 1000 == pytest.approx(CLOSE_SHARE, abs=0.05)
    assert set(outside) == {'track', 'plain'}
    assert outside['track'] / 1000 == pytest.approx(TRACK_SHARE, abs=0.05)


def test_a_lens_out_of_focus_blurs_what_is_behind_and_keeps_what_is_near():
    stripes = np.where(np.arange(96) % 2, 200, 40).astype(np.uint8)
    rgb = np.tile(stripes[None, :, None], (64, 1, 3))
    depth_m = np.full((64, 96), 0.6, np.float32)
    depth_m[:, 60:] = np.where(np.arange(36) < 20, 4.0, np.nan)  # a far wall and a window
    blurred = defocused(Sample(rgb, depth_m, None, 'indoor', 'stripes'), Dice('lens'))
    np.testing.assert_array_equal(blurred.rgb[:, :50], rgb[:, :50])
    assert np.ptp(blurred.rgb[:, 70:]) < 0.7 * np.ptp(rgb)
    np.testing.assert_array_equal(blurred.depth_m, depth_m)


def test_a_bonnet_lies_below_the_camera_within_three_metres_and_hides_nothing_above_the_horizon():
    camera = Intrinsics.from_hfov(65, 49, math.radians(90))
    seen = 0
    for seed in range(8):
        world, pose = random_track(Dice(f'bonnet {seed}'))
        pose = replace(pose, z_m=1.6, pitch_rad=0.0, roll_rad=0.0)
        _, before_m = render(world, camera, pose, ImageEffects())
        world = with_bonnet(world, pose, Dice(f'paint {seed}'))
        _, after_m = render(world, camera, pose, ImageEffects())
        changed = (after_m != before_m) & ~(np.isnan(after_m) & np.isnan(before_m))
        rows, _ = np.nonzero(changed)
        seen += len(rows) > 0
        assert (rows > camera.cy_px).all()
        assert (after_m[changed] < 3.0).all()
    assert seen > 4


def test_the_ground_beside_a_way_is_as_deep_as_height_over_slope():
    camera = Intrinsics.from_hfov(65, 49, math.radians(65))
    met = 0
    for seed in range(24):
        world, pose = random_track(Dice(f'track {seed}'))
        _, depth_m = render(world, camera, pose, ImageEffects())
        right, down, forward = pose.to_world().T
        ray = forward + (48 - camera.cy_px) / camera.fy_px * down  # the middle of the last row
        ray = ray + (32 - camera.cx_px) / camera.fx_px * right
        met += depth_m[48, 32] == pytest.approx(pose.z_m / -ray[2], rel=0.03)
    assert met > 0.7 * 24, 'elsewhere a bush or a car stands before it'
