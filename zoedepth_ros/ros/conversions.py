"""From Image and CompressedImage messages to RGB pictures; knows no node.

cv_bridge does the colours where it is installed and works, OpenCV directly otherwise: the wheels
of cv_bridge's compiled half and numpy 2 do not go together (ros-perception/vision_opencv#535).
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
ColorConverter = Callable[[NDArray[Any], str], Picture]

_JPEG_START, _JPEG_END = b'\xff\xd8', b'\xff\xd9'
_PNG_START, _PNG_END = b'\x89PNG\r\n\x1a\n', b'IEND'
# Markers of a start of frame, ITU-T T.81, table B.1.
_JPEG_SIZES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
MAX_PIXELS = 64 * 10**6
"""Larger pictures are refused unseen: a few bytes of PNG can ask for gigabytes."""


class ConversionError(ValueError):
    """Say why a message is no picture; `reason` is the short form that is counted."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Encoding:
    """Describe how an encoding lies in memory and which OpenCV code makes it RGB."""

    channels: int
    """Values per pixel in memory."""

    code: int | None
    """OpenCV's colour conversion; None when it is RGB already."""

    bits: int = 8
    """Bits per value: 8 or 16."""

    rows_per_mille: int = 1000
    """Rows in memory per thousand rows of the picture: 1500 for planar 4:2:0."""

    block: int = 1
    """Width and height must be multiples of this [px]."""

    bridge_name: str = ''
    """What cv_bridge calls it; empty when cv_bridge cannot convert it."""


def _bayer(code: int, name: str) -> dict[str, Encoding]:
    return {
        f'{name}8': Encoding(1, code, block=2, bridge_name=f'{name}8'),
        f'{name}16': Encoding(1, code, bits=16, block=2, bridge_name=f'{name}16'),
    }


# OpenCV names a Bayer pattern by its second row's second and third pixel, ROS by the first two of
# both rows: bayer_rggb is BayerBG.
ENCODINGS: dict[str, Encoding] = {
    'rgb8': Encoding(3, None, bridge_name='rgb8'),
    'bgr8': Encoding(3, cv2.COLOR_BGR2RGB, bridge_name='bgr8'),
    'rgba8': Encoding(4, cv2.COLOR_RGBA2RGB, bridge_name='rgba8'),
    'bgra8': Encoding(4, cv2.COLOR_BGRA2RGB, bridge_name='bgra8'),
    'mono8': Encoding(1, cv2.COLOR_GRAY2RGB, bridge_name='mono8'),
    'rgb16': Encoding(3, None, bits=16, bridge_name='rgb16'),
    'bgr16': Encoding(3, cv2.COLOR_BGR2RGB, bits=16, bridge_name='bgr16'),
    'rgba16': Encoding(4, cv2.COLOR_RGBA2RGB, bits=16, bridge_name='rgba16'),
    'bgra16': Encoding(4, cv2.COLOR_BGRA2RGB, bits=16, bridge_name='bgra16'),
    'mono16': Encoding(1, cv2.COLOR_GRAY2RGB, bits=16, bridge_name='mono16'),
    '8UC1': Encoding(1, cv2.COLOR_GRAY2RGB, bridge_name='mono8'),
    '8UC3': Encoding(3, cv2.COLOR_BGR2RGB, bridge_name='bgr8'),
    '8UC4': Encoding(4, cv2.COLOR_BGRA2RGB, bridge_name='bgra8'),
    '16UC1': Encoding(1, cv2.COLOR_GRAY2RGB, bits=16, bridge_name='mono16'),
    '16UC3': Encoding(3, cv2.COLOR_BGR2RGB, bits=16, bridge_name='bgr16'),
    '16UC4': Encoding(4, cv2.COLOR_BGRA2RGB, bits=16, bridge_name='bgra16'),
    **_bayer(cv2.COLOR_BayerBG2RGB, 'bayer_rggb'),
    **_bayer(cv2.COLOR_BayerRG2RGB, 'bayer_bggr'),
    **_bayer(cv2.COLOR_BayerGR2RGB, 'bayer_gbrg'),
    **_bayer(cv2.COLOR_BayerGB2RGB, 'bayer_grbg'),
    'yuv422': Encoding(2, cv2.COLOR_YUV2RGB_UYVY, block=2),
    'uyvy': Encoding(2, cv2.COLOR_YUV2RGB_UYVY, block=2),
    'yuv422_yuy2': Encoding(2, cv2.COLOR_YUV2RGB_YUY2, block=2),
    'yuyv': Encoding(2, cv2.COLOR_YUV2RGB_YUY2, block=2),
    'nv12': Encoding(1, cv2.COLOR_YUV2RGB_NV12, rows_per_mille=1500, block=2),
    'nv21': Encoding(1, cv2.COLOR_YUV2RGB_NV21, rows_per_mille=1500, block=2),
}


def rgb_from_image(msg: Any, convert: ColorConverter | None = None) -> Picture:
    """Convert a sensor_msgs/Image to uint8 (H, W, 3) RGB.

    16-bit values are scaled to 8.  The picture may share memory with the message.  convert: how
    colours are converted; by default the best way this machine has.  Raises ConversionError.
    """
    encoding = ENCODINGS.get(msg.encoding)
    if encoding is None:
        raise ConversionError(
            'unknown encoding',
            f'cannot convert encoding {msg.encoding!r}: expected one of {", ".join(ENCODINGS)}',
        )
    pixels = _pixels(msg, encoding)
    if encoding.code is None and encoding.bits == 8:
        return pixels
    try:
        return (convert or best_converter())(pixels, msg.encoding)
    except (cv2.error, RuntimeError) as error:
        message = f'cannot convert {msg.width} x {msg.height} {msg.encoding}: {error}'
        raise ConversionError('cannot convert', message) from error


def rgb_from_compressed(msg: Any) -> Picture:
    """Decode a sensor_msgs/CompressedImage (JPEG, PNG) to uint8 (H, W, 3) RGB.

    Raises ConversionError, also for a picture that breaks off, which older OpenCVs fill up in
    grey.
    """
    data = np.frombuffer(msg.data, np.uint8)
    ends = data[-64:].tobytes()
    starts = data[:8].tobytes()
    is_jpeg, is_png = starts.startswith(_JPEG_START), starts.startswith(_PNG_START)
    if not is_jpeg and not is_png:
        message = f'cannot decode {len(data)} bytes of {msg.format!r}: expected a JPEG or PNG file'
        raise ConversionError('damaged picture', message)
    if (is_jpeg and _JPEG_END not in ends) or (is_png and _PNG_END not in ends):
        message = f'{msg.format!r} picture of {len(data)} bytes breaks off: no end marker'
        raise ConversionError('damaged picture', message)
    height, width = jpeg_size(data) if is_jpeg else png_size(data)
    if not 0 < height * width <= MAX_PIXELS:
        message = f'{msg.format!r} picture of {width} x {height} px: at most {MAX_PIXELS} px'
        raise ConversionError('damaged picture', message)
    try:
        # The orientation tag is ignored: camera_info is for the pixels as they were read out.
        flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
        bgr = cv2.imdecode(data, flags)
    except cv2.error as error:
        raise ConversionError(
            'damaged picture', f'cannot decode {msg.format!r}: {error}'
        ) from None
    if bgr is None:
        message = f'cannot decode {len(data)} bytes of {msg.format!r}'
        raise ConversionError('damaged picture', message)
    return cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)


def png_size(data: NDArray[np.uint8]) -> tuple[int, int]:
    """Give height and width from a PNG's first chunk [px]."""
    width, height = data[16:24].tobytes()[:4], data[16:24].tobytes()[4:]
    return int.from_bytes(height, 'big'), int.from_bytes(width, 'big')


def jpeg_size(data: NDArray[np.uint8]) -> tuple[int, int]:
    """Give height and width from a JPEG's start of frame [px]; zeros when there is none."""
    raw, at = data.tobytes(), 2
    while at + 9 <= len(raw) and raw[at] == 0xFF:
        marker, length = raw[at + 1], int.from_bytes(raw[at + 2 : at + 4], 'big')
        if marker in _JPEG_SIZES:
            height, width = raw[at + 5 : at + 7], raw[at + 7 : at + 9]
            return int.from_bytes(height, 'big'), int.from_bytes(width, 'big')
        at += 1 if marker == 0xFF else 2 + length  # fill bytes may precede a marker
    return 0, 0


def _pixels(msg: Any, encoding: Encoding) -> NDArray[Any]:
    """View the message's bytes as (rows, W, channels) or (rows, W), checked, in native order."""
    height, width, step = msg.height, msg.width, msg.step
    if height == 0 or width == 0:
        message = f'the picture is empty: {width} x {height} px'
        raise ConversionError('zero size', message)
    if height % encoding.block or width % encoding.block:
        message = f'{msg.encoding} needs even width and height, got {width} x {height} px'
        raise ConversionError('cannot convert', message)
    rows = height * encoding.rows_per_mille // 1000
    row_bytes = width * encoding.channels * encoding.bits // 8
    if step < row_bytes or len(msg.data) != step * rows:
        message = (
            f'{width} x {height} px {msg.encoding} needs step >= {row_bytes} and step x {rows} '
            f'bytes, got step {step} and {len(msg.data)} bytes'
        )
        raise ConversionError('wrong data length', message)
    data = np.frombuffer(msg.data, np.uint8).reshape(rows, step)[:, :row_bytes]
    if encoding.bits == 16:
        order = '>u2' if msg.is_bigendian else '<u2'
        data = np.ascontiguousarray(data).view(order).astype(np.uint16, copy=False)
    shape = (rows, width) if encoding.channels == 1 else (rows, width, encoding.channels)
    return np.ascontiguousarray(data).reshape(shape)


def convert_with_opencv(pixels: NDArray[Any], name: str) -> Picture:
    """Convert checked pixels of a known encoding to uint8 RGB."""
    encoding = ENCODINGS[name]
    rgb = pixels if encoding.code is None else cv2.cvtColor(pixels, encoding.code)
    if rgb.dtype == np.uint16:
        return cv2.convertScaleAbs(rgb, alpha=255.0 / 65535.0)
    return rgb


def convert_with_cv_bridge(pixels: NDArray[Any], name: str) -> Picture:
    """Do the same through cv_bridge; what it does not know goes through OpenCV.

    cv_bridge reads neither padded rows nor, on numpy 2, the other byte order, so it is handed
    pixels in order.
    """
    bridge_name = ENCODINGS[name].bridge_name
    if not bridge_name:
        return convert_with_opencv(pixels, name)
    import cv_bridge
    from sensor_msgs.msg import Image

    plain = Image(height=pixels.shape[0], width=pixels.shape[1], encoding=bridge_name)
    plain.step = pixels.nbytes // len(pixels)  # strides of one row or column may be anything
    plain.is_bigendian = sys.byteorder == 'big'
    plain.data.frombytes(pixels.tobytes())
    try:
        return cv_bridge.CvBridge().imgmsg_to_cv2(plain, 'rgb8')
    except cv_bridge.CvBridgeError as error:
        raise RuntimeError(str(error)) from error


@cache
def best_converter() -> ColorConverter:
    """Give cv_bridge's converter where cv_bridge is installed and right, else OpenCV's."""
    return convert_with_cv_bridge if _cv_bridge_works() else convert_with_opencv


def _cv_bridge_works() -> bool:
    """Try one pixel: an import alone does not show a compiled half that does not fit numpy."""
    try:
        rgb = convert_with_cv_bridge(np.array([[[1, 2, 3]]], np.uint8), 'bgr8')
    except Exception:  # whatever a broken installation raises
        return False
    return bool(np.array_equal(rgb, [[[3, 2, 1]]]))
