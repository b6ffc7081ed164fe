"""Crates, compartments and work tables, against what one works out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

pytest.importorskip('numba')

from zoedepth_ros.geometry.intrinsics import Intrinsics
from zoedepth_ros.synthetic import workplaces
from zoedepth_ros.synthetic.dice import Dice
from zoedepth_ros.synthetic.furniture import Piece
from zoedepth_ros.synthetic.primitives import PLAIN, Builder, Surface
from zoedepth_ros.synthetic.render import render
from zoedepth_ros.synthetic.tables import CLEAR_M
from zoedepth_ros.synthetic.workplaces import (
    DISTANCE_M,
    THINGS,
    compartment,
    crate,
    pile,
    random_workplace,
    tipped,
    work_table,
)
from zoedepth_ros.synthetic.world import Air, ImageEffects, Pose, World

CAMERA = Intrinsics.from_hfov(65, 49, math.radians(65))
PAINT = Surface(PLAIN, (0.5, 0.5, 0.5))


def test_a_camera_is_close_to_its_workplace_and_touches_nothing() -> None:
    centers_m = []
    for seed in range(24):
        world, pose = random_workplace(Dice(f'workplace {seed}'))
        _, depth_m = render(world, CAMERA, pose, ImageEffects())
        assert np.nanmin(depth_m) > 0.25 * CLEAR_M
        assert 0.0 < pose.z_m < 3.0
        centers_m.append(depth_m[24, 32])
    assert 0.5 * DISTANCE_M[0] < np.nanmedian(centers_m) < DISTANCE_M[1]


@pytest.mark.parametrize('tilt_deg', [0, 30, 90, 135, 180])
def test_a_tipped_piece_is_turned_as_a_rigid_body_and_rests_on_the_ground(tilt_deg: int) -> None:
    b = Builder()
    b.box(0.0, 0.0, 0.0, (0.2, 0.1, 0.3), PAINT, yaw=0.4, pitch=0.3)
    b.cylinder(0.05, 0.02, 0.3, 0.03, 0.1, PAINT, pitch=0.2, roll=-0.7)
    before = b.solids()
    after = tipped(Piece(b, 0.2, 0.1, 0.4), math.radians(tilt_deg)).parts.solids()
    tilt = Rotation.from_euler('x', tilt_deg, degrees=True)
    moved = after[:, 1:4] - tilt.apply(before[:, 1:4])
    np.testing.assert_allclose(moved[1], moved[0], atol=1e-12)
    turns = tilt * Rotation.from_euler('ZXY', before[:, 7:10])
    np.testing.assert_allclose(
        Rotation.from_euler('ZXY', after[:, 7:10]).as_matrix(), turns.as_matrix(), atol=1e-12
    )
    corners = np.array(np.meshgrid(*3 * [(-1, 1)])).reshape(3, -1).T
    ends = [
        turn.apply(corners * row[4:7]) + row[1:4] for turn, row in zip(turns, after, strict=True)
    ]
    assert np.concatenate(ends)[:, 2].min() == pytest.approx(0.0, abs=1e-12)


def test_a_camera_above_an_empty_crate_measures_its_floor(monkeypatch) -> None:
    monkeypatch.setattr(workplaces, 'pile', lambda *_args, **_options: None)
    for seed in range(12):
        place, floor_m = crate(Dice(f'crate {seed}'))
        world = World(place.parts.solids(), np.empty((0, 8)), Air(haze_per_m=0.0))
        pose = Pose(0.0, 0.0, floor_m + 1.0, 0.0, -0.5 * math.pi)
        _, depth_m = render(world, CAMERA, pose, ImageEffects())
        assert depth_m[24, 32] == pytest.approx(1.0, abs=1e-3)
        assert np.nanmin(depth_m) == pytest.approx(1.0 - (place.height - floor_m), abs=0.02)


@pytest.mark.parametrize('make', [crate, compartment, work_table])
def test_a_workplace_is_no_larger_than_a_table_and_its_floor_is_inside_it(make) -> None:
    for seed in range(8):
        place, floor_m = make(Dice(f'{make.__name__} {seed}'))
        rows = place.parts.solids()
        assert (np.abs(rows[:, 1:3]) < 1.5).all()
        assert 0.0 < floor_m <= place.height < 2.0


@pytest.mark.parametrize('layers', [False, True])
def test_things_of_a_pile_are_above_its_floor_and_inside_it(layers: bool) -> None:
    b = Builder()
    pile(b, Dice('pile'), 0.6, 0.4, 0.7, 30, layers=layers)
    rows = b.solids()
    assert len(rows) > 10
    assert (rows[:, 3] > 0.69).all()
    assert (np.abs(rows[:, 1]) < 0.3 + 0.25).all()
    assert (np.abs(rows[:, 2]) < 0.2 + 0.25).all()


def test_every_thing_can_be_tipped_over() -> None:
    for make in set(THINGS):
        lying = tipped(make(Dice(make.__name__)), 0.5 * math.pi)
        assert 0.0 < lying.height < 0.5
        assert 0.0 < lying.depth < 1.0
