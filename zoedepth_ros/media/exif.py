"""Which way up a camera was held, how wide it saw, and whether a picture file is all there."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

UPRIGHT = 1

MEANING = {
    1: 'as stored',
    2: 'mirrored left to right',
    3: 'turned by 180 degrees',
    4: 'mirrored top to bottom',
    5: 'mirrored along the diagonal',
    6: 'turned clockwise by 90 degrees',
    7: 'mirrored along the other diagonal',
    8: 'turned counterclockwise by 90 degrees',
}
"""EXIF orientation -> what `upright` does to the stored picture (EXIF 2.3, tag 0x0112)."""

_ORIENTATION_TAG = 0x0112
_FURTHER_TAG = 0x8769  # where the directory with what is told of the camera begins
_FOCAL_35MM_TAG = 0xA405
_FILM_DIAGONAL_MM = math.hypot(36.0, 24.0)
_JPEG, _PNG = b'\xff\xd8', b'\x89PNG\r\n\x1a\n'


def orientation(data: bytes) -> int:
    """Return the EXIF orientation, 1 to 8, of a JPEG, PNG or WebP file; 1 when it has none."""
    value = _number_in(data, _ORIENTATION_TAG)
    return value if value in MEANING else UPRIGHT


def hfov_rad(data: bytes, width: int, height: int) -> float:
    """Return the horizontal field of view of a picture by its EXIF [rad]; 0.0 when untold.

    width, height: of the upright picture.  The focal length for a film of 35 mm is the one of the
    same angle across the diagonal (CIPA DCG-001); a picture that was cut out of another keeps it
    and is then narrower than told.
    """
    focal_mm = _number_in(data, _FOCAL_35MM_TAG, further=True)
    if focal_mm == 0:
        return 0.0
    across_mm = _FILM_DIAGONAL_MM * width / math.hypot(width, height)
    return 2.0 * math.atan(0.5 * across_mm / focal_mm)


def upright(picture: NDArray[np.uint8], value: int) -> NDArray[np.uint8]:
    """Undo an EXIF orientation: (H, W, 3) as stored -> as it was seen."""
    if value in (5, 6, 7, 8):
        picture = cv2.transpose(picture)
    flip = {2: 1, 3: -1, 4: 0, 6: 1, 7: -1, 8: 0}.get(value)
    return picture if flip is None else cv2.flip(picture, flip)


def is_cut_short(data: bytes) -> bool:
    """Tell whether the end of a JPEG or PNG file is missing, which decoders fill with grey.

    What follows the end, such as the rest of a driver's buffer, does not matter.
    """
    if data.startswith(_JPEG):
        start = sum(len(segment) + 4 for _, segment in _jpeg_segments(data)) + len(_JPEG)
        return data.find(b'\xff\xd9', start) < 0
    if not data.startswith(_PNG):
        return False
    ends = _chunks(data, len(_PNG), '>I4s', b'IEND', length_first=True)
    return next(ends, None) is None


def _exif_blocks(data: bytes) -> Iterator[bytes]:
    if data.startswith(_JPEG):
        for marker, segment in _jpeg_segments(data):
            if marker == 0xE1 and segment.startswith(b'Exif\0\0'):
                yield segment[6:]
    elif data.startswith(_PNG):
        yield from _chunks(data, len(_PNG), '>I4s', b'eXIf', length_first=True)
    elif data[:4] == b'RIFF' and data[8:12] == b'WEBP':
        for block in _chunks(data, 12, '<4sI', b'EXIF', length_first=False):
            yield block.removeprefix(b'Exif\0\0')


def _jpeg_segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield (marker, content) of every segment before the picture itself."""
    at = len(_JPEG)
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] != 0xDA:
        (length,) = struct.unpack_from('>H', data, at + 2)
        yield data[at + 1], data[at + 4 : at + 2 + length]
        at += 2 + length


def _chunks(
    data: bytes, at: int, header: str, wanted: bytes, *, length_first: bool
) -> Iterator[bytes]:
    """Yield the chunks of that name in a PNG (checksum after each) or RIFF (padded) file."""
    while at + 8 <= len(data):
        first, second = struct.unpack_from(header, data, at)
        length, name = (first, second) if length_first else (second, first)
        if name == wanted:
            yield data[at + 8 : at + 8 + length]
        at += 8 + length + (4 if length_first else length % 2)


def _number_in(data: bytes, tag: int, *, further: bool = False) -> int:
    """Read a whole number of 16 bits from a picture's EXIF; 0 when it has none.

    further: from the second directory.
    """
    for block in _exif_blocks(data):
        order = {b'II': '<', b'MM': '>'}.get(block[:2])
        if order is None:
            continue
        try:
            (directory,) = struct.unpack_from(order + 'I', block, 4)
            if further:
                directory = _entry(block, order, directory, _FURTHER_TAG, 'I')
            value = _entry(block, order, directory, tag, 'H') if directory else 0
        except struct.error:  # a truncated block says nothing
            continue
        if value:
            return value
    return 0


def _entry(block: bytes, order: str, directory: int, wanted: int, kind: str) -> int:
    """Give an entry's number in a directory of the TIFF structure inside EXIF, 0 without it."""
    (count,) = struct.unpack_from(order + 'H', block, directory)
    for index in range(count):
        entry = directory + 2 + 12 * index
        tag, _, _, value = struct.unpack_from(f'{order}HHI{kind}', block, entry)
        if tag == wanted:
            return int(value)
    return 0
