"""Image and PointCloud2 in serialised form (CDR): written in place, published without a copy.

rclpy would copy the data into a C message, and the middleware from there into its serialised form.
These classes have the fields of the messages; `serialized` adds only what comes before and after
the data.  Layout: https://www.omg.org/spec/DDSI-RTPS, plain CDR: every number is aligned to its
size, a string is its length with the final zero, its bytes and the zero.
"""

from __future__ import annotations

import ctypes
import struct
import sys
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]

HEADROOM_BYTES = 1024
"""Space for what comes before the data; more of it is copied together with them."""

_START = b'\0\1\0\0' if sys.byteorder == 'little' else b'\0\0\0\0'
_STAMP = struct.Struct('=iI')
_TAIL_BYTES = 1


class SerializedMessage:
    """Hold the data of a message with space around them."""

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
        shape = (self.header.frame_id, *self._shape())
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

    def _shape(self) -> tuple[Any, ...]:
        """Return everything besides the header that `_head` and `_tail` depend on."""
        raise NotImplementedError

    def _head(self) -> bytes:
        raise NotImplementedError

    def _tail(self) -> bytes:
        return b''


class SerializedImage(SerializedMessage):
    """A sensor_msgs/Image."""

    height: int = 0
    width: int = 0
    encoding: str = ''
    is_bigendian: bool = False
    step: int = 0

    def _shape(self) -> tuple[Any, ...]:
        return self.height, self.width, self.encoding, self.is_bigendian, self.step

    def _head(self) -> bytes:
        size = struct.pack('=II', self.height, self.width)
        encoding = _string(self.encoding) + struct.pack('=B', self.is_bigendian)
        sizes = struct.pack('=II', self.step, len(self.data))
        return b''.join((_header(self.header), size, _aligned(encoding), sizes))


class SerializedCloud(SerializedMessage):
    """A sensor_msgs/PointCloud2."""

    height: int = 0
    width: int = 0
    fields: Sequence[Any] = ()
    is_bigendian: bool = False
    point_step: int = 0
    row_step: int = 0
    is_dense: bool = False

    def _shape(self) -> tuple[Any, ...]:
        size = self.height, self.width, self.point_step, self.row_step
        return *size, id(self.fields), self.is_bigendian, self.is_dense

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
