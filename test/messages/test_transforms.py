"""Transforms of recordings: chains of frames, interpolation, gaps."""

import math
from types import SimpleNamespace as Fields

import numpy as np
import pytest

from zoedepth_ros.messages.transforms import TransformTree


def stamped(parent, child, at, yaw=0.0, time_s=0.0, sign=1.0):
    seconds = math.floor(time_s)
    stamp = Fields(sec=seconds, nanosec=round((time_s - seconds) * 1e9))
    z, w = sign * math.sin(yaw / 2), sign * math.cos(yaw / 2)
    transform = Fields(
        translation=Fields(x=at[0], y=at[1], z=at[2]), rotation=Fields(x=0.0, y=0.0, z=z, w=w)
    )
    header = Fields(frame_id=parent, stamp=stamp)
    return Fields(header=header, child_frame_id=child, transform=transform)


def message(*transforms):
    return Fields(transforms=list(transforms))


def ns(time_s):
    return round(time_s * 1e9)


@pytest.fixture
def tree():
    """Give a robot that drives 1 m/s along x and turns 0.2 rad/s, its camera 0.5 m ahead."""
    tree = TransformTree()
    tree.add(message(stamped('base', '/camera', (0.5, 0.0, 0.3))), static=True)
    for time_s in (1.0, 3.0, 2.0):  # the last two arrive in the wrong order
        moved = stamped('odom', 'base', (time_s, 0.0, 0.0), 0.2 * time_s, time_s)
        tree.add(message(moved), static=False)
    return tree


@pytest.mark.parametrize('time_s', [1.0, 1.5, 2.0, 2.25, 3.0])
def test_a_chain_is_interpolated(tree, time_s):
    turn, shift = tree.lookup('odom', 'camera', ns(time_s))
    yaw = 0.2 * time_s
    np.testing.assert_allclose(
        shift, (time_s + 0.5 * math.cos(yaw), 0.5 * math.sin(yaw), 0.3), atol=1e-4
    )
    np.testing.assert_allclose(turn @ (1, 0, 0), (math.cos(yaw), math.sin(yaw), 0), atol=1e-4)
    back, offset = tree.lookup('camera', 'odom', ns(time_s))
    np.testing.assert_allclose(back @ turn, np.eye(3), atol=1e-9)
    np.testing.assert_allclose(back @ shift + offset, 0.0, atol=1e-9)


@pytest.mark.parametrize(
    ('target', 'source', 'time_s'),
    [('odom', 'camera', 0.99), ('odom', 'camera', 3.01), ('map', 'camera', 2.0),
     ('odom', 'arm', 2.0)],
)  # fmt: skip
def test_nothing_is_extrapolated_or_made_up(tree, target, source, time_s):
    assert tree.lookup(target, source, ns(time_s)) is None


def test_frames_on_two_branches_meet_at_their_common_parent(tree):
    tree.add(message(stamped('base', 'laser', (0.0, 1.0, 0.0))), static=True)
    _, shift = tree.lookup('laser', 'camera', ns(99.0))  # both fixed to base at any time
    np.testing.assert_allclose(shift, (0.5, -1.0, 0.3))


def test_a_quaternion_and_its_negative_are_one_rotation():
    tree = TransformTree()
    tree.add(message(stamped('odom', 'base', (0, 0, 0), 0.2, 0.0)), static=False)
    tree.add(message(stamped('odom', 'base', (0, 0, 0), 0.4, 1.0, sign=-1.0)), static=False)
    turn, _ = tree.lookup('odom', 'base', ns(0.5))
    np.testing.assert_allclose(turn @ (1, 0, 0), (math.cos(0.3), math.sin(0.3), 0), atol=1e-9)


def test_impossible_transforms_and_loops_of_frames_are_tolerated():
    tree = TransformTree()
    tree.add(message(stamped('a', 'b', (math.nan, 0, 0))), static=True)
    assert tree.lookup('a', 'b', 0) is None
    tree.add(message(stamped('a', 'b', (0, 0, 0)), stamped('b', 'a', (0, 0, 0))), static=True)
    assert tree.lookup('c', 'b', 0) is None
