"""Report incompatible QoS."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

try:
    from rclpy.event_handler import (
        PublisherEventCallbacks,
        SubscriptionEventCallbacks,
        UnsupportedEventTypeError,
    )
except ImportError:  # Humble
    from rclpy.qos_event import (
        PublisherEventCallbacks,
        SubscriptionEventCallbacks,
        UnsupportedEventTypeError,
    )

HAS_MATCHED = 'matched' in inspect.signature(PublisherEventCallbacks).parameters
"""Whether rclpy reports that a peer comes or goes: from Jazzy on."""


@dataclass(frozen=True, slots=True)
class _Topic:
    """One of the node's own topics."""

    name: str
    """Full name."""

    ours: Callable[[], QoSProfile | None]
    """Returns the QoS in use, overrides included; None once the topic is destroyed."""

    is_input: bool
    """Whether the node subscribes."""


class QosWatch:
    """Watch the QoS events of the node's topics.

    An event only reports that some peer is incompatible; which one and why is read from the graph,
    again for every report, so that a peer that left or was corrected is not reported any more.
    """

    def __init__(self, node: Node, warn: Callable[[str], None]) -> None:
        """warn: called once for every mismatch that two reports in a row have found."""
        self._node, self._warn = node, warn
        self._lock = threading.Lock()
        self._suspects: dict[str, _Topic] = {}
        self._found: set[str] = set()
        self._warned: set[str] = set()
        self.reports_matches = HAS_MATCHED
        """Whether `on_matched` is called; otherwise subscribers have to be polled."""

    def create(
        self,
        make: Callable[..., Any],
        kind: Any,
        topic: str,
        on_matched: Callable[[], None] | None = None,
        *,
        is_input: bool,
        **options: Any,
    ) -> Any:
        """Make a watched publisher or subscription by `make`.

        on_matched: called when a peer comes or goes.  is_input: whether it is a subscription.
        """
        callbacks = SubscriptionEventCallbacks if is_input else PublisherEventCallbacks
        made: list[Any] = []

        def ours() -> QoSProfile | None:
            return made[0].qos_profile if made else None

        name = self._node.resolve_topic_name(topic)
        watched = _Topic(name, ours, is_input)
        mismatch = {'incompatible_qos': lambda event: self._suspect(watched)}
        if on_matched is not None and self.reports_matches:
            matched = {'matched': lambda event: on_matched()}
            try:
                events = callbacks(**mismatch, **matched)
                made.append(make(kind, topic, event_callbacks=events, **options))
                return made[0]
            except UnsupportedEventTypeError:
                self.reports_matches = False
        try:
            made.append(make(kind, topic, event_callbacks=callbacks(**mismatch), **options))
        except UnsupportedEventTypeError:  # some middlewares know no such events
            made.append(make(kind, topic, **options))
        return made[0]

    def problems(self) -> tuple[str, ...]:
        """Return every present mismatch, in words."""
        with self._lock:
            suspects = tuple(self._suspects.values())
        found = [text for topic in suspects for text in self._mismatches(topic)]
        # Not at once: a new peer has no name for a moment.
        lasting = self._found.intersection(found)
        for text in sorted(lasting - self._warned):
            self._warn(text)
        self._found, self._warned = set(found), lasting
        return tuple(found)

    def _suspect(self, topic: _Topic) -> None:
        with self._lock:
            self._suspects[topic.name] = topic

    def _mismatches(self, topic: _Topic) -> Iterable[str]:
        ours = topic.ours()
        if ours is None:
            return
        find = (
            self._node.get_publishers_info_by_topic
            if topic.is_input
            else self._node.get_subscriptions_info_by_topic
        )
        for peer in find(topic.name):
            offered, requested = ours, peer.qos_profile
            if topic.is_input:
                offered, requested = requested, offered
            for policy, offer, request in mismatches(offered, requested):
                who = f'{peer.node_namespace.rstrip("/")}/{peer.node_name}'
                yield describe_mismatch(topic.name, who, policy, offer, request, topic.is_input)


def no_events() -> Any:
    """Return the event callbacks of a subscription whose mismatches are not reported."""
    return SubscriptionEventCallbacks(use_default_callbacks=False)


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
            f'{topic}: {peer} publishes {offer}, this node requests {request}: nothing arrives; '
            f'set qos_overrides.{topic}.subscription.{policy} to {offer}'
        )
    return (
        f'{topic}: this node publishes {offer}, {peer} requests {request}: nothing reaches it; '
        f'set qos_overrides.{topic}.publisher.{policy} to {request}, or request {offer} there'
    )
