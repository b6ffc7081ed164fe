"""The camera before a node under test and the listener behind it, in one process of their own.

One process, so that one clock and one thread's order say how long a picture was under way.
"""

from __future__ import annotations

import array
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rclpy.node import Node
from sensor_msgs.msg import CameraInfo, Image, PointCloud2

from zoedepth_ros.benchmark.node.child import Child
from zoedepth_ros.benchmark.node.log import stamp_ns

FOCAL_PER_WIDTH = 0.8  # of the usual webcam
DEPTH, CLOUD = 'depth/image', 'depth/points'


@dataclass(frozen=True, slots=True)
class Sent:
    """Hold the times of one picture, on time.monotonic."""

    at_s: float
    """When it began to be published [s]."""

    arrived_s: dict[str, float]
    """Output topic -> when the callback with its message was called [s]."""


class Stream:
    """Send pictures to one node and note when its outputs come."""

    def __init__(self, node: Node, child: Child) -> None:
        """node: of this process, spun by another thread."""
        self.child = child
        self.sent: dict[int, Sent] = {}
        """Stamp [ns] -> times, in the order of sending."""
        topics = (DEPTH, CLOUD) if child.kind.decimation else (DEPTH,)
        self.last_topic = topics[-1]
        self._node, self._changed = node, threading.Condition()
        space = f'/{child.kind.name}'
        self._images = node.create_publisher(Image, f'{space}/image', 1)
        self._infos = node.create_publisher(CameraInfo, f'{space}/camera_info', 1)
        for topic in topics:
            kind = Image if topic == DEPTH else PointCloud2
            node.create_subscription(kind, f'{space}/{topic}', self._listener(topic), 5)
        self._message: Any = None
        self._info: Any = None

    @property
    def name(self) -> str:
        """The name of the kind of node that is listened to."""
        return self.child.kind.name

    def show(self, rgb: NDArray[np.uint8]) -> None:
        """Take the picture to send from now on, (H, W, 3)."""
        height, width = rgb.shape[:2]
        self._message = Image(height=height, width=width, step=3 * width, encoding='rgb8')
        self._message.data = array.array('B', rgb.tobytes())
        focal_px, cx, cy = FOCAL_PER_WIDTH * width, (width - 1) / 2, (height - 1) / 2
        self._info = CameraInfo(height=height, width=width, distortion_model='plumb_bob')
        self._info.d = [0.0] * 5
        self._info.k = [focal_px, 0.0, cx, 0.0, focal_px, cy, 0.0, 0.0, 1.0]
        self._info.p = [focal_px, 0.0, cx, 0.0, 0.0, focal_px, cy, 0.0, 0.0, 0.0, 1.0, 0.0]

    def send(self) -> int:
        """Send one picture with its camera_info and give its stamp [ns]."""
        stamp = self._node.get_clock().now().to_msg()
        self._message.header.stamp = self._info.header.stamp = stamp
        self._message.header.frame_id = self._info.header.frame_id = 'camera'
        key = stamp_ns(self._message)
        self._infos.publish(self._info)
        self.sent[key] = Sent(time.monotonic(), {})
        self._images.publish(self._message)
        return key

    def wait_for(self, key: int, timeout_s: float) -> bool:
        """Wait until all outputs of a picture are here and its node has told its times."""
        with self._changed:
            here = self._changed.wait_for(
                lambda: self.last_topic in self.sent[key].arrived_s, timeout_s
            )
        return here and self.child.wait_for(key, timeout_s)

    def is_heard(self) -> bool:
        """Tell whether the node has found everybody, by sending it a picture."""
        return self.wait_for(self.send(), 0.2)

    def arrived(self, keys: Sequence[int]) -> list[int]:
        """Give those of the pictures whose last output is here."""
        return [key for key in keys if self.last_topic in self.sent[key].arrived_s]

    def _listener(self, topic: str) -> Any:
        def note(msg: Any) -> None:
            now_s = time.monotonic()
            with self._changed:
                sent = self.sent.get(stamp_ns(msg))
                if sent is not None:
                    sent.arrived_s[topic] = now_s
                    self._changed.notify_all()

        return note
