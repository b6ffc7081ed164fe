"""Sky, which has no distance, told from what a network says about it.

No training data measures the sky, so a network says anything large there: a wall that hangs in
the air. Nothing in one depth map proves sky; what it can be told by is that it is farther than
the head was taught to judge, looks up from the horizon, is joined to the upper edge of the
picture, and is smooth. Sky that the network puts near is not found, and a smooth far facade that
reaches the upper edge may be taken for sky: both ends stay beyond the trusted range, where points
are not used anyway.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.geometry.workspace import Scratch

FAR_M = {'indoor': np.inf, 'outdoor': 25.0}
"""Head -> nearest depth that may be sky [m]; there is none indoors."""

SMOOTH_LEVELS = 16.0
"""Largest local standard deviation of grey [0 to 255] in the sky; clouds have soft edges."""

GROWN = 7  # cells by which smooth sky reaches into clouds, cables and leaves that are as far
SHRINK = 4  # sky is large: a quarter of the size is enough to join it up


def sky(
    depth_m: NDArray[np.float32],
    head: str,
    *,
    rays: NDArray[np.float32],
    up: tuple[float, float, float] = (0.0, -1.0, 0.0),
    rgb: NDArray[np.uint8] | None = None,
    far_m: float | None = None,
    scratch: Scratch | None = None,
) -> NDArray[np.bool_]:
    """Mark sky, (H, W).

    depth_m: (H, W); rays: (H, W, 2) and up say which pixels look above the horizon.  rgb: (H, W,
    3), asks for smoothness too.  far_m: nearest depth that may be sky, by default the head's own.
    scratch: the marks are valid until its next use.
    """
    lent = Scratch() if scratch is None else scratch
    limit_m = FAR_M[head] if far_m is None else far_m
    candidate = lent.array('sky', depth_m.shape, np.bool_)
    np.greater_equal(depth_m, np.float32(limit_m), out=candidate)
    if not np.isfinite(limit_m) or not candidate.any():
        candidate[...] = False
        return candidate
    _leave_what_rises(candidate, rays, up, lent)
    seed = candidate[::SHRINK, ::SHRINK]
    if rgb is not None:
        seed = seed & _smooth(rgb)
    joined = _joined_to_the_top(seed)
    height, width = candidate.shape
    mask = lent.array('joined', candidate.shape, np.uint8)
    cv2.resize(joined, (width, height), dst=mask, interpolation=cv2.INTER_NEAREST)
    return np.logical_and(candidate, mask.view(np.bool_), out=candidate)


def without_sky(
    depth_m: NDArray[np.float32], mask: NDArray[np.bool_], scratch: Scratch | None = None
) -> NDArray[np.float32]:
    """Give depth with +inf where there is sky (REP 117: farther than anything measured).

    scratch: the result is valid until its next use.
    """
    lent = Scratch() if scratch is None else scratch
    out = lent.array('without sky', depth_m.shape)
    np.copyto(out, depth_m)
    lent.put(out, mask, np.inf)
    return out


def _leave_what_rises(
    candidate: NDArray[np.bool_],
    rays: NDArray[np.float32],
    up: tuple[float, float, float],
    lent: Scratch,
) -> None:
    """Take out, in place, what does not look above the horizon."""
    rising = lent.array('rising', candidate.shape)
    cv2.transform(rays, np.array([up], np.float32), dst=rising)
    above = lent.array('above', candidate.shape, np.bool_)
    np.greater(rising, np.float32(0.0), out=above)
    np.logical_and(candidate, above, out=candidate)


def _smooth(rgb: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Mark every fourth pixel of every fourth row around which grey hardly changes."""
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
    """Mark the regions of candidates that touch the upper edge, a little widened; 1 or 0."""
    _, labels = cv2.connectedComponents(candidate.astype(np.uint8), connectivity=8)
    at_top = np.unique(labels[0])
    joined = np.isin(labels, at_top[at_top > 0]).astype(np.uint8)
    return cv2.dilate(joined, np.ones((GROWN, GROWN), np.uint8))
