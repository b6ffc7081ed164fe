"""A PointCloud2 as the node fills it, of depth and rays that a test chooses."""

import importlib

from zoedepth_ros.geometry.points import pack_points
from zoedepth_ros.pipeline.outputs import CloudWriter


def make(type_name, **fields):
    """Make a message of rclpy that a publisher of its type takes."""
    package, _, name = type_name.split('/')
    return getattr(importlib.import_module(f'{package}.msg'), name)(**fields)


def cloud_message(header, depth_m, rays, rgb, writer=None):
    """Return an organized cloud of depth (H, W), coloured where there is an image (H, W, 3)."""
    writer = writer or CloudWriter(make)
    pack_points(depth_m, rays, rgb, writer.rows(*depth_m.shape))
    return writer.organized(header, ('x', 'y', 'z', 'rgb' if rgb is not None else ''))
