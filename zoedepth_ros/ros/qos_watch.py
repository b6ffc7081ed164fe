"""Peers that can never be heard because their quality of service does not fit; said in words."""

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
"""Whether rclpy reports that a peer has come or gone: from Jazzy on."""


@dataclass(frozen=True, slots=True)
class _Topic:
    """Hold one of the node's own topics."""

    name: str
    """Full name."""

    ours: Callable[[], QoSProfile | None]
    """Gives the quality of service in use, overrides included; None once it is gone."""

    is_input: bool
    """Whether the node subscribes."""


class QosWatch:
    """Listen to the QoS events of the node's topics and keep what does not fit.

    An event only says that some peer does not fit; which one and why is read from the graph,
    again for every report, so that a peer that left or was mended is forgotten.
    """

    def __init__(self, node: Node, warn: Callable[[str], None]) -> None:
        """warn: told every mismatch once, when two reports in a row have found it."""
        self._node, self._warn = node, warn
        self._lock = threading.Lock()
        self._suspects: dict[str, _Topic] = {}
        self._found: set[str] = set()
        self._told: set[str] = set()
        self.reports_matches = HAS_MATCHED
        """Whether `on_matched` is called; otherwise peers have to be counted now and then."""

    def publisher(
        self,
        make: Callable[..., Any],
        kind: Any,
        topic: str,
        on_matched: Callable[[], None] | None = None,
        **options: Any,
    ) -> Any:
        """Make a publisher, by `make`, that is watched.

        on_matched: called when a subscriber has come or gone.
        """
        return self._watched(
            make, PublisherEventCallbacks, kind, topic, on_matched, options, is_input=False
        )

    def subscription(
        self,
        make: Callable[..., Any],
        kind: Any,
        topic: str,
        on_matched: Callable[[], None] | None = None,
        **options: Any,
    ) -> Any:
        """Make a subscription, by `make`, that is watched.

        on_matched: called when a publisher has come or gone.
        """
        return self._watched(
            make, SubscriptionEventCallbacks, kind, topic, on_matched, options, is_input=True
        )

    def _watched(
        self,
        make: Callable[..., Any],
        callbacks: Callable[..., Any],
        kind: Any,
        topic: str,
        on_matched: Callable[[], None] | None,
        options: dict[str, Any],
        *,
        is_input: bool,
    ) -> Any:
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
        """Say every mismatch that there is now."""
        with self._lock:
            suspects = tuple(self._suspects.values())
        found = [text for topic in suspects for text in self._mismatches(topic)]
        # Not at once: for a moment a peer that has just come has no name.
        lasting = self._found.intersection(found)
        for text in sorted(lasting - self._told):
            self._warn(text)
        self._found, self._told = set(found), lasting
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
    """Give the event callbacks of a subscription whose mismatches are no news."""
    return SubscriptionEventCallbacks(use_default_callbacks=False)


def mismatches(offered: QoSProfile, requested: QoSProfile) -> list[tuple[str, str, str]]:
    """Give (policy, offered, requested) for each policy of which less is offered than asked."""
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
    """Say who offers what and who asks for what, and which parameter mends it."""
    if is_input:
        return (
            f'{topic}: {peer} publishes {offer}, this node asks for {request}: nothing arrives; '
            f'set qos_overrides.{topic}.subscription.{policy} to {offer}'
        )
    return (
        f'{topic}: this node publishes {offer}, {peer} asks for {request}: nothing reaches it; '
        f'set qos_overrides.{topic}.publisher.{policy} to {request}, or ask for {offer} there'
    )
