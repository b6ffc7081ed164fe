"""Pixels whose depth is not to be trusted."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

RAMP_SHARE = 1 / 26  # widest ramp, of the picture's width: ten columns of a small network
JUMP_AT_512 = 0.03 * 640  # found on drawn scenes; see docs/obstacles.md
LARGEST_JUMP = 0.05  # small pictures hold few columns per ramp


def flying_pixels(
    depth_m: NDArray[np.float32],
    *,
    max_jump: float | None = None,
    width_px: int | None = None,
    network_width: int = 512,
) -> NDArray[np.bool_]:
    """Mark the pixels between two surfaces, (H, W), true where depth jumps.

    A depth network joins near and far surfaces by a short ramp of points that hang in the air.
    Inverse depth is a linear function of the pixel on every plane, however slanted, so a plane has
    a constant gradient and a ramp is a narrow peak of it: a white top-hat finds the peaks.

    depth_m: (H, W) [m]; unknown and infinite count as infinitely far.  max_jump: step of the
    inverse depth across a pixel, relative to its own, that the surface's slope does not explain;
    by default 3 % at 640 columns from a network of 512, less where the same ramp takes more
    columns.  width_px: widest ramp to find.  network_width: columns the network sees.
    """
    with np.errstate(divide='ignore'):
        inverse = np.float32(1.0) / depth_m
    inverse = cv2.patchNaNs(inverse, 0.0)
    size = max(5, round(depth_m.shape[1] * RAMP_SHARE)) if width_px is None else width_px
    size |= 1  # odd, so that the window is centred
    if max_jump is None:
        fine = math.sqrt(network_width / 512)
        max_jump = min(LARGEST_JUMP, JUMP_AT_512 * fine / depth_m.shape[1])
    excess = np.zeros_like(inverse)
    for axis, window in ((1, (size, 1)), (0, (1, size))):
        if depth_m.shape[axis] >= 3:
            slope = _central_difference(inverse, axis)
            kernel = cv2.getStructuringElement(cv2.MORPH_RECT, window)
            peak = cv2.morphologyEx(slope, cv2.MORPH_TOPHAT, kernel)
            cv2.max(excess, peak, dst=excess)
    return excess > np.float32(max_jump) * inverse


def _central_difference(values: NDArray[np.float32], axis: int) -> NDArray[np.float32]:
    """Give |v[i+1] - v[i-1]| along an axis, the borders copied from their neighbours."""
    out = np.empty_like(values)
    if axis == 1:
        out[:, 1:-1] = cv2.absdiff(values[:, 2:], values[:, :-2])
        out[:, 0], out[:, -1] = out[:, 1], out[:, -2]
    else:
        cv2.absdiff(values[2:], values[:-2], dst=out[1:-1])
        out[0], out[-1] = out[1], out[-2]
    return out
