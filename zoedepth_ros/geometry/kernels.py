"""Fast passes over an image: reused buffers, and compiled forms where CMake has built kernels.c.

Each compiled function returns False if it did nothing: without the library, or for arrays that are
not contiguous float32.  The caller then does the same in NumPy, which is the reference for every
bit.  The library is called without releasing the GIL: a pass takes less than a millisecond, and
the executor's thread would keep the GIL for as long.
"""

from __future__ import annotations

import ctypes
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Map = NDArray[np.float32]

LIBRARY = Path(__file__).with_name('libzoedepth_kernels.so')

_POINTER, _SIZE, _FLOAT = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_float
_IMAGE = (_POINTER, _SIZE, _SIZE, _SIZE, _SIZE)  # depth, height, width, steps of rows and columns
_ARGUMENTS = {
    'zoedepth_flying_pixels_scratch': (_SIZE, _SIZE, _SIZE),
    'zoedepth_flying_pixels': (*_IMAGE, _SIZE, _FLOAT, _POINTER, _POINTER),
    'zoedepth_limited': (*_IMAGE, _POINTER, _FLOAT, _POINTER),
    'zoedepth_write_depth': (_POINTER, _SIZE, _FLOAT, _FLOAT, _POINTER),
    'zoedepth_raise_to': (_POINTER, _SIZE, _FLOAT),
    'zoedepth_pack_points': (
        *(_POINTER, _POINTER, _POINTER, ctypes.c_ssize_t, ctypes.c_ssize_t),
        *(_SIZE, _SIZE, _FLOAT, _POINTER),
    ),
}


class Workspace:
    """Named buffers that are reused for every image, because new image-sized arrays are slow.

    Allocators return them to the operating system; mapping their pages again for every operation
    costs more than the arithmetic.  A buffer is overwritten when its name is requested again.  Not
    thread-safe.
    """

    def __init__(self) -> None:
        self._arrays: dict[str, NDArray[Any]] = {}
        self._constants: dict[tuple[float, Any], NDArray[Any]] = {}

    def array(self, name: str, shape: tuple[int, ...], dtype: Any = np.float32) -> NDArray[Any]:
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


@cache
def library() -> ctypes.PyDLL | None:
    """Load the library; None if it was not built, or cannot be loaded here."""
    try:
        found = ctypes.PyDLL(str(LIBRARY))
    except OSError:
        return None
    for name, arguments in _ARGUMENTS.items():
        function = getattr(found, name)
        function.argtypes = arguments
        function.restype = _SIZE if name.endswith('_scratch') else None
    return found


def mark_flying_pixels(
    depth_m: Map,
    strides: tuple[int, int],
    size_px: int,
    max_jump: float,
    marks: NDArray[np.bool_],
    workspace: Workspace,
) -> bool:
    """Set marks (h, w), all False, as `filters.flying_pixels` does."""
    found = library()
    if found is None or not _is_plain(depth_m):
        return False
    height, width = depth_m.shape
    size_bytes = found.zoedepth_flying_pixels_scratch(height, width, size_px)
    scratch = workspace.array('compiled flying pixels', (size_bytes,), np.uint8)
    found.zoedepth_flying_pixels(
        *(depth_m.ctypes.data, height, width, *strides, size_px, max_jump),
        *(marks.ctypes.data, scratch.ctypes.data),
    )
    return True


def limit(
    depth_m: Map, strides: tuple[int, int], marks: NDArray[np.bool_], min_m: float, out_m: Map
) -> bool:
    """Write depth of every n-th row and column: NaN at marks and up to 0, -inf below min_m."""
    found = library()
    if found is None or not _is_plain(depth_m):
        return False
    found.zoedepth_limited(
        *(depth_m.ctypes.data, *depth_m.shape, *strides, marks.ctypes.data, min_m),
        out_m.ctypes.data,
    )
    return True


def write_depth(depth_m: Map, min_m: float, max_m: float, pixels: Map) -> bool:
    """Write depth: -inf below min_m, +inf above max_m."""
    found = library()
    if found is None or not (_is_plain(depth_m) and _is_plain(pixels)):
        return False
    found.zoedepth_write_depth(depth_m.ctypes.data, depth_m.size, min_m, max_m, pixels.ctypes.data)
    return True


def raise_to(values: Map, least: float) -> bool:
    """Replace smaller values in place; none may be NaN."""
    found = library()
    if found is None or not _is_plain(values):
        return False
    found.zoedepth_raise_to(values.ctypes.data, values.size, least)
    return True


def pack_points(depth_m: Map, rays: Map, rgb: NDArray[np.uint8], limit_m: float, out: Map) -> bool:
    """Write points (H, W, 4) as `points.PointPacker` does; rgb: (H, W, 3) with any strides."""
    found = library()
    if found is None or not (_is_plain(depth_m) and _is_plain(rays) and _is_plain(out)):
        return False
    if rgb.strides[2] != 1:
        rgb = np.ascontiguousarray(rgb)
    found.zoedepth_pack_points(
        *(depth_m.ctypes.data, rays.ctypes.data, rgb.ctypes.data, *rgb.strides[:2]),
        *(*depth_m.shape, limit_m, out.ctypes.data),
    )
    return True


def _is_plain(array: NDArray[Any]) -> bool:
    return array.dtype == np.float32 and array.flags.c_contiguous
