"""Subscriptions that give messages as the bytes that came, and when they were sent and came."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.subscription import Subscription

Take = Callable[[bytes, int, int], None]
"""Takes a payload, when it came [ns] and when it was published [ns]."""


def subscribe_raw(node: Node, kind: Any, topic: str, take: Take, qos: QoSProfile) -> None:
    """Subscribe; Humble does not tell the times, there both are when the payload is taken."""

    def with_info(data: bytes, info: Mapping[str, Any]) -> None:
        came_ns = info['received_timestamp'] or time.time_ns()
        take(data, came_ns, info['source_timestamp'] or came_ns)

    def without_info(data: bytes) -> None:
        now_ns = time.time_ns()
        take(data, now_ns, now_ns)

    tells_times = hasattr(Subscription, 'CallbackType')
    callback = with_info if tells_times else without_info
    node.create_subscription(kind, topic, callback, qos, raw=True)
