"""Limits and filters of a depth map before it becomes an image, points or a scan."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.geometry import kernels
from zoedepth_ros.geometry.filters import flying_pixels
from zoedepth_ros.geometry.millimetres import to_millimetres
from zoedepth_ros.geometry.points import stride_slice
from zoedepth_ros.geometry.workspace import Workspace
from zoedepth_ros.pipeline.settings import PipelineSettings

Map = NDArray[np.float32]


def without_uncertain(
    depth_m: Map,
    uncertainty_m: Map,
    settings: PipelineSettings,
    workspace: Workspace | None = None,
) -> Map:
    """Return depth (H, W) with NaN where its standard deviation is above filter.max_uncertainty.

    workspace: the result is valid until its next use.
    """
    limit_m = settings.filter_max_uncertainty_m
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
    settings: PipelineSettings,
    network_width: int = 512,
    *,
    steps: tuple[int, int] = (1, 1),
    workspace: Workspace | None = None,
) -> Map:
    """Return depth (H, W) as `geometry.ranges` defines it: NaN at edges, -Inf if too near.

    network_width: columns of the network's input; the fewer, the wider its edges.  steps: stride
    of rows and columns, as `decimate` keeps them.  workspace: the result is valid until its next
    use.
    """
    workspace = Workspace() if workspace is None else workspace
    few_m = depth_m[stride_slice(steps[0]), stride_slice(steps[1])]
    out_m = workspace.array('for points', few_m.shape)
    edges = workspace.array('no edges', few_m.shape, np.bool_)
    edges[...] = False
    if settings.filter_edge:
        edges = flying_pixels(
            depth_m, network_width=network_width, strides=steps, workspace=workspace
        )
    if kernels.limit(depth_m, steps, edges, settings.depth_min_m, out_m):
        return out_m
    mask = workspace.array('left out', few_m.shape, np.bool_)
    np.copyto(out_m, few_m)
    np.less(few_m, np.float32(settings.depth_min_m), out=mask)  # NaN stays NaN
    workspace.put(out_m, mask, -np.inf)
    np.less_equal(few_m, np.float32(0.0), out=mask)  # no valid depth
    np.logical_or(mask, edges, out=mask)
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
