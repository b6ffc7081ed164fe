"""The output topics of one camera, and their messages."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from builtin_interfaces.msg import Time
from geometry_msgs.msg import Quaternion, Transform, TransformStamped
from rclpy.lifecycle import LifecycleNode
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, LaserScan, PointCloud2, PointField
from std_msgs.msg import Header

from zoedepth_ros.geometry.scan import Up
from zoedepth_ros.messages import writers
from zoedepth_ros.messages.compressed import (
    COLOR_TOPIC,
    DEPTH_TOPIC,
    compressed_color,
    compressed_depth,
)
from zoedepth_ros.msg import Domain
from zoedepth_ros.pipeline import outputs
from zoedepth_ros.pipeline.outputs import (
    ColorImage,
    DepthImage,
    Omission,
    Output,
    OutputMessages,
    Scan,
)
from zoedepth_ros.ros import qos
from zoedepth_ros.ros.health.incompatible_qos import no_events
from zoedepth_ros.ros.parameters.node_settings import NodeSettings
from zoedepth_ros.ros.serialized import SerializedCloud, SerializedImage, SerializedMessage

try:
    from tf2_msgs.msg import TFMessage as _TFMessage
except ImportError:  # the wheels of PyPI
    _TFMessage = None

TF, TF_STATIC = '/tf', '/tf_static'

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


Topic = tuple[str, Any]
"""Name and message."""

OUTPUT_OF = {DEPTH_TOPIC: outputs.DEPTH, COLOR_TOPIC: outputs.COLOR}
"""Topic -> output it is made of, where the two differ."""

_TYPES: dict[str, Any] = {
    writers.IMAGE: SerializedImage,
    writers.COMPRESSED_IMAGE: CompressedImage,
    writers.POINT_CLOUD: SerializedCloud,
    writers.POINT_FIELD: PointField,
    writers.LASER_SCAN: LaserScan,
    writers.DOMAIN: Domain,
    writers.TIME: Time,
    writers.QUATERNION: Quaternion,
    writers.TRANSFORM: Transform,
    writers.TRANSFORM_STAMPED: TransformStamped,
    writers.TF_MESSAGE: _TFMessage,
}


def make(type_name: str, **fields: Any) -> Any:
    """Make a message of rclpy, or its serialised form, for `messages.writers`."""
    return _TYPES[type_name](**fields)


class Publishers:
    """Own the publishers between configure and cleanup."""

    def __init__(self, node: LifecycleNode, prefix: str = '') -> None:
        """Create them; they publish only while the node is active.

        prefix: 'front/' for the topics of the camera front.
        """
        self._node = node
        self._by_topic: dict[str, Any] = {}
        for topic, kind in TOPICS.items():
            self._by_topic[topic] = node.create_lifecycle_publisher(
                kind,
                self._name(prefix + topic, kind),
                qos.output(),
                event_callbacks=no_events(is_input=False),
                qos_overriding_options=qos.overridable(),
            )
        self._transforms: dict[str, Any] = {}
        if _TFMessage is None:
            return
        for topic, profile in TRANSFORMS.items():
            self._transforms[topic] = node.create_publisher(
                _TFMessage, topic, profile, qos_overriding_options=qos.overridable()
            )

    def _name(self, topic: str, kind: Any) -> str:
        """Keep a compressed topic beside its image topic if that is remapped."""
        if kind is not CompressedImage:
            return topic
        image, _, transport = topic.rpartition('/')
        return f'{self._node.resolve_topic_name(image)}/{transport}'

    @property
    def publishers(self) -> tuple[Any, ...]:
        """Those of the outputs, without the transforms."""
        return tuple(self._by_topic.values())

    def subscribed(self) -> frozenset[str]:
        """Return the topics with subscribers."""
        return frozenset(
            topic for topic, pub in self._by_topic.items() if pub.get_subscription_count() > 0
        )

    def send(self, topic: str, msg: Any) -> None:
        """Publish on one topic."""
        publisher = self._by_topic.get(topic) or self._transforms[topic]
        if isinstance(msg, SerializedMessage):
            msg.publish(publisher)
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


class ScanFrame:
    """Name the frame of a camera's scans, x forward along its view, y left, z up.

    With scan.frame_id it is that frame, whose transform others publish. Otherwise it is
    `<optical frame>_scan` at the camera's position, and the node publishes the transform: with
    camera.base_frame on /tf with every scan, because the camera may tilt; else once on /tf_static.
    """

    def __init__(self) -> None:
        self.notice = ''
        """Why the scan's frame has no transform, in words; '' if it has one."""
        self._published: object = None

    def place(self, msg: Any, up: Up, settings: NodeSettings) -> Iterator[Topic]:
        """Set the frame of a LaserScan, which has the image's header.

        up: unit vector in the optical frame.  Yields (topic, message) of the transform if it
        is due.  Raises ValueError for a camera that looks straight up or down.
        """
        header = msg.header
        self.notice = ''
        name = settings.scan_frame_id
        if not name:
            name = writers.level_frame(header.frame_id)
            if not header.frame_id:
                self.notice = f'images have no frame_id, so the frame {name} has no transform'
            elif _TYPES[writers.TF_MESSAGE] is None:
                self.notice = (
                    f'no tf2_msgs: no transform from {header.frame_id} to {name} is published; '
                    'publish one or set scan.frame_id'
                )
            else:
                yield from self._transform(header, up, settings)
        msg.header = Header(stamp=header.stamp, frame_id=name)

    def _transform(self, header: Any, up: Up, settings: NodeSettings) -> Iterator[Topic]:
        is_moving = bool(settings.camera_base_frame)
        wanted = None if is_moving else (header.frame_id, up)
        if is_moving or self._published != wanted:
            yield TF if is_moving else TF_STATIC, writers.level_transform(make, header, up)
        self._published = wanted


class TopicMessages:
    """Make the messages of one camera's outputs; each is kept and filled again."""

    def __init__(self, omit: Callable[[str, str], None]) -> None:
        """omit: called with reason and message for each output that cannot be made."""
        self.scan_frame = ScanFrame()
        self.buffers = OutputMessages(make)
        """Memory for outputs: the data of the messages."""
        self._omit = omit

    def of(
        self,
        found: Iterable[Output],
        header: Any,
        topics: frozenset[str],
        settings: NodeSettings,
    ) -> Iterator[Topic]:
        """Yield (topic, message) for outputs with a subscriber, compressed images last.

        header: the image's.  topics: those with subscribers.  A message is valid until the next
        image.
        """
        depth: DepthImage | None = None
        color: ColorImage | None = None
        for output in found:
            if isinstance(output, Omission):
                self._omit(output.reason, output.message)
                continue
            if isinstance(output, DepthImage):
                depth = output
            elif isinstance(output, ColorImage):
                color = output
            if output.name not in topics:
                continue
            msg = self.buffers.message(output, header)
            if isinstance(output, Scan):
                yield from self.scan_frame.place(msg, output.up, settings)
            yield output.name, msg
        # Last, because compressing takes time.
        if color is not None and COLOR_TOPIC in topics:
            quality = settings.color_jpeg_quality
            yield COLOR_TOPIC, compressed_color(make, header, color.bgr, jpeg_quality=quality)
        if depth is not None and DEPTH_TOPIC in topics:
            yield DEPTH_TOPIC, _compressed_depth(depth, header, settings)


def _compressed_depth(depth: DepthImage, header: Any, settings: NodeSettings) -> Any:
    return compressed_depth(
        make,
        header,
        depth.pixels,
        max_m=settings.compressed_depth_max_m,
        quantization=settings.compressed_depth_quantization,
        png_level=settings.compressed_depth_png_level,
    )
