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
from zoedepth_ros.geometry.kernels import Workspace
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


def mask_beyond(depth_m: Map, limit_m: float, workspace: Workspace | None = None) -> Map:
    """Return depth (H, W) with NaN beyond a limit; the same array if no value is beyond.

    workspace: the result is valid until its next use.
    """
    workspace = workspace or Workspace()
    beyond = workspace.array('beyond', depth_m.shape, np.bool_)
    np.greater(depth_m, np.float32(limit_m), out=beyond)
    if not beyond.any():
        return depth_m
    out_m = workspace.array('within', depth_m.shape)
    np.copyto(out_m, depth_m)
    workspace.put(out_m, beyond, np.nan)
    return out_m


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


def without_uncertain(
    depth_m: Map,
    uncertainty_m: Map,
    limit_m: float,
    workspace: Workspace | None = None,
) -> Map:
    """Return depth (H, W) with NaN where its standard deviation is above a limit; 0.0 is none.

    workspace: the result is valid until its next use.
    """
    if limit_m <= 0.0:
        return depth_m
    workspace = Workspace() if workspace is None else workspace
    out_m = workspace.array('certain', depth_m.shape)
    uncertain = workspace.array('uncertain', depth_m.shape, np.bool_)
    np.less_equal(uncertainty_m, np.float32(limit_m), out=uncertain)  # false for NaN
    np.logical_not(uncertain, out=uncertain)
    np.copyto(out_m, depth_m)
    workspace.put(out_m, uncertain, np.nan)
    return out_m


def depth_for_points(
    depth_m: Map,
    *,
    min_m: float,
    edges: bool,
    network_width: int = TUNED_WIDTH_PX,
    steps: tuple[int, int] = (1, 1),
    workspace: Workspace | None = None,
) -> Map:
    """Return depth (H, W) as `geometry.filters` defines it: NaN at edges, -Inf if too near.

    min_m: smallest depth.  edges: whether to remove flying pixels.  network_width: columns of the
    network's input; the fewer, the wider its edges.  steps: stride of rows and columns, as
    `decimate` keeps them.  workspace: the result is valid until its next use.
    """
    workspace = Workspace() if workspace is None else workspace
    few_m = depth_m[stride_slice(steps[0]), stride_slice(steps[1])]
    out_m = workspace.array('for points', few_m.shape)
    if edges:
        flying = flying_pixels(
            depth_m, network_width=network_width, strides=steps, workspace=workspace
        )
    else:
        flying = workspace.array('marks', few_m.shape, np.bool_)
        flying[...] = False
    if kernels.limit(depth_m, steps, flying, min_m, out_m):
        return out_m
    mask = workspace.array('left out', few_m.shape, np.bool_)
    np.copyto(out_m, few_m)
    np.less(few_m, np.float32(min_m), out=mask)  # NaN stays NaN
    workspace.put(out_m, mask, -np.inf)
    np.less_equal(few_m, np.float32(0.0), out=mask)  # no valid depth
    np.logical_or(mask, flying, out=mask)
    workspace.put(out_m, mask, np.nan)
    return out_m


def write_depth(
    depth_m: Map,
    pixels: NDArray[Any],
    *,
    min_m: float,
    max_m: float,
    workspace: Workspace | None = None,
) -> None:
    """Write depth (H, W), NaN for unknown, as depth/image shows it.

    pixels: (H, W) float32 [m] by REP 117 (-Inf too near, +Inf too far) or uint16 [mm] with 0 for
    invalid.  max_m: 0.0 sets no limit.
    """
    workspace = Workspace() if workspace is None else workspace
    max_m = max_m if max_m > 0.0 else np.inf
    if pixels.dtype == np.uint16:
        to_millimetres(depth_m, min_m=min_m, max_m=max_m, out=pixels, workspace=workspace)
        return
    if kernels.write_depth(depth_m, min_m, max_m, pixels):
        return
    beyond = workspace.array('beyond', depth_m.shape, np.bool_)
    np.copyto(pixels, depth_m)
    workspace.put(pixels, np.less(depth_m, np.float32(min_m), out=beyond), -np.inf)
    workspace.put(pixels, np.greater(depth_m, np.float32(max_m), out=beyond), np.inf)


def flying_pixels(
    depth_m: Map,
    *,
    network_width: int = TUNED_WIDTH_PX,
    strides: tuple[int, int] = (1, 1),
    workspace: Workspace | None = None,
) -> NDArray[np.bool_]:
    """Mark flying pixels: depth between a near and a far surface that belongs to neither, (H, W).

    A depth network joins a near and a far surface by a short ramp of depth values.  Inverse depth
    is linear in the pixel coordinates on every plane, so a plane has a constant gradient and a
    ramp is a narrow peak of the gradient, which a white top-hat filter finds.

    depth_m: (H, W) [m]; NaN and infinity count as infinitely far.  network_width: columns of the
    network's input [px].
    strides: compute the marks of every n-th row and column only, as `decimate` selects them.
    workspace: the marks are valid until its next use.
    """
    workspace = workspace or Workspace()
    size = widest_ramp_px(depth_m.shape[1])
    max_jump = largest_jump(depth_m.shape[1], network_width)
    rows, columns = stride_slice(strides[0]), stride_slice(strides[1])
    marks = workspace.array('marks', depth_m[rows, columns].shape, np.bool_)
    marks[...] = False
    if not marks.size or kernels.mark_flying_pixels(
        depth_m, strides, size, max_jump, marks, workspace
    ):
        return marks
    along_rows = _inverse(depth_m[rows], workspace, ' along rows')
    along_columns, name = along_rows, ' along rows'  # without strides both share one buffer
    if strides != (1, 1):
        name = ' along columns'
        along_columns = _inverse(depth_m[:, columns], workspace, name)
    inverse = along_rows[:, columns]
    slack = workspace.array('slack', inverse.shape)
    np.multiply(inverse, np.float32(max_jump), out=slack)
    if depth_m.shape[1] >= 3:
        peaks = _peaks(along_rows, 1, size, columns, slack, workspace, ' along rows')
        np.logical_or(marks, peaks, out=marks)
    if depth_m.shape[0] >= 3:
        peaks = _peaks(along_columns, 0, size, rows, slack, workspace, name)
        np.logical_or(marks, peaks, out=marks)
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


def _inverse(depth_m: Map, workspace: Workspace, name: str) -> Map:
    """Return 1 / depth, 0 where unknown."""
    inverse = workspace.array(f'inverse{name}', depth_m.shape)
    with np.errstate(divide='ignore'):
        np.divide(np.float32(1.0), depth_m, out=inverse)
    if inverse.size:
        cv2.patchNaNs(inverse, 0.0)
    return inverse


def _peaks(
    values: Map,
    axis: int,
    size: int,
    kept: slice,
    slack: Map,
    workspace: Workspace,
    name: str,
) -> NDArray[np.bool_]:
    """Mark narrow peaks of the gradient along an axis that are higher than slack.

    kept: rows or columns to mark, along the axis; slack: values at those.  The morphological
    opening of the top-hat uses only the order of values, so 16-bit keys in the same order give
    the same result in half the time.
    """
    slope = _central_difference(values, axis, workspace.array(f'slope{name}', values.shape))
    window = (1, size) if axis == 0 else (size, 1)
    kernel = cv2.getStructuringElement(cv2.MORPH_RECT, window)
    coarse, eroded, opened = workspace.array(f'opening{name}', (3, *values.shape), np.uint16)
    # cv2.MORPH_OPEN would allocate on every call, which costs more than the filter.
    cv2.erode(_coarse(slope, coarse), kernel, dst=eroded)
    cv2.dilate(eroded, kernel, dst=opened)
    only = (kept, slice(None)) if axis == 0 else (slice(None), kept)
    height = workspace.array('height', slack.shape)
    np.subtract(slope[only], slack, out=height)
    cv2.max(height, 0.0, dst=height)
    above = _coarse(height, workspace.array('coarse height', slack.shape, np.uint16))
    return np.less(opened[only], above, out=workspace.array('above', slack.shape, np.bool_))


def _coarse(values: Map, out: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """Return the upper 16 bits of non-negative floats: same order, 1 % precision."""
    return np.right_shift(values.view(np.uint32), np.uint32(16), out=out, casting='unsafe')


def _central_difference(values: Map, axis: int, out: Map) -> Map:
    """Return |v[i+1] - v[i-1]| along an axis; border values are copied from their neighbours."""
    if axis == 0:
        cv2.absdiff(values[2:], values[:-2], dst=out[1:-1])
        out[0], out[-1] = out[1], out[-2]
    else:
        flat, flat_out = values.reshape(1, -1), out.reshape(1, -1)  # (1, H * W), without a copy
        cv2.absdiff(flat[:, 2:], flat[:, :-2], dst=flat_out[:, 1:-1])
        out[:, 0], out[:, -1] = out[:, 1], out[:, -2]
    return out
