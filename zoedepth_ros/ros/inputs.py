"""The node's input topics: where they are and what becomes of their messages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rclpy.node import Node
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from . import qos
from .camera import CameraKeeper
from .qos_watch import QosWatch

_COMPRESSED = '/compressed'


class Inputs:
    """Own the subscriptions between activate and deactivate."""

    def __init__(
        self,
        node: Node,
        transport: str,
        on_picture: Callable[[Any], None],
        watch: QosWatch,
        prefix: str = '',
    ) -> None:
        """Subscribe to pictures by 'raw' or 'compressed' transport, and to their camera_info.

        prefix: 'front/' for the topics of the camera front.
        """
        self._node = node
        self.image_topic, self.info_topic = find_topics(node, transport, prefix)
        self.camera_keeper = CameraKeeper(topic_is_rectified=is_rectified(self.image_topic))
        kind = CompressedImage if transport == 'compressed' else Image
        self._subscriptions: list[Any] = []
        # In this order: executors call back in the order of creation, and of a picture and its
        # camera_info that have both come, the latter is needed first.
        for topic_type, topic, callback in (
            (CameraInfo, self.info_topic, self.camera_keeper.set_info),
            (kind, self.image_topic, on_picture),
        ):
            self._subscriptions.append(
                watch.subscription(
                    node.create_subscription,
                    topic_type,
                    topic,
                    callback=callback,
                    qos_profile=qos.sensor_input(),
                    qos_overriding_options=qos.overridable(),
                )
            )

    def destroy(self) -> None:
        """Unsubscribe."""
        for subscription in self._subscriptions:
            self._node.destroy_subscription(subscription)
        self._subscriptions.clear()


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


def is_rectified(image_topic: str) -> bool:
    """Tell whether a topic's name says that its pictures are rectified, as image_rect does."""
    return 'rect' in image_topic.removesuffix(_COMPRESSED).rpartition('/')[2]


def _remapped(node: Node, topic: str) -> str | None:
    resolved = node.resolve_topic_name(topic)
    return None if resolved == node.resolve_topic_name(topic, only_expand=True) else resolved
