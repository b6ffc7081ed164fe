"""Read the file formats of the data sets; failures raise a DatasetError that names the file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError


class DatasetError(ValueError):
    """A file or folder of a data set is missing, damaged or unexpected."""

    def __init__(self, dataset: str, path: Path | str, problem: str, expected: str) -> None:
        super().__init__(dataset, str(path), problem, expected)

    def __str__(self) -> str:
        dataset, path, problem, expected = self.args
        return f'{dataset}: {path}: {problem}; expected {expected}'


@contextmanager
def reading(path: Path, dataset: str, expected: str) -> Iterator[None]:
    """Raise DatasetError for a missing file, and for any error within the context.

    Libraries raise errors of many types for damaged files.
    """
    if not path.is_file():
        raise DatasetError(dataset, path, 'the file does not exist', expected)
    try:
        yield
    except DatasetError:
        raise
    except Exception as error:
        kind = 'not an image' if isinstance(error, UnidentifiedImageError) else 'damaged'
        raise DatasetError(dataset, path, f'the file is {kind} ({error})', expected) from error


def read_lines(path: Path, dataset: str, expected: str) -> list[str]:
    """Read the lines of a text file in UTF-8, without empty ones and outer white space."""
    with reading(path, dataset, expected):
        lines = path.read_text('utf-8').split('\n')
    return [line.strip() for line in lines if line.strip()]


def read_rgb(path: Path, dataset: str, *, upright: bool = False) -> NDArray[np.uint8]:
    """Read an image as uint8 (H, W, 3); upright: rotate it by its EXIF orientation."""
    expected = 'an image of 8 bits (PNG or JPEG)'
    with reading(path, dataset, expected), Image.open(path) as file:
        if file.mode[0] in 'IF' or any('16' in str(tile[3]) for tile in file.tile):
            # Pillow would clip grey values at 255, and drop the lower 8 bits of colours.
            problem = 'the values have more than 8 bits; convert the image to 8 bits'
            raise DatasetError(dataset, path, problem, expected)
        image = ImageOps.exif_transpose(file) if upright else file
        return np.array(image.convert('RGB'))


def read_png16(path: Path, dataset: str, unit: str) -> NDArray[np.uint16]:
    """Read a 16-bit one-channel PNG (H, W); `unit` is the unit of its values, for the error."""
    expected = f'a 16-bit PNG of depth, {unit}'
    with reading(path, dataset, expected), Image.open(path) as file:
        # 8-bit values would be 256 times too small, and TIFF has values beyond 16 bits.
        if file.format != 'PNG' or not file.mode.startswith('I'):
            problem = f'the file has the format {file.format} and the mode {file.mode!r}'
            raise DatasetError(dataset, path, problem, expected)
        return np.asarray(file).astype(np.uint16)


def read_mask(path: Path, dataset: str) -> NDArray[np.bool_]:
    """Read a mask image, (H, W) if it has one channel: True where it is not 0."""
    expected = 'a one-channel mask image, 0 for invalid depth'
    with reading(path, dataset, expected), Image.open(path) as file:
        return np.asarray(file) != 0


def read_npy(path: Path, dataset: str, expected: str) -> NDArray[np.float32]:
    """Read a .npy of (H, W) or (H, W, 1) numbers as float32 (H, W).

    Raises DatasetError for a file that is missing, damaged or of another shape or type.
    """
    with reading(path, dataset, expected), path.open('rb') as file:
        numbers = np.lib.format.read_array(file, allow_pickle=False)
    if numbers.ndim == 3 and numbers.shape[2] == 1:
        numbers = numbers[..., 0]
    if numbers.ndim != 2 or numbers.dtype.kind not in 'fiu':
        problem = f'the array has the shape {numbers.shape} and the type {numbers.dtype}'
        raise DatasetError(dataset, path, problem, expected)
    return numbers.astype(np.float32)


def read_hdf5(path: Path, dataset: str, key: str, expected: str) -> NDArray[np.float32]:
    """Read one array of an HDF5 file as float32, in the shape it has there.

    Raises DatasetError for a missing or damaged file, and without h5py (only HyperSim needs it).
    """
    try:
        import h5py
    except ImportError as error:
        problem = (
            'the package h5py is needed to read this file and is not installed (pip install h5py)'
        )
        raise DatasetError(dataset, path, problem, expected) from error
    with reading(path, dataset, expected), h5py.File(path, 'r') as file:
        return np.asarray(file[key], dtype=np.float32)
