"""Publish ~/status and /diagnostics in every lifecycle state."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.node import Node

from zoedepth_ros.msg import Status
from zoedepth_ros.ros import qos
from zoedepth_ros.ros.camera_stream import CameraStream
from zoedepth_ros.ros.health.status import Diagnostics


class StatusReporter:
    """Publish ~/status (~/<camera>/status of several cameras) and /diagnostics."""

    def __init__(
        self,
        node: Node,
        streams: Sequence[CameraStream],
        statuses: Callable[[Any], Sequence[Any]],
    ) -> None:
        """Create plain publishers, which also publish while the node is inactive.

        statuses: returns the Status of each stream for a stamp.
        """
        self._clock, self._streams, self._make = node.get_clock(), streams, statuses
        name = node.get_fully_qualified_name()
        self._diagnostics = [Diagnostics(name) for _ in streams]
        options = {'qos_overriding_options': qos.overridable()}
        topics = [f'~/{s.name}/status' if s.name else '~/status' for s in streams]
        self._statuses = [
            node.create_publisher(Status, topic, qos.output(1), **options) for topic in topics
        ]
        self._array = node.create_publisher(
            DiagnosticArray, '/diagnostics', qos.output(10), **options
        )

    def report(self) -> None:
        """Publish the present state of every camera."""
        stamp = self._clock.now().to_msg()
        messages = self._make(stamp)
        array = DiagnosticArray()
        array.header.stamp = stamp
        array.status = [
            diagnostics.make(msg, stream.settings)
            for diagnostics, msg, stream in zip(
                self._diagnostics, messages, self._streams, strict=True
            )
        ]
        for publisher, msg in zip(self._statuses, messages, strict=True):
            publisher.publish(msg)
        self._array.publish(array)
