"""Trajectories: one world, a camera that moves smoothly, a door at a known time."""

from __future__ import annotations

import math

import numpy as np
import pytest

pytest.importorskip('numba')

import itertools

from zoedepth_ros.synthetic.trajectory import CameraTrajectory, Path2D, TrajectoryFrame

SMALL = {'height': 96, 'width': 128}
KINDS = ('room', 'street', 'door', 'step')


def agreement(one: TrajectoryFrame, two: TrajectoryFrame) -> tuple[float, float]:
    """Return the shares of one frame's points that the other sees, and that it sees through."""
    camera = one.sample.camera
    assert camera is not None
    rows, columns = np.nonzero(np.isfinite(one.sample.depth_m))
    z = one.sample.depth_m[rows, columns].astype(float)
    x, y = (columns - camera.cx_px) / camera.fx_px * z, (rows - camera.cy_px) / camera.fy_px * z
    world = one.pose.to_world() @ np.stack((x, y, z)) + one.pose.position()[:, None]
    seen = two.pose.to_world().T @ (world - two.pose.position()[:, None])
    u = camera.fx_px * seen[0] / seen[2] + camera.cx_px
    v = camera.fy_px * seen[1] / seen[2] + camera.cy_px
    inside = (seen[2] > 0.1) & (u > 0) & (v > 0) & (u < camera.width - 1) & (v < camera.height - 1)
    u, v, z = u[inside], v[inside], seen[2][inside]
    i, j = v.astype(int), u.astype(int)
    corners = np.stack([two.sample.depth_m[i + a, j + b] for a in (0, 1) for b in (0, 1)])
    low, high = corners.min(0), corners.max(0)
    smooth = high < 1.05 * low  # not at an edge
    assert smooth.sum() > 500
    agree = (z > 0.995 * low) & (z < 1.005 * high)
    return float(agree[smooth].mean()), float((low > 1.01 * z)[smooth].mean())


@pytest.mark.parametrize('kind', KINDS)
def test_two_frames_of_a_trajectory_agree_on_where_things_are(kind: str) -> None:
    walk = CameraTrajectory(kind, 3, **SMALL)
    first = walk[10]
    seen, seen_through = agreement(first, walk[12])
    assert seen > 0.85  # the rest has gone behind something
    assert seen_through < 0.003  # what one frame sees, no other can look through
    wrong = TrajectoryFrame(first.time_s, first.sample, walk[14].pose)
    assert agreement(wrong, walk[12])[1] > 0.02


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize('seed', [0, 1, 2])
def test_the_camera_moves_smoothly_at_a_walking_pace(kind: str, seed: int) -> None:
    walk = CameraTrajectory(kind, seed, rate_hz=10.0)
    poses = [walk.pose(k) for k in range(len(walk))]
    for one, two in itertools.pairwise(poses):
        assert math.dist((one.x_m, one.y_m, one.z_m), (two.x_m, two.y_m, two.z_m)) < 0.2
        turn = (two.yaw_rad - one.yaw_rad + math.pi) % (2 * math.pi) - math.pi
        assert abs(turn) < math.radians(25)


@pytest.mark.parametrize('seed', range(4))
def test_the_trajectory_through_the_door_goes_out_and_comes_back(seed: int) -> None:
    walk = CameraTrajectory('door', seed, rate_hz=5.0, height=12, width=16)
    out_s, in_s = walk.door_times_s
    assert 0 < out_s < in_s < walk.duration_s
    for frame in walk:
        if min(abs(frame.time_s - out_s), abs(frame.time_s - in_s)) < 0.02:
            continue
        assert frame.sample.domain == ('outdoor' if out_s < frame.time_s < in_s else 'indoor')


def test_the_other_trajectories_pass_no_door() -> None:
    for kind, domain in (('room', 'indoor'), ('street', 'outdoor')):
        walk = CameraTrajectory(kind, 0, 12, height=24, width=32)
        assert walk.door_times_s == ()
        assert {frame.sample.domain for frame in walk} == {domain}


@pytest.mark.parametrize('kind', KINDS)
def test_nothing_stands_in_the_way(kind: str) -> None:
    for seed in range(3):
        for frame in CameraTrajectory(kind, seed, 40, height=24, width=32):
            middle_m = frame.sample.depth_m[6:18, 8:24]
            assert not np.nanmin(middle_m, initial=np.inf) < 0.2, (seed, frame.sample.name)


def test_frames_come_in_any_order_and_at_the_rate_requested() -> None:
    walk = CameraTrajectory('room', 5, 30, rate_hz=15.0, height=24, width=32)
    late, early = walk[20], walk[2]
    assert len(walk) == 30
    assert (early.time_s, late.time_s) == pytest.approx((2 / 15, 20 / 15))
    np.testing.assert_array_equal(walk[20].sample.rgb, late.sample.rgb)
    with pytest.raises(IndexError, match='30'):
        walk[30]


def test_a_way_passes_its_points_and_measures_itself() -> None:
    way = Path2D.through([(0.0, 0.0), (1.0, 0.0), (2.0, 0.0), (3.0, 0.0)])
    assert way.length_m == pytest.approx(3.0)
    assert way.at(1.5) == pytest.approx((1.5, 0.0))
    assert way.at(4.0) == pytest.approx((4.0, 0.0))


def test_an_unknown_trajectory_and_an_empty_one_are_refused() -> None:
    with pytest.raises(ValueError, match='swim'):
        CameraTrajectory('swim')
    with pytest.raises(ValueError, match='2 frames'):
        CameraTrajectory('room', 0, 1)
