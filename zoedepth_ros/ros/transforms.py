"""Transforms by TF, if tf2_ros is installed."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from rclpy.node import Node
from rclpy.time import Time

from zoedepth_ros.geometry.two_views import CameraPose
from zoedepth_ros.messages.camera import seconds
from zoedepth_ros.messages.transforms import rotation_matrix

Points = NDArray[np.float32]

KEPT_S = 10.0
"""tf2 keeps transforms for this time, and refuses those that are older than the newest by more.
One that is older than an image by more is not used for it."""


class Transforms:
    """Transform points between frames; without a buffer only between equal frames."""

    def __init__(self, buffer: Any = None, listener: Any = None) -> None:
        """buffer: a tf2_ros.Buffer.  listener: fills it until `destroy`."""
        self._buffer, self._listener = buffer, listener

    @property
    def has_tf(self) -> bool:
        """Whether TF is available."""
        return self._buffer is not None

    def transform_points(
        self, points_m: Points, source: str, target: str, stamp: Any
    ) -> Points | None:
        """Return points (n, 3) in the target frame; None without a transform; stamp: see `up`."""
        if source == target:
            return points_m
        transform = self._find(source, target, stamp, or_newest=True)
        if transform is None:
            return None
        at = transform.translation
        return (points_m @ _rotation(transform).T + (at.x, at.y, at.z)).astype(np.float32)

    def up(self, level: str, target: str, stamp: Any) -> tuple[float, float, float] | None:
        """Return the z axis of a level frame in the target frame; None without a transform.

        stamp: the time, because cameras move; of a time that is not known the newest is taken,
        unless it is older by more than KEPT_S.
        """
        if level == target:
            return 0.0, 0.0, 1.0
        transform = self._find(level, target, stamp, or_newest=True)
        if transform is None:
            return None
        x, y, z = _rotation(transform)[:, 2]
        return float(x), float(y), float(z)

    def pose(self, fixed: str, optical: str, stamp: Any) -> CameraPose | None:
        """Return the pose of an optical frame in a fixed frame at a time; None if not known."""
        transform = self._find(optical, fixed, stamp, or_newest=False)
        if transform is None:
            return None
        at = transform.translation
        return CameraPose(_rotation(transform), np.array((at.x, at.y, at.z)))

    def destroy(self) -> None:
        """Unsubscribe."""
        if self._listener is not None:
            self._listener.unregister()

    def _find(self, source: str, target: str, stamp: Any, *, or_newest: bool) -> Any:
        found = self._at(source, target, Time.from_msg(stamp))
        if found is None:
            newest = self._at(source, target, Time())
            ahead_s = 0.0 if newest is None else seconds(newest.header.stamp) - seconds(stamp)
            if ahead_s > KEPT_S:
                self._buffer.clear()  # as after a bag has looped, where tf2 refuses what comes
            found = newest if or_newest and ahead_s >= -KEPT_S else None
        return None if found is None else found.transform

    def _at(self, source: str, target: str, time: Time) -> Any:
        if self._buffer is None:
            return None
        try:
            return self._buffer.lookup_transform(target, source, time)
        except Exception:  # tf2's errors have no base class in every version
            return None


def subscribe_to_tf(node: Node) -> Transforms:
    """Subscribe to TF if tf2_ros is installed; without it there are no transforms."""
    try:
        from tf2_ros import Buffer, TransformListener
    except ImportError:
        return Transforms()
    buffer = Buffer()
    return Transforms(buffer, TransformListener(buffer, node))


def _rotation(transform: Any) -> NDArray[np.float64]:
    q = transform.rotation
    return rotation_matrix(q.x, q.y, q.z, q.w)
