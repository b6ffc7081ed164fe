"""Report incompatible QoS."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

try:
    from rclpy.event_handler import PublisherEventCallbacks, SubscriptionEventCallbacks
except ImportError:  # Humble
    from rclpy.qos_event import PublisherEventCallbacks, SubscriptionEventCallbacks


class QosWatch:
    """Find peers of the node's topics with incompatible QoS in the graph.

    QoS events would report them without being asked, but rclpy's executor spends 4 us on each
    event of each topic before it waits, several times per image.
    """

    def __init__(self, node: Node, warn: Callable[[str], None]) -> None:
        """warn: called once for every mismatch that two looks in a row have found."""
        self._node, self._warn = node, warn
        self._found: set[str] = set()
        self._warned: set[str] = set()

    def problems(self, publishers: Iterable[Any], subscriptions: Iterable[Any]) -> tuple[str, ...]:
        """Return every present mismatch of the node's publishers and subscriptions, in words."""
        find_readers = self._node.get_subscriptions_info_by_topic
        found = [
            text
            for publisher in publishers
            for peer in find_readers(publisher.topic_name)
            for text in _described(publisher, peer, is_input=False)
        ]
        find_writers = self._node.get_publishers_info_by_topic
        found += [
            text
            for subscription in subscriptions
            for peer in find_writers(subscription.topic_name)
            for text in _described(subscription, peer, is_input=True)
        ]
        # Not at once: a new peer has no name for a moment.
        lasting = self._found.intersection(found)
        for text in sorted(lasting - self._warned):
            self._warn(text)
        self._found, self._warned = set(found), lasting
        return tuple(found)


def _described(own: Any, peer: Any, *, is_input: bool) -> Iterable[str]:
    """Describe each mismatch of a publisher or subscription and an endpoint of the graph."""
    offered, requested = own.qos_profile, peer.qos_profile
    if is_input:
        offered, requested = requested, offered
    who = f'{peer.node_namespace.rstrip("/")}/{peer.node_name}'
    for policy, offer, request in mismatches(offered, requested):
        yield describe_mismatch(own.topic_name, who, policy, offer, request, is_input)


def no_events(*, is_input: bool) -> Any:
    """Return the event callbacks of a topic whose QoS events the executor does not wait for."""
    kind = SubscriptionEventCallbacks if is_input else PublisherEventCallbacks
    return kind(use_default_callbacks=False)


def mismatches(offered: QoSProfile, requested: QoSProfile) -> list[tuple[str, str, str]]:
    """Return (policy, offered, requested) of each policy that offers less than requested."""
    wrong = []
    weak = (ReliabilityPolicy.BEST_EFFORT, ReliabilityPolicy.RELIABLE)
    if (offered.reliability, requested.reliability) == weak:
        wrong.append(('reliability', 'best_effort', 'reliable'))
    fleeting = (DurabilityPolicy.VOLATILE, DurabilityPolicy.TRANSIENT_LOCAL)
    if (offered.durability, requested.durability) == fleeting:
        wrong.append(('durability', 'volatile', 'transient_local'))
    return wrong


def describe_mismatch(
    topic: str, peer: str, policy: str, offer: str, request: str, is_input: bool
) -> str:
    """Describe what is offered and requested, and which parameter corrects it."""
    if is_input:
        return (
            f'{topic}: {peer} publishes with {policy} {offer}, but this node requests {request}, '
            f'so no message arrives; set qos_overrides.{topic}.subscription.{policy} to {offer}'
        )
    return (
        f'{topic}: this node publishes with {policy} {offer}, but {peer} requests {request}, '
        f'so no message reaches {peer}; set qos_overrides.{topic}.publisher.{policy} to '
        f'{request}, or let {peer} request {offer}'
    )
