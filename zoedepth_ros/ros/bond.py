"""Bond with Nav2's lifecycle manager: heartbeats while the node is active.

The manager shuts all nodes down when the heartbeats stop. The node does not subscribe to the
manager's heartbeats: without its manager it continues.
"""

from __future__ import annotations

import uuid
from typing import Any

from rclpy.clock import Clock
from rclpy.lifecycle import LifecycleNode

try:
    from bond.msg import Status
except ImportError:  # comes with Nav2, not with ROS
    Status = None

TOPIC = 'bond'
PERIOD_S = 0.1
TIMEOUT_S = 4.0
"""As announced by Nav2's own nodes; the manager uses its `bond_timeout`."""


class Bond:
    """Publish `bond` between `start` and `stop`, where its message type is installed."""

    def __init__(self, node: LifecycleNode, clock: Clock) -> None:
        """clock: of the heartbeats; not one that may stop."""
        self._node, self._clock = node, clock
        self._timer: Any = None
        if Status is None:
            return
        self._publisher = node.create_publisher(Status, TOPIC, 5)
        self._message = Status(id=node.get_name(), heartbeat_timeout=TIMEOUT_S)
        self._message.heartbeat_period = PERIOD_S

    def start(self) -> None:
        """Start a new bond."""
        if Status is None:
            return
        self._message.instance_id = str(uuid.uuid4())
        self._timer = self._node.create_timer(PERIOD_S, self._beat, clock=self._clock)

    def stop(self) -> None:
        """End the bond, so that missing heartbeats are not taken for a crash."""
        if self._timer is None:
            return
        self._node.destroy_timer(self._timer)
        self._timer = None
        if self._node.context.ok():
            self._publish(active=False)

    def _beat(self) -> None:
        if self._publisher.get_subscription_count() > 0:
            self._publish(active=True)

    def _publish(self, *, active: bool) -> None:
        self._message.header.stamp = self._node.get_clock().now().to_msg()
        self._message.active = active
        self._publisher.publish(self._message)
