"""Publish serialised messages from the memory where they are.

rclpy copies `bytes` before it passes them on; rcl does not.  As in rclpy, the GIL is not released:
the thread would wait for it afterwards.
"""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

_OK = 0


class _Uint8Array(ctypes.Structure):
    """rcutils_uint8_array_t, which rcl calls rcl_serialized_message_t."""

    _fields_ = (
        ('buffer', ctypes.c_void_p),
        ('buffer_length', ctypes.c_size_t),
        ('buffer_capacity', ctypes.c_size_t),
        ('allocator', ctypes.c_void_p * 5),  # not used for publishing
    )


def publish_serialized(publisher: Any, message: NDArray[np.uint8]) -> None:
    """Publish a serialised message; publisher: a lifecycle publisher of rclpy."""
    rcl = _rcl()
    if rcl is not None and publisher.is_activated:
        size = len(message)
        array = _Uint8Array(message.ctypes.data, size, size)
        with publisher.handle:
            pointer = publisher.handle.pointer
            if rcl.rcl_publish_serialized_message(pointer, ctypes.byref(array), None) == _OK:
                return
            rcl.rcutils_reset_error()
    publisher.publish(message.tobytes())


@cache
def _rcl() -> Any:
    """Return the library that rclpy has loaded; None where its name is another."""
    try:
        rcl = ctypes.PyDLL('librcl.so')
    except OSError:
        return None
    rcl.rcl_publish_serialized_message.argtypes = (ctypes.c_void_p,) * 3
    return rcl
