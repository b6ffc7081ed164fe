"""The two topics on which the node tells how it is, in every lifecycle state."""

from __future__ import annotations

from collections.abc import Callable

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.node import Node

from zoedepth_ros.msg import Status

from . import qos
from .parameters import NodeSettings
from .statistics import Statistics
from .status import Condition, Diagnostics, make_status


class StatusReporter:
    """Publish ~/status and /diagnostics."""

    def __init__(
        self,
        node: Node,
        condition: Callable[[], Condition],
        statistics: Statistics,
        settings: Callable[[], NodeSettings],
    ) -> None:
        """Create both topics; plain publishers, which also speak while the node is inactive."""
        self._clock, self._condition, self._statistics = node.get_clock(), condition, statistics
        self._diagnostics = Diagnostics(node.get_fully_qualified_name(), settings)
        options = {'qos_overriding_options': qos.overridable()}
        self._status = node.create_publisher(Status, '~/status', qos.output(1), **options)
        self._array = node.create_publisher(
            DiagnosticArray, '/diagnostics', qos.output(10), **options
        )

    def report(self) -> None:
        """Publish the present state on both."""
        status = make_status(self._clock.now().to_msg(), self._condition(), self._statistics)
        self._status.publish(status)
        self._array.publish(self._diagnostics.make(status))
