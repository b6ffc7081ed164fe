"""From depth maps and points to messages; knows no node.

A message and its bytes are kept and written in place: assigning bytes or a list to a `uint8[]`
field copies it element by element, hundreds of times slower than an `array.array`.
"""

from __future__ import annotations

import array
import sys
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import Image, LaserScan, PointCloud2, PointField

from zoedepth_ros.geometry.height_scan import HeightScan
from zoedepth_ros.geometry.millimetres import to_millimetres
from zoedepth_ros.geometry.points import PointPacker
from zoedepth_ros.geometry.scan import BandScan
from zoedepth_ros.geometry.workspace import Workspace

POINT_STEP_BYTES = 16  # x, y, z, rgb
_BIG_ENDIAN = sys.byteorder == 'big'
_DTYPES = {'32FC1': (np.float32, 1), '16UC1': (np.uint16, 1), 'bgr8': (np.uint8, 3)}


class ImageWriter:
    """Fill one Image message again and again."""

    def __init__(self, encoding: str) -> None:
        """Write pictures of one encoding: 32FC1, 16UC1 or bgr8."""
        self.encoding = encoding
        self._dtype, self._channels = _DTYPES[encoding]
        self._msg = Image(encoding=encoding, is_bigendian=_BIG_ENDIAN)
        self._view: NDArray[Any] = np.empty((0, 0), self._dtype)
        self.scratch = Workspace()
        """Memory of whoever writes the pixels."""

    def pixels(self, height: int, width: int) -> NDArray[Any]:
        """Give the message's own pixels to write into, (H, W) or (H, W, 3)."""
        shape = (height, width) if self._channels == 1 else (height, width, self._channels)
        if self._view.shape != shape:
            self._msg.height, self._msg.width = height, width
            self._msg.step = width * self._channels * np.dtype(self._dtype).itemsize
            self._view = (
                _buffer(self._msg, height * self._msg.step).view(self._dtype).reshape(shape)
            )
        return self._view

    def message(self, header: Any) -> Any:
        """Give the message with this header; valid until the next picture is written."""
        self._msg.header = header
        return self._msg


def write_depth(
    writer: ImageWriter, depth_m: NDArray[np.float32], *, min_m: float, max_m: float
) -> None:
    """Write depth as metres (REP 117: -Inf too near, +Inf too far) or millimetres (0 invalid).

    depth_m: (H, W), NaN unknown.  max_m: 0.0 is no limit.
    """
    pixels, lent = writer.pixels(*depth_m.shape), writer.scratch
    max_m = max_m if max_m > 0.0 else np.inf
    if writer.encoding == '16UC1':
        to_millimetres(depth_m, min_m=min_m, max_m=max_m, out=pixels, workspace=lent)
        return
    beyond = lent.array('beyond', depth_m.shape, np.bool_)
    np.copyto(pixels, depth_m)
    lent.put(pixels, np.less(depth_m, np.float32(min_m), out=beyond), -np.inf)
    lent.put(pixels, np.greater(depth_m, np.float32(max_m), out=beyond), np.inf)


class CloudWriter:
    """Fill one PointCloud2 message again and again."""

    def __init__(self, *, color: bool) -> None:
        """Write points with or without colour; their step is 16 bytes either way."""
        self._color = color
        self._packer, self._scratch = PointPacker(), Workspace()
        self._msg = PointCloud2(
            fields=_point_fields(color), point_step=POINT_STEP_BYTES, is_bigendian=_BIG_ENDIAN
        )
        self._view: NDArray[np.float32] = np.empty((0, 0, 4), np.float32)

    def organized(
        self,
        header: Any,
        depth_m: NDArray[np.float32],
        rays: NDArray[np.float32],
        rgb: NDArray[np.uint8] | None,
    ) -> Any:
        """Give a cloud with the rows and columns of depth (H, W), NaN where unknown.

        rays: (H, W, 2), kept as long as the camera is.  rgb: (H, W, 3), read when the cloud has
        colour.  Valid until the next cloud is written.
        """
        view = self._rows(*depth_m.shape)
        self._packer.pack(depth_m, rays, rgb if self._color else None, view)
        self._describe(header, *depth_m.shape, is_dense=False)
        return self._msg

    def dense(
        self,
        header: Any,
        depth_m: NDArray[np.float32],
        rays: NDArray[np.float32],
        rgb: NDArray[np.uint8] | None,
    ) -> Any:
        """Give a cloud of one row, as `organized` but without the unknown points."""
        packed = self._scratch.array('packed', (*depth_m.shape, 4))
        self._packer.pack(depth_m, rays, rgb if self._color else None, packed)
        known = np.isfinite(packed[..., 2])
        whole = packed.view(np.complex128)[..., 0]  # a point in one number moves faster than four
        return self._one_row(header, whole[known].view(np.uint8))

    def packed(self, header: Any, points: NDArray[np.float32]) -> Any:
        """Give a cloud of points that are packed already, as `pack` does.

        points: (H, W, 4) as `organized` gives them, or known ones (k, 4) as `dense` does.
        """
        if points.ndim == 2:
            return self._one_row(header, points.view(np.uint8).ravel())
        height, width = points.shape[:2]
        np.copyto(self._rows(height, width), points)
        self._describe(header, height, width, is_dense=False)
        return self._msg

    def points(self, header: Any, points_m: NDArray[np.float32]) -> Any:
        """Give a cloud of one row of points (k, 3), without colour."""
        packed = np.zeros((len(points_m), 4), np.float32)
        packed[:, :3] = points_m
        return self._one_row(header, packed.view(np.uint8).ravel())

    def _rows(self, height: int, width: int) -> NDArray[np.float32]:
        """Give the message's own points to write into, (H, W, 4)."""
        if self._view.shape != (height, width, 4):
            size_bytes = height * width * POINT_STEP_BYTES
            self._view = _buffer(self._msg, size_bytes).view(np.float32).reshape(height, width, 4)
        return self._view

    def _one_row(self, header: Any, packed: NDArray[np.uint8]) -> Any:
        data = array.array('B')
        data.frombytes(packed.data)
        self._msg.data = data
        self._view = np.empty((0, 0, 4), np.float32)
        self._describe(header, 1, len(packed) // POINT_STEP_BYTES, is_dense=True)
        return self._msg

    def _describe(self, header: Any, height: int, width: int, *, is_dense: bool) -> None:
        msg = self._msg
        msg.header, msg.height, msg.width, msg.is_dense = header, height, width, is_dense
        msg.row_step = width * POINT_STEP_BYTES


def laser_scan(
    header: Any,
    band: BandScan | HeightScan,
    ranges_m: NDArray[np.float32],
    limits_m: tuple[float, float],
) -> Any:
    """Make a LaserScan from the ranges of a band; limits_m: smallest and largest."""
    values = array.array('f')
    values.frombytes(ranges_m.astype(np.float32).tobytes())
    return LaserScan(
        header=header,
        angle_min=band.angle_min_rad,
        angle_max=band.angle_max_rad,
        angle_increment=band.angle_increment_rad,
        range_min=limits_m[0],
        range_max=limits_m[1],
        ranges=values,
    )


def write_bgr(writer: ImageWriter, bgr: NDArray[np.uint8]) -> None:
    """Write a colour picture, (H, W, 3)."""
    cv2.copyTo(bgr, None, writer.pixels(*bgr.shape[:2]))


def _point_fields(color: bool) -> list[Any]:
    names = ('x', 'y', 'z', 'rgb') if color else ('x', 'y', 'z')
    return [
        PointField(name=name, offset=4 * i, datatype=PointField.FLOAT32, count=1)
        for i, name in enumerate(names)
    ]


def _buffer(msg: Any, size_bytes: int) -> NDArray[np.uint8]:
    """Give a message zeroed bytes and a view to write them through."""
    msg.data = array.array('B', bytes(size_bytes))
    # From the message, not from the array: since Kilted, rclpy keeps a copy of what it is given.
    return np.frombuffer(msg.data, np.uint8)
