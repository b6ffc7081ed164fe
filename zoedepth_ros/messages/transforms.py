"""Transforms of TF messages: interpolated in time, for recordings, which have no tf2; of scans."""

from __future__ import annotations

import math
from bisect import bisect_left
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.geometry.ground import Up
from zoedepth_ros.geometry.scan import level_rotation
from zoedepth_ros.messages.types import QUATERNION, TF_MESSAGE, TRANSFORM, TRANSFORM_STAMPED, Make

Numbers = NDArray[np.float64]
Rigid = tuple[Numbers, Numbers]
"""Rotation (3, 3) and translation (3,) [m]."""


class _Edge(NamedTuple):
    """The transform of one frame to its parent over time."""

    parent: str
    stamps_ns: list[int]
    values: list[tuple[float, ...]]
    """Translation and quaternion x, y, z, w."""


class TransformTree:
    """Collect the transforms of a recording, and combine them at any time within it."""

    def __init__(self) -> None:
        self._edges: dict[str, _Edge] = {}

    def add(self, message: Any, *, static: bool) -> None:
        """Add a TFMessage; static: of /tf_static, which holds at all times."""
        for stamped in message.transforms:
            child, parent = _name(stamped.child_frame_id), _name(stamped.header.frame_id)
            at, turn = stamped.transform.translation, stamped.transform.rotation
            value = (at.x, at.y, at.z, turn.x, turn.y, turn.z, turn.w)
            length = math.hypot(*value[3:])
            if not all(map(math.isfinite, value)) or length < 1e-6:
                continue
            value = (*value[:3], *(part / length for part in value[3:]))
            edge = self._edges.get(child)
            if static or edge is None or edge.parent != parent:
                edge = self._edges[child] = _Edge(parent, [], [])
            if static:
                edge.values.append(value)
                continue
            stamp_ns = stamped.header.stamp.sec * 10**9 + stamped.header.stamp.nanosec
            place = len(edge.stamps_ns)
            if place and stamp_ns <= edge.stamps_ns[-1]:
                place = bisect_left(edge.stamps_ns, stamp_ns)
            edge.stamps_ns.insert(place, stamp_ns)
            edge.values.insert(place, value)

    def lookup(self, target: str, source: str, stamp_ns: int) -> Rigid | None:
        """Return the transform of points in `source` to `target`; None when it is not known.

        Nothing is extrapolated.
        """
        to_root = self._to_ancestors(_name(source), stamp_ns)
        of_target = self._to_ancestors(_name(target), stamp_ns)
        common = next((frame for frame in to_root if frame in of_target), None)
        if common is None:
            return None
        (turn, shift), (back, offset) = to_root[common], of_target[common]
        return back.T @ turn, back.T @ (shift - offset)

    def _to_ancestors(self, frame: str, stamp_ns: int) -> dict[str, Rigid]:
        """Return the transforms of a frame to itself and its ancestors, as far as known."""
        found: dict[str, Rigid] = {}
        turn, shift = np.eye(3), np.zeros(3)
        while frame not in found:
            found[frame] = turn, shift
            edge = self._edges.get(frame)
            value = None if edge is None else _at(edge, stamp_ns)
            if edge is None or value is None:
                break
            step = rotation_matrix(*value[3:])
            turn, shift = step @ turn, step @ shift + value[:3]
            frame = edge.parent
        return found


def _at(edge: _Edge, stamp_ns: int) -> Numbers | None:
    """Return translation and quaternion at a time, (7,); None outside what is known."""
    if not edge.stamps_ns:
        return np.array(edge.values[-1])
    after = bisect_left(edge.stamps_ns, stamp_ns)
    if after == len(edge.stamps_ns):
        return None
    second = np.array(edge.values[after])
    if edge.stamps_ns[after] == stamp_ns:
        return second
    if after == 0:
        return None
    before_ns, first = edge.stamps_ns[after - 1], np.array(edge.values[after - 1])
    share = (stamp_ns - before_ns) / (edge.stamps_ns[after] - before_ns)
    if first[3:] @ second[3:] < 0.0:
        second[3:] *= -1.0
    between = first + share * (second - first)
    between[3:] /= np.linalg.norm(between[3:])
    return between


def _name(frame: str) -> str:
    return frame.removeprefix('/')


def rotation_matrix(x: float, y: float, z: float, w: float) -> Numbers:
    """Return the rotation of a unit quaternion, (3, 3)."""
    return np.array([
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ])  # fmt: skip


def level_frame(optical_frame: str) -> str:
    """Return the frame of a camera's scans: level, at the camera."""
    return f'{optical_frame or "camera"}_scan'


def level_transform(make: Make, header: Any, up: Up) -> Any:
    """Make the TFMessage from an optical frame, that of the header, to its level frame."""
    x, y, z, w = level_rotation(up)
    turn = make(QUATERNION, x=x, y=y, z=z, w=w)
    stamped = make(
        TRANSFORM_STAMPED,
        header=header,
        child_frame_id=level_frame(header.frame_id),
        transform=make(TRANSFORM, rotation=turn),
    )
    return make(TF_MESSAGE, transforms=[stamped])
