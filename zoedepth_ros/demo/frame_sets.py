"""Messages of one stamp put together; one frame of each scene is kept."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

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

    uncertainty_m: NDArray[np.float32] | None = None
    """(H, W) standard deviation of depth [m]; None if unknown."""

    edges_m: NDArray[np.float32] | None = None
    """(k, 3) edges behind which the floor is missing [m]; None if unknown."""


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
