"""What a pixel of filtered depth says about the ray it looks along.

| depth along z | the ray |
|---|---|
| a number, at most the limit of what is measured | is free up to there and meets something |
| a number beyond that limit | is free up to the limit; what is behind it is unknown |
| +inf | meets nothing: sky |
| -inf | meets something that is nearer than can be measured (REP 117) |
| NaN | is unknown |

The limit is the farthest depth that the head was taught, or a nearer one that a parameter names. A
limit on what an output shows, such as that of a cloud, is another number: it changes no ray.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.geometry.workspace import Scratch

Map = NDArray[np.float32]

WITHHELD_M = np.float32(3e38)
"""Stands for something beyond the limit while the nearest of several ranges is taken: farther than
all that is measured, nearer than nothing at all."""


def within(depth_m: Map, limit_m: float, scratch: Scratch | None = None) -> Map:
    """Give depth (H, W) with NaN beyond a limit; the same array when nothing is beyond.

    scratch: the result is valid until its next use.
    """
    lent = Scratch() if scratch is None else scratch
    beyond = lent.array('beyond', depth_m.shape, np.bool_)
    np.greater(depth_m, np.float32(limit_m), out=beyond)
    if not beyond.any():
        return depth_m
    out_m = lent.array('within', depth_m.shape)
    np.copyto(out_m, depth_m)
    lent.put(out_m, beyond, np.nan)
    return out_m


def free_to(depth_m: Map, measured_to_m: float) -> Map:
    """Give the depth (H, W) to which rays are free: at most the limit; sky stays +inf."""
    return np.where(np.isposinf(depth_m), depth_m, np.minimum(depth_m, np.float32(measured_to_m)))


def nearest_range(ranges_m: Map, starts: NDArray[np.intp] | None = None) -> Map:
    """Give the nearest of the ranges of each beam [m].

    ranges_m: +inf for rays that are free to the end of the scan, WITHHELD_M for those that meet
    something beyond the limit, NaN for unknown ones.  Either (rows, beams), or flat with the start
    of each beam.  A beam whose nearest is WITHHELD_M is NaN.
    """
    if starts is None:
        nearest_m = np.fmin.reduce(ranges_m, axis=0)
    else:
        nearest_m = np.fmin.reduceat(ranges_m, starts)
    nearest_m[nearest_m == WITHHELD_M] = np.nan
    return nearest_m
