"""The input topics of one camera: their names and subscriptions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from zoedepth_ros.environment import lost_for_size
from zoedepth_ros.messages.camera import COMPRESSED, CameraTracker, camera_info_topic
from zoedepth_ros.ros import qos
from zoedepth_ros.ros.health.incompatible_qos import no_events
from zoedepth_ros.ros.health.missing_input import why_mixed, why_no_camera_info, why_no_image

HOLD_S = 2.0
"""How long the subscription to the camera is kept after the last subscriber has left, for example
for a tool that is restarted [s]."""


class Demand:
    """Decide when to subscribe to the camera: while an output needs it, and HOLD_S longer."""

    def __init__(self, clock_s: Callable[[], float]) -> None:
        """clock_s: a clock that never jumps back [s]."""
        self._clock_s = clock_s
        self._last_s: float | None = None

    def update(self, *, is_needed: bool) -> bool:
        """Return whether to be subscribed; is_needed: whether an output needs the camera now."""
        now_s = self._clock_s()
        if is_needed:
            self._last_s = now_s
        return self._last_s is not None and now_s - self._last_s <= HOLD_S

    def drop(self) -> None:
        """End the demand at once."""
        self._last_s = None


class Inputs:
    """Own the subscriptions to image and camera_info between activate and deactivate.

    The camera stays known while there is no subscription.
    """

    def __init__(
        self,
        node: Node,
        transport: str,
        on_image: Callable[[Any], None],
        prefix: str = '',
    ) -> None:
        """Resolve the topics of images and camera_info.

        transport: 'raw' or 'compressed'.  prefix: 'front/' for the topics of the camera front.
        """
        self._node = node
        self.image_topic, self.info_topic = find_topics(node, transport, prefix)
        self.camera = CameraTracker(self.image_topic, CameraInfo)
        self.image_type = CompressedImage if transport == 'compressed' else Image
        self._on_image = on_image
        self.subscriptions: list[Any] = []
        """To camera_info and the image; empty while not subscribed."""
        self._latched = LatchedInfo(node, self.info_topic, self.camera.set_info)
        for topic in (self.info_topic, self.image_topic):
            qos.declare_sensor_input(node, topic)

    @property
    def is_subscribed(self) -> bool:
        """Whether it is subscribed."""
        return bool(self.subscriptions)

    def subscribe(self) -> None:
        """Subscribe to both topics."""
        # In this order: executors call back in the order of creation, and an image needs its
        # camera_info first.
        for topic_type, topic, callback in (
            (CameraInfo, self.info_topic, self.camera.set_info),
            (self.image_type, self.image_topic, self._on_image),
        ):
            self.subscriptions.append(
                self._node.create_subscription(
                    topic_type,
                    topic,
                    callback,
                    qos.sensor_input(),
                    event_callbacks=no_events(is_input=True),
                    qos_overriding_options=qos.overridable(),
                )
            )
        self.follow_publishers()

    def follow_publishers(self) -> None:
        """Follow whether camera_info is latched; call it now and then."""
        if self.is_subscribed:
            self._latched.update()

    def missing(self, *, image: bool, camera_info: bool) -> Iterator[str]:
        """Yield why inputs are mixed with those of another publisher, and why none arrive.

        By the graph; '' for no reason.  Only while subscribed.  image, camera_info: whether it is
        missing.
        """
        info, images = (subscription.qos_profile for subscription in self.subscriptions)
        for topic in (self.image_topic, self.info_topic):
            yield why_mixed(self._node, topic)
        if image:
            lost = lost_for_size(self.camera.image_bytes) if self.image_type is Image else ''
            yield lost or why_no_image(self._node, self.image_topic, self.image_type, images)
        if camera_info:
            yield why_no_camera_info(self._node, self.info_topic, info)

    def unsubscribe(self) -> None:
        """Destroy the subscriptions."""
        for subscription in self.subscriptions:
            self._node.destroy_subscription(subscription)
        self.subscriptions.clear()
        self._latched.destroy()


class LatchedInfo:
    """Subscribe to camera_info that is latched (transient local), while a publisher latches it.

    A volatile subscription misses what was published before, and a transient-local one does not
    match a volatile publisher: so this one exists beside the volatile one, while the graph has a
    publisher for it.
    """

    def __init__(self, node: Node, topic: str, on_info: Callable[[Any], None]) -> None:
        """topic: full name.  Call `update` at first and then now and then."""
        self._node, self._topic, self._on_info = node, topic, on_info
        self._subscription: Any = None

    def update(self) -> None:
        """Subscribe or unsubscribe, depending on the publishers."""
        is_latched = any(
            peer.qos_profile.durability == DurabilityPolicy.TRANSIENT_LOCAL
            and peer.qos_profile.reliability == ReliabilityPolicy.RELIABLE
            for peer in self._node.get_publishers_info_by_topic(self._topic)
        )
        if is_latched and self._subscription is None:
            self._subscription = self._node.create_subscription(
                CameraInfo,
                self._topic,
                self._on_info,
                qos.latched(),
                event_callbacks=no_events(is_input=True),
            )
        elif not is_latched:
            self.destroy()

    def destroy(self) -> None:
        """Unsubscribe."""
        if self._subscription is not None:
            self._node.destroy_subscription(self._subscription)
            self._subscription = None


def find_topics(node: Node, transport: str, prefix: str = '') -> tuple[str, str]:
    """Return the full names of the topics of images and camera_info, after remapping.

    Remapping `image` remaps its /compressed too; camera_info is the image topic's sibling unless
    it is remapped itself.
    """
    base = node.resolve_topic_name(f'{prefix}image')
    if transport == 'compressed':
        image = _remapped(node, f'{prefix}image/compressed')
        if image is None:
            image = base if base.endswith(COMPRESSED) else base + COMPRESSED
    else:
        image = base
    info = _remapped(node, f'{prefix}camera_info')
    if info is None:
        info = camera_info_topic(base)
    return image, info


def _remapped(node: Node, topic: str) -> str | None:
    resolved = node.resolve_topic_name(topic)
    return None if resolved == node.resolve_topic_name(topic, only_expand=True) else resolved
