"""Compile kernels with numba; no other module imports it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numba

from zoedepth_ros.folders import cache_folder

F = TypeVar('F', bound=Callable[..., object])

# Fast-math without 'nnan' and 'ninf': divisions by zero must give infinities.
_MATH = {'contract', 'arcp', 'nsz', 'reassoc', 'afn'}
_OPTIONS = {'nogil': True, 'fastmath': _MATH, 'error_model': 'numpy'}


def kernel_folder() -> Path | None:
    """Return the folder of compiled kernels, or None if it is not writable.

    Its name is a checksum of the kernels' sources: numba checks only the file of the outermost
    function, and would use stale code of a changed inner one.
    """
    here = Path(__file__).parent
    texts = [path.read_bytes() for path in sorted(here.glob('*.py'))]
    kernels = [text for text in texts if b'@kernel' in text or b'= range(' in text]
    digest = hashlib.sha256(b''.join(kernels)).hexdigest()[:16]
    try:
        folder = cache_folder() / 'kernels' / digest
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:  # read-only disk, or a user without a home folder
        return None
    return folder if os.access(folder, os.W_OK) else None


_FOLDER = kernel_folder()


def kernel(function: F) -> F:
    """Compile a function on its first call, without the GIL, and cache it on disk."""
    if _FOLDER is None:
        return numba.njit(**_OPTIONS)(function)
    before, numba.config.CACHE_DIR = numba.config.CACHE_DIR, str(_FOLDER)  # read while declaring
    try:
        return numba.njit(cache=True, **_OPTIONS)(function)
    finally:
        numba.config.CACHE_DIR = before
