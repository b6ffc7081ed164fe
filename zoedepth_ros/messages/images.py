"""From Image and CompressedImage messages to RGB images and depth; knows no node.

cv_bridge does the colours where it is installed and works, OpenCV directly otherwise: the wheels
of cv_bridge's compiled half and numpy 2 do not go together (ros-perception/vision_opencv#535).
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.geometry.millimetres import from_millimetres
from zoedepth_ros.media.brightness import SignificantBits, to_8_bits
from zoedepth_ros.media.doubts import doubts_by_name, doubts_by_values, names_depth
from zoedepth_ros.media.files import DepthFileError, ImageFileError, decode_image
from zoedepth_ros.media.image_header import image_size, pnm_white

Rgb = NDArray[np.uint8]
ColorConverter = Callable[[NDArray[Any], str], Rgb]

DEPTH_ENCODINGS = ('16UC1', '16SC1', '32FC1', '64FC1')
"""What depth comes in (REP 118), and no camera's image."""

_DEPTH_TYPES = {'32FC1': np.float32, '16UC1': np.uint16}
_LOWER_DEPTH = tuple(name.lower() for name in DEPTH_ENCODINGS)

_OTHER_STARTS = {
    'GIF': (0, b'GIF8'),
    'AVIF, HEIF or MP4': (4, b'ftyp'),
    'JPEG 2000': (4, b'jP  '),
    'JPEG XL': (0, b'\xff\x0a'),
    'H.264 or H.265': (0, b'\0\0\0\x01'),
    'H.264, H.265 or MPEG': (0, b'\0\0\x01'),
}
"""Format that not every OpenCV reads -> where its files have which bytes."""
_KNOWN = frozenset({'jpeg', 'jpg', 'png', 'webp', 'tiff', 'tif', 'bmp'})
"""Words for formats that every OpenCV reads: data called so that cannot be read are damaged."""
_COLORS = ('rgb', 'bgr')
MAX_PIXELS = 64 * 10**6
"""Larger images are refused unseen: a few bytes of PNG can ask for gigabytes."""

LONG_ROW_BYTES = 320
"""Rows of fewer bytes may be padded to twice their length or more, as by GPUs."""

UNKNOWN_ENCODING, DEPTH_IMAGE = 'unknown encoding', 'depth, not an image'
UNSUPPORTED_FORMAT, DAMAGED = 'unsupported format', 'damaged image'
LASTING = (UNKNOWN_ENCODING, DEPTH_IMAGE, UNSUPPORTED_FORMAT)
"""Reasons that hold for every message of a topic."""


class ConversionError(ValueError):
    """Raised for a message that is no image; `reason` is the short form that is counted."""

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
    """Bits per value in memory: 8 or 16."""

    is_420: bool = False
    """Whether half as many rows of colour follow the rows of brightness."""

    pair: tuple[int, int] | None = None
    """4:2:2 only: what completes the last two pixels of a row of an odd width, as places from its
    end: the colour of the two pixels before, the brightness of the last one."""

    least_side: int = 1
    """Columns and rows that OpenCV needs at least [px]."""


_UYVY = Encoding(2, cv2.COLOR_YUV2RGB_UYVY, pair=(-4, -1), least_side=2)
_YUYV = Encoding(2, cv2.COLOR_YUV2RGB_YUY2, pair=(-2, -3), least_side=2)

# OpenCV names a Bayer pattern by its second row's second and third pixel, ROS by the first two of
# both rows: bayer_rggb is BayerBG.
_WITH_8_OR_16_BITS = (
    ('rgb{}', 3, None),
    ('bgr{}', 3, cv2.COLOR_BGR2RGB),
    ('rgba{}', 4, cv2.COLOR_RGBA2RGB),
    ('bgra{}', 4, cv2.COLOR_BGRA2RGB),
    ('mono{}', 1, cv2.COLOR_GRAY2RGB),
    ('{}UC3', 3, cv2.COLOR_BGR2RGB),
    ('{}UC4', 4, cv2.COLOR_BGRA2RGB),
    ('bayer_rggb{}', 1, cv2.COLOR_BayerBG2RGB),
    ('bayer_bggr{}', 1, cv2.COLOR_BayerRG2RGB),
    ('bayer_gbrg{}', 1, cv2.COLOR_BayerGR2RGB),
    ('bayer_grbg{}', 1, cv2.COLOR_BayerGB2RGB),
)
_BRIDGE_NAMES = {'8UC1': 'mono8', '8UC3': 'bgr8', '8UC4': 'bgra8'}  # where cv_bridge has others
ENCODINGS: dict[str, Encoding] = {
    **{
        name.format(bits): Encoding(channels, code, bits, least_side=3 if 'bayer' in name else 1)
        for name, channels, code in _WITH_8_OR_16_BITS
        for bits in (8, 16)
    },
    '8UC1': Encoding(1, cv2.COLOR_GRAY2RGB),
    'yuv422': _UYVY,
    'uyvy': _UYVY,
    'yuv422_yuy2': _YUYV,
    'yuyv': _YUYV,
    'nv12': Encoding(1, cv2.COLOR_YUV2RGB_NV12, is_420=True),
    'nv21': Encoding(1, cv2.COLOR_YUV2RGB_NV21, is_420=True),
}


class ImageReader:
    """Convert the Image or CompressedImage messages of one camera to RGB."""

    def __init__(self, topic: str = '', convert: ColorConverter | None = None) -> None:
        """topic: its words may say that images of one channel are depth.

        convert: how colours are converted; by default the best way this machine has.
        """
        self.topic, self._convert = topic, convert
        self.bits = SignificantBits()
        """How many bits of 16-bit values are significant."""
        self.doubts: tuple[str, ...] = ()
        """Why the latest image may be none, or is read wrongly, in words."""

    @property
    def topic(self) -> str:
        """The topic of the images."""
        return self._topic

    @topic.setter
    def topic(self, topic: str) -> None:
        self._topic, self._doubts_by_name = topic, doubts_by_name(topic)

    def rgb(self, msg: Any, bits: int = 0) -> Rgb:
        """Return the image (H, W, 3), which may share memory with the message.

        bits: significant ones of 16-bit values, which are scaled to 8; 0 for those of the largest
        value so far.  Raises ConversionError.
        """
        if hasattr(msg, 'format'):
            return self._of_compressed(msg, bits)
        name = msg.encoding
        self._refuse_depth(name, bits)
        if name not in ENCODINGS:
            raise _unknown_encoding(f'encoding {name!r}')
        rgb = self._converted(_pixels(msg, ENCODINGS[name]), name, bits, self._convert)
        self.doubts += _doubts_about_step(msg)
        if rgb.shape[:2] == (msg.height, msg.width):
            return rgb
        return np.ascontiguousarray(rgb[: msg.height, : msg.width])

    def _of_compressed(self, msg: Any, bits: int) -> Rgb:
        """Decode an image file; it is not turned upright: camera_info is for pixels as read out.

        `format` is read as image_transport writes it: 'bayer_rggb8; png compressed ' is a mosaic.
        """
        form = msg.format.lower()
        if form.partition(';')[0].strip() in _LOWER_DEPTH or 'compresseddepth' in form:
            raise _depth_error(f'format {msg.format!r}')
        pixels = _decoded(bytes(msg.data), msg.format)
        encoding = _decoded_encoding(pixels, form)
        self._refuse_depth(encoding, bits)
        return self._converted(pixels, encoding, bits, convert_with_opencv)

    def _refuse_depth(self, encoding: str, bits: int) -> None:
        if encoding in DEPTH_ENCODINGS:
            raise _depth_error(f'encoding {encoding}')
        if is_depth(encoding, self.topic, bits):
            raise ConversionError(
                DEPTH_IMAGE,
                f'{encoding} on {self.topic} is treated as depth because of the name of '
                'the topic: choose the topic of a colour or mono image, or set '
                'camera.bits (--bits) if it is not depth',
            )

    def _converted(
        self, pixels: NDArray[Any], name: str, bits: int, convert: ColorConverter | None
    ) -> Rgb:
        """Convert checked pixels of a known encoding to uint8 RGB."""
        encoding = ENCODINGS[name]
        height, width = pixels.shape[:2]
        if min(height, width) < encoding.least_side:
            least = f'at least {encoding.least_side} x {encoding.least_side} px'
            message = f'an image of encoding {name} needs {least}, got {width} x {height} px'
            raise ConversionError('cannot convert', message)
        significant, values = 8, pixels
        if encoding.bits == 16:
            values = pixels[..., :3] if encoding.channels == 4 else pixels
            significant = self.bits.of(values, bits)
        is_grey, white = encoding.code == cv2.COLOR_GRAY2RGB, (1 << significant) - 1
        self.doubts = () if bits else self._doubts_by_name
        if is_grey or encoding.bits == 16:
            self.doubts += doubts_by_values(values, is_grey=is_grey, bits=bits, white=white)
        try:
            if encoding.bits == 16:
                return to_8_bits(convert_with_opencv(pixels, name), white)
            if encoding.code is None:
                return pixels
            return (convert or best_converter())(pixels, name)
        except (cv2.error, RuntimeError) as error:
            message = (
                f'cannot convert an image of {width} x {height} px and encoding {name}: {error}'
            )
            raise ConversionError('cannot convert', message) from error


def is_depth(encoding: str, topic: str, bits: int = 0) -> bool:
    """Return whether images are depth, by their encoding and the words of their topic.

    bits: as configured; other than 0 they say that mono16 is an image.
    """
    named = encoding == 'mono16' and not bits and names_depth(topic)
    return encoding in DEPTH_ENCODINGS or named


def _unknown_encoding(what: str) -> ConversionError:
    message = f'cannot convert {what}: expected one of {", ".join(ENCODINGS)}'
    return ConversionError(UNKNOWN_ENCODING, message)


def _depth_error(what: str) -> ConversionError:
    return ConversionError(
        DEPTH_IMAGE,
        f'{what} is depth, not an image: choose the topic of a colour or mono image (a mono '
        'camera of 16 bits publishes mono16)',
    )


def _decoded(data: bytes, name: str) -> NDArray[Any]:
    """Decode an image file as `media.files` does; raises ConversionError."""
    allowed = f'at most {MAX_PIXELS} px in all are allowed'
    try:
        height, width = image_size(data)
    except OverflowError as error:
        raise ConversionError(DAMAGED, f'{name!r} image: {error}: {allowed}') from None
    if height * width > MAX_PIXELS:
        message = f'{name!r} image of {width} x {height} px: {allowed}'
        raise ConversionError(DAMAGED, message)
    try:
        pixels = decode_image(data)
    except DepthFileError as error:
        raise _depth_error(f'{name!r} ({error})') from None
    except ImageFileError as error:
        message = f'cannot decode {len(data)} bytes of {name!r}: {error}'
        if other := _other_format(data, name):
            raise ConversionError(
                UNSUPPORTED_FORMAT,
                f'{message}; the format {other} is not supported: configure the driver to send '
                'jpeg, png or raw images',
            ) from None
        raise ConversionError(DAMAGED, message) from None
    if 0 < (white := pnm_white(data)) < np.iinfo(pixels.dtype).max:
        message = (
            f'{name!r}: the largest value in the header of the PNM file is {white}, expected 255 '
            'or 65535'
        )
        raise ConversionError(UNSUPPORTED_FORMAT, message)
    return pixels


def _other_format(data: bytes, name: str) -> str:
    """Name a format that is not supported everywhere; '' when nothing tells."""
    for other, (at, start) in _OTHER_STARTS.items():
        if data.startswith(start, at):
            return other
    words = re.findall(r'[a-z0-9.]+', name.lower())
    return '' if not words or not _KNOWN.isdisjoint(words) else repr(name)


def _decoded_encoding(pixels: NDArray[Any], form: str) -> str:
    """Name the encoding of what OpenCV decoded; form: `format` of the message in lower case."""
    bits = 8 * pixels.itemsize
    mosaic = re.search('bayer_[a-z]+', form)
    if pixels.ndim == 3:
        if mosaic and not any(color in form for color in _COLORS):
            message = f'{form!r} has 3 channels: expected a Bayer mosaic with one channel'
            raise ConversionError('cannot convert', message)
        return f'bgr{bits}'
    if not mosaic:
        return f'mono{bits}'
    encoding = f'{mosaic.group()}{bits}'
    if encoding not in ENCODINGS:
        raise _unknown_encoding(repr(form))
    return encoding


def _pixels(msg: Any, encoding: Encoding) -> NDArray[Any]:
    """View the message's bytes as (rows, W, channels) or (rows, W), checked, in native order.

    Colours that pixels share make sides even: there the array is larger than the image.
    """
    height, width = msg.height, msg.width
    if height == 0 or width == 0:
        message = f'the image is empty: {width} x {height} px'
        raise ConversionError('zero size', message)
    rows, columns = height, width
    if encoding.is_420:
        rows, columns = height + (height + 1) // 2, width + width % 2
    data = image_rows(msg, rows, columns * encoding.channels * encoding.bits // 8)
    if encoding.is_420 and height % 2:
        data = np.concatenate((data[:height], data[height - 1 :]))
    if encoding.pair is not None and width % 2 and width > 1:
        data, columns = np.concatenate((data, data[:, list(encoding.pair)]), axis=1), width + 1
    if encoding.bits == 16:
        order = '>u2' if msg.is_bigendian else '<u2'
        data = np.ascontiguousarray(data).view(order).astype(np.uint16, copy=False)
    channels = (encoding.channels,) if encoding.channels > 1 else ()
    return np.ascontiguousarray(data).reshape(len(data), columns, *channels)


def _doubts_about_step(msg: Any) -> tuple[str, ...]:
    """Return why an encoding may be too narrow, in words: no padding doubles a long row."""
    encoding = ENCODINGS[msg.encoding]
    row_bytes = msg.width * encoding.channels * encoding.bits // 8
    times = msg.step // row_bytes
    if row_bytes < LONG_ROW_BYTES or times < 2 or msg.step != times * row_bytes:
        return ()
    return (
        f'rows of {msg.width} px {msg.encoding} have {times} times the bytes that they '
        'need: does the driver set a wrong encoding (16 bits, yuv422, colours)?',
    )


def image_rows(msg: Any, rows: int, row_bytes: int) -> NDArray[np.uint8]:
    """View the data of an Image without padding, (rows, row_bytes).

    Raises ConversionError when they do not fit the size.
    """
    step, data = msg.step, msg.data
    if step < row_bytes or len(data) != step * rows:
        message = (
            f'{msg.width} x {msg.height} px {msg.encoding} needs step >= {row_bytes} and step x '
            f'{rows} bytes, got step {step} and {len(data)} bytes'
        )
        raise ConversionError('wrong data length', message)
    return np.frombuffer(data, np.uint8).reshape(rows, step)[:, :row_bytes]


def depth_from_image(msg: Any) -> NDArray[np.float32]:
    """Return the depth (H, W) [m] of a 32FC1 or 16UC1 image; NaN where it is unknown.

    Raises ValueError for another encoding and for data that do not fit the size.
    """
    if msg.encoding not in _DEPTH_TYPES:
        raise ValueError(f'the encoding of depth must be 32FC1 or 16UC1, got {msg.encoding!r}')
    kind = np.dtype(_DEPTH_TYPES[msg.encoding]).newbyteorder('>' if msg.is_bigendian else '<')
    rows = image_rows(msg, msg.height, msg.width * kind.itemsize)
    values = np.ascontiguousarray(rows).view(kind)
    return from_millimetres(values) if msg.encoding == '16UC1' else values.astype(np.float32)


def convert_with_opencv(pixels: NDArray[Any], name: str) -> NDArray[Any]:
    """Convert checked pixels of a known encoding to RGB, of as many bits."""
    code = ENCODINGS[name].code
    return pixels if code is None else cv2.cvtColor(pixels, code)


def convert_with_cv_bridge(pixels: NDArray[Any], name: str) -> Rgb:
    """Do the same through cv_bridge; what it does not know goes through OpenCV.

    cv_bridge reads neither padded rows nor, on numpy 2, the other byte order, so it is handed
    pixels in order.
    """
    encoding = ENCODINGS[name]
    if encoding.bits == 16 or encoding.is_420 or encoding.pair is not None:
        return convert_with_opencv(pixels, name)
    import cv_bridge

    plain = SimpleNamespace(  # cv_bridge reads these fields of an Image
        height=pixels.shape[0],
        width=pixels.shape[1],
        encoding=_BRIDGE_NAMES.get(name, name),
        step=pixels.nbytes // len(pixels),  # strides of one row or column may be anything
        is_bigendian=sys.byteorder == 'big',
        data=bytearray(pixels.tobytes()),
    )
    try:
        return cv_bridge.CvBridge().imgmsg_to_cv2(plain, 'rgb8')
    except cv_bridge.CvBridgeError as error:
        raise RuntimeError(str(error)) from error


@cache
def best_converter() -> ColorConverter:
    """Return cv_bridge's converter where cv_bridge is installed and right, else OpenCV's."""
    return convert_with_cv_bridge if _cv_bridge_works() else convert_with_opencv


def _cv_bridge_works() -> bool:
    """Try one pixel: an import alone does not show a compiled half that does not fit numpy."""
    try:
        rgb = convert_with_cv_bridge(np.array([[[1, 2, 3]]], np.uint8), 'bgr8')
    except Exception:  # whatever a broken installation raises
        return False
    return bool(np.array_equal(rgb, [[[3, 2, 1]]]))
