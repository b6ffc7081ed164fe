"""Read the file formats of the data sets; failures raise a DatasetError that names the file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError


class DatasetError(ValueError):
    """A file or folder of a data set is missing, damaged or unexpected."""

    def __init__(self, dataset: str, path: Path | str, problem: str, expected: str) -> None:
        super().__init__(f'{dataset}: {path}: {problem}; expected {expected}')
        self.dataset = dataset
        """Name of the data set."""
        self.path = str(path)
        """Path of the file or folder."""
        self.problem = problem
        """Description of the problem."""

    def __reduce__(self) -> tuple[type[DatasetError], tuple[str, str, str, str]]:
        expected = str(self).rpartition('; expected ')[2]
        return type(self), (self.dataset, self.path, self.problem, expected)


def read_rgb(path: Path, dataset: str, *, upright: bool = False) -> NDArray[np.uint8]:
    """Read an image as uint8 (H, W, 3); upright: rotate it by its EXIF orientation."""
    expected = 'an image of 8 bits (PNG or JPEG)'
    with _open(path, dataset, expected) as file:
        if file.mode[0] in 'IF' or any('16' in str(tile[3]) for tile in file.tile):
            # Pillow would clip grey values at 255, and drop the lower 8 bits of colours.
            problem = 'more than 8 bits per value; convert the image to 8 bits'
            raise DatasetError(dataset, path, problem, expected)
        pixels = _load(file, path, dataset, expected)
        if upright:
            pixels = np.asarray(ImageOps.exif_transpose(file).convert('RGB'))
        elif file.mode != 'RGB':
            pixels = np.asarray(file.convert('RGB'))
    return np.array(pixels, dtype=np.uint8)  # a copy: PIL's own buffer is read-only


def read_png16(path: Path, dataset: str, unit: str) -> NDArray[np.uint16]:
    """Read a 16-bit one-channel PNG (H, W); `unit` is the unit of its values, for the error."""
    expected = f'a 16-bit PNG of depth, {unit}'
    with _open(path, dataset, expected) as file:
        pixels = _load(file, path, dataset, expected)
        if not file.mode.startswith('I'):  # 8-bit values would be 256 times too small
            raise DatasetError(dataset, path, f'an image of mode {file.mode!r}', expected)
    return pixels.astype(np.uint16)


def read_mask(path: Path, dataset: str) -> NDArray[np.bool_]:
    """Read a mask image (H, W): True where it is not 0."""
    expected = 'a one-channel mask image, 0 for invalid depth'
    with _open(path, dataset, expected) as file:
        pixels = _load(file, path, dataset, expected)
    if pixels.ndim != 2:
        raise DatasetError(dataset, path, f'shape {pixels.shape}', expected)
    return pixels != 0


def read_npy(path: Path, dataset: str, expected: str) -> NDArray[np.float32]:
    """Read a .npy of (H, W) or (H, W, 1) numbers as float32 (H, W).

    Raises DatasetError for a file that is missing, damaged or of another shape.
    """
    if not path.is_file():
        raise DatasetError(dataset, path, 'no such file', expected)
    try:
        numbers = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise DatasetError(dataset, path, f'damaged ({error})', expected) from error
    if numbers.ndim == 3 and numbers.shape[2] == 1:
        numbers = numbers[..., 0]
    if numbers.ndim != 2:
        raise DatasetError(dataset, path, f'shape {numbers.shape}', expected)
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
    if not path.is_file():
        raise DatasetError(dataset, path, 'no such file', expected)
    try:
        with h5py.File(path, 'r') as file:
            return np.asarray(file[key], dtype=np.float32)
    except (OSError, KeyError, RuntimeError) as error:
        raise DatasetError(dataset, path, f'damaged ({error})', expected) from error


def _open(path: Path, dataset: str, expected: str) -> Image.Image:
    if not path.is_file():
        raise DatasetError(dataset, path, 'no such file', expected)
    try:
        return Image.open(path)
    except (UnidentifiedImageError, OSError, SyntaxError) as error:
        raise DatasetError(dataset, path, f'not an image ({error})', expected) from error


def _load(file: Image.Image, path: Path, dataset: str, expected: str) -> NDArray:
    """Decode the pixels, which detects truncated files."""
    try:
        file.load()
        return np.asarray(file)
    except (OSError, SyntaxError, ValueError) as error:
        raise DatasetError(dataset, path, f'damaged ({error})', expected) from error
