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

from zoedepth_ros.geometry.ground import quarter_turns
from zoedepth_ros.geometry.kernels import Workspace

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
    up: tuple[float, float, float] = (0.0, -1.0, 0.0),
    rgb: NDArray[np.uint8] | None = None,
    workspace: Workspace | None = None,
) -> NDArray[np.bool_]:
    """Return the mask of sky, (H, W) bool.

    depth_m: (H, W); rays: (H, W, 2); up: unit vector in the camera frame.  rgb: (H, W, 3), for
    the check of smoothness; None skips it.  workspace: the mask is valid until its next use.
    """
    workspace = workspace or Workspace()
    limit_m = FAR_M[head]
    candidate = workspace.array('sky', depth_m.shape, np.bool_)
    np.greater_equal(depth_m, np.float32(limit_m), out=candidate)
    if not np.isfinite(limit_m) or not candidate.any():
        candidate[...] = False
        return candidate
    _keep_above_horizon(candidate, rays, up, workspace)
    seed = candidate[::SHRINK, ::SHRINK]
    if rgb is not None:
        seed = seed & _smooth(rgb)
    turns = quarter_turns(up)
    joined = np.rot90(_joined_to_the_top(np.rot90(seed, turns)), -turns).copy()
    height, width = candidate.shape
    mask = workspace.array('joined', candidate.shape, np.uint8)
    cv2.resize(joined, (width, height), dst=mask, interpolation=cv2.INTER_NEAREST)
    return np.logical_and(candidate, mask.view(np.bool_), out=candidate)


def with_infinite_sky(
    depth_m: NDArray[np.float32], mask: NDArray[np.bool_], workspace: Workspace | None = None
) -> NDArray[np.float32]:
    """Return depth with +inf where there is sky (REP 117: farther than anything measured).

    workspace: the result is valid until its next use.
    """
    workspace = workspace or Workspace()
    out = workspace.array('without sky', depth_m.shape)
    np.copyto(out, depth_m)
    workspace.put(out, mask, np.inf)
    return out


def _keep_above_horizon(
    candidate: NDArray[np.bool_],
    rays: NDArray[np.float32],
    up: tuple[float, float, float],
    workspace: Workspace,
) -> None:
    """Clear, in place, the pixels whose rays do not point above the horizon."""
    rising = workspace.array('rising', candidate.shape)
    cv2.transform(rays, np.array([up], np.float32), dst=rising)
    above = workspace.array('above', candidate.shape, np.bool_)
    np.greater(rising, np.float32(0.0), out=above)
    np.logical_and(candidate, above, out=candidate)


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
