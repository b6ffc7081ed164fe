"""The output topics of one camera."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rclpy.lifecycle import LifecycleNode
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, LaserScan, PointCloud2

from zoedepth_ros.messages.serialized import SerializedMessage
from zoedepth_ros.msg import Domain
from zoedepth_ros.ros import qos
from zoedepth_ros.ros.health.incompatible_qos import QosWatch
from zoedepth_ros.ros.raw_publishing import publish_serialized
from zoedepth_ros.ros.scan_frame import TF, TF_STATIC, TFMessage

TOPICS: dict[str, Any] = {
    'depth/image': Image,
    'depth/image/compressedDepth': CompressedImage,
    'depth/camera_info': CameraInfo,
    'depth/points': PointCloud2,
    'depth/points/ground': PointCloud2,
    'depth/points/obstacles': PointCloud2,
    'depth/points/clearing': PointCloud2,
    'depth/points/cliffs': PointCloud2,
    'depth/uncertainty': Image,
    'depth/color': Image,
    'depth/color/compressed': CompressedImage,
    'scan': LaserScan,
    'domain': Domain,
}

TRANSFORMS = {TF: qos.output(100), TF_STATIC: qos.latched()}
"""Topics of the transform of the scan's frame, with the QoS of TF."""


class Publishers:
    """Own the publishers between configure and cleanup."""

    def __init__(
        self,
        node: LifecycleNode,
        watch: QosWatch,
        prefix: str = '',
        on_matched: Callable[[], None] | None = None,
    ) -> None:
        """Create them; they publish only while the node is active.

        prefix: 'front/' for the topics of the camera front.  on_matched: called when a subscriber
        of any of them comes or goes, if the middleware reports that.
        """
        self._node = node
        self._by_topic: dict[str, Any] = {}
        for topic, kind in TOPICS.items():
            self._by_topic[topic] = watch.publisher(
                node.create_lifecycle_publisher,
                kind,
                self._name(prefix + topic, kind),
                on_matched,
                qos_profile=qos.output(),
                qos_overriding_options=qos.overridable(),
            )
        self._transforms: dict[str, Any] = {}
        if TFMessage is None:
            return
        for topic, profile in TRANSFORMS.items():
            self._transforms[topic] = node.create_publisher(
                TFMessage, topic, profile, qos_overriding_options=qos.overridable()
            )

    def _name(self, topic: str, kind: Any) -> str:
        """Keep a compressed topic beside its image topic if that is remapped."""
        if kind is not CompressedImage:
            return topic
        image, _, transport = topic.rpartition('/')
        return f'{self._node.resolve_topic_name(image)}/{transport}'

    @property
    def names(self) -> frozenset[str]:
        """Full names of the topics."""
        return frozenset(publisher.topic_name for publisher in self._by_topic.values())

    def subscribed(self) -> frozenset[str]:
        """Return the topics with subscribers."""
        return frozenset(
            topic for topic, pub in self._by_topic.items() if pub.get_subscription_count() > 0
        )

    def send(self, topic: str, msg: Any) -> None:
        """Publish on one topic."""
        publisher = self._by_topic.get(topic) or self._transforms[topic]
        if isinstance(msg, SerializedMessage):
            publish_serialized(publisher, msg.serialized())
        else:
            publisher.publish(msg)

    def destroy(self) -> None:
        """Destroy the publishers."""
        for publisher in self._by_topic.values():
            self._node.destroy_lifecycle_publisher(publisher)
        self._by_topic.clear()
        for publisher in self._transforms.values():
            self._node.destroy_publisher(publisher)
        self._transforms.clear()
