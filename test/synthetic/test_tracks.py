"""Ways outside towns, against what one works out by hand."""

from __future__ import annotations

import math

import pytest

pytest.importorskip('numba')

from zoedepth_ros.geometry.intrinsics import Intrinsics
from zoedepth_ros.synthetic.dice import Dice
from zoedepth_ros.synthetic.render import render
from zoedepth_ros.synthetic.tracks import random_track
from zoedepth_ros.synthetic.world import ImageEffects

CAMERA = Intrinsics.from_hfov(65, 49, math.radians(65))
SEEDS = range(24)


def test_the_ground_beside_a_way_is_as_deep_as_height_over_slope() -> None:
    met = 0
    for seed in SEEDS:
        world, pose = random_track(Dice(f'track {seed}'))
        _, depth_m = render(world, CAMERA, pose, ImageEffects())
        right, down, forward = pose.to_world().T
        ray = forward + (48 - CAMERA.cy_px) / CAMERA.fy_px * down  # the middle of the last row
        ray = ray + (32 - CAMERA.cx_px) / CAMERA.fx_px * right
        expected_m = pose.z_m / -ray[2]
        met += depth_m[48, 32] == pytest.approx(expected_m, rel=0.03)
    assert met > 0.7 * len(SEEDS), 'elsewhere a bush or a car stands before it'
