"""From a prediction to the messages that are added to a recording."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.bags.camera import Camera
from zoedepth_ros.bags.cdr import DOMAIN, IMAGE, POINT_CLOUD, POINT_FIELD, make
from zoedepth_ros.geometry.filters import flying_pixels
from zoedepth_ros.geometry.millimetres import to_millimetres
from zoedepth_ros.geometry.points import decimate, depth_to_points, pack_rgb
from zoedepth_ros.geometry.ranges import mask_beyond

ENCODINGS = ('32FC1', '16UC1')
_POINT_STEP_BYTES = 16  # x, y, z, rgb
_FLOAT32 = 7  # sensor_msgs/PointField.FLOAT32
_BIG_ENDIAN = sys.byteorder == 'big'


def depth_image(header: Any, depth_m: NDArray[np.float32], encoding: str) -> Any:
    """Make an Image of depth (H, W): 32FC1 in metres, 16UC1 in millimetres with 0 for unknown."""
    if encoding == '32FC1':
        return _image(header, depth_m, encoding)
    return _image(header, to_millimetres(depth_m)[0], encoding)


def domain(
    header: Any, head: str, probabilities: dict[str, float], *, forced: bool, last_switch_s: float
) -> Any:
    """Make a zoedepth_ros/msg/Domain."""
    seconds = max(0.0, last_switch_s)
    return make(
        DOMAIN,
        header=header,
        head=head,
        indoor_probability=probabilities.get('indoor', float('nan')),
        outdoor_probability=probabilities.get('outdoor', float('nan')),
        forced=forced,
        last_switch=type(header.stamp)(sec=int(seconds), nanosec=int(seconds % 1.0 * 1e9)),
    )


def cloud(
    header: Any,
    depth_m: NDArray[np.float32],
    rgb: NDArray[np.uint8],
    camera: Camera,
    *,
    step: int,
    filter_for_width: int | None,
    range_m: float,
) -> Any:
    """Make an organised, coloured PointCloud2 of every `step`-th pixel; NaN at edges.

    depth_m: (H, W); rgb: (H, W, 3).  filter_for_width: columns that the network saw, None to keep
    the points between two surfaces.  range_m: no points beyond this depth.
    """
    if filter_for_width is not None:
        flying = flying_pixels(depth_m, network_width=filter_for_width)
        depth_m = np.where(flying, np.float32(np.nan), depth_m)
    depth_m = mask_beyond(depth_m, range_m)
    points_m = depth_to_points(np.ascontiguousarray(decimate(depth_m, step)), camera.rays(step))
    height, width = points_m.shape[:2]
    values = np.empty((height, width, 4), np.float32)
    values[..., :3] = points_m
    colors = np.empty((height, width), np.uint32)
    pack_rgb(np.ascontiguousarray(decimate(rgb, step)), colors)
    values.view(np.uint32)[..., 3] = colors
    return make(
        POINT_CLOUD,
        header=header,
        height=height,
        width=width,
        fields=[
            make(POINT_FIELD, name=name, offset=4 * i, datatype=_FLOAT32, count=1)
            for i, name in enumerate(('x', 'y', 'z', 'rgb'))
        ],
        is_bigendian=_BIG_ENDIAN,
        point_step=_POINT_STEP_BYTES,
        row_step=width * _POINT_STEP_BYTES,
        data=values.reshape(-1).view(np.uint8),
        is_dense=False,
    )


def _image(header: Any, pixels: NDArray[Any], encoding: str) -> Any:
    pixels = np.ascontiguousarray(pixels)
    return make(
        IMAGE,
        header=header,
        height=pixels.shape[0],
        width=pixels.shape[1],
        encoding=encoding,
        is_bigendian=int(_BIG_ENDIAN),
        step=pixels.strides[0],
        data=pixels.reshape(-1).view(np.uint8),
    )
