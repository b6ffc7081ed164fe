"""Quality of service: defaults that are compatible with every peer, and can be overridden."""

from __future__ import annotations

from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSPolicyKind, QoSProfile, ReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions, _declare_qos_parameters
from rclpy.subscription import Subscription


def sensor_input() -> QoSProfile:
    """Keep only the newest image, without retransmission: old images are of no use."""
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST, depth=1, reliability=ReliabilityPolicy.BEST_EFFORT
    )


def latched() -> QoSProfile:
    """Keep the newest message for late subscribers (transient local)."""
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=1,
        reliability=ReliabilityPolicy.RELIABLE,
        durability=DurabilityPolicy.TRANSIENT_LOCAL,
    )


def output(depth: int = 5) -> QoSProfile:
    """Offer reliable, which best-effort and reliable subscribers both accept."""
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST, depth=depth, reliability=ReliabilityPolicy.RELIABLE
    )


def overridable() -> QoSOverridingOptions:
    """Declare `qos_overrides.<topic>.…` parameters."""
    kinds = (
        QoSPolicyKind.HISTORY,
        QoSPolicyKind.DEPTH,
        QoSPolicyKind.RELIABILITY,
        QoSPolicyKind.DURABILITY,
    )
    return QoSOverridingOptions(kinds)


def declare_sensor_input(node: Node, topic: str) -> None:
    """Declare the overrides of a sensor input before there is a subscription.

    topic: full name.  Raises what creating the subscription would for a wrong override.
    """
    _declare_qos_parameters(Subscription, node, topic, sensor_input(), overridable())
