"""What is done to a depth map before it is published; pure, knows no message."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.geometry.filters import flying_pixels
from zoedepth_ros.geometry.points import stride_slice
from zoedepth_ros.geometry.workspace import Workspace
from zoedepth_ros.ros.parameters import NodeSettings

Map = NDArray[np.float32]


def gated(
    depth_m: Map, uncertainty_m: Map, settings: NodeSettings, scratch: Workspace | None = None
) -> Map:
    """Give depth (H, W) with NaN where its standard deviation is above filter.max_uncertainty.

    scratch: the result is valid until its next use.
    """
    limit_m = settings.filter_max_uncertainty_m
    if limit_m <= 0.0:
        return depth_m
    lent = Workspace() if scratch is None else scratch
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
    *,
    steps: tuple[int, int] = (1, 1),
    scratch: Workspace | None = None,
) -> Map:
    """Give depth (H, W) as `geometry.ranges` reads it: NaN at an edge, -inf too near.

    network_width: columns the network sees; the fewer, the wider its edges.  steps: give every
    n-th row and column only, as `decimate` keeps them.  scratch: the result is valid until its
    next use.
    """
    lent = Workspace() if scratch is None else scratch
    few_m = depth_m[stride_slice(steps[0]), stride_slice(steps[1])]
    out_m = lent.array('for points', few_m.shape)
    mask = lent.array('left out', few_m.shape, np.bool_)
    np.copyto(out_m, few_m)
    np.less(few_m, np.float32(settings.depth_min_m), out=mask)  # what is NaN stays NaN
    lent.put(out_m, mask, -np.inf)
    np.less_equal(few_m, np.float32(0.0), out=mask)  # no distance at all
    if settings.filter_edge:
        edges = flying_pixels(depth_m, network_width=network_width, strides=steps, workspace=lent)
        np.logical_or(mask, edges, out=mask)
    lent.put(out_m, mask, np.nan)
    return out_m


def measured_to_m(settings: NodeSettings, head_range_m: float) -> float:
    """Give the depth beyond which nothing is measured [m].

    head_range_m: depth beyond which the head was never taught.
    """
    return min(settings.depth_max_m or np.inf, head_range_m)


def shown_to_m(settings: NodeSettings, head_range_m: float) -> float:
    """Give the depth beyond which depth/points has no points [m]; no ray ends there."""
    return min(settings.cloud_max_range_m or np.inf, measured_to_m(settings, head_range_m))
