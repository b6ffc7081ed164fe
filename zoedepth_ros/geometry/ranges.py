"""Meaning of the values of filtered depth, and ranges that follow from them.

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

import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.geometry import kernels
from zoedepth_ros.geometry.kernels import Workspace

Map = NDArray[np.float32]

BEYOND_LIMIT_M = np.float32(3e38)
"""Placeholder in `nearest_range` for a surface beyond the largest measured depth, or of doubtful
depth; larger than every measured range and smaller than +inf."""


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
