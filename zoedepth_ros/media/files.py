"""Read images; write depth, colours and clouds as files of common formats."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.files import write_file
from zoedepth_ros.geometry.millimetres import from_millimetres, to_millimetres
from zoedepth_ros.media.brightness import SignificantBits, to_8_bits
from zoedepth_ros.media.doubts import doubts_by_name, doubts_by_values, names_depth
from zoedepth_ros.media.image_header import (
    fault,
    hfov_rad,
    image_size,
    is_turned,
    orientation,
    pnm_white,
    upright,
)
from zoedepth_ros.media.jpeg import jpeg_end

_MORE_DATA = b'\x5a' * 4096  # of a JPEG, without a marker


class ImageFileError(ValueError):
    """Raised when an image file cannot be read."""


class DepthFileError(ImageFileError):
    """Raised for a file of values that no image has, as of depth."""


@dataclass(frozen=True, slots=True)
class StoredImage:
    """Hold an image as it was seen, and how it had been stored."""

    rgb: NDArray[np.uint8]
    """(H, W, 3), upright."""
    orientation: int
    """EXIF orientation that has been undone, 1 to 8; 1 is upright."""
    hfov_rad: float
    """Horizontal field of view by its EXIF [rad]; 0.0 without one."""
    notes: tuple[str, ...] = ()
    """How its 16-bit values were read, and why it may be no image, in words."""


def read_image(path: str | PathLike[str]) -> NDArray[np.uint8]:
    """Return an image as rgb uint8 (H, W, 3), upright; see `read_stored_image`."""
    return read_stored_image(path).rgb


def read_stored_image(path: str | PathLike[str], bits: int = 0) -> StoredImage:
    """Read any format OpenCV knows; grey becomes RGB, transparency is dropped.

    bits: significant ones of 16-bit values, 0 for those of the largest value.  Raises
    ImageFileError naming the file when it is no image or truncated, and OSError.
    """
    data = Path(path).read_bytes()
    try:
        pixels = decode_image(data)
    except ImageFileError as error:
        raise ImageFileError(f'{path}: {error}') from None
    written = pnm_white(data)
    turned, name, is_grey = orientation(data), '/'.join(Path(path).parts[-2:]), pixels.ndim == 2
    significant, white, notes = SignificantBits(), 0xFF, list[str]()
    if pixels.dtype == np.uint16:
        if is_grey and not bits and names_depth(name):
            raise ImageFileError(
                f'{path}: an image of 16 bits and one channel is treated as depth because '
                'of the name of the file or folder: set --bits if it is not depth'
            )
        white, notes = (1 << significant.of(pixels, bits)) - 1, [f'{significant.text} (--bits)']
    is_known = 0 < written < np.iinfo(pixels.dtype).max and not _is_scaled(data, written)
    if is_known and not (bits and pixels.dtype == np.uint16):
        white = written
        notes = [f'white has the value {written}, as the header of the file states']
    doubts = () if bits else doubts_by_name(name)
    doubts += doubts_by_values(pixels, is_grey=is_grey, bits=bits, white=white)
    if white != 0xFF or pixels.dtype == np.uint16:
        pixels = to_8_bits(pixels, white)
    code = cv2.COLOR_GRAY2RGB if is_grey else cv2.COLOR_BGR2RGB
    rgb = cv2.cvtColor(upright(pixels, turned), code)
    hfov = hfov_rad(data, rgb.shape[1], rgb.shape[0])
    return StoredImage(rgb, turned, hfov, (*notes, *doubts))


def _is_scaled(data: bytes, white: int) -> bool:
    """Return whether OpenCV scales the values: of 8 bits as text, not those in bytes."""
    return white < 0xFF and data[1:2] in b'23'


def jpeg_files(paths: Iterable[Path]) -> list[bytes]:
    """Return the .jpg files among paths, and in zip archives among them; equal ones once."""
    contents: dict[bytes, None] = {}  # in order
    for path in paths:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                names = sorted(n for n in archive.namelist() if n.lower().endswith('.jpg'))
                contents.update(dict.fromkeys(archive.read(name) for name in names))
        elif path.suffix.lower() == '.jpg':
            contents[path.read_bytes()] = None
    return list(contents)


def image_shape(path: Path) -> tuple[int, int] | None:
    """Return height and width of an image file, upright, by its header; None if not known."""
    try:
        data = path.read_bytes()
        height, width = image_size(data)
    except (OSError, OverflowError):  # reading the image reports it
        return None
    if not height * width:
        return None
    return (width, height) if is_turned(orientation(data)) else (height, width)


def decode_image(data: bytes) -> NDArray[Any]:
    """Decode an image file as it is stored: (H, W) or (H, W, 3) blue first, 8 or 16 bits.

    The orientation is not undone.  Raises ImageFileError for what is no image, incomplete, or of
    other values.
    """
    if wrong := fault(data):
        raise ImageFileError(f'the image {wrong} ({len(data):,} bytes)')
    if data.startswith(b'P7') and pnm_white(data) == 1:
        raise ImageFileError('the image is a PAM file with MAXVAL 1, which OpenCV reads wrongly')
    try:
        pixels = _decoded(data) if data else None
    except cv2.error as error:  # such as an image beyond OpenCV's limit of pixels
        raise ImageFileError(f'OpenCV cannot read the image: {error.err or error}') from None
    if pixels is None:
        raise ImageFileError(
            f'the file is not an image that OpenCV can read ({len(data):,} bytes)'
        )
    if _lacks_end(data, pixels):
        raise ImageFileError('the image is cut off: its last rows are missing')
    if pixels.dtype not in (np.uint8, np.uint16):
        raise DepthFileError(
            f'the values of the image are {pixels.dtype}, so it is probably depth: expected 8 or '
            '16 bits per value'
        )
    return pixels


def _decoded(data: bytes) -> NDArray[Any] | None:
    """Return the pixels of data; None if OpenCV does not know it."""
    flags = cv2.IMREAD_ANYCOLOR | cv2.IMREAD_ANYDEPTH | cv2.IMREAD_IGNORE_ORIENTATION
    return cv2.imdecode(np.frombuffer(data, np.uint8), flags)


def _lacks_end(data: bytes, pixels: NDArray[Any]) -> bool:
    """Return whether a decoded JPEG has an end marker but not the data of its last rows.

    Decoders fill such rows with grey, without an error.  With more data before the marker these
    become rows, while a complete image stays as it is.
    """
    if (pixels[-8:, -8:] != 128).any():
        return False
    end = jpeg_end(data)
    if end < 0:
        return False
    longer = _decoded(data[:end] + _MORE_DATA + data[end:])
    return longer is None or not np.array_equal(longer, pixels)


def write_image(path: str | PathLike[str], bgr: NDArray[Any]) -> None:
    """Write an image (H, W) or (H, W, 3), blue first, in the format that the suffix names.

    Raises OSError, also for a suffix or an array that OpenCV does not write.
    """
    suffix = Path(path).suffix
    try:
        done, data = cv2.imencode(suffix, bgr)
    except cv2.error:
        done = False
    if not done:
        raise OSError(f'{path}: OpenCV cannot write {bgr.dtype} {bgr.shape} as {suffix!r}')
    write_file(Path(path), data.tobytes())


def write_depth_png(path: str | PathLike[str], depth_m: NDArray[np.float32]) -> int:
    """Write depth (H, W) [m] as 16-bit PNG in millimetres and return how many pixels were too far.

    0 means unknown, as in `to_millimetres`.  Raises OSError for another suffix than .png.
    """
    if Path(path).suffix.lower() != '.png':
        raise OSError(f'{path}: expected a name that ends with .png, which keeps 16 bits')
    mm, too_far = to_millimetres(depth_m)
    write_image(path, mm)
    return too_far


def write_npy(path: str | PathLike[str], array: NDArray) -> None:
    """Write an array as .npy."""
    data = io.BytesIO()
    np.save(data, array)
    write_file(Path(path), data.getvalue())


def read_depth_png(path: str | PathLike[str]) -> NDArray[np.float32]:
    """Return the depth (H, W) [m] of a 16-bit PNG in millimetres; 0 becomes NaN.

    Raises ImageFileError for any other file.
    """
    try:
        mm = decode_image(Path(path).read_bytes())
    except ImageFileError as error:
        raise ImageFileError(f'{path}: {error}') from None
    if mm.dtype != np.uint16 or mm.ndim != 2:
        raise ImageFileError(f'{path}: expected a 16-bit PNG with one channel')
    return from_millimetres(mm)


def write_ply(
    path: str | PathLike[str],
    points: NDArray[np.float32],
    rgb: NDArray[np.uint8] | None = None,
    std_m: NDArray[np.float32] | None = None,
) -> int:
    """Write points (…, 3) [m] with colours (…, 3) as binary PLY and return how many were written.

    std_m: standard deviation of z, (…) [m].

    Points that are not finite are left out.
    Convention: points stay as they come, camera coordinates x right, y down, z forward.
    Raises ValueError for other shapes and for colours that are not uint8.
    """
    points = np.asarray(points, np.float32)
    if points.shape[-1:] != (3,):
        raise ValueError(f'expected points (..., 3), got {points.shape}')
    points = points.reshape(-1, 3)
    finite = np.isfinite(points).all(axis=1)
    columns: dict[str, tuple[str, NDArray[Any]]] = {
        axis: ('<f4', points[:, index]) for index, axis in enumerate('xyz')
    }
    if rgb is not None:
        if rgb.dtype != np.uint8 or rgb.shape[-1:] != (3,) or rgb.size != points.size:
            raise ValueError(
                f'expected one colour (uint8) for each of {len(points)} points, got {rgb.dtype} '
                f'{rgb.shape}'
            )
        rgb = rgb.reshape(-1, 3)
        names = ('red', 'green', 'blue')
        columns |= {name: ('u1', rgb[:, index]) for index, name in enumerate(names)}
    if std_m is not None:
        if std_m.size != len(points):
            raise ValueError(f'expected std_m of {len(points)} points, got {std_m.shape}')
        columns['std'] = '<f4', std_m.reshape(-1)
    fields = [(name, kind) for name, (kind, _) in columns.items()]
    vertices = np.empty(int(finite.sum()), fields)
    for name, (_, values) in columns.items():
        vertices[name] = values[finite]
    types = {'<f4': 'float', 'u1': 'uchar'}
    header = [
        'ply',
        'format binary_little_endian 1.0',
        'comment metres, camera coordinates: x right, y down, z forward',
        f'element vertex {len(vertices)}',
        *(f'property {types[kind]} {name}' for name, kind in fields),
        'end_header',
    ]
    write_file(Path(path), ('\n'.join(header) + '\n').encode('ascii') + vertices.tobytes())
    return len(vertices)
