"""The frame processor without DDS: images in, recorded messages out, a simulated clock."""

from __future__ import annotations

import copy
import time

import numpy as np
from fake_predictor import FakePredictor
from ros_harness import camera_info_message, image_message, rgb_image

ALL = frozenset(
    {
        'depth/image',
        'depth/camera_info',
        'depth/points',
        'depth/uncertainty',
        'depth/color',
        'scan',
        'domain',
    }
)


class KeptMessages:
    """A fake of the publishers that keeps every message as a subscriber receives it."""

    def __init__(self, subscribed: frozenset[str]) -> None:
        self._subscribed = subscribed
        self.sent: dict[str, list] = {topic: [] for topic in ALL | subscribed}

    def subscribed(self) -> frozenset[str]:
        return self._subscribed

    def send(self, topic: str, msg) -> None:
        from rclpy.serialization import deserialize_message, serialize_message

        from zoedepth_ros.ros.publishers import TOPICS, SerializedMessage

        kept = copy.copy(msg)  # of a transform
        if isinstance(msg, SerializedMessage):
            kept = deserialize_message(msg.serialized().tobytes(), TOPICS[topic])
        elif topic in TOPICS:
            kept = deserialize_message(serialize_message(msg), TOPICS[topic])
        self.sent.setdefault(topic, []).append(kept)


class Bench:
    """One processor; time is constant unless `now_s` is set."""

    def __init__(self, predictor=None, subscribed=ALL, **parameters: object) -> None:
        from rclpy.clock import ROSClock
        from sensor_msgs.msg import CameraInfo

        from zoedepth_ros.messages.camera import CameraTracker
        from zoedepth_ros.ros.health.statistics import Statistics
        from zoedepth_ros.ros.image_processor import ImageProcessor
        from zoedepth_ros.ros.inference_thread import SharedNetwork
        from zoedepth_ros.ros.parameters.node_settings import settings_from

        self._settings_from = settings_from
        self.settings = settings_from({})
        self.set({'cloud.rate': 0.0, 'router.rate': 0.0, **parameters})
        self.publishers, self.statistics = KeptMessages(subscribed), Statistics()
        self.predictor = predictor or FakePredictor()
        self.warnings: list[str] = []
        self.logged: list[str] = []
        self.clock = ROSClock()
        self.clock._set_ros_time_is_active(True)
        self.now_s = 1000.0
        self.camera = CameraTracker('', CameraInfo)
        self.processor = ImageProcessor(
            self.predictor,
            self.publishers,
            self.statistics,
            lambda: self.settings,
            self.clock,
            self.warnings.append,
            self.logged.append,
        )
        self.network = SharedNetwork(self.predictor)
        self.processor.follow(self.camera)
        self.camera.set_info(camera_info_message())

    def set(self, changes: dict[str, object]) -> None:
        self.settings = self._settings_from(changes, self.settings)

    @property
    def now_s(self) -> float:
        return 1e-9 * self.clock.now().nanoseconds

    @now_s.setter
    def now_s(self, value: float) -> None:
        from rclpy.clock import ClockType
        from rclpy.time import Time

        nanoseconds = round(1e9 * value)
        self.clock.set_ros_time_override(
            Time(nanoseconds=nanoseconds, clock_type=ClockType.ROS_TIME)
        )

    def message(self, rgb: np.ndarray | None = None, stamp_s: float | None = None, **fields):
        from rclpy.time import Time

        stamp_s = self.now_s if stamp_s is None else stamp_s
        stamp = Time(nanoseconds=round(1e9 * stamp_s)).to_msg()
        return image_message(rgb_image() if rgb is None else rgb, stamp, **fields)

    def process(self, msg=None) -> None:
        from zoedepth_ros.ros.image_processor import ReceivedImage

        msg = self.message() if msg is None else msg
        self.network.work([(self.processor, ReceivedImage(msg, self.now_s, time.monotonic()))])

    def sent(self, topic: str = 'depth/image') -> list:
        return self.publishers.sent[topic]

    def stamps_s(self, topic: str = 'depth/image') -> list[float]:
        stamps = (msg.header.stamp for msg in self.sent(topic))
        return [round(s.sec + 1e-9 * s.nanosec, 6) for s in stamps]

    @property
    def drops(self) -> dict[str, int]:
        return self.statistics.drops()
