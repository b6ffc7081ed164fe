"""Pixels whose depth is not to be trusted."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.geometry.points import every
from zoedepth_ros.geometry.workspace import Scratch

RAMP_SHARE = 1 / 26  # widest ramp, of the picture's width: ten columns of a small network
JUMP_AT_512 = 0.04 * 640  # found on drawn scenes; see docs/obstacles.md
LARGEST_JUMP = 0.05  # small pictures hold few columns per ramp


def flying_pixels(
    depth_m: NDArray[np.float32],
    *,
    max_jump: float | None = None,
    width_px: int | None = None,
    network_width: int = 512,
    steps: tuple[int, int] = (1, 1),
    scratch: Scratch | None = None,
) -> NDArray[np.bool_]:
    """Mark the pixels between two surfaces, (H, W), true where depth jumps.

    A depth network joins near and far surfaces by a short ramp of points that hang in the air.
    Inverse depth is a linear function of the pixel on every plane, however slanted, so a plane has
    a constant gradient and a ramp is a narrow peak of it: a white top-hat finds the peaks.

    depth_m: (H, W) [m]; unknown and infinite count as infinitely far.  max_jump: step of the
    inverse depth across a pixel, relative to its own, that the surface's slope does not explain;
    by default 4 % at 640 columns from a network of 512, less where the same ramp takes more
    columns.  width_px: widest ramp to find.  network_width: columns the network sees.  steps:
    give the mark of every n-th row and column only, as `decimate` keeps them; the marks are the
    same, and most of the work is left out.  scratch: the marks are valid until its next use.
    """
    lent = Scratch() if scratch is None else scratch
    size = widest_ramp_px(depth_m.shape[1]) if width_px is None else width_px | 1
    if max_jump is None:
        max_jump = largest_jump(depth_m.shape[1], network_width)
    rows, columns = every(steps[0]), every(steps[1])
    along_rows = _inverse(depth_m[rows], lent, ' along rows')
    along_columns, name = along_rows, ' along rows'  # all of both: the same memory serves twice
    if steps != (1, 1):
        name = ' along columns'
        along_columns = _inverse(depth_m[:, columns], lent, name)
    inverse = along_rows[:, columns]
    slack = lent.array('slack', inverse.shape)
    np.multiply(inverse, np.float32(max_jump), out=slack)
    marks = lent.array('marks', inverse.shape, np.bool_)
    marks[...] = False
    if not marks.size:
        return marks
    if depth_m.shape[1] >= 3:
        peaks = _peaks(along_rows, 1, size, columns, slack, lent, ' along rows')
        np.logical_or(marks, peaks, out=marks)
    if depth_m.shape[0] >= 3:
        peaks = _peaks(along_columns, 0, size, rows, slack, lent, name)
        np.logical_or(marks, peaks, out=marks)
    return marks


def largest_jump(width: int, network_width: int) -> float:
    """Give the relative step of the inverse depth across a pixel that a surface may have.

    width: of the picture [px]; network_width: columns the network sees.
    """
    return min(LARGEST_JUMP, JUMP_AT_512 * math.sqrt(network_width / 512) / width)


def widest_ramp_px(width: int) -> int:
    """Give how wide a ramp is looked for in a picture [px]; odd, so that a window is centred."""
    return max(5, round(width * RAMP_SHARE)) | 1


def _inverse(depth_m: NDArray[np.float32], lent: Scratch, name: str) -> NDArray[np.float32]:
    """Give 1 / depth, 0 where unknown."""
    inverse = lent.array(f'inverse{name}', depth_m.shape)
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
    lent: Scratch,
    name: str,
) -> NDArray[np.bool_]:
    """Mark narrow peaks of the gradient along an axis, those higher than slack.

    kept: rows or columns, along the axis, to mark; slack: of those.  An opening, which is what is
    taken off in a top-hat, is made of minima and maxima, and those are the same in any numbers
    that keep the order: half as wide ones take half the time.
    """
    slope = _central_difference(values, axis, lent.array(f'slope{name}', values.shape))
    window = (1, size) if axis == 0 else (size, 1)
    kernel = cv2.getStructuringElement(cv2.MORPH_RECT, window)
    coarse, eroded, opened = (
        lent.array(f'{step}{name}', values.shape, np.uint16)
        for step in ('coarse', 'eroded', 'opened')
    )
    # Step by step: OpenCV's own opening asks for new memory every time, which costs more than it.
    cv2.erode(_coarse(slope, coarse), kernel, dst=eroded)
    cv2.dilate(eroded, kernel, dst=opened)
    only = (kept, slice(None)) if axis == 0 else (slice(None), kept)
    height = lent.array('height', slack.shape)
    np.subtract(slope[only], slack, out=height)
    cv2.max(height, 0.0, dst=height)
    above = _coarse(height, lent.array('coarse height', slack.shape, np.uint16))
    return np.less(opened[only], above, out=lent.array('above', slack.shape, np.bool_))


def _coarse(values: NDArray[np.float32], out: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """Give the upper half of the bits of numbers of 0 or more: in the same order, to 1 %."""
    return np.right_shift(values.view(np.uint32), np.uint32(16), out=out, casting='unsafe')


def _central_difference(
    values: NDArray[np.float32], axis: int, out: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Give |v[i+1] - v[i-1]| along an axis, the borders copied from their neighbours."""
    if axis == 0:
        cv2.absdiff(values[2:], values[:-2], dst=out[1:-1])
        out[0], out[-1] = out[1], out[-2]
    else:
        flat, across = values.reshape(1, -1), out.reshape(1, -1)  # rows run on: no copy of views
        cv2.absdiff(flat[:, 2:], flat[:, :-2], dst=across[:, 1:-1])
        out[:, 0], out[:, -1] = out[:, 1], out[:, -2]
    return out
