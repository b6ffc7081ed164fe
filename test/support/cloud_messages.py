"""Images and clouds as the node fills them, of depth and rays that a test chooses."""

import importlib

from zoedepth_ros.geometry.filters import write_depth
from zoedepth_ros.geometry.points import pack_points
from zoedepth_ros.pipeline.outputs import CloudWriter, ImageWriter


def make(type_name, **fields):
    """Make a message of rclpy that a publisher of its type takes."""
    package, _, name = type_name.split('/')
    return getattr(importlib.import_module(f'{package}.msg'), name)(**fields)


def depth_message(header, depth_m):
    """Return an image of depth (H, W) [m]."""
    writer = ImageWriter(make, '32FC1')
    write_depth(depth_m, writer.pixels(*depth_m.shape), min_m=0.1, max_m=0.0)
    return writer.message(header)


def cloud_message(header, depth_m, rays, rgb, writer=None):
    """Return an organized cloud of depth (H, W), coloured where there is an image (H, W, 3)."""
    writer = writer or CloudWriter(make)
    pack_points(depth_m, rays, rgb, writer.rows(*depth_m.shape))
    return writer.organized(header, ('x', 'y', 'z', 'rgb' if rgb is not None else ''))
