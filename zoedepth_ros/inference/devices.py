"""Choose the device and the precision, and translate the errors of a full or lost device."""

from __future__ import annotations

import ctypes
import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import torch

from zoedepth_ros.errors import explained
from zoedepth_ros.inference.processor import bf16_emulated
from zoedepth_ros.inference.result import (
    AUTO,
    ContextLost,
    DeviceLost,
    InferenceError,
    OutOfMemory,
    cuda_index,
)

DTYPES = {'fp32': torch.float32, 'bf16': torch.bfloat16, 'fp16': torch.float16}
Result = TypeVar('Result')

_FULL = (
    'out of memory',
    "can't allocate memory",
    'not enough memory',
    'ALLOC_FAILED',
    'STATUS_NOT_INITIALIZED',  # of cuBLAS and cuDNN in a working context: no memory for a handle
)
_LOST = (
    'CUDA error',
    'CUDA driver',
    'cuDNN error',
    'cuDNN Frontend error',
    'CUBLAS_STATUS',
    'device-side assert',
)
_ADVICE = re.compile(r' (Process \d|Including non-PyTorch|Of the allocated|If reserved)')
_REASON_LENGTH = 200
_BF16_CAPABILITY = (8, 0)


def choose_device(name: str) -> torch.device:
    """Return the device of a name 'auto', 'cpu', 'cuda' or 'cuda:N'.

    'auto' is the first CUDA device or else the CPU.  Raises ValueError for an unknown name and for
    a CUDA device that does not exist.
    """
    index = cuda_index(name)
    count = torch.cuda.device_count() if name != 'cpu' and torch.cuda.is_available() else 0
    if index is None:
        return torch.device('cuda:0' if count else 'cpu')
    if index >= count:
        raise ValueError(f'device {name!r} does not exist: torch finds {count} CUDA device(s)')
    return torch.device('cuda', index)


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
    if name == 'bf16' and on_cuda:
        capability = torch.cuda.get_device_capability(device)
        if capability < _BF16_CAPABILITY:
            needs, has = ('{}.{}'.format(*pair) for pair in (_BF16_CAPABILITY, capability))
            raise ValueError(
                f'precision bf16 needs a GPU of compute capability {needs}, {device} has {has}: '
                'use fp16 or fp32'
            )
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


def short_reason(error: BaseException) -> str:
    """Return the first line of an error: no advice of torch on memory, no full stop."""
    first_line = (explained(error).strip() or type(error).__name__).splitlines()[0]
    text = _ADVICE.split(first_line)[0].removesuffix('.')
    return text if len(text) <= _REASON_LENGTH else text[: _REASON_LENGTH - 1] + '…'


@contextmanager
def named_failures(device: torch.device) -> Iterator[None]:
    """Raise OutOfMemory, DeviceLost or ContextLost for what torch raises on a device.

    Other errors pass unchanged.  After ContextLost nothing that was in use is ever freed: torch
    may end the process (SIGABRT) when it frees memory in a broken context.
    """
    try:
        yield
    except Exception as error:
        if device.type == 'cuda' and _context_is_lost(device):
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(error))  # with the frames of its traceback
            raise ContextLost(f'{device}: {short_reason(error)}') from error
        kind = None if isinstance(error, InferenceError) else kind_of(error)
        if kind is None:
            raise
        raise kind(f'{device}: {short_reason(error)}') from error


def _context_is_lost(device: torch.device) -> bool:
    """Tell whether a CUDA context that worked before fails every call: the error is sticky."""
    is_initialized: Any = torch.cuda.is_initialized
    if not is_initialized() or torch.cuda.memory_reserved(device) == 0:
        return False  # there was none
    try:
        torch.cuda.current_stream(device).synchronize()
    except RuntimeError as error:
        return kind_of(error) is not OutOfMemory
    return False


@contextmanager
def float32_policy(device: torch.device, precision: str) -> Iterator[None]:
    """On CUDA, compute float32 products exactly, and convolutions too if precision is fp32.

    With fp16 and bf16 the convolutions that stay in float32 may use TF32, as torch does by
    default.  The flags of torch are global; they are restored afterwards.
    """
    if device.type != 'cuda':
        yield
        return
    products, convolutions = torch.backends.cuda.matmul, torch.backends.cudnn
    before = products.allow_tf32, convolutions.allow_tf32
    products.allow_tf32, convolutions.allow_tf32 = False, precision != 'fp32'
    try:
        yield
    finally:
        products.allow_tf32, convolutions.allow_tf32 = before


def is_cudnn_attention_error(error: BaseException) -> bool:
    """Tell whether cuDNN's attention failed, which other kernels can replace."""
    enabled: Any = torch.backends.cuda.cudnn_sdp_enabled
    return 'cuDNN Frontend error' in str(error) and bool(enabled())


def retried_without_cudnn_attention(compute: Callable[[], Result]) -> Result:
    """Compute; if cuDNN's attention fails, disable it for this process and compute again."""
    try:
        return compute()
    except RuntimeError as error:
        if not is_cudnn_attention_error(error):
            raise
        logging.getLogger(__name__).warning(
            'cuDNN attention failed and is disabled for this process: %s', short_reason(error)
        )
    torch.backends.cuda.enable_cudnn_sdp(enabled=False)
    return compute()
