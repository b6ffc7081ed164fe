"""Depth and colours as CompressedImage, in the forms that image_transport's plugins read.

compressed_depth_image_transport: 12 bytes of header (format 0, A, B), then a PNG of 16 bits. For
32FC1 a pixel is A / depth + B, rounded down, with A = q (q + 1) and B = 1 - A / depth_max; for
16UC1 it is the depth in millimetres. 0 is unknown.
"""

from __future__ import annotations

import array
import struct
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.messages.types import COMPRESSED_IMAGE, Make

DEPTH_TOPIC, COLOR_TOPIC = 'depth/image/compressedDepth', 'depth/color/compressed'
_INV_DEPTH = 0
_LARGEST = 65535  # of 16 bits


def compressed_depth(
    make: Make,
    header: Any,
    pixels: NDArray[Any],
    *,
    max_m: float,
    quantization: float,
    png_level: int,
) -> Any:
    """Compress depth (H, W): float32 in metres, or uint16 in millimetres.

    Unknown, infinite and too-far depth (float32: max_m or more; uint16: more than max_m) becomes
    0, and so does float32 depth too near for 16 bits: below 0.16 m at a quantization of 100.
    """
    if pixels.dtype == np.uint16:
        is_far = pixels > min(int(1000.0 * max_m), _LARGEST)
        encoding, values, a, b = '16UC1', np.where(is_far, np.uint16(0), pixels), 0.0, 0.0
    else:
        encoding = '32FC1'
        values, a, b = _inverse(pixels, np.float32(max_m), np.float32(quantization))
    config = struct.pack('=iff', _INV_DEPTH, a, b)
    png = _encoded('.png', values, cv2.IMWRITE_PNG_COMPRESSION, png_level)
    return _message(make, header, f'{encoding}; compressedDepth png', config, png)


def compressed_color(make: Make, header: Any, bgr: NDArray[np.uint8], *, jpeg_quality: int) -> Any:
    """Compress a colour image (H, W, 3), blue first, as JPEG."""
    jpeg = _encoded('.jpg', bgr, cv2.IMWRITE_JPEG_QUALITY, jpeg_quality)
    return _message(make, header, 'bgr8; jpeg compressed bgr8', jpeg)


def _inverse(
    depth_m: NDArray[np.float32], max_m: np.float32, quantization: np.float32
) -> tuple[NDArray[np.uint16], float, float]:
    """Return A / depth + B in 16 bits, A and B, all computed in float32 as the plugin does."""
    a = quantization * (quantization + np.float32(1.0))
    b = np.float32(1.0) - a / max_m
    with np.errstate(divide='ignore', invalid='ignore'):
        values = a / depth_m
        values += b
        # The plugin converts what does not fit into 16 bits too, to a wrong depth.
        known = (depth_m > 0.0) & (depth_m < max_m) & (values < _LARGEST + 1.0)
    values[~known] = 0.0
    return values.astype(np.uint16), float(a), float(b)


def _encoded(kind: str, image: NDArray[Any], option: int, value: int) -> bytes:
    done, data = cv2.imencode(kind, image, [option, value])
    if not done:
        raise RuntimeError(f'OpenCV cannot write {kind} of {image.shape} {image.dtype}')
    return data.tobytes()


def _message(make: Make, header: Any, form: str, *parts: bytes) -> Any:
    data = array.array('B')
    for part in parts:
        data.frombytes(part)
    return make(COMPRESSED_IMAGE, header=header, format=form, data=data)
