"""What the pipeline gives for an image: arrays with a name and a unit, and their messages.

Every array is valid until the next image is processed, unless the caller lends other memory.
"""

from __future__ import annotations

import array
import sys
from dataclasses import dataclass
from typing import Any, ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.geometry.ground import Up
from zoedepth_ros.geometry.scan import BandScan, HeightScan
from zoedepth_ros.messages.clouds import FLOAT32
from zoedepth_ros.messages.types import DOMAIN as DOMAIN_TYPE
from zoedepth_ros.messages.types import IMAGE, LASER_SCAN, POINT_CLOUD, POINT_FIELD, TIME, Make

DEPTH, UNCERTAINTY, COLOR = 'depth/image', 'depth/uncertainty', 'depth/color'
POINTS, SCAN, DOMAIN = 'depth/points', 'scan', 'domain'
GROUND, OBSTACLES, CLEARING, CLIFFS = (
    'depth/points/ground',
    'depth/points/obstacles',
    'depth/points/clearing',
    'depth/points/cliffs',
)
CAMERA_INFO = 'depth/camera_info'
"""Made by the caller, at the rate of depth."""

DEPTH_OUTPUTS = frozenset({DEPTH, UNCERTAINTY, COLOR, SCAN})
"""Outputs at depth.rate."""
SEGMENTS = frozenset({GROUND, OBSTACLES, CLEARING, CLIFFS})
"""Parts of the cloud by the ground plane."""
CLOUD_OUTPUTS = frozenset({POINTS}) | SEGMENTS
"""Outputs at cloud.rate."""


XYZ, STD = ('x', 'y', 'z'), 'std'
LEAST_FLOATS = 4  # of a point: x, y, z and rgb, or a space
_BIG_ENDIAN = sys.byteorder == 'big'
_DTYPES = {'32FC1': (np.float32, 1), '16UC1': (np.uint16, 1), 'bgr8': (np.uint8, 3)}


class Buffers:
    """Memory for outputs: new arrays, or in subclasses other memory, such as that of messages."""

    def array(self, name: str, shape: tuple[int, ...], dtype: Any) -> NDArray[Any]:
        """Return the array that the output of this name is written into; its content is lost.

        name: DEPTH, UNCERTAINTY or POINTS.
        """
        return np.empty(shape, dtype)


@dataclass(frozen=True, slots=True)
class Domain:
    """The head in use, and the router output for this image."""

    name: ClassVar[str] = DOMAIN
    head: str
    """Head in use from now on."""

    probabilities: dict[str, float]
    """Head -> probability by the router; {} if it did not run."""

    forced: bool
    """Whether the router has no influence."""

    last_switch_s: float
    """When the head took over, on the caller's clock [s]; 0.0 before."""


@dataclass(frozen=True, slots=True)
class DepthImage:
    """Depth along z, limited to depth.min and depth.max."""

    name: ClassVar[str] = DEPTH
    pixels: NDArray[Any]
    """(H, W) float32 [m] by REP 117 (-Inf too near, +Inf too far or sky, NaN unknown), or uint16
    [mm], 0 for all of these."""

    encoding: str
    """'32FC1' or '16UC1'."""

    head: str
    """The head that measured it."""

    range_m: float
    """Depth beyond which nothing is measured [m]."""


@dataclass(frozen=True, slots=True)
class Uncertainty:
    """Standard deviation of depth; that of the bins if the weights are not calibrated."""

    name: ClassVar[str] = UNCERTAINTY
    pixels: NDArray[np.float32]
    """(H, W) [m]."""


@dataclass(frozen=True, slots=True)
class ColorImage:
    """Depth in colours, near is red, with a fixed range for each head."""

    name: ClassVar[str] = COLOR
    bgr: NDArray[np.uint8]
    """(H, W, 3), blue first."""


@dataclass(frozen=True, slots=True)
class Cloud:
    """Points in the camera's optical frame."""

    points: NDArray[np.float32]
    """(h, w, n) with NaN where unknown, or (k, n): the numbers of `fields`."""

    fields: tuple[str, ...]
    """Names of the numbers of a point, '' for one without a meaning: x, y, z [m], the bits
    0x00RRGGBB rgb and, with cloud.uncertainty, the standard deviation of z std [m]."""

    name: str = POINTS
    """POINTS, GROUND, OBSTACLES, CLEARING (ends of rays that clear) or CLIFFS (edges of the
    floor)."""


@dataclass(frozen=True, slots=True)
class Scan:
    """Nearest horizontal distances around the camera."""

    name: ClassVar[str] = SCAN
    beams: BandScan | HeightScan
    """The angles of the beams."""

    ranges_m: NDArray[np.float32]
    """(beams,) from right to left [m], by REP 117."""

    range_min_m: float
    range_max_m: float

    up: Up


@dataclass(frozen=True, slots=True)
class Omission:
    """An output that was due and cannot be made."""

    name: ClassVar[str] = ''
    reason: str
    """Short form, for counting."""

    message: str
    """What is missing and how to get the output."""


Output = Domain | DepthImage | Uncertainty | ColorImage | Cloud | Scan | Omission


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


class OutputMessages(Buffers):
    """Keep one message of each kind, whose data are the buffers.

    A message and its bytes are kept and written in place: assigning bytes or a list to a `uint8[]`
    field copies it element by element, hundreds of times slower than an `array.array`.
    """

    def __init__(self, make: Make) -> None:
        """make: makes a message of a type, see `messages.types`."""
        self._make = make
        self._images = {name: ImageWriter(make, name) for name in ('32FC1', '16UC1', 'bgr8')}
        self._uncertainty = ImageWriter(make, '32FC1')
        self._points, self._segments = CloudWriter(make), CloudWriter(make)

    def array(self, name: str, shape: tuple[int, ...], dtype: Any) -> NDArray[Any]:
        """Return the data of the message that an output is written into."""
        if name == POINTS:
            return self._points.rows(*shape)
        if name == UNCERTAINTY:
            return self._uncertainty.pixels(*shape)
        return self._images['16UC1' if dtype == np.uint16 else '32FC1'].pixels(*shape)

    def message(self, output: Output, header: Any) -> Any:
        """Return the message of an output, valid until the next image; header: the image's."""
        if isinstance(output, DepthImage):
            return self._images[output.encoding].message(header)
        if isinstance(output, Uncertainty):
            return self._uncertainty.message(header)
        if isinstance(output, Cloud):
            cloud = self._points if output.name == POINTS else self._segments
            if output.points.ndim == 3:
                return cloud.organized(header, output.fields)
            return cloud.one_row(header, output.points, output.fields)
        if isinstance(output, ColorImage):
            writer = self._images['bgr8']
            cv2.copyTo(output.bgr, None, writer.pixels(*output.bgr.shape[:2]))
            return writer.message(header)
        if isinstance(output, Scan):
            return _laser_scan(self._make, header, output)
        assert isinstance(output, Domain)
        return _domain(self._make, header, output)


def _laser_scan(make: Make, header: Any, scan: Scan) -> Any:
    values = array.array('f')
    values.frombytes(scan.ranges_m.astype(np.float32).tobytes())
    return make(
        LASER_SCAN,
        header=header,
        angle_min=scan.beams.angle_min_rad,
        angle_max=scan.beams.angle_max_rad,
        angle_increment=scan.beams.angle_increment_rad,
        range_min=scan.range_min_m,
        range_max=scan.range_max_m,
        ranges=values,
    )


def _domain(make: Make, header: Any, domain: Domain) -> Any:
    seconds, nanoseconds = divmod(int(1e9 * domain.last_switch_s), 10**9)
    return make(
        DOMAIN_TYPE,
        header=header,
        head=domain.head,
        indoor_probability=domain.probabilities.get('indoor', float('nan')),
        outdoor_probability=domain.probabilities.get('outdoor', float('nan')),
        forced=domain.forced,
        last_switch=make(TIME, sec=seconds, nanosec=nanoseconds),
    )


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
