"""Find flying pixels: depth values between a near and a far surface that belong to neither."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.geometry import kernels
from zoedepth_ros.geometry.points import stride_slice
from zoedepth_ros.geometry.workspace import Workspace

RAMP_SHARE = 1 / 26  # widest ramp per image width: ten columns of a small network
JUMP_AT_512 = 0.04 * 640  # tuned on synthetic scenes, see docs/obstacles.md
LARGEST_JUMP = 0.05  # limit for small images, where a ramp has few columns


def flying_pixels(
    depth_m: NDArray[np.float32],
    *,
    max_jump: float | None = None,
    width_px: int | None = None,
    network_width: int = 512,
    strides: tuple[int, int] = (1, 1),
    workspace: Workspace | None = None,
) -> NDArray[np.bool_]:
    """Mark the pixels between two surfaces, (H, W) bool.

    A depth network joins a near and a far surface by a short ramp of depth values.  Inverse depth
    is linear in the pixel coordinates on every plane, so a plane has a constant gradient and a
    ramp is a narrow peak of the gradient, which a white top-hat filter finds.

    depth_m: (H, W) [m]; NaN and infinity count as infinitely far.  max_jump: largest change of the
    inverse depth across a pixel, relative to its value, beyond the slope of the surface; by
    default 4 % for 640 columns from a network of 512 columns, less where a ramp takes more
    columns.  width_px: widest ramp to find.  network_width: columns of the network's input [px].
    strides: compute the marks of every n-th row and column only, as `decimate` selects them.
    workspace: the marks are valid until its next use.
    """
    workspace = workspace or Workspace()
    size = widest_ramp_px(depth_m.shape[1]) if width_px is None else width_px | 1
    if max_jump is None:
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
    """Return the default of `max_jump` in `flying_pixels`.

    width: columns of the image [px]; network_width: columns of the network's input [px].
    """
    return min(LARGEST_JUMP, JUMP_AT_512 * math.sqrt(network_width / 512) / width)


def widest_ramp_px(width: int) -> int:
    """Return the widest ramp to find in an image of this width [px]; odd, for a centred window."""
    return max(5, round(width * RAMP_SHARE)) | 1


def _inverse(depth_m: NDArray[np.float32], workspace: Workspace, name: str) -> NDArray[np.float32]:
    """Return 1 / depth, 0 where unknown."""
    inverse = workspace.array(f'inverse{name}', depth_m.shape)
    with np.errstate(divide='ignore'):
        np.divide(np.float32(1.0), depth_m, out=inverse)
    if inverse.size:
        cv2.patchNaNs(inverse, 0.0)
    return inverse


def _peaks(
    values: NDArray[np.float32],
    axis: int,
    size: int,
    kept: slice,
    slack: NDArray[np.float32],
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
    coarse, eroded, opened = (
        workspace.array(f'{part}{name}', values.shape, np.uint16)
        for part in ('coarse', 'eroded', 'opened')
    )
    # cv2.MORPH_OPEN would allocate on every call, which costs more than the filter.
    cv2.erode(_coarse(slope, coarse), kernel, dst=eroded)
    cv2.dilate(eroded, kernel, dst=opened)
    only = (kept, slice(None)) if axis == 0 else (slice(None), kept)
    height = workspace.array('height', slack.shape)
    np.subtract(slope[only], slack, out=height)
    cv2.max(height, 0.0, dst=height)
    above = _coarse(height, workspace.array('coarse height', slack.shape, np.uint16))
    return np.less(opened[only], above, out=workspace.array('above', slack.shape, np.bool_))


def _coarse(values: NDArray[np.float32], out: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """Return the upper 16 bits of non-negative floats: same order, 1 % precision."""
    return np.right_shift(values.view(np.uint32), np.uint32(16), out=out, casting='unsafe')


def _central_difference(
    values: NDArray[np.float32], axis: int, out: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return |v[i+1] - v[i-1]| along an axis; border values are copied from their neighbours."""
    if axis == 0:
        cv2.absdiff(values[2:], values[:-2], dst=out[1:-1])
        out[0], out[-1] = out[1], out[-2]
    else:
        flat, flat_out = values.reshape(1, -1), out.reshape(1, -1)  # (1, H * W), without a copy
        cv2.absdiff(flat[:, 2:], flat[:, :-2], dst=flat_out[:, 1:-1])
        out[:, 0], out[:, -1] = out[:, 1], out[:, -2]
    return out
