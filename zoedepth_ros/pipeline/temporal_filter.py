"""Drop points that the previous frame does not confirm.

A network may err in a single image: a bulging corner, a wall in the sky. A real surface is in the
next image too, at about the same depth and place.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.geometry.filters import stride_slice
from zoedepth_ros.pipeline.resumable import Resumable

TOLERANCE = 0.15
"""Relative change of depth between two images that the motion of the camera explains."""
REACH_SHARE = 1 / 160  # motion between two images, relative to the width of the image
LONGEST_GAP_S = 0.5


class TemporalFilter(Resumable):
    """Compare each depth map with the previous one."""

    KEPT = ('_now', '_at_s', '_kind')

    def __init__(self) -> None:
        self._now: NDArray[np.float32] | None = None
        self._before: NDArray[np.float32] | None = None
        self._at_s, self._kind = 0.0, ''

    def take(self, depth_m: NDArray[np.float32], kind: str, now_s: float) -> None:
        """Add the next depth map (H, W) [m], NaN for unknown.

        kind: its source; maps of different kinds, such as of different heads, are not compared,
        nor are maps with a gap between them.  now_s: the caller's clock [s], which may jump back.
        """
        follows = 0.0 <= now_s - self._at_s <= LONGEST_GAP_S and kind == self._kind
        is_same_size = self._now is not None and self._now.shape == depth_m.shape
        self._before = self._now if follows and is_same_size else None
        self._now, self._at_s, self._kind = depth_m.copy(), now_s, kind

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        """Continue from a snapshot, with the next map."""
        super().restore(snapshot)
        self._before = None

    def unconfirmed(
        self, steps: tuple[int, int] = (1, 1), rows: slice = slice(None)
    ) -> NDArray[np.bool_] | None:
        """Return the mask of unconfirmed pixels; None without a previous map.

        steps: stride of rows and columns.  rows: of these rows of the map only.  A pixel is
        confirmed if the previous map has its depth, within the tolerance, at one of nine places
        around it.
        """
        if self._before is None or self._now is None:
            return None
        top, bottom, _ = rows.indices(self._now.shape[0])
        decimated = stride_slice(steps[0]), stride_slice(steps[1])
        now_m = self._now[top:bottom][decimated]
        reach_px = max(1, round(self._now.shape[1] * REACH_SHARE))
        before_m = cv2.copyMakeBorder(self._before, *(reach_px,) * 4, cv2.BORDER_REPLICATE)
        width = self._now.shape[1]
        least_m = np.full(now_m.shape, np.inf, np.float32)
        for down in (0, reach_px, 2 * reach_px):
            for right in (0, reach_px, 2 * reach_px):
                there_m = before_m[top + down : bottom + down, right : right + width]
                with np.errstate(invalid='ignore'):  # infinite in both
                    apart_m = np.abs(now_m - there_m[decimated])
                np.fmin(least_m, apart_m, out=least_m)
        return least_m > np.float32(TOLERANCE) * now_m
