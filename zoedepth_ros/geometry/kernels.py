"""Compiled passes over an image, where CMake has built kernels.c.

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
    depth_m: Map, strides: tuple[int, int], size_px: int, max_jump: float, marks: NDArray[np.bool_]
) -> bool:
    """Set marks (h, w), all False, as `filters.flying_pixels` does."""
    found = _library_for(depth_m)
    if found is None:
        return False
    size_bytes = found.zoedepth_flying_pixels_scratch(*depth_m.shape, size_px)
    scratch = np.empty(size_bytes, np.uint8)
    image = depth_m, *depth_m.shape, *strides
    return _run('flying_pixels', (), *image, size_px, max_jump, marks, scratch)


def limit(
    depth_m: Map, strides: tuple[int, int], marks: NDArray[np.bool_], min_m: float, out_m: Map
) -> bool:
    """Write depth of every n-th row and column: NaN at marks and up to 0, -inf below min_m."""
    image = depth_m, *depth_m.shape, *strides
    return _run('limited', (depth_m,), *image, marks, min_m, out_m)


def write_depth(depth_m: Map, min_m: float, max_m: float, pixels: Map) -> bool:
    """Write depth: -inf below min_m, +inf above max_m."""
    return _run('write_depth', (depth_m, pixels), depth_m, depth_m.size, min_m, max_m, pixels)


def raise_to(values: Map, least: float) -> bool:
    """Replace smaller values in place; none may be NaN."""
    return _run('raise_to', (values,), values, values.size, least)


def pack_points(depth_m: Map, rays: Map, rgb: NDArray[np.uint8], limit_m: float, out: Map) -> bool:
    """Write points (H, W, 4) as `points.pack_points` does; rgb: (H, W, 3) with any strides."""
    if rgb.strides[2] != 1:
        rgb = np.ascontiguousarray(rgb)
    colors = rgb, *rgb.strides[:2]
    return _run(
        'pack_points', (depth_m, rays, out), depth_m, rays, *colors, *depth_m.shape, limit_m, out
    )


def _run(name: str, maps: tuple[Map, ...], *arguments: Any) -> bool:
    """Call a function with the addresses of arrays; False without a library that can read maps."""
    found = _library_for(*maps)
    if found is None:
        return False
    addresses = (x.ctypes.data if isinstance(x, np.ndarray) else x for x in arguments)
    getattr(found, f'zoedepth_{name}')(*addresses)
    return True


def _library_for(*maps: Map) -> ctypes.PyDLL | None:
    """Return the library if it was built and can read these maps."""
    plain = all(array.dtype == np.float32 and array.flags.c_contiguous for array in maps)
    return library() if plain else None
