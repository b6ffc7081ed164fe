"""Reference sensors, with whose distances the scale of depth is compared."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from rclpy.node import Node
from sensor_msgs.msg import LaserScan, PointCloud2, Range

from zoedepth_ros.geometry.camera import Camera
from zoedepth_ros.geometry.depth_shape import MOST_POINTS as MOST_IN_SHAPE
from zoedepth_ros.geometry.scale import NO_PAIRS, DepthPairs, pairs_at_points, ratio_in_cone
from zoedepth_ros.geometry.two_views import CameraPose
from zoedepth_ros.messages.camera import seconds
from zoedepth_ros.messages.clouds import CloudError, Points, cloud_points
from zoedepth_ros.ros import qos
from zoedepth_ros.ros.transforms import Transforms

TOPICS: dict[str, Any] = {
    'scan': ('reference/scan', LaserScan),
    'points': ('reference/points', PointCloud2),
    'range': ('reference/range', Range),
}
"""Value of scale.source -> topic and type."""

MAX_APART_S = 0.2
"""Largest difference between the stamps of reference and image [s]."""

KEEP_S = 1.0
"""For how long points are used again while the camera moves [s]."""

LEAST_REJECTED = 3
"""Messages in a row that could not be compared, from which on this is reported."""

MAX_POINTS = 2000
WARN_AGAIN_S = 10.0


class References:
    """Subscribe to the sensor that scale.source names, and keep its newest message."""

    def __init__(self, node: Node, source: str, transforms: Transforms, prefix: str = '') -> None:
        """Subscribe.

        source: 'scan', 'points' or 'range'.  prefix: 'front/' for the topic of the camera front.
        """
        self._node, self._transforms = node, transforms
        self._msg: Any = None
        self._rejected, self._reason = 0, ''
        self._clouds: list[tuple[float, NDArray[np.float64]]] = []
        """Stamp [s] and points in the fixed frame (n, 3) [m], the newest first."""
        topic, kind = TOPICS[source]
        self._subscription = node.create_subscription(
            kind,
            prefix + topic,
            self._keep,
            qos.sensor_input(),
            qos_overriding_options=qos.overridable(),
        )
        self._topic = self._subscription.topic_name  # cannot be read after `destroy`

    def destroy(self) -> None:
        """Unsubscribe."""
        self._node.destroy_subscription(self._subscription)

    @property
    def notice(self) -> str:
        """Why the latest messages were not compared with depth, in words; '' if one was."""
        if self._rejected < LEAST_REJECTED:
            return ''
        return f'{self._topic} is not compared with depth: {self._reason}'

    def _note(self, reason: str = '') -> None:
        """Note why a message was not compared; '' if it was."""
        self._rejected, self._reason = self._rejected + 1 if reason else 0, reason

    def pairs(
        self, header: Any, depth_m: NDArray[np.float32], camera: Camera, *, fixed: str = ''
    ) -> DepthPairs:
        """Return true and measured depth where sensor and image overlap.

        header: the image's.  depth_m: (H, W), NaN where it is not to be compared.  fixed: a frame
        in which the surroundings stand still; points of the last second are then used again as
        far as the newest ones are fewer than a shape is fitted to.  '' uses each message once.
        """
        msg, self._msg = self._msg, None
        eye = self._transforms.pose(fixed, header.frame_id, header.stamp) if fixed else None
        if msg is not None:
            apart_s = seconds(msg.header.stamp) - seconds(header.stamp)
            if abs(apart_s) > MAX_APART_S:
                self._note(
                    f'the stamps of the sensor messages differ by {apart_s:.3g} s from those '
                    f'of the images, expected at most {MAX_APART_S} s'
                )
                msg = None
        if msg is None:
            return NO_PAIRS if eye is None else self._pairs_of_kept(header, eye, depth_m, camera)
        frames = msg.header.frame_id, header.frame_id, header.stamp
        if isinstance(msg, Range):
            return self._range(msg, frames, depth_m, camera)
        try:
            points_m = scan_points(msg) if isinstance(msg, LaserScan) else cloud_points(msg)
        except CloudError as error:
            self._note(str(error))
            self._node.get_logger().warning(
                f'{self._topic}: {error}', throttle_duration_sec=WARN_AGAIN_S
            )
            return NO_PAIRS
        points_m = points_m[:: max(1, len(points_m) // MAX_POINTS)]
        sensor = self._transforms.pose(fixed, frames[0], msg.header.stamp) if fixed else None
        if sensor is not None and eye is not None:
            self._note()
            self._clouds.insert(0, (seconds(msg.header.stamp), sensor.to_fixed(points_m)))
            return self._pairs_of_kept(header, eye, depth_m, camera)
        there_m = self._transformed(points_m, frames)
        if there_m is None:
            return NO_PAIRS
        return pairs_at_points(there_m, depth_m, camera.model)

    def _pairs_of_kept(
        self, header: Any, eye: CameraPose, depth_m: NDArray[np.float32], camera: Camera
    ) -> DepthPairs:
        """Compare all points of the newest cloud, and of earlier ones as many as are missing."""
        now_s = seconds(header.stamp)
        self._clouds = [kept for kept in self._clouds if -MAX_APART_S <= now_s - kept[0] <= KEEP_S]
        found = NO_PAIRS
        for number, (_, cloud_m) in enumerate(self._clouds):
            missing = MOST_IN_SHAPE - len(found.true_m)
            if number and missing <= 0:
                break
            pairs = pairs_at_points(eye.from_fixed(cloud_m), depth_m, camera.model)
            found = found.joined(pairs.thinned(missing) if number else pairs)
        return found

    def _range(
        self, msg: Any, frames: tuple[str, str, Any], depth_m: NDArray[np.float32], camera: Camera
    ) -> DepthPairs:
        """Compare a range finder, which measures along x of its own frame."""
        if not msg.min_range <= msg.range <= msg.max_range:
            return NO_PAIRS
        axis_m = np.array([[0, 0, 0], [1, 0, 0]], np.float32)
        ends_m = self._transformed(axis_m, frames)
        if ends_m is None:
            return NO_PAIRS
        x, y, z = (float(part) for part in ends_m[1] - ends_m[0])
        half_rad = 0.5 * float(msg.field_of_view)
        ratio = ratio_in_cone(float(msg.range), (x, y, z), half_rad, depth_m, camera.rays())
        return DepthPairs(ratio, np.ones_like(ratio), np.full((len(ratio), 2), np.nan))  # no pixel

    def _transformed(self, points_m: Points, frames: tuple[str, str, Any]) -> Points | None:
        """Return points (n, 3) in the frame of the camera; None without a transform."""
        found = self._transforms.transform_points(points_m, *frames)
        lacking = f"TF has no recent transform from '{frames[0]}' to '{frames[1]}'"
        self._note(lacking if found is None else '')
        return found

    def _keep(self, msg: Any) -> None:
        self._msg = msg


def scan_points(msg: Any) -> Points:
    """Return the hits of a LaserScan in its own frame, (n, 3) [m]."""
    ranges_m = np.asarray(msg.ranges, np.float32)
    angles = msg.angle_min + msg.angle_increment * np.arange(len(ranges_m), dtype=np.float32)
    hit = (ranges_m >= msg.range_min) & (ranges_m <= msg.range_max)  # false for NaN
    ranges_m, angles = ranges_m[hit], angles[hit]
    flat = np.zeros_like(ranges_m)
    return np.stack((ranges_m * np.cos(angles), ranges_m * np.sin(angles), flat), axis=-1)
