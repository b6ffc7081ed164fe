"""Decimation, limits and filters of depth, before it becomes an image, points or a scan.

Meaning of filtered depth:

| depth along z | meaning for the ray of the pixel |
|---|---|
| at most the largest measured depth | free up to this depth, where it meets a surface |
| more than the largest measured depth | free up to that limit, unknown beyond |
| +inf | meets nothing: sky |
| -inf | meets a surface nearer than the minimum depth (REP 117) |
| NaN | unknown |

The largest measured depth is that of the head's training data, or a smaller one that a parameter
sets.  The range limit of an output, such as a cloud, is independent of it.
"""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.geometry import kernels
from zoedepth_ros.geometry.millimetres import to_millimetres

Map = NDArray[np.float32]

RAMP_SHARE = 1 / 26  # widest ramp per image width: ten columns of a small network
TUNED_WIDTH_PX = 512  # columns of the network's input that JUMP is for
JUMP = 0.04 * 640  # tuned on synthetic scenes, see docs/obstacles.md
LARGEST_JUMP = 0.05  # limit for small images, where a ramp has few columns

BEYOND_LIMIT_M = np.float32(3e38)
"""Placeholder in `nearest_range` for a surface beyond the largest measured depth, or of doubtful
depth; larger than every measured range and smaller than +inf."""


def stride_slice(stride: int) -> slice:
    """Return the slice of every n-th row or column, the middle one of each block of n.

    Raises ValueError for a stride below 1.
    """
    if stride < 1:
        raise ValueError(f'the decimation must be 1 or more, got {stride}')
    return slice(stride // 2, None, stride)


def decimate(array: NDArray, stride: int) -> NDArray:
    """Return a view of every n-th row and column, see `stride_slice`."""
    return array[stride_slice(stride), stride_slice(stride)]


def mask_beyond(depth_m: Map, limit_m: float) -> Map:
    """Return depth (H, W) with NaN beyond a limit."""
    return np.where(depth_m > np.float32(limit_m), np.float32(np.nan), depth_m)


def raise_to(values: Map, least: float) -> None:
    """Replace smaller values in place by the least one; no value may be NaN."""
    if not kernels.raise_to(values, least):
        np.maximum(values, np.float32(least), out=values)


def free_depth(depth_m: Map, measured_to_m: float) -> Map:
    """Return the depth (H, W) up to which rays are free: at most the limit, +inf for sky."""
    return np.where(np.isposinf(depth_m), depth_m, np.minimum(depth_m, np.float32(measured_to_m)))


def nearest_range(ranges_m: Map, starts: NDArray[np.intp] | None = None) -> Map:
    """Return the smallest range of each beam [m]; NaN if that is BEYOND_LIMIT_M.

    ranges_m: (rows, beams), or flat with the first index of each beam in `starts`; +inf for free
    rays, BEYOND_LIMIT_M for surfaces at a range that is not known, NaN for unknown.
    """
    if starts is None:
        nearest_m = np.fmin.reduce(ranges_m, axis=0)
    else:
        nearest_m = np.fmin.reduceat(ranges_m, starts)
    nearest_m[nearest_m == BEYOND_LIMIT_M] = np.nan
    return nearest_m


def without_uncertain(depth_m: Map, uncertainty_m: Map, limit_m: float) -> Map:
    """Return depth (H, W) with NaN where its standard deviation is above a limit; 0.0 is none."""
    if limit_m <= 0.0:
        return depth_m
    return np.where(uncertainty_m <= np.float32(limit_m), depth_m, np.float32(np.nan))


def depth_for_points(
    depth_m: Map,
    *,
    min_m: float,
    edges: bool,
    network_width: int = TUNED_WIDTH_PX,
    steps: tuple[int, int] = (1, 1),
) -> Map:
    """Return depth (H, W) as `geometry.filters` defines it: NaN at edges, -Inf if too near.

    min_m: smallest depth.  edges: whether to remove flying pixels.  network_width: columns of the
    network's input; the fewer, the wider its edges.  steps: stride of rows and columns, as
    `decimate` keeps them.
    """
    few_m = depth_m[stride_slice(steps[0]), stride_slice(steps[1])]
    if edges:
        flying = flying_pixels(depth_m, network_width=network_width, strides=steps)
    else:
        flying = np.zeros(few_m.shape, np.bool_)
    out_m = np.empty(few_m.shape, np.float32)
    if not kernels.limit(depth_m, steps, flying, min_m, out_m):
        np.copyto(out_m, few_m)
        out_m[few_m < np.float32(min_m)] = -np.inf  # NaN stays NaN
        out_m[(few_m <= np.float32(0.0)) | flying] = np.nan
    return out_m


def write_depth(depth_m: Map, pixels: NDArray[Any], *, min_m: float, max_m: float) -> None:
    """Write depth (H, W), NaN for unknown, as depth/image shows it.

    pixels: (H, W) float32 [m] by REP 117 (-Inf too near, +Inf too far) or uint16 [mm] with 0 for
    invalid.  max_m: 0.0 sets no limit.
    """
    max_m = max_m if max_m > 0.0 else np.inf
    if pixels.dtype == np.uint16:
        pixels[...], _ = to_millimetres(depth_m, min_m=min_m, max_m=max_m)
    elif not kernels.write_depth(depth_m, min_m, max_m, pixels):
        np.copyto(pixels, depth_m)
        pixels[depth_m < np.float32(min_m)] = -np.inf
        pixels[depth_m > np.float32(max_m)] = np.inf


def flying_pixels(
    depth_m: Map,
    *,
    network_width: int = TUNED_WIDTH_PX,
    strides: tuple[int, int] = (1, 1),
) -> NDArray[np.bool_]:
    """Mark flying pixels: depth between a near and a far surface that belongs to neither, (H, W).

    A depth network joins a near and a far surface by a short ramp of depth values.  Inverse depth
    is linear in the pixel coordinates on every plane, so a plane has a constant gradient and a
    ramp is a narrow peak of the gradient, which a white top-hat filter finds.

    depth_m: (H, W) [m]; NaN and infinity count as infinitely far.  network_width: columns of the
    network's input [px].
    strides: compute the marks of every n-th row and column only, as `decimate` selects them.
    """
    depth_m = np.asarray(depth_m, np.float32)
    size = widest_ramp_px(depth_m.shape[1])
    max_jump = largest_jump(depth_m.shape[1], network_width)
    rows, columns = stride_slice(strides[0]), stride_slice(strides[1])
    marks = np.zeros(depth_m[rows, columns].shape, np.bool_)
    if not marks.size or kernels.mark_flying_pixels(depth_m, strides, size, max_jump, marks):
        return marks
    with np.errstate(divide='ignore'):
        inverse = np.float32(1.0) / depth_m
    inverse[np.isnan(inverse)] = 0.0
    marks |= _peaks(inverse[rows], 1, size, max_jump)[:, columns]
    marks |= _peaks(inverse[:, columns], 0, size, max_jump)[rows]
    return marks


def largest_jump(width: int, network_width: int) -> float:
    """Return the largest change of the inverse depth across a pixel, relative to its value.

    It is beyond the slope of the surface: 4 % for 640 columns from a network of 512 columns, less
    where a ramp takes more columns.  width: columns of the image [px]; network_width: columns of
    the network's input [px].
    """
    return min(LARGEST_JUMP, JUMP * math.sqrt(network_width / TUNED_WIDTH_PX) / width)


def widest_ramp_px(width: int) -> int:
    """Return the widest ramp to find in an image of this width [px]; odd, for a centred window."""
    return max(5, round(width * RAMP_SHARE)) | 1


def _peaks(inverse: Map, axis: int, size: int, max_jump: float) -> NDArray[np.bool_]:
    """Mark narrow peaks of the gradient of inverse depth along an axis, (H, W).

    The morphological opening of the top-hat uses only the order of values, so 16-bit keys in the
    same order give the same result in half the time.
    """
    if inverse.shape[axis] < 3:
        return np.zeros(inverse.shape, np.bool_)
    slope = np.empty(inverse.shape, np.float32)
    values, slopes = np.moveaxis(inverse, axis, 0), np.moveaxis(slope, axis, 0)
    with np.errstate(invalid='ignore'):
        np.abs(values[2:] - values[:-2], out=slopes[1:-1])
        slopes[0], slopes[-1] = slopes[1], slopes[-2]
        height = np.fmax(slope - inverse * np.float32(max_jump), np.float32(0.0))
    window = np.ones((size, 1) if axis == 0 else (1, size), np.uint8)
    return cv2.morphologyEx(_coarse(slope), cv2.MORPH_OPEN, window) < _coarse(height)


def _coarse(values: Map) -> NDArray[np.uint16]:
    """Return the upper 16 bits of non-negative floats: same order, 1 % precision."""
    return (values.view(np.uint32) >> np.uint32(16)).astype(np.uint16)
