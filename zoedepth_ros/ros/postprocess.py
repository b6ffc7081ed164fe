"""What is done to a depth map before it is published; pure, knows no message."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.geometry.filters import flying_pixels
from zoedepth_ros.geometry.sky import sky, without_sky

from .parameters import NodeSettings

Map = NDArray[np.float32]


def gated(depth_m: Map, uncertainty_m: Map, settings: NodeSettings) -> Map:
    """Give depth (H, W) with NaN where its standard deviation is above filter.max_uncertainty."""
    limit_m = settings.filter_max_uncertainty_m
    if limit_m <= 0.0:
        return depth_m
    return np.where(uncertainty_m <= limit_m, depth_m, np.float32(np.nan))


def depth_for_points(
    depth_m: Map,
    settings: NodeSettings,
    network_width: int = 512,
    head_range_m: float = np.inf,
) -> Map:
    """Give depth (H, W) for points: NaN too near or at an edge, +inf beyond the range.

    network_width: columns the network sees; the fewer, the wider its edges.  head_range_m: depth
    beyond which the head was never taught.
    """
    limits_m = (settings.depth_max_m, settings.cloud_max_range_m, head_range_m)
    farthest_m = min(limit for limit in limits_m if limit > 0.0)
    with np.errstate(invalid='ignore'):
        ranged_m = np.where(depth_m > farthest_m, np.float32(np.inf), depth_m)
        keep = depth_m >= settings.depth_min_m  # false for NaN
    if settings.filter_edge:
        keep &= ~flying_pixels(depth_m, network_width=network_width)
    return np.where(keep, ranged_m, np.float32(np.nan))


def sky_removed(
    depth_m: Map,
    seen_m: Map,
    head: str,
    rays: NDArray[np.float32],
    up: tuple[float, float, float],
    rgb: NDArray[np.uint8],
) -> Map:
    """Give depth (H, W) with +inf where `seen_m`, the same before any gate, is sky."""
    return without_sky(depth_m, sky(seen_m, head, rays=rays, up=up, rgb=rgb))
