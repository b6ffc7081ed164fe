"""Write small files of data sets."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def write_image(path: Path, rgb: NDArray[np.uint8]) -> None:
    """Write rgb (H, W, 3) in the format of the path's ending."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(rgb).save(path)


def write_png16(path: Path, numbers: NDArray | list) -> None:
    """Write (H, W) integers as a 16-bit PNG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(numbers, dtype=np.uint16)).save(path)


def write_png8(path: Path, numbers: NDArray | list) -> None:
    """Write (H, W) integers as an 8-bit one-channel PNG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(numbers, dtype=np.uint8)).save(path)


def write_npy(path: Path, numbers: NDArray) -> None:
    """Write an array as .npy."""
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, numbers)


def write_sample(root: Path, stem: str, depth: NDArray | list) -> None:
    """Write a gray rgb/<stem>.png and (H, W) integers as the 16-bit PNG depth/<stem>.png."""
    write_image(root / 'rgb' / f'{stem}.png', gray(*np.shape(depth)))
    write_png16(root / 'depth' / f'{stem}.png', depth)


def gray(height: int, width: int, level: int = 100) -> NDArray[np.uint8]:
    """Return an image of one gray."""
    return np.full((height, width, 3), level, np.uint8)


def position_image(height: int, width: int) -> NDArray[np.uint8]:
    """Return an image whose red counts rows and whose green counts columns, both modulo 256."""
    rows, columns = np.mgrid[:height, :width]
    return np.stack([rows % 256, columns % 256, np.zeros_like(rows)], axis=2).astype(np.uint8)
