"""The output topics of one camera, and their messages.

Image and PointCloud2 are kept in serialised form (CDR): written in place, published without a
copy.  rclpy would copy the data into a C message, and the middleware from there into its
serialised form.  The classes have the fields of the messages; `serialized` adds only what comes
before and after the data.  Layout: https://www.omg.org/spec/DDSI-RTPS, plain CDR: every number is
aligned to its size, a string is its length with the final zero, its bytes and the zero.
"""

from __future__ import annotations

import ctypes
import struct
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from operator import attrgetter
from typing import Any

import numpy as np
from builtin_interfaces.msg import Time
from geometry_msgs.msg import Quaternion, Transform, TransformStamped
from numpy.typing import NDArray
from rclpy.lifecycle import LifecycleNode
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, LaserScan, PointCloud2, PointField
from std_msgs.msg import Header

from zoedepth_ros.geometry.scan import Up
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

_START = b'\0\1\0\0' if sys.byteorder == 'little' else b'\0\0\0\0'
_STAMP = struct.Struct('=iI')
_TAIL_BYTES = 1


class SerializedMessage:
    """Hold the data of a message with space around them."""

    shape_of: Callable[[Any], tuple[Any, ...]]
    """Returns the fields that `_head` and `_tail` depend on, besides the stamp."""

    header: Any

    def __init__(self, data: Any = b'', **fields: Any) -> None:
        """fields: the other fields of the message; the header may be set later."""
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
        self._data = self._buffer[HEADROOM_BYTES:-_TAIL_BYTES]
        self._data[:] = view
        self._written: tuple[Any, ...] = ()

    def serialized(self) -> Bytes:
        """Return the message as the middleware sends it; valid until it is written again."""
        shape = self.shape_of(self)
        if shape != self._written:
            head, tail = self._head(), self._tail()
            first, end = HEADROOM_BYTES - len(head), len(self._buffer) - _TAIL_BYTES
            if first < 0:
                return np.frombuffer(b''.join((head, self.data.tobytes(), tail)), np.uint8)
            self._whole = self._buffer[first : end + len(tail)]
            self._buffer[first:HEADROOM_BYTES] = np.frombuffer(head, np.uint8)
            self._buffer[end : end + len(tail)] = np.frombuffer(tail, np.uint8)
            self._written = shape
        stamp = self.header.stamp
        _STAMP.pack_into(self._whole.data, len(_START), stamp.sec, stamp.nanosec)
        return self._whole

    def publish(self, publisher: Any) -> None:
        """Publish the message; publisher: a lifecycle publisher of rclpy.

        rclpy copies `bytes` before it passes them on; rcl does not.  As in rclpy, the GIL is not
        released: the thread would wait for it afterwards.
        """
        rcl, message = _rcl(), self.serialized()
        if rcl is not None and publisher.is_activated:
            size = len(message)
            array = _Uint8Array(message.ctypes.data, size, size)
            with publisher.handle:
                pointer = publisher.handle.pointer
                if rcl.rcl_publish_serialized_message(pointer, ctypes.byref(array), None) == 0:
                    return
                rcl.rcutils_reset_error()
        publisher.publish(message.tobytes())

    def _head(self) -> bytes:
        raise NotImplementedError

    def _tail(self) -> bytes:
        return b''


class SerializedImage(SerializedMessage):
    """A sensor_msgs/Image."""

    shape_of = attrgetter(
        *('header.frame_id', 'height', 'width', 'encoding', 'is_bigendian', 'step')
    )
    height: int = 0
    width: int = 0
    encoding: str = ''
    is_bigendian: bool = False
    step: int = 0

    def _head(self) -> bytes:
        size = struct.pack('=II', self.height, self.width)
        encoding = _string(self.encoding) + struct.pack('=B', self.is_bigendian)
        sizes = struct.pack('=II', self.step, len(self.data))
        return b''.join((_header(self.header), size, _aligned(encoding), sizes))


class SerializedCloud(SerializedMessage):
    """A sensor_msgs/PointCloud2."""

    shape_of = attrgetter(
        *('header.frame_id', 'height', 'width', 'point_step', 'row_step'),
        *('fields', 'is_bigendian', 'is_dense'),
    )
    height: int = 0
    width: int = 0
    fields: Sequence[Any] = ()
    is_bigendian: bool = False
    point_step: int = 0
    row_step: int = 0
    is_dense: bool = False

    def _head(self) -> bytes:
        size = struct.pack('=III', self.height, self.width, len(self.fields))
        order = _aligned(struct.pack('=B', self.is_bigendian))
        sizes = struct.pack('=III', self.point_step, self.row_step, len(self.data))
        return b''.join(
            (_header(self.header), size, *(_field(f) for f in self.fields), order, sizes)
        )

    def _tail(self) -> bytes:
        return struct.pack('=B', self.is_dense)


def _header(header: Any) -> bytes:
    stamp = _STAMP.pack(header.stamp.sec, header.stamp.nanosec)
    return _START + stamp + _aligned(_string(header.frame_id))


def _field(field: Any) -> bytes:
    kind = _aligned(struct.pack('=IB', field.offset, field.datatype))
    return _aligned(_string(field.name)) + kind + struct.pack('=I', field.count)


def _string(text: str) -> bytes:
    raw = text.encode() + b'\0'
    return struct.pack('=I', len(raw)) + raw


def _aligned(part: bytes) -> bytes:
    """Fill up what begins at a multiple of 4 bytes."""
    return part + bytes(-len(part) % 4)


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
    types.IMAGE: SerializedImage,
    types.COMPRESSED_IMAGE: CompressedImage,
    types.POINT_CLOUD: SerializedCloud,
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
            name = level_frame(header.frame_id)
            if not header.frame_id:
                self.notice = f'images have no frame_id, so the frame {name} has no transform'
            elif _TYPES[types.TF_MESSAGE] is None:
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
