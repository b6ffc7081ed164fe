"""The depth of solids against what one works out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

pytest.importorskip('numba')

from zoedepth_ros.geometry.intrinsics import Intrinsics
from zoedepth_ros.synthetic.primitives import PLAIN, Builder, Surface
from zoedepth_ros.synthetic.render import render
from zoedepth_ros.synthetic.world import Air, ImageEffects, Pose, World

GREY = Surface(PLAIN, (0.5, 0.5, 0.5))
EAST = 0.0
NORTH = math.pi / 2
CAMERA = Intrinsics(60.0, 60.0, 31.5, 23.5, 64, 48)


def depth_of(builder: Builder, pose: Pose, camera: Intrinsics = CAMERA) -> np.ndarray:
    """Return the depth [m] of solids seen from a pose."""
    world = World(builder.solids(), builder.contact_rectangles(), Air())
    return render(world, camera, pose, ImageEffects())[1]


@pytest.mark.parametrize('camera', [CAMERA, Intrinsics(45.0, 50.0, 20.25, 18.0, 40, 30)])
def test_a_wall_seen_straight_has_one_depth(camera: Intrinsics) -> None:
    builder = Builder()
    builder.box(5.0, 0.0, -50.0, (1.0, 100.0, 100.0), GREY)
    depth_m = depth_of(builder, Pose(0.0, 0.0, 1.0, EAST), camera)
    np.testing.assert_allclose(depth_m, 4.5, rtol=1e-6)


def test_the_ground_is_as_deep_as_height_over_slope() -> None:
    builder = Builder()
    builder.box(0.0, 0.0, -1.0, (200.0, 200.0, 1.0), GREY)
    depth_m = depth_of(builder, Pose(0.0, 0.0, 1.5, EAST))
    for row in (30, 40, 47):
        slope = (row - 23.5) / 60.0
        np.testing.assert_allclose(depth_m[row], 1.5 / slope, rtol=1e-5)
    assert np.isnan(depth_m[:24]).all()


def test_the_ground_under_a_camera_that_looks_down_is_tilted_by_its_pitch() -> None:
    builder = Builder()
    builder.box(0.0, 0.0, -1.0, (200.0, 200.0, 1.0), GREY)
    depth_m = depth_of(builder, Pose(0.0, 0.0, 2.0, NORTH, pitch_rad=math.radians(-30.0)))
    for row in (20, 30, 45):
        slope = (row - 23.5) / 60.0
        down = math.sin(math.radians(30.0)) + slope * math.cos(math.radians(30.0))
        np.testing.assert_allclose(depth_m[row], 2.0 / down, rtol=1e-5)


def test_a_ball_is_met_where_the_quadratic_says() -> None:
    builder = Builder()
    builder.ball(6.0, 0.0, 1.0, (1.5, 1.5, 1.5), GREY)
    depth_m = depth_of(builder, Pose(0.0, 0.0, 1.0, EAST))
    for row, column in ((23, 31), (20, 28), (30, 40)):
        x, y = (column - 31.5) / 60.0, (row - 23.5) / 60.0
        a, b, c = 1 + x * x + y * y, -12.0, 36.0 - 1.5**2
        expected_m = (-b - math.sqrt(b * b - 4 * a * c)) / (2 * a)
        assert depth_m[row, column] == pytest.approx(expected_m, rel=1e-6)
    assert np.isnan(depth_m[0, 0])


def test_a_turned_box_shows_its_edge_and_both_faces() -> None:
    builder = Builder()
    builder.box(4.0, 0.0, 0.0, (2.0, 2.0, 2.0), GREY, yaw=math.pi / 4)
    camera = Intrinsics(60.0, 60.0, 32.0, 24.0, 65, 49)
    depth_m = depth_of(builder, Pose(0.0, 0.0, 1.0, EAST), camera)
    edge_m = 4.0 - math.sqrt(2.0)
    assert depth_m[24, 32] == pytest.approx(edge_m, rel=1e-6)
    for column in (26, 40):  # on a face that leaves the edge at 45 degrees: z = edge + |x| z
        slope = abs(column - 32.0) / 60.0
        assert depth_m[24, column] == pytest.approx(edge_m / (1.0 - slope), rel=1e-5)


def test_a_standing_cylinder_and_its_lid() -> None:
    builder = Builder()
    builder.cylinder(3.0, 0.0, 0.0, 0.5, 1.0, GREY)
    camera = Intrinsics(60.0, 60.0, 32.0, 24.0, 65, 49)
    depth_m = depth_of(builder, Pose(0.0, 0.0, 1.5, EAST), camera)
    assert depth_m[24 + 24, 32] == pytest.approx(2.5, rel=1e-6)  # side: 0.5 below the lid
    row = 24 + 10
    assert depth_m[row, 32] == pytest.approx(0.5 / (10 / 60.0), rel=1e-5)  # lid, 0.5 m lower


def test_a_roof_rises_to_its_ridge() -> None:
    builder = Builder()
    builder.taper(6.0, 0.0, 0.0, (4.0, 4.0, 4.0), GREY, shrink=(1.0, 0.0))
    camera = Intrinsics(60.0, 60.0, 32.0, 24.0, 65, 49)
    depth_m = depth_of(builder, Pose(0.0, 0.0, 2.0, EAST), camera)
    # The face starts 4 m away on the ground and leans back by a half: z = 4 + height / 2.
    for row in (14, 24, 34):
        slope = (24 - row) / 60.0
        assert depth_m[row, 32] == pytest.approx(5.0 / (1.0 - 0.5 * slope), rel=1e-5)


def test_convention_the_camera_sees_right_to_the_right_and_down_below() -> None:
    builder = Builder()
    builder.ball(5.0, -1.0, 1.0, (0.3, 0.3, 0.3), GREY)  # looking east, south is to the right
    builder.ball(5.0, 0.0, 0.0, (0.3, 0.3, 0.3), GREY)
    depth_m = depth_of(builder, Pose(0.0, 0.0, 1.0, EAST))
    rows, columns = np.nonzero(np.isfinite(depth_m))
    assert columns.max() == pytest.approx(31.5 + 60 * 1.3 / 5, abs=2)
    assert rows.max() == pytest.approx(23.5 + 60 * 1.3 / 5, abs=2)
    assert columns.min() > 25
    assert rows.min() > 17


def test_a_roll_turns_the_image() -> None:
    builder = Builder()
    builder.ball(5.0, -1.0, 1.0, (0.3, 0.3, 0.3), GREY)
    depth_m = depth_of(builder, Pose(0.0, 0.0, 1.0, EAST, roll_rad=math.pi / 2))
    rows, columns = np.nonzero(np.isfinite(depth_m))
    # The camera turns clockwise, so what was on the right comes to the top.
    assert rows.mean() == pytest.approx(23.5 - 60 / 5, abs=1)
    assert columns.mean() == pytest.approx(31.5, abs=1)


def test_what_lies_beyond_80_m_is_unknown() -> None:
    builder = Builder()
    builder.box(79.5, 0.0, -50.0, (1.0, 100.0, 51.0), GREY)
    builder.box(81.5, 0.0, -50.0, (1.0, 300.0, 200.0), GREY)
    depth_m = depth_of(builder, Pose(0.0, 0.0, 1.0, EAST))
    assert depth_m[40, 31] == pytest.approx(79.0)
    assert np.isnan(depth_m[10]).all()


def test_the_nearer_of_two_solids_is_seen_whatever_their_order() -> None:
    for order in (1, -1):
        builder = Builder()
        for x in (4.0, 8.0)[::order]:
            builder.box(x, 0.0, -5.0, (1.0, 40.0, 40.0), GREY)
        depth_m = depth_of(builder, Pose(0.0, 0.0, 1.0, EAST))
        np.testing.assert_allclose(depth_m, 3.5, rtol=1e-6)
