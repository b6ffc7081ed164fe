"""Messages of images, clouds and scans that are kept and filled again.

A message and its bytes are kept and written in place: assigning bytes or a list to a `uint8[]`
field copies it element by element, hundreds of times slower than an `array.array`.  `make` is what
makes a message of a type: `make('sensor_msgs/msg/Image', encoding='32FC1')`, with defaults for
fields that are not given, of rclpy or of a library for recordings.
"""

from __future__ import annotations

import array
import sys
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.geometry.scan import BandScan, HeightScan, Up, level_rotation
from zoedepth_ros.messages.clouds import FLOAT32

Make = Callable[..., Any]

IMAGE = 'sensor_msgs/msg/Image'
COMPRESSED_IMAGE = 'sensor_msgs/msg/CompressedImage'
CAMERA_INFO = 'sensor_msgs/msg/CameraInfo'
POINT_CLOUD = 'sensor_msgs/msg/PointCloud2'
POINT_FIELD = 'sensor_msgs/msg/PointField'
LASER_SCAN = 'sensor_msgs/msg/LaserScan'
TF_MESSAGE = 'tf2_msgs/msg/TFMessage'
DOMAIN = 'zoedepth_ros/msg/Domain'
TIME = 'builtin_interfaces/msg/Time'
QUATERNION = 'geometry_msgs/msg/Quaternion'
TRANSFORM = 'geometry_msgs/msg/Transform'
TRANSFORM_STAMPED = 'geometry_msgs/msg/TransformStamped'

LEAST_FLOATS = 4  # of a point: x, y, z and rgb, or a space
_BIG_ENDIAN = sys.byteorder == 'big'
_DTYPES = {'32FC1': (np.float32, 1), '16UC1': (np.uint16, 1), 'bgr8': (np.uint8, 3)}


class ImageWriter:
    """Fill one Image message again and again."""

    def __init__(self, make: Make, encoding: str) -> None:
        """encoding: 32FC1, 16UC1 or bgr8."""
        self.encoding = encoding
        self._dtype, self._channels = _DTYPES[encoding]
        self._msg = make(IMAGE, encoding=encoding, is_bigendian=_BIG_ENDIAN)
        self._view: NDArray[Any] = np.empty((0, 0), self._dtype)

    def pixels(self, height: int, width: int) -> NDArray[Any]:
        """Return the message's own pixels to write into, (H, W) or (H, W, 3)."""
        shape = (height, width) if self._channels == 1 else (height, width, self._channels)
        if self._view.shape != shape:
            self._msg.height, self._msg.width = height, width
            self._msg.step = width * self._channels * np.dtype(self._dtype).itemsize
            self._view = (
                _buffer(self._msg, height * self._msg.step).view(self._dtype).reshape(shape)
            )
        return self._view

    def message(self, header: Any) -> Any:
        """Return the message with this header; valid until the next image is written."""
        self._msg.header = header
        return self._msg


class CloudWriter:
    """Fill one PointCloud2 message again and again; each point has 16 bytes, or more."""

    def __init__(self, make: Make) -> None:
        self._make, self._msg = make, make(POINT_CLOUD, is_bigendian=_BIG_ENDIAN)
        self._names: tuple[str, ...] = ()
        self._view: NDArray[np.float32] = np.empty((0, 0, LEAST_FLOATS), np.float32)

    def rows(self, height: int, width: int, floats: int = LEAST_FLOATS) -> NDArray[np.float32]:
        """Return the message's own points to write into, (H, W, floats)."""
        shape = height, width, floats
        if self._view.shape != shape:
            view = _buffer(self._msg, 4 * height * width * floats).view(np.float32)
            self._view = view.reshape(shape)
        return self._view

    def organized(self, header: Any, names: tuple[str, ...]) -> Any:
        """Return the cloud of the points written into `rows`; valid until the next one.

        names: of the numbers of a point, '' for none.
        """
        height, width = self._view.shape[:2]
        return self._message(header, height, width, names, is_dense=False)

    def one_row(self, header: Any, points: NDArray[np.float32], names: tuple[str, ...]) -> Any:
        """Return a cloud of one row of known points (k, 3 or more); names: of their numbers."""
        packed = points
        if points.shape[1] < LEAST_FLOATS:
            packed = np.zeros((len(points), LEAST_FLOATS), np.float32)
            packed[:, : points.shape[1]] = points
        data = array.array('B')
        data.frombytes(packed.view(np.uint8).ravel().data)
        self._msg.data = data
        self._view = np.empty((0, 0, packed.shape[1]), np.float32)
        return self._message(header, 1, len(points), names, is_dense=True)

    def _message(
        self, header: Any, height: int, width: int, names: tuple[str, ...], *, is_dense: bool
    ) -> Any:
        msg = self._msg
        if names != self._names:
            msg.fields, self._names = _point_fields(self._make, names), names
        msg.header, msg.height, msg.width, msg.is_dense = header, height, width, is_dense
        msg.point_step = 4 * self._view.shape[2]
        msg.row_step = width * msg.point_step
        return msg


def laser_scan(
    make: Make,
    header: Any,
    band: BandScan | HeightScan,
    ranges_m: NDArray[np.float32],
    limits_m: tuple[float, float],
) -> Any:
    """Make a LaserScan from the ranges of a band; limits_m: smallest and largest."""
    values = array.array('f')
    values.frombytes(ranges_m.astype(np.float32).tobytes())
    return make(
        LASER_SCAN,
        header=header,
        angle_min=band.angle_min_rad,
        angle_max=band.angle_max_rad,
        angle_increment=band.angle_increment_rad,
        range_min=limits_m[0],
        range_max=limits_m[1],
        ranges=values,
    )


def level_frame(optical_frame: str) -> str:
    """Return the frame of a camera's scans: level, at the camera."""
    return f'{optical_frame or "camera"}_scan'


def level_transform(make: Make, header: Any, up: Up) -> Any:
    """Make the TFMessage from an optical frame, that of the header, to its level frame."""
    x, y, z, w = level_rotation(up)
    turn = make(QUATERNION, x=x, y=y, z=z, w=w)
    stamped = make(
        TRANSFORM_STAMPED,
        header=header,
        child_frame_id=level_frame(header.frame_id),
        transform=make(TRANSFORM, rotation=turn),
    )
    return make(TF_MESSAGE, transforms=[stamped])


def domain(
    make: Make,
    header: Any,
    head: str,
    probabilities: dict[str, float],
    *,
    forced: bool,
    last_switch_s: float,
) -> Any:
    """Make a zoedepth_ros/msg/Domain; last_switch_s: on the clock of the images [s]."""
    seconds, nanoseconds = divmod(int(1e9 * last_switch_s), 10**9)
    return make(
        DOMAIN,
        header=header,
        head=head,
        indoor_probability=probabilities.get('indoor', float('nan')),
        outdoor_probability=probabilities.get('outdoor', float('nan')),
        forced=forced,
        last_switch=make(TIME, sec=seconds, nanosec=nanoseconds),
    )


def write_bgr(writer: ImageWriter, bgr: NDArray[np.uint8]) -> None:
    """Write a colour image, (H, W, 3)."""
    cv2.copyTo(bgr, None, writer.pixels(*bgr.shape[:2]))


def _point_fields(make: Make, names: tuple[str, ...]) -> list[Any]:
    return [
        make(POINT_FIELD, name=name, offset=4 * i, datatype=FLOAT32, count=1)
        for i, name in enumerate(names)
        if name
    ]


def _buffer(msg: Any, size_bytes: int) -> NDArray[np.uint8]:
    """Allocate the data of a message, zeroed, and return a view to write it."""
    msg.data = array.array('B', bytes(size_bytes))
    # From the message, not from the array: since Kilted, rclpy keeps a copy of what it is given.
    return np.frombuffer(msg.data, np.uint8)
