"""Frames of TF, where tf2_ros is installed."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from rclpy.node import Node
from rclpy.time import Time

Points = NDArray[np.float32]


class Frames:
    """Take points from one frame to another; without a buffer only where they are the same."""

    def __init__(self, buffer: Any = None, listener: Any = None) -> None:
        """buffer: tf2_ros.Buffer or what acts like one.  listener: fills it until `destroy`."""
        self._buffer, self._listener = buffer, listener

    @property
    def hears_tf(self) -> bool:
        """Whether there is anybody to ask."""
        return self._buffer is not None

    def bring(self, points_m: Points, source: str, target: str) -> Points | None:
        """Give points (n, 3) in the target frame; None when nobody knows the way."""
        if source == target:
            return points_m
        transform = self._newest(source, target)
        if transform is None:
            return None
        at = transform.translation
        return (points_m @ _rotation(transform).T + (at.x, at.y, at.z)).astype(np.float32)

    def up(self, level: str, target: str) -> tuple[float, float, float] | None:
        """Give the z axis of a level frame in the target frame; None when nobody knows the way."""
        if level == target:
            return 0.0, 0.0, 1.0
        transform = self._newest(level, target)
        if transform is None:
            return None
        x, y, z = _rotation(transform)[:, 2]
        return float(x), float(y), float(z)

    def destroy(self) -> None:
        """Stop listening."""
        if self._listener is not None:
            self._listener.unregister()

    def _newest(self, source: str, target: str) -> Any:
        if self._buffer is None:
            return None
        try:
            return self._buffer.lookup_transform(target, source, Time()).transform
        except Exception:  # tf2's own errors share no base class that every version exports
            return None


def listen(node: Node) -> Frames:
    """Listen to TF where tf2_ros is installed; without it nobody knows any way."""
    try:
        from tf2_ros import Buffer, TransformListener
    except ImportError:
        return Frames()
    buffer = Buffer()
    return Frames(buffer, TransformListener(buffer, node))


def rotation_matrix(x: float, y: float, z: float, w: float) -> NDArray[np.float64]:
    """Give the rotation of a unit quaternion, (3, 3)."""
    return np.array([
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ])  # fmt: skip


def _rotation(transform: Any) -> NDArray[np.float64]:
    turn = transform.rotation
    return rotation_matrix(turn.x, turn.y, turn.z, turn.w)
