"""What is done to a depth map before it is published; pure, knows no message."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.geometry.filters import flying_pixels
from zoedepth_ros.geometry.intrinsics import Intrinsics

from .parameters import NodeSettings

Map = NDArray[np.float32]

TRAINING_FOCAL = {
    # NYU Depth V2: fx 518.86 px at 640 px (toolbox, camera_params.m); KITTI: 721.54 px at 1242 px
    # (calib_cam_to_cam.txt, P_rect_02). Pictures are squashed to the network's width, so what
    # counts is the focal length in picture widths.
    'indoor': 518.86 / 640.0,
    'outdoor': 721.54 / 1242.0,
}
"""Head -> focal length of its training pictures, in picture widths."""


def focal_factor(camera: Intrinsics, head: str) -> float:
    """Give the factor on depth for a camera whose focal length is not the training's.

    The network judges distance by apparent size, which grows with the focal length: the same
    picture through twice the focal length shows things twice as far away.
    """
    return camera.fx_px / camera.width / TRAINING_FOCAL[head]


def gated(depth_m: Map, uncertainty_m: Map, settings: NodeSettings) -> Map:
    """Give depth (H, W) with NaN where its standard deviation is above filter.max_uncertainty."""
    limit_m = settings.filter_max_uncertainty_m
    if limit_m <= 0.0:
        return depth_m
    return np.where(uncertainty_m <= limit_m, depth_m, np.float32(np.nan))


def depth_for_points(depth_m: Map, settings: NodeSettings) -> Map:
    """Give depth (H, W) with NaN where no point shall be: out of range, or at an edge."""
    keep = depth_m >= settings.depth_min_m  # false for NaN
    limits_m = (settings.depth_max_m, settings.cloud_max_range_m)
    farthest_m = min((limit for limit in limits_m if limit > 0.0), default=np.inf)
    keep &= depth_m <= farthest_m
    if settings.filter_edge:
        keep &= ~flying_pixels(depth_m)
    return np.where(keep, depth_m, np.float32(np.nan))
