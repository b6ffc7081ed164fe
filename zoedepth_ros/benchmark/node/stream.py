"""A node under test in its own process, with its camera and its subscriber in this process."""

from __future__ import annotations

import array
import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rclpy.node import Node
from sensor_msgs.msg import CameraInfo, Image, PointCloud2

from zoedepth_ros.benchmark.node.known_depth import Size
from zoedepth_ros.benchmark.node.node_protocol import NodeFrameTimes, NodeKind, stamp_ns

FOCAL_PER_WIDTH = 0.8  # of a typical webcam


class Stream:
    """Send images to a node in its own process and measure when its outputs arrive."""

    def __init__(
        self,
        node: Node,
        kind: NodeKind,
        folder: Path,
        sizes: Sequence[Size],
        program: Sequence[str] = (),
    ) -> None:
        """Start the node in the environment of this process; folder: of the images of these sizes.

        node: of this process, spun by another thread.  program: arguments of Python instead of
        the module of the kind.
        """
        self.name = kind.name
        self.frames: dict[int, NodeFrameTimes] = {}
        """Stamp [ns] -> times of this frame, as the node has printed them."""
        self._sent_s: dict[int, float] = {}  # stamp [ns] -> call of publish
        self._arrived_s: dict[int, float] = {}  # stamp [ns] -> callback of the last output
        self._node, self._changed = node, threading.Condition()
        self._message: Any = None
        self._info: Any = None
        namespace = f'/{kind.name}'
        self._images = node.create_publisher(Image, f'{namespace}/image', 1)
        self._infos = node.create_publisher(CameraInfo, f'{namespace}/camera_info', 1)
        # every output has a subscriber; the cloud is the last one
        with_cloud = kind.decimation > 0
        on_depth = (lambda msg: None) if with_cloud else self._on_last
        node.create_subscription(Image, f'{namespace}/depth/image', on_depth, 5)
        if with_cloud:
            node.create_subscription(PointCloud2, f'{namespace}/depth/points', self._on_last, 5)
        module = f'zoedepth_ros.benchmark.node.{kind.implementation}_node'
        command = [sys.executable, *(program or ('-m', module)), str(folder), json.dumps(sizes)]
        command += ['--ros-args', '--log-level', 'error', '-r', f'__ns:={namespace}']
        for name, value in kind.parameters.items():
            command += ['-p', f'{name}:={json.dumps(value)}']
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def stop(self) -> None:
        """Stop the process."""
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(5.0)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._reader.join(2.0)

    def set_image(self, rgb: NDArray[np.uint8]) -> None:
        """Set the image to send, (H, W, 3)."""
        height, width = rgb.shape[:2]
        self._message = Image(height=height, width=width, step=3 * width, encoding='rgb8')
        self._message.data = array.array('B', rgb.tobytes())
        focal_px, cx, cy = FOCAL_PER_WIDTH * width, (width - 1) / 2, (height - 1) / 2
        self._info = CameraInfo(height=height, width=width, distortion_model='plumb_bob')
        self._info.d = [0.0] * 5
        self._info.k = [focal_px, 0.0, cx, 0.0, focal_px, cy, 0.0, 0.0, 1.0]
        self._info.p = [focal_px, 0.0, cx, 0.0, 0.0, focal_px, cy, 0.0, 0.0, 0.0, 1.0, 0.0]

    def send(self) -> int:
        """Publish one image with its camera_info; returns its stamp [ns]."""
        stamp = self._node.get_clock().now().to_msg()
        self._message.header.stamp = self._info.header.stamp = stamp
        self._message.header.frame_id = self._info.header.frame_id = 'camera'
        key = stamp_ns(self._message)
        self._infos.publish(self._info)
        self._sent_s[key] = time.monotonic()
        self._images.publish(self._message)
        return key

    def wait_for(self, key: int, timeout_s: float) -> bool:
        """Wait for all outputs of an image and for its frame times."""
        with self._changed:
            return self._changed.wait_for(
                lambda: key in self._arrived_s and key in self.frames, timeout_s
            )

    def is_connected(self) -> bool:
        """Send an image; tell within 0.2 s whether this or an earlier one has become depth."""
        self.wait_for(self.send(), 0.2)
        return any(key in self.frames for key in list(self._arrived_s))

    def arrived(self, keys: Sequence[int]) -> list[int]:
        """Return those images whose last output has arrived."""
        return [key for key in keys if key in self._arrived_s]

    def latency_s(self, key: int) -> float:
        """Return the time from publishing an image to the callback of its last output [s]."""
        return self._arrived_s[key] - self._sent_s[key]

    def _on_last(self, msg: Any) -> None:
        now_s = time.monotonic()
        with self._changed:
            self._arrived_s.setdefault(stamp_ns(msg), now_s)
            self._changed.notify_all()

    def _read(self) -> None:
        for line in self.process.stdout or ():
            frame = NodeFrameTimes.read(line)
            if frame is not None:
                with self._changed:
                    self.frames[frame.stamp_ns] = frame
                    self._changed.notify_all()
