"""Turn kernels into machine code; the only file that imports numba."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import numba

from zoedepth_ros.folders import cache_folder

F = TypeVar('F', bound=Callable[..., object])

# All of fast-math but 'nnan' and 'ninf': divisions by zero are meant to give infinities.
_MATH = {'contract', 'arcp', 'nsz', 'reassoc', 'afn'}
_OPTIONS = {'nogil': True, 'fastmath': _MATH, 'error_model': 'numpy'}


def kernel_folder() -> Path | None:
    """Return where machine code is kept, or None when nothing can be written there.

    The folder is named after the kernels' sources: numba looks only at the file of the outermost
    function, and would go on using code of a changed inner one.
    """
    here = Path(__file__).parent
    texts = [path.read_bytes() for path in sorted(here.glob('*.py'))]
    kernels = [text for text in texts if b'@kernel' in text or b'= range(' in text]
    digest = hashlib.sha256(b''.join(kernels)).hexdigest()[:16]
    try:
        folder = cache_folder() / 'kernels' / digest
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError):  # a disk that takes nothing, a user without a home
        return None
    return folder if os.access(folder, os.W_OK) else None


_FOLDER = kernel_folder()


@contextmanager
def _caching_there() -> Iterator[None]:
    """Point numba to our folder while a kernel is declared."""
    before, numba.config.CACHE_DIR = numba.config.CACHE_DIR, str(_FOLDER)
    try:
        yield
    finally:
        numba.config.CACHE_DIR = before


def kernel(function: F) -> F:
    """Compile a function on its first call, without the interpreter's lock; keep it on disk."""
    if _FOLDER is None:
        return numba.njit(**_OPTIONS)(function)
    with _caching_there():
        return numba.njit(cache=True, **_OPTIONS)(function)
