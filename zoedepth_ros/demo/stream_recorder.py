"""A node that listens to everything and reports on it; executable `stream_recorder`."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.serialization import deserialize_message
from rclpy.time import Time
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from zoedepth_ros.demo.bag_recorder import BagRecorder
from zoedepth_ros.demo.ground_truth_collector import (
    TRUE_DEPTH,
    TRUE_DOMAIN,
    TruthCollector,
    rgb_of,
)
from zoedepth_ros.demo.message_facts import facts_of, facts_of_status
from zoedepth_ros.demo.raw_messages import subscribe_raw
from zoedepth_ros.demo.record.decode import cloud_arrays, depth_from_image
from zoedepth_ros.demo.record.report import REPORT, write_moments, write_report
from zoedepth_ros.demo.record.scenes import Matcher, Moment, Scenes
from zoedepth_ros.demo.record.topic_log import TopicLog
from zoedepth_ros.demo.record.trajectory_image import draw_walk, error_text
from zoedepth_ros.msg import Domain, Status
from zoedepth_ros.ros import publishers
from zoedepth_ros.ros.shutdown import end
from zoedepth_ros.ros.spin import Finished, run_node

NODE_NAME = 'stream_recorder'
DEPTH, POINTS, STATUS = 'depth/image', 'depth/points', 'zoedepth/status'
TOPICS: dict[str, Any] = {
    TRUE_DOMAIN: Domain,
    TRUE_DEPTH: Image,
    'image': Image,
    'image/compressed': CompressedImage,
    'camera_info': CameraInfo,
    # The same images compressed would cost the node time and add nothing.
    **{t: kind for t, kind in publishers.TOPICS.items() if kind is not CompressedImage},
    STATUS: Status,
    '/diagnostics': DiagnosticArray,
}
_PROGRESS_PERIOD_S = 2.0
_MOMENT_PERIOD_S = 0.5
RANDOM = 'random'
_NO_STATUS = 'no status came: unknown model, not to be trusted'


class StreamRecorder(Node):
    """Record for some time from the first depth image on, then write the report and end.

    Ends with exit code 0 when depth and points arrived, 1 when not.
    """

    def __init__(self, **node_options: Any) -> None:
        """Subscribe to everything; raises OSError when the folder cannot be made."""
        super().__init__(NODE_NAME, **node_options)
        self._folder = Path(self.declare_parameter('output', 'out/demo').value)
        self._duration_s = float(self.declare_parameter('duration', 20.0).value)
        self._timeout_s = float(self.declare_parameter('timeout', 120.0).value)
        bag = str(self.declare_parameter('bag', '').value)  # a name ending in .mcap; '' for none
        self._folder.mkdir(parents=True, exist_ok=True)
        self.logs = {topic: TopicLog() for topic in TOPICS}
        self._scenes, self._heads = Scenes(), dict[int, dict[str, Any]]()
        self._truth, self._walk_moments = TruthCollector(), list[Moment]()
        self._newest_moment: tuple[int, Moment] | None = None
        self._status: Any = None
        self._started_s = time.monotonic()
        self._first_depth_s: float | None = None
        self._last_moment_s = 0.0
        self._written = False
        self._matcher = Matcher(('picture', DEPTH, POINTS))
        # Best effort meets every publisher; a queue, because this one wants them all.
        qos = QoSProfile(depth=10, reliability=ReliabilityPolicy.BEST_EFFORT)
        for topic, kind in TOPICS.items():
            subscribe_raw(self, kind, topic, partial(self._on_payload, topic), qos)
        self.create_timer(_PROGRESS_PERIOD_S, self._say_progress)
        self.create_timer(0.1, self._end_when_due)
        # Last: a signal makes the steps before it fail, and then nobody would clear the file away.
        self._bag = BagRecorder(self, self._folder / bag, self._duration_s) if bag else None

    def _on_payload(self, topic: str, data: bytes, came_ns: int, published_ns: int) -> None:
        msg = deserialize_message(data, TOPICS[topic])
        self._on_message(topic, msg)
        if self._bag is not None:
            if topic == STATUS:
                self._bag.note_model(msg)
            stamp_ns = Time.from_msg(msg.header.stamp).nanoseconds
            self._bag.add(topic, TOPICS[topic], stamp_ns, data, came_ns, published_ns)

    def _on_message(self, topic: str, msg: Any) -> None:
        arrived_s = time.monotonic()
        stamp = Time.from_msg(msg.header.stamp)
        latency_ms = (self.get_clock().now().nanoseconds - stamp.nanoseconds) * 1e-6
        self.logs[topic].note(arrived_s, latency_ms, facts_of(msg))
        if topic == DEPTH and self._first_depth_s is None:
            self._first_depth_s = arrived_s
        if topic == 'domain':
            self._note_head(arrived_s, msg)
        elif topic == STATUS:
            self._status = msg
        part = 'picture' if topic.startswith('image') else topic
        try:
            self._truth.add(part, stamp.nanoseconds, msg)
            self._note_moment(part, stamp, msg)
        except ValueError as error:  # a picture or a cloud that is not what it says
            self.get_logger().warning(str(error), throttle_duration_sec=5.0)

    def _note_head(self, arrived_s: float, msg: Domain) -> None:
        self._heads[int(arrived_s - self._started_s)] = {
            'head': msg.head,
            'indoor_probability': round(float(msg.indoor_probability), 3),
            'outdoor_probability': round(float(msg.outdoor_probability), 3),
            'forced': bool(msg.forced),
        }

    def _note_moment(self, part: str, stamp: Time, msg: Any) -> None:
        if part not in ('picture', DEPTH, POINTS):
            return
        together = self._matcher.add(part, stamp.nanoseconds, msg)
        if together is None or time.monotonic() - self._last_moment_s < _MOMENT_PERIOD_S:
            return
        self._last_moment_s = time.monotonic()
        self._sort_newest_moment()
        self._newest_moment = stamp.nanoseconds, self._moment(together)

    def _sort_newest_moment(self) -> None:
        """Put it to the walk or the scenes, once messages with truth had time to come."""
        if self._newest_moment is None:
            return
        stamp_ns, moment = self._newest_moment
        self._newest_moment = None
        if self._truth.has_truth(stamp_ns):
            self._walk_moments[:] = [moment]
        else:
            self._scenes.add(moment)

    def _moment(self, together: Mapping[str, Any]) -> Moment:
        points_m, points_rgb = cloud_arrays(together[POINTS])
        depth_m = depth_from_image(together[DEPTH])
        return Moment(rgb_of(together['picture']), depth_m, points_m, points_rgb, self._head)

    @property
    def _head(self) -> str:
        return self._heads[max(self._heads)]['head'] if self._heads else ''

    def _say_progress(self) -> None:
        now_s = time.monotonic()
        if self._first_depth_s is None:
            pictures = self.logs['image'].count + self.logs['image/compressed'].count
            self.get_logger().info(
                f'{now_s - self._started_s:.0f} s: waiting for depth; {pictures} pictures so far'
            )
            return
        depth, points = self.logs[DEPTH], self.logs[POINTS]
        self.get_logger().info(
            f'{now_s - self._first_depth_s:.0f} of {self._duration_s:.0f} s: '
            f'depth {depth.count} ({depth.rate_hz:.1f} Hz, {depth.median_ms:.0f} ms old), '
            f'points {points.count} ({points.rate_hz:.1f} Hz), head {self._head or "unknown"}'
        )

    def _end_when_due(self) -> None:
        now_s = time.monotonic()
        if self._first_depth_s is None:
            due = now_s - self._started_s >= self._timeout_s
        else:
            due = now_s - self._first_depth_s >= self._duration_s
        if due:
            self.write()
            raise Finished(0 if self.arrived else 1)

    @property
    def arrived(self) -> bool:
        """Whether depth and points arrived."""
        return self.logs[DEPTH].count > 0 and self.logs[POINTS].count > 0

    def write(self) -> None:
        """Write the report and the pictures."""
        self._written = True
        self._sort_newest_moment()
        report = self.report()
        caption = report['node'].get('model', 'unknown model')
        comparison = self._truth.comparison
        is_noise = self._status is None or self._status.weights == RANDOM
        # Beside its truth depth needs no warning; noise does, right across.
        walk = draw_walk(comparison, model=caption, warning=report['warning'] if is_noise else '')
        report['files'] = [
            REPORT,
            *write_moments(
                self._folder,
                self._scenes.moments,
                warning=report['warning'],
                caption=caption,
                is_noise=is_noise,
                above=walk,
                clouds=self._walk_moments,
            ),
        ]
        if self._bag is not None:
            report['recording'] = self._bag.finish()
        write_report(self._folder / REPORT, report)
        if not self.context.ok():  # stopped by a signal: the log is closed already
            return
        if report['warning']:
            self.get_logger().warning(report['warning'])
        if 'truth' in report:
            self.get_logger().info(error_text(comparison))
        self.get_logger().info(f'{report["verdict"]}; see {self._folder}')

    def report(self) -> dict[str, Any]:
        """Give everything that was recorded as plain values."""
        missing = [topic for topic in (DEPTH, POINTS) if self.logs[topic].count == 0]
        verdict = f'missing: {", ".join(missing)}' if missing else 'depth and points arrived'
        truth = self._truth.comparison.summary()
        return {
            'verdict': verdict,
            'warning': _NO_STATUS if self._status is None else self._status.weights_warning,
            'node': {} if self._status is None else facts_of_status(self._status),
            'duration_s': round(time.monotonic() - self._started_s, 1),
            'topics': {topic: log.summary() for topic, log in self.logs.items() if log.count},
            **({'truth': truth} if truth else {}),
            'head_per_second': [{'second': s, **h} for s, h in sorted(self._heads.items())],
            'machine': {
                'python': platform.python_version(),
                'ros_distro': os.environ.get('ROS_DISTRO', ''),
                'rmw': rclpy.get_rmw_implementation_identifier(),
                'cpus': os.cpu_count(),
            },
        }

    def close(self) -> None:
        """Write what there is when somebody stops the recording early."""
        if not self._written and self._first_depth_s is not None:
            self.write()
        if self._bag is not None:
            self._bag.abandon()


def main() -> NoReturn:
    """Run the node and end with its exit code."""
    end(run_node(StreamRecorder, name=NODE_NAME, errors=(OSError,)))
