"""Turn kernels into machine code; the only file that imports numba."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numba

F = TypeVar('F', bound=Callable[..., object])

# All of fast-math but 'nnan' and 'ninf': divisions by zero are meant to give infinities.
_MATH = {'contract', 'arcp', 'nsz', 'reassoc', 'afn'}
_OPTIONS = {'nogil': True, 'fastmath': _MATH, 'error_model': 'numpy'}


def kernel(function: F) -> F:
    """Compile a function on its first call, without the interpreter's lock; keep it on disk."""
    try:
        return numba.njit(cache=True, **_OPTIONS)(function)
    except RuntimeError:  # no folder to cache in can be written
        return numba.njit(**_OPTIONS)(function)
