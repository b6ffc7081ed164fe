"""Depth in whole millimetres of 16 bits, as 16UC1 images and PNG files hold it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.geometry.workspace import Scratch

LARGEST_MM = 65535


def to_millimetres(
    depth_m: NDArray[np.float32],
    *,
    min_m: float = 0.0,
    max_m: float = np.inf,
    out: NDArray[np.uint16] | None = None,
    scratch: Scratch | None = None,
) -> tuple[NDArray[np.uint16], int]:
    """Give depth (H, W) [m] in millimetres, and how many known pixels are too far for 16 bits.

    0 is unknown: NaN, infinite, not positive, nearer than min_m, farther than max_m or 65.535 m.
    Rounded to the nearest, of halves to the even one; computed in float64, where a float32 times
    1000 is exact.  out: written in place when given.
    """
    lent = Scratch() if scratch is None else scratch
    out = np.empty(depth_m.shape, np.uint16) if out is None else out
    exact_mm = lent.array('millimetres', depth_m.shape, np.float64)
    np.multiply(depth_m, 1000.0, out=exact_mm, dtype=np.float64)
    np.rint(exact_mm, out=exact_mm)
    known = (exact_mm > 0.0) & (depth_m >= np.float32(min_m)) & (depth_m <= np.float32(max_m))
    fits = exact_mm <= LARGEST_MM
    too_far = int(np.count_nonzero(known & ~fits & np.isfinite(exact_mm)))
    lent.put(exact_mm, ~(known & fits), 0.0)
    np.copyto(out, exact_mm, casting='unsafe')
    return out, too_far


def from_millimetres(depth_mm: NDArray[np.integer]) -> NDArray[np.float32]:
    """Give depth (H, W) [m] of whole millimetres; 0 becomes NaN."""
    depth_m = depth_mm.astype(np.float32) / np.float32(1000.0)
    return np.where(depth_mm > 0, depth_m, np.float32(np.nan))
