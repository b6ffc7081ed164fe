"""A node that records a camera stream and its depth; executable `stream_recorder`."""

from __future__ import annotations

import os
import platform
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.exceptions import ParameterException
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.serialization import deserialize_message
from rclpy.subscription import Subscription
from rclpy.time import Time
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from zoedepth_ros.demo.bag_recorder import BagRecorder
from zoedepth_ros.demo.frame_sets import RecordedFrame, SceneSelection, StampSynchronizer
from zoedepth_ros.demo.ground_truth import (
    DEPTH,
    DOMAIN,
    IMAGE,
    TRUE_DEPTH,
    TRUE_DOMAIN,
    GroundTruthCollector,
)
from zoedepth_ros.demo.missing_floor import draw_missing_floor
from zoedepth_ros.demo.report_files import REPORT, write_frames
from zoedepth_ros.demo.topic_statistics import TopicStatistics, status_values
from zoedepth_ros.demo.trajectory_image import draw_trajectory, error_text
from zoedepth_ros.files import json_text, write_file
from zoedepth_ros.messages.clouds import cloud_arrays, cloud_points
from zoedepth_ros.messages.images import ImageReader, depth_from_image
from zoedepth_ros.msg import Domain, Status
from zoedepth_ros.pipeline.outputs import CLIFFS, POINTS, UNCERTAINTY
from zoedepth_ros.ros import publishers
from zoedepth_ros.ros.spin import Finished, end, run_node

NODE_NAME = 'stream_recorder'
STATUS = 'zoedepth/status'
TOPICS: dict[str, Any] = {
    TRUE_DOMAIN: Domain,
    TRUE_DEPTH: Image,
    'image': Image,
    'image/compressed': CompressedImage,
    'camera_info': CameraInfo,
    # Without the node's compressed images, which would only cost it time.
    **{t: kind for t, kind in publishers.TOPICS.items() if kind is not CompressedImage},
    STATUS: Status,
    '/diagnostics': DiagnosticArray,
}
_PROGRESS_PERIOD_S = 2.0
_FRAME_PERIOD_S = 0.5
_RANDOM = 'random'  # as in zoedepth_ros.build, which imports torch
_NO_STATUS = (
    'no message of ~/status was received, so the model that made the depth is unknown '
    'and the depth cannot be trusted'
)


class StreamRecorder(Node):
    """Record for some time from the first depth image on, then write the report and exit.

    The exit code is 0 if depth and points arrived, otherwise 1.
    """

    def __init__(self, **node_options: Any) -> None:
        """Subscribe to all topics; raises ParameterException, OSError if no folder can be made."""
        super().__init__(NODE_NAME, **node_options)
        self._folder = Path(self.declare_parameter('output', 'out/demo').value)
        self._duration_s = float(self.declare_parameter('duration', 20.0).value)
        self._timeout_s = float(self.declare_parameter('timeout', 120.0).value)
        bag = str(self.declare_parameter('bag', '').value)  # a file name *.mcap; '' for none
        self._folder.mkdir(parents=True, exist_ok=True)
        self.statistics = {topic: TopicStatistics() for topic in TOPICS}
        self._heads = dict[int, dict[str, Any]]()
        self._ground_truth = GroundTruthCollector()
        self._scenes, self._trajectory_frames = SceneSelection(), list[RecordedFrame]()
        self._newest_frame: tuple[int, RecordedFrame] | None = None
        self._status: Any = None
        self._images_with_edges = 0
        self._started_s = time.monotonic()
        self._first_depth_s: float | None = None
        self._last_frame_s = 0.0
        self._written = False
        self._synchronizer = StampSynchronizer((IMAGE, DEPTH, POINTS))
        self._latest = {t: deque[tuple[int, Any]](maxlen=20) for t in (UNCERTAINTY, CLIFFS)}
        """Stamps and messages that need not arrive before the other parts of a frame."""
        # Best effort matches every publisher; the queue is for bursts.
        qos = QoSProfile(depth=10, reliability=ReliabilityPolicy.BEST_EFFORT)
        for topic, kind in TOPICS.items():
            subscribe_raw(self, kind, topic, partial(self._on_data, topic), qos)
        self.create_timer(_PROGRESS_PERIOD_S, self._log_progress)
        self.create_timer(0.1, self._finish_when_due)
        # Last: if a signal interrupts an earlier step, no file is left behind.
        self._bag = BagRecorder(self, self._folder / bag, self._duration_s) if bag else None

    def _on_data(self, topic: str, data: bytes, received_ns: int, published_ns: int) -> None:
        msg = deserialize_message(data, TOPICS[topic])
        self._on_message(topic, msg)
        if self._bag is not None:
            if topic == STATUS:
                self._bag.add_model(msg)
            stamp_ns = Time.from_msg(msg.header.stamp).nanoseconds
            self._bag.add(topic, TOPICS[topic], stamp_ns, data, received_ns, published_ns)

    def _on_message(self, topic: str, msg: Any) -> None:
        arrived_s = time.monotonic()
        stamp_ns = Time.from_msg(msg.header.stamp).nanoseconds
        latency_ms = (self.get_clock().now().nanoseconds - stamp_ns) * 1e-6
        self.statistics[topic].add(arrived_s, latency_ms, msg)
        if self.statistics[topic].count == 1:
            self.get_logger().debug(f'first message of {topic}')
        if topic == DEPTH and self._first_depth_s is None:
            self._first_depth_s = arrived_s
        if topic == DOMAIN:
            self._heads[int(arrived_s - self._started_s)] = {
                'head': msg.head,
                'indoor_probability': round(float(msg.indoor_probability), 3),
                'outdoor_probability': round(float(msg.outdoor_probability), 3),
                'forced': bool(msg.forced),
            }
        elif topic == CLIFFS:
            self._images_with_edges += msg.width > 0
        elif topic == STATUS:
            self._status = msg
        name = IMAGE if topic.startswith(IMAGE) else topic
        try:
            self._ground_truth.add(name, stamp_ns, msg)
            self._add_frame_message(name, stamp_ns, msg)
        except ValueError as error:  # an invalid image or cloud
            self.get_logger().warning(str(error), throttle_duration_sec=5.0)

    def _add_frame_message(self, topic: str, stamp_ns: int, msg: Any) -> None:
        if topic in self._latest:
            self._latest[topic].append((stamp_ns, msg))
        if topic not in (IMAGE, DEPTH, POINTS):
            return
        messages = self._synchronizer.add(topic, stamp_ns, msg)
        if messages is None or time.monotonic() - self._last_frame_s < _FRAME_PERIOD_S:
            return
        self._last_frame_s = time.monotonic()
        self._assign_newest_frame()
        self._newest_frame = stamp_ns, self._frame(messages)

    def _assign_newest_frame(self) -> None:
        """Assign it to the trajectory or the scenes; by now all about it has arrived."""
        if self._newest_frame is None:
            return
        stamp_ns, frame = self._newest_frame
        self._newest_frame = None
        uncertainty, edges = (dict(found).get(stamp_ns) for found in self._latest.values())
        if uncertainty is not None:
            frame = replace(frame, uncertainty_m=depth_from_image(uncertainty))
        if edges is not None:
            frame = replace(frame, edges_m=cloud_points(edges))
        if self._ground_truth.covers(stamp_ns):
            self._trajectory_frames[:] = [frame]
        else:
            self._scenes.add(frame)

    @property
    def _can_leave_out_newest_frame(self) -> bool:
        """Whether a part of it may still arrive while an earlier frame is complete."""
        if self._newest_frame is None or not (self._scenes.frames or self._trajectory_frames):
            return False
        stamp_ns, _ = self._newest_frame
        return any(found and found[-1][0] < stamp_ns for found in self._latest.values())

    def _frame(self, messages: Mapping[str, Any]) -> RecordedFrame:
        rgb = ImageReader().rgb(messages[IMAGE])
        depth_m = depth_from_image(messages[DEPTH])
        return RecordedFrame(rgb, depth_m, *cloud_arrays(messages[POINTS]), self._head)

    @property
    def _head(self) -> str:
        return self._heads[max(self._heads)]['head'] if self._heads else ''

    def _log_progress(self) -> None:
        now_s = time.monotonic()
        if self._first_depth_s is None:
            images = self.statistics['image'].count + self.statistics['image/compressed'].count
            self.get_logger().info(
                f'{now_s - self._started_s:.0f} s: waiting for depth; {images} '
                'camera images received'
            )
            return
        depth, points = self.statistics[DEPTH], self.statistics[POINTS]
        self.get_logger().info(
            f'{now_s - self._first_depth_s:.0f} of {self._duration_s:.0f} s: '
            f'depth {depth.count} ({depth.rate_hz:.1f} Hz, {depth.median_ms:.0f} ms old), '
            f'points {points.count} ({points.rate_hz:.1f} Hz), head {self._head or "unknown"}'
        )

    def _finish_when_due(self) -> None:
        now_s = time.monotonic()
        if self._first_depth_s is None:
            due = now_s - self._started_s >= self._timeout_s
        else:
            due = now_s - self._first_depth_s >= self._duration_s
        if due:
            self.write()
            raise Finished(1 if self._missing else 0)

    @property
    def _missing(self) -> list[str]:
        return [topic for topic in (DEPTH, POINTS) if self.statistics[topic].count == 0]

    def write(self) -> None:
        """Write the report and the images."""
        self._written = True
        if not self._can_leave_out_newest_frame:
            self._assign_newest_frame()
        report = self.report()
        model, warning = report['node'].get('model', 'unknown model'), report['warning']
        is_random = self._status is None or self._status.weights == _RANDOM
        summary = self._ground_truth.summary
        # Beside ground truth, only random weights need the warning.
        above = draw_trajectory(summary, model=model, warning=warning if is_random else '')
        if above and self.context.ok():  # not while a signal stops the node: it takes seconds
            above += draw_missing_floor(
                f'images of this stream in which {model} found such edges: '
                f'{self._images_with_edges}'
            )
        files = write_frames(
            self._folder,
            self._scenes.frames,
            warning=warning,
            caption=model,
            is_random=is_random,
            above=above,
            clouds=self._trajectory_frames,
        )
        report['files'] = [REPORT, *files]
        if self._bag is not None:
            report['recording'] = self._bag.finish()
        write_file(self._folder / REPORT, json_text(report))
        if not self.context.ok():  # stopped by a signal: logging is shut down
            return
        if warning:
            self.get_logger().warning(warning)
        if 'ground_truth' in report:
            self.get_logger().info(error_text(summary))
        self.get_logger().info(f'{report["result"]}; see {self._folder}')

    def report(self) -> dict[str, Any]:
        """Return everything that was recorded as plain values."""
        missing = ', '.join(self._missing)
        ground_truth = self._ground_truth.summary.summary()
        return {
            'result': f'missing: {missing}' if missing else 'depth and points were received',
            'warning': _NO_STATUS if self._status is None else self._status.weights_warning,
            'node': {} if self._status is None else status_values(self._status),
            'duration_s': round(time.monotonic() - self._started_s, 1),
            'topics': {t: found.summary() for t, found in self.statistics.items() if found.count},
            **({'ground_truth': ground_truth} if ground_truth else {}),
            'images_with_edges_of_the_floor': self._images_with_edges,
            'head_per_second': [{'second': s, **h} for s, h in sorted(self._heads.items())],
            'machine': {
                'python': platform.python_version(),
                'ros_distro': os.environ.get('ROS_DISTRO', ''),
                'rmw': rclpy.get_rmw_implementation_identifier(),
                'cpus': os.cpu_count(),
            },
        }

    def close(self) -> None:
        """Write the report if the recording is stopped early."""
        if not self._written and self._first_depth_s is not None:
            self.write()
        if self._bag is not None:
            self._bag.abandon()


def subscribe_raw(
    node: Node, kind: Any, topic: str, callback: Callable[[bytes, int, int], None], qos: QoSProfile
) -> None:
    """Subscribe to serialized messages.

    callback: called with the data, the time of reception and the time of publication [ns]; on
    Humble, which reports neither, both are the time of the call.
    """

    def with_info(data: bytes, info: Mapping[str, Any]) -> None:
        received_ns = info['received_timestamp'] or time.time_ns()
        callback(data, received_ns, info['source_timestamp'] or received_ns)

    def without_info(data: bytes) -> None:
        now_ns = time.time_ns()
        callback(data, now_ns, now_ns)

    has_info = hasattr(Subscription, 'CallbackType')
    node.create_subscription(kind, topic, with_info if has_info else without_info, qos, raw=True)


def main() -> NoReturn:
    """Run the node and exit with its code."""
    end(run_node(StreamRecorder, name=NODE_NAME, errors=(ParameterException, OSError)))
