"""What torch raises when a device is full or gone, said in the words of `result`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from zoedepth_ros.inference.result import DeviceLost, InferenceError, OutOfMemory

_FULL = ('out of memory', "can't allocate memory", 'not enough memory', 'ALLOC_FAILED')
_LOST = ('CUDA error', 'CUDA driver', 'cuDNN error', 'CUBLAS_STATUS', 'device-side assert')


def kind_of(error: BaseException) -> type[InferenceError] | None:
    """Tell whether an error means a full or a lost device; None for any other.

    Newer releases of torch have classes for both; the texts cover the older ones.
    """
    if isinstance(error, (MemoryError, torch.cuda.OutOfMemoryError)):
        return OutOfMemory
    if not isinstance(error, RuntimeError):
        return None
    text = str(error)
    if any(sign in text for sign in _FULL):
        return OutOfMemory
    by_class = type(error).__name__ == 'AcceleratorError'  # torch >= 2.8
    return DeviceLost if by_class or any(sign in text for sign in _LOST) else None


@contextmanager
def named_failures(device: str) -> Iterator[None]:
    """Raise OutOfMemory or DeviceLost for what torch raises inside; the rest passes as it is."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        kind = None if isinstance(error, InferenceError) else kind_of(error)
        if kind is None:
            raise
        first_line = (str(error) or type(error).__name__).splitlines()[0]
        raise kind(f'{device}: {first_line}') from error
