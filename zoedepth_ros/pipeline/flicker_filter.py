"""Remove the flicker of the scale between images, without delay.

A network predicts each image independently, so that the scale of depth changes although nothing
moves. Over pixels that did not change, the ratio of the new depth to the previous one is this
flicker. One factor per image removes it.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.pipeline.resumable import Resumable

LOOK_SIZE = (96, 128)  # images are compared at a small size: less noise, and fast

HOLD_S, RELEASE_S = 3.0, 1.0
"""Time constants with which a static scene follows the network's own scale, and with which the
correction fades when the camera moves [s]."""

STILL_LEVELS, STILL_SHARE = 4.0, 0.5
"""Largest change of grey of a static pixel [0 to 255], and share of static pixels from which on
the scene is static."""

LIMIT = 0.5
"""Largest correction, as a logarithm."""


class FlickerFilter(Resumable):
    """Compute the factor that makes each depth map continue the previous one."""

    KEPT = ('_grey', '_log_depth', '_head', '_at_s', '_log_factor', '_handing_over')

    def __init__(self) -> None:
        self.hold = True
        """Whether the scale of a static scene is kept; the handover works without."""
        self.handover_s = 0.0
        """Time constant with which the own scale of a new head takes over [s]; 0.0 switches at
        once."""
        self._grey: NDArray[np.float32] | None = None
        self._log_depth: NDArray[np.float32] | None = None  # of the last output, at a small size
        self._head = ''
        self._at_s = 0.0
        self._log_factor = 0.0
        self._handing_over = False

    def factor(
        self, depth_m: NDArray[np.float32], rgb: NDArray[np.uint8], head: str, now_s: float
    ) -> float:
        """Return the factor on this depth map.

        depth_m: (H, W), rgb: (H, W, 3), head: the one that measured it.  now_s: the caller's
        clock [s]; a jump back resets the filter.
        """
        grey, log_depth = _small_grey(rgb), _small_log(depth_m)
        passed_s = now_s - self._at_s
        if self._grey is None or self._log_depth is None or not 0.0 <= passed_s < 2.0:
            self._log_factor, self._handing_over = 0.0, False
        else:
            self._step(grey, log_depth, head, passed_s)
        self._grey, self._head, self._at_s = grey, head, now_s
        self._log_depth = log_depth + np.float32(self._log_factor)
        return math.exp(self._log_factor)

    def _step(
        self, grey: NDArray[np.float32], log_depth: NDArray[np.float32], head: str, passed_s: float
    ) -> None:
        """Update the correction for one image."""
        assert self._grey is not None
        assert self._log_depth is not None
        switched = head != self._head
        still = np.abs(grey - self._grey) < STILL_LEVELS
        usable = np.isfinite(log_depth) & np.isfinite(self._log_depth)
        is_still = self.hold and float(still.mean()) >= STILL_SHARE
        compared = usable & still if still.mean() >= STILL_SHARE else usable
        if switched:
            self._handing_over = self.handover_s > 0.0
            if not self._handing_over:
                self._log_factor = 0.0
        if (is_still or (switched and self._handing_over)) and compared.sum() >= 50:
            self._log_factor = float(np.median((self._log_depth - log_depth)[compared]))
        time_s = self.handover_s if self._handing_over else HOLD_S if is_still else RELEASE_S
        if not switched:
            self._log_factor *= math.exp(-passed_s / time_s)
        if self._handing_over and abs(self._log_factor) < 0.01:
            self._handing_over = False
        self._log_factor = max(-LIMIT, min(LIMIT, self._log_factor))


def _small_grey(rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the image in grey, (96, 128) [0 to 255]."""
    small = cv2.resize(rgb, LOOK_SIZE[::-1], interpolation=cv2.INTER_AREA)
    return cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.float32)


def _small_log(depth_m: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return log depth at a small size, (96, 128); NaN where unknown."""
    small = cv2.resize(depth_m, LOOK_SIZE[::-1], interpolation=cv2.INTER_NEAREST)
    with np.errstate(divide='ignore', invalid='ignore'):
        logs = np.log(small)
    return np.where(np.isfinite(logs), logs, np.float32(np.nan))
