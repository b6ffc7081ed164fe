"""`geometry.filters.flying_pixels` where the depth is: the same marks, in torch's operators."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from zoedepth_ros.geometry.filters import largest_jump, widest_ramp_px
from zoedepth_ros.geometry.points import stride_slice

_UPPER_HALF = -0x10000  # of the bits of a float32


def flying_pixels(depth_m: Tensor, *, network_width: int, step: int) -> Tensor:
    """Mark the pixels between two surfaces, (h, w) of every n-th row and column.

    depth_m: (H, W) [m]; unknown and infinite count as infinitely far.  network_width: columns the
    network sees.
    """
    height, width = depth_m.shape
    kept, size = stride_slice(step), widest_ramp_px(width)
    jump = float(np.float32(largest_jump(width, network_width)))
    along_rows, along_columns = _inverse(depth_m[kept]), _inverse(depth_m[:, kept])
    slack = along_rows[:, kept] * jump
    marks = torch.zeros_like(slack, dtype=torch.bool)
    if width >= 3:
        marks |= _peaks(along_rows, size, kept, slack)
    if height >= 3:
        marks |= _peaks(along_columns.T, size, kept, slack.T).T
    return marks


def _inverse(depth_m: Tensor) -> Tensor:
    inverse = 1.0 / depth_m
    return torch.where(inverse.isnan(), 0.0, inverse)


def _peaks(values: Tensor, size: int, kept: slice, slack: Tensor) -> Tensor:
    """Mark narrow peaks of the gradient along rows (n, W), those higher than slack (n, w)."""
    slope = F.pad((values[:, 2:] - values[:, :-2]).abs()[None], (1, 1), mode='replicate')[0]
    opened = _largest(-_largest(-_coarse(slope), size), size)
    return opened[:, kept] < _coarse((slope[:, kept] - slack).clamp(min=0.0))


def _coarse(values: Tensor) -> Tensor:
    """Keep the upper half of the bits of numbers of 0 or more: in the same order, to 1 %."""
    return (values.contiguous().view(torch.int32) & _UPPER_HALF).view(torch.float32)


def _largest(values: Tensor, size: int) -> Tensor:
    """Give the largest number within a window along each row; what is outside does not count."""
    return F.max_pool2d(values[None], (1, size), stride=1, padding=(0, size // 2))[0]
