"""The node's half of a bond with Nav2's lifecycle manager: a heartbeat while it is active.

The manager shuts everything down when it stops. Its own half is not listened to: a node that has
lost its manager goes on.
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
"""As Nav2's own nodes announce it; the manager's `bond_timeout` is what counts."""


class Heartbeat:
    """Publish `bond` between `start` and `stop`, where its message type is installed."""

    def __init__(self, node: LifecycleNode, clock: Clock) -> None:
        """clock: what the heart beats by; not one that may stand still."""
        self._node, self._clock = node, clock
        self._timer: Any = None
        if Status is None:
            return
        self._publisher = node.create_publisher(Status, TOPIC, 5)
        self._message = Status(id=node.get_name(), heartbeat_timeout=TIMEOUT_S)
        self._message.heartbeat_period = PERIOD_S

    def start(self) -> None:
        """Begin a new bond."""
        if Status is None:
            return
        self._message.instance_id = str(uuid.uuid4())
        self._timer = self._node.create_timer(PERIOD_S, self._beat, clock=self._clock)

    def stop(self) -> None:
        """Break the bond, so that silence is not taken for death."""
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
