"""From a depth map to points in space."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray


def depth_to_points(
    depth_m: NDArray[np.float32],
    rays: NDArray[np.float32],
    out: NDArray[np.float32] | None = None,
) -> NDArray[np.float32]:
    """Give the point that each pixel sees, (H, W, 3) [m].

    depth_m: (H, W) along z; rays: (H, W, 2) x/z and y/z.  NaN stays NaN and infinite depth becomes
    NaN in all three coordinates.  out: written in place when given.  Raises ValueError when the
    sizes differ.

    Convention: camera coordinates, x right, y down, z forward (REP 103, optical frame).
    """
    if rays.shape != (*depth_m.shape, 2):
        raise ValueError(f'rays must be {(*depth_m.shape, 2)} for this depth, got {rays.shape}')
    if out is None:
        out = np.empty((*depth_m.shape, 3), np.float32)
    if depth_m.size == 0:
        return out
    with np.errstate(invalid='ignore'):
        known_m = depth_m + (depth_m - depth_m)  # infinity becomes NaN, the rest stays
    xy_m = cv2.multiply(rays, cv2.merge((known_m, known_m)))
    cv2.mixChannels([xy_m, known_m], [out], [0, 0, 1, 1, 2, 2])
    return out


def decimate(array: NDArray, step: int) -> NDArray:
    """Keep every `step`-th row and column, as a view.

    The kept pixel is the middle one of its block.  Raises ValueError for a step below 1.
    """
    if step < 1:
        raise ValueError(f'the decimation must be 1 or more, got {step}')
    return array[step // 2 :: step, step // 2 :: step]
