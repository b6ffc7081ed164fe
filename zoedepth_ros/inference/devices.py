"""Choose the device and the precision, and translate the errors of a full or lost device."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from zoedepth_ros.inference.processor import bf16_emulated
from zoedepth_ros.inference.result import AUTO, DeviceLost, InferenceError, OutOfMemory

DTYPES = {'fp32': torch.float32, 'bf16': torch.bfloat16, 'fp16': torch.float16}
_FULL = ('out of memory', "can't allocate memory", 'not enough memory', 'ALLOC_FAILED')
_LOST = ('CUDA error', 'CUDA driver', 'cuDNN error', 'CUBLAS_STATUS', 'device-side assert')


def choose_device(name: str) -> torch.device:
    """Return the device of a name 'auto', 'cpu', 'cuda' or 'cuda:N'.

    'auto' is the first CUDA device or else the CPU.  Raises ValueError for an unknown name and for
    a CUDA device that does not exist.
    """
    if name == AUTO:
        return torch.device('cuda:0' if torch.cuda.is_available() else 'cpu')
    kind, colon, index = name.partition(':')
    if name == 'cpu':
        return torch.device('cpu')
    if kind != 'cuda' or (colon and not index.isdecimal()):
        raise ValueError(f'unknown device {name!r}: expected auto, cpu, cuda or cuda:N')
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if int(index or 0) >= count:
        raise ValueError(f'device {name!r} does not exist: torch finds {count} CUDA devices')
    return torch.device('cuda', int(index or 0))


def choose_precision(name: str, device: torch.device) -> str:
    """Return 'fp32', 'bf16' or 'fp16' for one of these or 'auto'.

    'auto' is fp16 on CUDA, where it deviates less than bf16; on the CPU bf16 where the processor
    has instructions for it, else fp32.  Raises ValueError for an unknown name and for fp16 on the
    CPU, which is slower there than fp32.
    """
    on_cuda = device.type == 'cuda'
    if name == AUTO:
        if on_cuda:
            return 'fp16'
        return 'fp32' if bf16_emulated() else 'bf16'
    if name not in DTYPES:
        raise ValueError(f'unknown precision {name!r}: expected auto, {", ".join(DTYPES)}')
    if name == 'fp16' and not on_cuda:
        raise ValueError('precision fp16 needs a CUDA device; on the CPU use fp32 or bf16')
    return name


def kind_of(error: BaseException) -> type[InferenceError] | None:
    """Return the type for an error of a full or lost device; None for other errors.

    Recent releases of torch have classes for both; the messages cover older releases.
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
    """Translate torch's errors to OutOfMemory or DeviceLost; others pass unchanged."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        kind = None if isinstance(error, InferenceError) else kind_of(error)
        if kind is None:
            raise
        first_line = (str(error) or type(error).__name__).splitlines()[0]
        raise kind(f'{device}: {first_line}') from error
