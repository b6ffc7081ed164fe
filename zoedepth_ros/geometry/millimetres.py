"""Convert depth to and from 16-bit millimetres, the encoding of 16UC1 images and PNG files."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LARGEST_MM = 65535


def to_millimetres(
    depth_m: NDArray[np.float32], *, min_m: float = 0.0, max_m: float = np.inf
) -> tuple[NDArray[np.uint16], int]:
    """Return depth (H, W) [m] in millimetres, and how many finite values exceed 16 bits.

    NaN, infinite and non-positive values, and those below min_m, above max_m or 65.535 m become 0.
    Values are rounded half to even in float64, where the product of a float32 and 1000 is exact.
    """
    exact_mm = np.rint(np.multiply(depth_m, 1000.0, dtype=np.float64))
    known = (exact_mm > 0.0) & (depth_m >= np.float32(min_m)) & (depth_m <= np.float32(max_m))
    fits = exact_mm <= LARGEST_MM
    too_far = int(np.count_nonzero(known & ~fits & np.isfinite(exact_mm)))
    return np.where(known & fits, exact_mm, 0.0).astype(np.uint16), too_far


def from_millimetres(depth_mm: NDArray[np.integer]) -> NDArray[np.float32]:
    """Return millimetres (H, W) as depth [m]; 0 becomes NaN."""
    depth_m = depth_mm.astype(np.float32) / np.float32(1000.0)
    return np.where(depth_mm > 0, depth_m, np.float32(np.nan))
