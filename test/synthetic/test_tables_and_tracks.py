"""Tables full of things, and ways outside towns, against what one works out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

pytest.importorskip('numba')

from zoedepth_ros.geometry.intrinsics import Intrinsics
from zoedepth_ros.synthetic.dice import Dice
from zoedepth_ros.synthetic.render import render
from zoedepth_ros.synthetic.tables import (
    CLEAR_M,
    DISTANCE_M,
    KITCHEN,
    OFFICE,
    laden_table,
    random_table,
)
from zoedepth_ros.synthetic.tracks import random_track
from zoedepth_ros.synthetic.world import ImageEffects

CAMERA = Intrinsics.from_hfov(65, 49, math.radians(65))
SEEDS = range(24)


def test_a_camera_before_a_table_sees_it_at_arms_length_and_touches_nothing() -> None:
    centers_m = []
    for seed in SEEDS:
        world, pose = random_table(Dice(f'table {seed}'))
        _, depth_m = render(world, CAMERA, pose, ImageEffects())
        assert 0.0 < pose.z_m < 3.0, 'inside the room'
        assert np.isfinite(depth_m[24, 32])
        assert np.nanmin(depth_m) > 0.25 * CLEAR_M
        centers_m.append(depth_m[24, 32])
    # Something may stand before the place that is looked at, and beside it lies the floor.
    assert DISTANCE_M[0] < np.median(centers_m) < DISTANCE_M[1]


def test_things_stand_on_their_table_and_not_beside_it() -> None:
    laden = 0
    for seed in SEEDS:
        board, spot = laden_table(Dice(f'board {seed}'))
        rows = board.parts.solids()
        things = rows[rows[:, 3] > board.height]  # their middle is above the top
        laden += len(things) > 5
        assert (np.abs(things[:, 1]) < board.width / 2 + 0.35).all()
        assert (np.abs(things[:, 2] - board.depth / 2) < board.depth / 2 + 0.35).all()
        assert abs(spot[0]) < board.width / 2
        assert 0.0 < spot[1] < board.depth
    assert laden > len(SEEDS) / 2


@pytest.mark.parametrize('make', sorted({*OFFICE, *KITCHEN}, key=lambda make: make.__name__))
def test_a_thing_is_as_large_as_it_says_and_fits_on_a_table(make) -> None:
    for seed in range(8):
        piece = make(Dice(f'{make.__name__} {seed}'))
        rows = piece.parts.solids()
        assert 0.0 < max(piece.width, piece.depth) < 0.7
        assert 0.0 < piece.height < 0.7
        assert (np.abs(rows[:, 1:3]) < 0.5).all()
        assert (rows[:, 3] >= 0.0).all()


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
