"""The node's input topics: where they are, when it subscribes, what becomes of their messages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from zoedepth_ros.ros import qos
from zoedepth_ros.ros.camera import CameraKeeper
from zoedepth_ros.ros.environment import lost_for_size
from zoedepth_ros.ros.input_hints import why_no_camera_info, why_no_image
from zoedepth_ros.ros.qos_watch import QosWatch, no_events

_COMPRESSED = '/compressed'


class Inputs:
    """Own image and camera_info between activate and deactivate, subscribed to or not.

    What is known of the camera stays while there is no subscription.
    """

    def __init__(
        self,
        node: Node,
        transport: str,
        on_picture: Callable[[Any], None],
        watch: QosWatch,
        prefix: str = '',
    ) -> None:
        """Find the topics of images by 'raw' or 'compressed' transport, and of their camera_info.

        prefix: 'front/' for the topics of the camera front.
        """
        self._node, self._watch = node, watch
        self.image_topic, self.info_topic = find_topics(node, transport, prefix)
        self.camera_keeper = CameraKeeper(self.image_topic)
        self.image_type = CompressedImage if transport == 'compressed' else Image
        self._on_picture = on_picture
        self._subscriptions: list[Any] = []
        self._latched = LatchedInfo(node, self.info_topic, self.camera_keeper.set_info)
        for topic in (self.info_topic, self.image_topic):
            qos.declare_sensor_input(node, topic)

    @property
    def is_subscribed(self) -> bool:
        """Whether there are subscriptions now."""
        return bool(self._subscriptions)

    def subscribe(self) -> None:
        """Subscribe to both topics."""
        # In this order: executors call back in the order of creation, and of an image and its
        # camera_info that have both come, the latter is needed first.
        for topic_type, topic, callback, on_matched in (
            (CameraInfo, self.info_topic, self.camera_keeper.set_info, self.follow_publishers),
            (self.image_type, self.image_topic, self._on_picture, None),
        ):
            self._subscriptions.append(
                self._watch.subscription(
                    self._node.create_subscription,
                    topic_type,
                    topic,
                    on_matched,
                    callback=callback,
                    qos_profile=qos.sensor_input(),
                    qos_overriding_options=qos.overridable(),
                )
            )
        self.follow_publishers()

    def follow_publishers(self) -> None:
        """Look whether camera_info is latched now; call it when publishers come or go."""
        if self.is_subscribed:
            self._latched.update()

    def why_no_image(self) -> str:
        """Say what the graph shows about the topic of images; only while subscribed."""
        profile = self._subscriptions[1].qos_profile
        if self.image_type is Image and (lost := lost_for_size(self.camera_keeper.image_bytes)):
            return lost
        return why_no_image(self._node, self.image_topic, self.image_type, profile)

    def why_no_camera_info(self) -> str:
        """Say what the graph shows about the topic of camera_info; only while subscribed."""
        profile = self._subscriptions[0].qos_profile
        return why_no_camera_info(self._node, self.info_topic, profile)

    def unsubscribe(self) -> None:
        """Give up the subscriptions."""
        for subscription in self._subscriptions:
            self._node.destroy_subscription(subscription)
        self._subscriptions.clear()
        self._latched.destroy()


class LatchedInfo:
    """Subscribe to camera_info that is latched (transient local), while a publisher latches it.

    A volatile subscription misses what was published before, and a transient-local one does not
    match a volatile publisher: so this one stands beside the volatile one, and only when the graph
    has a publisher for it.
    """

    def __init__(self, node: Node, topic: str, on_info: Callable[[Any], None]) -> None:
        """topic: full name.  Call `update` to begin and then now and then."""
        self._node, self._topic, self._on_info = node, topic, on_info
        self._subscription: Any = None

    def update(self) -> None:
        """Subscribe or unsubscribe, as the publishers are now."""
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
                event_callbacks=no_events(),
            )
        elif not is_latched:
            self.destroy()

    def destroy(self) -> None:
        """Unsubscribe."""
        if self._subscription is not None:
            self._node.destroy_subscription(self._subscription)
            self._subscription = None


def find_topics(node: Node, transport: str, prefix: str = '') -> tuple[str, str]:
    """Give the full names of the picture topic and of camera_info, remappings applied.

    A remapped `image` carries its /compressed along; camera_info is the image topic's sibling
    unless it is remapped itself.
    """
    base = node.resolve_topic_name(f'{prefix}image')
    if transport == 'compressed':
        image = _remapped(node, f'{prefix}image/compressed')
        if image is None:
            image = base if base.endswith(_COMPRESSED) else base + _COMPRESSED
    else:
        image = base
    info = _remapped(node, f'{prefix}camera_info')
    if info is None:
        info = sibling(base, 'camera_info')
    return image, info


def sibling(image_topic: str, name: str) -> str:
    """Give the topic of that name beside an image topic, as cameras arrange them."""
    return f'{image_topic.removesuffix(_COMPRESSED).rpartition("/")[0]}/{name}'


def _remapped(node: Node, topic: str) -> str | None:
    resolved = node.resolve_topic_name(topic)
    return None if resolved == node.resolve_topic_name(topic, only_expand=True) else resolved
