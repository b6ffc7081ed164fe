"""Detect sky in a depth map.

Training data has no depth for the sky, so a network predicts arbitrary large values there.  A
pixel is classified as sky if its depth is large, its ray points above the horizon, its region
touches the upper edge of the upright image, and the image is smooth there.  Sky with a small
predicted depth is missed, and a smooth distant facade at that edge may be classified as sky.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.geometry.ground import UP_OF_A_LEVEL_CAMERA, Up, quarter_turns

FAR_M = {'indoor': np.inf, 'outdoor': 25.0}
"""Head -> smallest depth of sky [m]; infinity disables the detection."""

SMOOTH_LEVELS = 16.0
"""Largest local standard deviation of grey levels (0 to 255) in the sky, clouds included."""

DILATION = 7  # cells by which sky extends into distant clouds, cables and leaves
SHRINK = 4  # connected regions are computed at a quarter of the size


def sky_mask(
    depth_m: NDArray[np.float32],
    head: str,
    *,
    rays: NDArray[np.float32],
    up: Up = UP_OF_A_LEVEL_CAMERA,
    rgb: NDArray[np.uint8] | None = None,
) -> NDArray[np.bool_]:
    """Return the mask of sky, (H, W) bool.

    depth_m: (H, W); rays: (H, W, 2); up: unit vector in the camera frame.  rgb: (H, W, 3), for
    the check of smoothness; None skips it.
    """
    candidate = (depth_m >= np.float32(FAR_M[head])) & np.isfinite(FAR_M[head])
    if not candidate.any():
        return candidate
    candidate &= cv2.transform(rays, np.array([up], np.float32)) > 0.0  # above the horizon
    seed = candidate[::SHRINK, ::SHRINK]
    if rgb is not None:
        seed = seed & _smooth(rgb)
    turns = quarter_turns(up)
    joined = np.rot90(_joined_to_the_top(np.rot90(seed, turns)), -turns).copy()
    mask = cv2.resize(joined, candidate.shape[::-1], interpolation=cv2.INTER_NEAREST)
    return candidate & mask.view(np.bool_)


def with_infinite_sky(
    depth_m: NDArray[np.float32], mask: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """Return depth with +inf where there is sky (REP 117: farther than anything measured)."""
    return np.where(mask, np.float32(np.inf), depth_m)


def _smooth(rgb: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Mark the smooth pixels of every fourth row and column."""
    height, width = rgb.shape[:2]
    small = (max(1, width // SHRINK), max(1, height // SHRINK))
    grey = cv2.cvtColor(cv2.resize(rgb, small, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
    level = grey.astype(np.float32)
    mean = cv2.blur(level, (5, 5))
    variance = cv2.blur(level * level, (5, 5)) - mean * mean
    calm = variance < SMOOTH_LEVELS**2
    rows, columns = (
        np.arange(0, long, SHRINK) * short // long
        for long, short in zip((height, width), reversed(small), strict=True)
    )
    return calm[rows[:, None], columns]


def _joined_to_the_top(candidate: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Mark the connected regions that touch the upper edge, dilated; 1 or 0."""
    _, labels = cv2.connectedComponents(candidate.astype(np.uint8), connectivity=8)
    at_top = np.unique(labels[0])
    joined = np.isin(labels, at_top[at_top > 0]).astype(np.uint8)
    return cv2.dilate(joined, np.ones((DILATION, DILATION), np.uint8))
