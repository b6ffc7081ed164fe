"""Put picture, depth and points of one moment together, and keep one moment of each scene."""

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
class Moment:
    """Hold one picture and what was made of it."""

    rgb: NDArray[np.uint8]
    """(H, W, 3)."""

    depth_m: NDArray[np.float32]
    """(H, W) [m]; NaN unknown, infinite out of range."""

    points_m: NDArray[np.float32]
    """(N, 3) [m], x right, y down, z forward; NaN unknown."""

    points_rgb: NDArray[np.uint8]
    """(N, 3)."""

    head: str = ''
    """The head in use then, '' when nobody said."""


class Matcher:
    """Wait until a message of every wanted topic with one stamp has come.

    Pictures are many while a slow network works on one of them; once a set is complete, older
    ones wait in vain, as depth comes in the order of the pictures.
    """

    def __init__(self, topics: tuple[str, ...], keep: int = 400) -> None:
        """topics: all of these make a set.  keep: how many unfinished stamps are remembered."""
        self._topics, self._keep = topics, keep
        self._waiting: OrderedDict[int, dict[str, Any]] = OrderedDict()

    def add(self, topic: str, stamp_ns: int, message: Any) -> Mapping[str, Any] | None:
        """Take a message; give topic -> message once the set is complete."""
        collected = self._waiting.setdefault(stamp_ns, {})
        collected[topic] = message
        if len(collected) == len(self._topics):
            self._forget_before(stamp_ns)
            return self._waiting.pop(stamp_ns)
        while len(self._waiting) > self._keep:
            self._waiting.popitem(last=False)
        return None

    def _forget_before(self, stamp_ns: int) -> None:
        for older in [stamp for stamp in self._waiting if stamp < stamp_ns]:
            del self._waiting[older]


class Scenes:
    """Keep the newest moment of every different scene, up to a number of scenes."""

    def __init__(self, most: int = 3) -> None:
        """most: how many scenes to keep."""
        self._most = most
        self._kept: list[tuple[NDArray[np.float32], Moment]] = []

    def add(self, moment: Moment) -> None:
        """Keep it in place of the moment of the same scene, or of the most similar when full."""
        thumbnail = _thumbnail(moment.rgb)
        distances = [float(np.abs(thumbnail - other).mean()) for other, _ in self._kept]
        nearest = int(np.argmin(distances)) if distances else -1
        is_new = not distances or distances[nearest] >= _SAME_SCENE_BELOW
        if is_new and len(self._kept) < self._most:
            self._kept.append((thumbnail, moment))
        else:
            self._kept[nearest] = thumbnail, moment

    @property
    def moments(self) -> list[Moment]:
        """One moment of each scene, in the order in which the scenes came."""
        return [moment for _, moment in self._kept]


def _thumbnail(rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    small = cv2.resize(rgb, _THUMBNAIL, interpolation=cv2.INTER_AREA)
    return cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.float32)
