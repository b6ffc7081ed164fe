"""What the header of an image file contains: size, orientation, field of view."""

from __future__ import annotations

import io
import math
import re
import struct
import warnings
from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.geometry.field_of_view import NARROWEST_RAD, WIDEST_RAD
from zoedepth_ros.media.jpeg import JPEG_FRAMES, JPEG_START, NO_END, jpeg_fault, jpeg_segments

PNG_START = b'\x89PNG\r\n\x1a\n'
UPRIGHT = 1

MEANING = {
    1: 'as stored',
    2: 'mirrored left to right',
    3: 'rotated by 180 degrees',
    4: 'mirrored top to bottom',
    5: 'mirrored along the diagonal',
    6: 'rotated clockwise by 90 degrees',
    7: 'mirrored along the other diagonal',
    8: 'rotated counterclockwise by 90 degrees',
}
"""EXIF orientation -> what `upright` does to the stored image (EXIF 2.3, tag 0x0112)."""

_TIFF_STARTS = (b'II*\0', b'MM\0*')
_BITS_TAG = 0x0102
_ORIENTATION_TAG = 0x0112
_PLANES_TAG = 0x011C
_TILE_WIDTH_TAG = 0x0142
_EXIF_DIRECTORY_TAG = 0x8769
_FOCAL_35MM_TAG = 0xA405
_FULL_FRAME_DIAGONAL_MM = math.hypot(36.0, 24.0)
_BLANK = rb'(?:\s|#[^\n]*\n)+'
_PNM = re.compile(rb'P[2356]' + 2 * (_BLANK + rb'\d+') + _BLANK + rb'(\d+)' + rb'\s')
_PAM = re.compile(rb'P7\n(?:(?!ENDHDR).*\n){0,20}?MAXVAL (\d+)')


def orientation(data: bytes) -> int:
    """Return the EXIF orientation, 1 to 8, of a JPEG, PNG, WebP or AVIF file; 1 without one.

    A TIFF file has 1: OpenCV rotates it itself.
    """
    value = None if data.startswith(_TIFF_STARTS) else _exif(data).get(_ORIENTATION_TAG)
    return value if value in MEANING else UPRIGHT


def hfov_rad(data: bytes, width: int, height: int) -> float:
    """Return the horizontal field of view of an image by EXIF [rad]; 0.0 without a plausible one.

    width, height: of the upright image.  The focal length equivalent to 35 mm has the same angle
    across the diagonal (CIPA DCG-001).  An image cropped from another one keeps the value and is
    narrower than that.
    """
    focal_mm = _exif(data).get(_FOCAL_35MM_TAG)
    if not isinstance(focal_mm, int) or focal_mm <= 0:
        return 0.0
    across_mm = _FULL_FRAME_DIAGONAL_MM * width / math.hypot(width, height)
    found_rad = 2.0 * math.atan(0.5 * across_mm / focal_mm)
    return found_rad if NARROWEST_RAD <= found_rad <= WIDEST_RAD else 0.0


def is_turned(value: int) -> bool:
    """Return whether an EXIF orientation exchanges rows and columns."""
    return value in (5, 6, 7, 8)


def upright(image: NDArray[np.uint8], value: int) -> NDArray[np.uint8]:
    """Undo an EXIF orientation: (H, W, 3) as stored -> as the scene was seen."""
    if is_turned(value):
        image = cv2.transpose(image)
    flip = {2: 1, 3: -1, 4: 0, 6: 1, 7: -1, 8: 0}.get(value)
    return image if flip is None else cv2.flip(image, flip)


def image_size(data: bytes) -> tuple[int, int]:
    """Return height and width of an image file as stored [px]; zeros where no header has them.

    Raises OverflowError for more pixels than Pillow opens, about 179 million.
    """
    if data.startswith(JPEG_START):
        for segment in jpeg_segments(data):
            if segment.marker in JPEG_FRAMES and len(segment.content) >= 5:
                height, width = struct.unpack_from('>HH', segment.content, 1)
                return height, width
        return 0, 0
    if data.startswith(PNG_START) and len(data) >= 24:
        width, height = struct.unpack_from('>II', data, 16)
        return height, width
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        try:
            with Image.open(io.BytesIO(data)) as image:
                return image.height, image.width
        except Image.DecompressionBombError as error:
            raise OverflowError(str(error)) from None
        except Exception:  # whatever Pillow's parsers raise
            return 0, 0


def fault(data: bytes) -> str:
    """Return what is wrong with a JPEG, PNG or TIFF file by its header, a verb first, or ''.

    Bytes after the end, such as the rest of a driver's buffer, do not matter.
    """
    if data.startswith(JPEG_START):
        return jpeg_fault(data)
    if data.startswith(_TIFF_STARTS):
        return _tiff_fault(_exif(data))
    return NO_END if data.startswith(PNG_START) and not _has_png_end(data) else ''


def pnm_white(data: bytes) -> int:
    """Return the value of white of a PBM, PGM, PPM or PAM file by its header; 0 without one."""
    found = _PNM.match(data) or _PAM.match(data)
    return int(found.group(1)) if found else 0


def _tiff_fault(tags: Mapping[int, Any]) -> str:
    """Return how a TIFF file is stored that OpenCV 4.14 reads wrongly without an error."""
    bits = tags.get(_BITS_TAG)
    is_deep = 16 in (bits if isinstance(bits, tuple) else (bits,))
    if is_deep and tags.get(_PLANES_TAG) == 2:
        return 'is a TIFF file of 16 bits with separate planes, which OpenCV reads wrongly'
    if not is_deep and _TILE_WIDTH_TAG in tags and tags.get(_ORIENTATION_TAG) in (2, 3, 6, 7):
        return 'is a rotated TIFF file with tiles, which OpenCV reads wrongly'
    return ''


def _exif(data: bytes) -> dict[int, Any]:
    """Return the EXIF tags of a JPEG, PNG, WebP, AVIF or TIFF file; {} for damaged ones too."""
    if data.startswith(PNG_START) and b'eXIf' not in data:
        return {}  # Pillow would decode the whole image to find out
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # damaged EXIF is none
        try:
            if data.startswith(_TIFF_STARTS):  # also of values that Pillow does not open
                tags = Image.Exif()
                tags.load(data)
                return {**tags, **tags.get_ifd(_EXIF_DIRECTORY_TAG)}
            with Image.open(io.BytesIO(data), formats=('JPEG', 'PNG', 'WEBP', 'AVIF')) as image:
                tags = image.getexif()
                return {**tags, **tags.get_ifd(_EXIF_DIRECTORY_TAG)}
        except Exception:  # whatever Pillow's parsers raise
            return {}


def _has_png_end(data: bytes) -> bool:
    at = len(PNG_START)
    while at + 8 <= len(data):
        length, name = struct.unpack_from('>I4s', data, at)
        if name == b'IEND':
            return True
        at += 12 + length  # length, name, content, checksum
    return False
