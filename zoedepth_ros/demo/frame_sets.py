"""Messages of one stamp put together and decoded; one frame of each scene is kept."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.geometry.millimetres import from_millimetres

_DEPTH_TYPES = {'32FC1': np.float32, '16UC1': np.uint16}
_THUMBNAIL = (16, 12)  # width, height
_SAME_SCENE_BELOW = 12.0  # mean difference of grey values, 0 to 255


@dataclass(frozen=True, slots=True)
class RecordedFrame:
    """One image with its depth and its cloud."""

    rgb: NDArray[np.uint8]
    """(H, W, 3)."""

    depth_m: NDArray[np.float32]
    """(H, W) [m]; NaN unknown, infinite out of range."""

    points_m: NDArray[np.float32]
    """(N, 3) [m], x right, y down, z forward; NaN unknown."""

    points_rgb: NDArray[np.uint8]
    """(N, 3)."""

    head: str = ''
    """The active head; '' if unknown."""


class StampSynchronizer:
    """Collect one message of every topic with the same stamp.

    A slow network publishes depth of one image while many more arrive; they are kept until then.
    Depth arrives in the order of the images, so a complete set removes all older ones.
    """

    def __init__(self, topics: tuple[str, ...], max_incomplete: int = 400) -> None:
        """topics: a set has one message of each.  max_incomplete: number of stamps kept."""
        self._topics, self._max_incomplete = topics, max_incomplete
        self._incomplete: OrderedDict[int, dict[str, Any]] = OrderedDict()

    def add(self, topic: str, stamp_ns: int, message: Any) -> Mapping[str, Any] | None:
        """Add a message; returns topic -> message once the set is complete."""
        messages = self._incomplete.setdefault(stamp_ns, {})
        messages[topic] = message
        if len(messages) == len(self._topics):
            for older_ns in [ns for ns in self._incomplete if ns < stamp_ns]:
                del self._incomplete[older_ns]
            return self._incomplete.pop(stamp_ns)
        while len(self._incomplete) > self._max_incomplete:
            self._incomplete.popitem(last=False)
        return None


class SceneSelection:
    """Keep the newest frame of every different scene, up to a number of scenes."""

    def __init__(self, max_scenes: int = 3) -> None:
        """Start without frames."""
        self._max_scenes = max_scenes
        self._kept: list[tuple[NDArray[np.float32], RecordedFrame]] = []

    def add(self, frame: RecordedFrame) -> None:
        """Add a frame; it replaces that of the same scene, or the most similar one if full."""
        small = cv2.resize(frame.rgb, _THUMBNAIL, interpolation=cv2.INTER_AREA)
        thumbnail = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.float32)
        distances = [float(np.abs(thumbnail - other).mean()) for other, _ in self._kept]
        nearest = int(np.argmin(distances)) if distances else -1
        is_new = not distances or distances[nearest] >= _SAME_SCENE_BELOW
        if is_new and len(self._kept) < self._max_scenes:
            self._kept.append((thumbnail, frame))
        else:
            self._kept[nearest] = thumbnail, frame

    @property
    def frames(self) -> list[RecordedFrame]:
        """One frame of each scene, in the order of the scenes."""
        return [frame for _, frame in self._kept]


def depth_from_image(msg: Any) -> NDArray[np.float32]:
    """Return the depth (H, W) [m] of a 32FC1 or 16UC1 image, NaN unknown.

    Raises ValueError for another encoding.
    """
    if msg.encoding not in _DEPTH_TYPES:
        raise ValueError(f'depth must be 32FC1 or 16UC1, got {msg.encoding!r}')
    dtype = np.dtype(_DEPTH_TYPES[msg.encoding]).newbyteorder('>' if msg.is_bigendian else '<')
    rows = np.frombuffer(msg.data, np.uint8).reshape(msg.height, msg.step)
    values = np.ascontiguousarray(rows[:, : msg.width * dtype.itemsize]).view(dtype)
    return from_millimetres(values) if dtype.kind == 'u' else values.astype(np.float32)


def cloud_arrays(msg: Any) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Return points (N, 3) [m] and colours (N, 3) of a cloud; grey if it has no colours."""
    offsets = {field.name: field.offset for field in msg.fields}
    order = '>' if msg.is_bigendian else '<'
    names = [name for name in ('x', 'y', 'z', 'rgb') if name in offsets]
    dtype = np.dtype(
        {
            'names': names,
            'formats': [f'{order}u4' if name == 'rgb' else f'{order}f4' for name in names],
            'offsets': [offsets[name] for name in names],
            'itemsize': msg.point_step,
        }
    )
    rows = np.frombuffer(msg.data, np.uint8).reshape(msg.height, msg.row_step)
    used = np.ascontiguousarray(rows[:, : msg.width * msg.point_step])
    points = used.reshape(-1).view(dtype)
    xyz = np.stack([points[axis] for axis in 'xyz'], axis=-1).astype(np.float32)
    if 'rgb' not in offsets:
        return xyz, np.full(xyz.shape, 128, np.uint8)
    colors = np.stack([points['rgb'] >> shift & 0xFF for shift in (16, 8, 0)], axis=-1)
    return xyz, colors.astype(np.uint8)
