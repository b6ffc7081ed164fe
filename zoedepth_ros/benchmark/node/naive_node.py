"""A process: a depth node as usually written, as a baseline; prints frame times.

It is a fair baseline: images are converted as in cv_bridge, clouds are packed as in
sensor_msgs_py.create_cloud, everything is vectorized. It does less: nothing is filtered.
"""

from __future__ import annotations

import array
import json
import sys
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import rclpy
from numpy.typing import NDArray
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from sensor_msgs.msg import CameraInfo, Image, PointCloud2, PointField

from zoedepth_ros.benchmark.node.known_depth import KnownDepth
from zoedepth_ros.benchmark.node.node_protocol import NodeFrameTimes, stamp_ns

QUEUE = 10  # the usual value


class NaiveNode(Node):
    """Publish depth and a coloured cloud in the subscription's callback."""

    def __init__(self, predictor: KnownDepth) -> None:
        super().__init__('naive')
        self._predictor = predictor
        self._stride = self.declare_parameter('decimation', 1).value
        self._with_cloud = self.declare_parameter('cloud', True).value
        self._info: Any = None
        self._depth = self.create_publisher(Image, 'depth/image', QUEUE)
        self._cloud = self.create_publisher(PointCloud2, 'depth/points', QUEUE)
        self.create_subscription(CameraInfo, 'camera_info', self._on_info, QUEUE)
        self.create_subscription(Image, 'image', self._on_image, QUEUE)

    def _on_info(self, msg: Any) -> None:
        self._info = msg

    def _on_image(self, msg: Any) -> None:
        called_s = time.monotonic()
        rgb = rgb_of(msg)
        depth_m = self._predictor(rgb, 'indoor').depth_m
        self._depth.publish(depth_image(msg.header, depth_m))
        if self._with_cloud and self._info is not None:
            self._cloud.publish(self._make_cloud(msg.header, depth_m, rgb))
        NodeFrameTimes(
            stamp_ns=stamp_ns(msg),
            called_s=called_s,
            done_s=time.monotonic(),
            network_s=self._predictor.took_s,
            stages_ms={},
            cpu_s=time.process_time(),
        ).write()

    def _make_cloud(
        self, header: Any, depth_m: NDArray[np.float32], rgb: NDArray[np.uint8]
    ) -> Any:
        height, width = depth_m.shape
        fx, fy, cx, cy = (self._info.k[i] for i in (0, 4, 2, 5))
        u, v = np.meshgrid(np.arange(width), np.arange(height))
        points_m = np.stack(((u - cx) * depth_m / fx, (v - cy) * depth_m / fy, depth_m), axis=-1)
        stride = self._stride
        return create_cloud(header, points_m[::stride, ::stride], rgb[::stride, ::stride])


def rgb_of(msg: Any) -> NDArray[np.uint8]:
    """Convert as CvBridge().imgmsg_to_cv2(msg, 'rgb8') does, which copies the image."""
    pixels = np.ndarray((msg.height, msg.width, 3), np.uint8, buffer=msg.data)
    return cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB) if msg.encoding == 'bgr8' else pixels.copy()


def depth_image(header: Any, depth_m: NDArray[np.float32]) -> Any:
    """Convert as CvBridge().cv2_to_imgmsg(depth_m, '32FC1') does."""
    msg = Image(height=depth_m.shape[0], width=depth_m.shape[1], encoding='32FC1', header=header)
    msg.step = 4 * depth_m.shape[1]
    msg.data.frombytes(depth_m.tobytes())
    return msg


def create_cloud(header: Any, points_m: NDArray[np.float64], rgb: NDArray[np.uint8]) -> Any:
    """Pack as sensor_msgs_py.point_cloud2.create_cloud does, from a structured array."""
    height, width = points_m.shape[:2]
    red, green, blue = (rgb[..., i].astype(np.uint32) for i in range(3))
    packed = np.empty((height, width), [(name, np.float32) for name in ('x', 'y', 'z', 'rgb')])
    for i, name in enumerate(('x', 'y', 'z')):
        packed[name] = points_m[..., i]
    packed['rgb'] = ((red << 16) | (green << 8) | blue).view(np.float32)
    data = array.array('B')
    data.frombytes(packed.view(np.uint8).data)
    return PointCloud2(
        header=header,
        height=height,
        width=width,
        is_dense=False,
        is_bigendian=sys.byteorder == 'big',
        fields=[
            PointField(name=name, offset=4 * i, datatype=PointField.FLOAT32, count=1)
            for i, name in enumerate(('x', 'y', 'z', 'rgb'))
        ],
        point_step=packed.itemsize,
        row_step=packed.itemsize * width,
        data=data,
    )


def main() -> None:
    """Run as `python -m … FOLDER SIZES --ros-args …`."""
    folder, sizes = Path(sys.argv[1]), [(h, w) for h, w in json.loads(sys.argv[2])]
    rclpy.init(args=sys.argv)
    try:
        rclpy.spin(NaiveNode(KnownDepth(folder, sizes)))
    except (KeyboardInterrupt, ExternalShutdownException):
        rclpy.try_shutdown()


if __name__ == '__main__':
    main()
