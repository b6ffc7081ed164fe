"""The output topics of one camera, and their messages.

Image and PointCloud2 are kept in serialised form (CDR): written in place, published without a
copy.  rclpy would copy the data into a C message, and the middleware from there into its
serialised form.
"""

from __future__ import annotations

import array
import ctypes
import struct
from collections.abc import Callable, Iterable, Iterator
from functools import cache, partial
from typing import Any

import numpy as np
from builtin_interfaces.msg import Time
from geometry_msgs.msg import Quaternion, Transform, TransformStamped
from numpy.typing import NDArray
from rclpy.lifecycle import LifecycleNode
from rclpy.serialization import serialize_message
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, LaserScan, PointCloud2, PointField
from std_msgs.msg import Header

from zoedepth_ros.geometry.ground import Up
from zoedepth_ros.messages import types
from zoedepth_ros.messages.compressed import (
    COLOR_TOPIC,
    DEPTH_TOPIC,
    compressed_color,
    compressed_depth,
)
from zoedepth_ros.messages.transforms import level_frame, level_transform
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

Bytes = NDArray[np.uint8]

HEADROOM_BYTES = 1024
"""Space for what comes before the data; more of it is copied together with them."""

_TAIL_BYTES = 16
_CDR_START = 4  # bytes before the stamp, with which messages with a header begin
_STAMP, _SIZE = struct.Struct('=iI'), struct.Struct('=I')
_FEW = bytes.fromhex('a5c3691e5ab4d2f80f7e33')
"""Data that are found again among the other fields."""


class SerializedMessage:
    """An Image or PointCloud2 in serialised form, with space before and after its data."""

    def __init__(self, kind: Any, data: Any = b'', **fields: Any) -> None:
        """kind: class of the message.  fields: other fields; the header may be set later."""
        self._kind = kind
        names = kind.get_fields_and_field_types()
        self._fields = [name for name in names if name not in ('header', 'data')]
        self.data = data
        for name, value in fields.items():
            setattr(self, name, value)

    @property
    def data(self) -> Bytes:
        """The data, which may be written in place until others are assigned."""
        return self._data

    @data.setter
    def data(self, values: Any) -> None:
        view = np.frombuffer(values, np.uint8) if len(values) else np.empty(0, np.uint8)
        self._buffer = np.empty(HEADROOM_BYTES + len(view) + _TAIL_BYTES, np.uint8)
        self._data = self._buffer[HEADROOM_BYTES : HEADROOM_BYTES + len(view)]
        self._data[:] = view
        self._written: tuple[Any, ...] = ()

    def serialized(self) -> Bytes:
        """Return the message as the middleware sends it; valid until it is written again."""
        own = vars(self)
        header = own['header']
        written = header.frame_id, *map(own.get, self._fields)
        if written != self._written:
            head, tail = self._around_data(
                {name: own[name] for name in ('header', *self._fields) if name in own}
            )
            first, end = HEADROOM_BYTES - len(head), HEADROOM_BYTES + len(self.data)
            if first < 0:
                return np.frombuffer(b''.join((head, self.data.tobytes(), tail)), np.uint8)
            self._whole = self._buffer[first : end + len(tail)]
            self._buffer[first:HEADROOM_BYTES] = np.frombuffer(head, np.uint8)
            self._buffer[end : end + len(tail)] = np.frombuffer(tail, np.uint8)
            self._written = written
        _STAMP.pack_into(self._whole.data, _CDR_START, header.stamp.sec, header.stamp.nanosec)
        return self._whole

    def _around_data(self, fields: dict[str, Any]) -> tuple[bytes, bytes]:
        """Return what comes before and after the data: rclpy serialises a few others instead."""
        size = len(self.data)
        few = _FEW[: 8 + size % 4]  # the bytes that fill up the end are the same
        head, _, tail = serialize_message(
            self._kind(data=array.array('B', few), **fields)
        ).rpartition(few)
        return head[: -_SIZE.size] + _SIZE.pack(size), tail

    def publish(self, publisher: Any) -> None:
        """Publish the message; publisher: a lifecycle publisher of rclpy.

        rclpy copies `bytes` before it passes them on; rcl does not.  As in rclpy, the GIL is not
        released: the thread would wait for it afterwards.
        """
        rcl, message = _rcl(), self.serialized()
        if rcl is not None and publisher.is_activated:
            size = len(message)
            packed = _Uint8Array(message.ctypes.data, size, size)
            with publisher.handle:
                pointer = publisher.handle.pointer
                if rcl.rcl_publish_serialized_message(pointer, ctypes.byref(packed), None) == 0:
                    return
                rcl.rcutils_reset_error()
        publisher.publish(message.tobytes())


class _Uint8Array(ctypes.Structure):
    """rcutils_uint8_array_t, which rcl calls rcl_serialized_message_t."""

    _fields_ = (
        ('buffer', ctypes.c_void_p),
        ('buffer_length', ctypes.c_size_t),
        ('buffer_capacity', ctypes.c_size_t),
        ('allocator', ctypes.c_void_p * 5),  # not used for publishing
    )


@cache
def _rcl() -> Any:
    """Return the library that rclpy has loaded; None where its name is another."""
    try:
        rcl = ctypes.PyDLL('librcl.so')
    except OSError:
        return None
    rcl.rcl_publish_serialized_message.argtypes = (ctypes.c_void_p,) * 3
    return rcl


_TYPES: dict[str, Any] = {
    types.IMAGE: partial(SerializedMessage, Image),
    types.COMPRESSED_IMAGE: CompressedImage,
    types.POINT_CLOUD: partial(SerializedMessage, PointCloud2),
    types.POINT_FIELD: PointField,
    types.LASER_SCAN: LaserScan,
    types.DOMAIN: Domain,
    types.TIME: Time,
    types.QUATERNION: Quaternion,
    types.TRANSFORM: Transform,
    types.TRANSFORM_STAMPED: TransformStamped,
    types.TF_MESSAGE: _TFMessage,
}


def make(type_name: str, **fields: Any) -> Any:
    """Make a message of rclpy, or its serialised form, see `messages.types`."""
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
        # Of the handle: rclpy's own method enters it first, which takes three times as long.
        return frozenset(
            topic
            for topic, publisher in self._by_topic.items()
            if publisher.handle.get_subscription_count() > 0
        )

    def send(self, topic: str, msg: Any) -> None:
        """Publish on one topic; nothing after `destroy`, when the network may still work."""
        publisher = self._by_topic.get(topic) or self._transforms.get(topic)
        if publisher is None:
            return
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
            name = level_frame(header.frame_id)
            if not header.frame_id:
                self.notice = (
                    f'the images have no frame_id, so no transform to the frame {name} of '
                    'scan is published'
                )
            elif _TYPES[types.TF_MESSAGE] is None:
                self.notice = (
                    f'tf2_msgs is not installed, so no transform from {header.frame_id} to '
                    f'{name} is published: publish this transform from another node, or set '
                    'scan.frame_id'
                )
            else:
                yield from self._transform(header, up, settings)
        msg.header = Header(stamp=header.stamp, frame_id=name)

    def _transform(self, header: Any, up: Up, settings: NodeSettings) -> Iterator[Topic]:
        is_moving = bool(settings.camera_base_frame)
        wanted = None if is_moving else (header.frame_id, up)
        if is_moving or self._published != wanted:
            yield TF if is_moving else TF_STATIC, level_transform(make, header, up)
        self._published = wanted


class TopicMessages(OutputMessages):
    """Make the messages of one camera's outputs; each is kept and filled again."""

    def __init__(self, omit: Callable[[str, str], None]) -> None:
        """omit: called with reason and message for each output that cannot be made."""
        super().__init__(make)
        self.scan_frame = ScanFrame()
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
            msg = self.message(output, header)
            if isinstance(output, Scan):
                yield from self.scan_frame.place(msg, output.up, settings)
            yield output.name, msg
        # Last, because compressing takes time.
        if color is not None and COLOR_TOPIC in topics:
            quality = settings.color_jpeg_quality
            yield COLOR_TOPIC, compressed_color(make, header, color.bgr, jpeg_quality=quality)
        if depth is not None and DEPTH_TOPIC in topics:
            yield (
                DEPTH_TOPIC,
                compressed_depth(
                    make,
                    header,
                    depth.pixels,
                    max_m=settings.compressed_depth_max_m,
                    quantization=settings.compressed_depth_quantization,
                    png_level=settings.compressed_depth_png_level,
                ),
            )
