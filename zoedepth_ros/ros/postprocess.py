"""What is done to a depth map before it is published; pure, knows no message."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.geometry.filters import flying_pixels
from zoedepth_ros.geometry.points import every
from zoedepth_ros.geometry.scratch import Scratch

from .parameters import NodeSettings

Map = NDArray[np.float32]


def gated(
    depth_m: Map, uncertainty_m: Map, settings: NodeSettings, scratch: Scratch | None = None
) -> Map:
    """Give depth (H, W) with NaN where its standard deviation is above filter.max_uncertainty.

    scratch: the result is valid until its next use.
    """
    limit_m = settings.filter_max_uncertainty_m
    if limit_m <= 0.0:
        return depth_m
    lent = Scratch() if scratch is None else scratch
    out_m = lent.array('gated', depth_m.shape)
    unsure = lent.array('unsure', depth_m.shape, np.bool_)
    np.less_equal(uncertainty_m, np.float32(limit_m), out=unsure)  # false for NaN
    np.logical_not(unsure, out=unsure)
    np.copyto(out_m, depth_m)
    lent.put(out_m, unsure, np.nan)
    return out_m


def depth_for_points(
    depth_m: Map,
    settings: NodeSettings,
    network_width: int = 512,
    head_range_m: float = np.inf,
    *,
    steps: tuple[int, int] = (1, 1),
    held: NDArray[np.bool_] | None = None,
    scratch: Scratch | None = None,
) -> Map:
    """Give depth (H, W) for points: NaN too near or at an edge, +inf beyond the range.

    network_width: columns the network sees; the fewer, the wider its edges.  head_range_m: depth
    beyond which the head was never taught.  steps: give every n-th row and column only, as
    `decimate` keeps them.  held: what else is left out, at that size.  scratch: the result is
    valid until its next use.
    """
    limit_m = farthest_m(settings, head_range_m)
    lent = Scratch() if scratch is None else scratch
    few_m = depth_m[every(steps[0]), every(steps[1])]
    out_m = lent.array('for points', few_m.shape)
    mask = lent.array('left out', few_m.shape, np.bool_)
    np.copyto(out_m, few_m)
    np.greater(few_m, np.float32(limit_m), out=mask)
    lent.put(out_m, mask, np.inf)
    np.less(few_m, np.float32(settings.depth_min_m), out=mask)  # what is NaN stays NaN
    if held is not None:
        np.logical_or(mask, held, out=mask)
    if settings.filter_edge:
        edges = flying_pixels(depth_m, network_width=network_width, steps=steps, scratch=lent)
        np.logical_or(mask, edges, out=mask)
    lent.put(out_m, mask, np.nan)
    return out_m


def farthest_m(settings: NodeSettings, head_range_m: float) -> float:
    """Give the depth beyond which there are no points [m]; head_range_m as above."""
    limits_m = (settings.depth_max_m, settings.cloud_max_range_m, head_range_m)
    return min(limit for limit in limits_m if limit > 0.0)
