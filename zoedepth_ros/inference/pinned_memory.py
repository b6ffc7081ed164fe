"""Page-locked (pinned) host memory that is reused and never freed.

torch ends the process (SIGABRT) when a pinned tensor is freed and the CUDA context is broken.
"""

from __future__ import annotations

import ctypes
import weakref

import torch
from torch import Tensor

_UNUSED: dict[int, list[Tensor]] = {}
"""Size [bytes] -> buffers, (size,) uint8, that nothing refers to."""


def pinned_like(like: Tensor) -> Tensor:
    """Return a pinned tensor of the same shape and type; its values are arbitrary.

    Its memory is reused as soon as no tensor or array refers to it, so keep it until the device
    has finished with it.  Calls may come from different threads.
    """
    n_bytes = like.numel() * like.element_size()
    size = 1 << max(n_bytes - 1, 0).bit_length()  # what torch allocates
    unused = _UNUSED.setdefault(size, [])
    try:
        buffer = unused.pop()
    except IndexError:
        buffer = torch.empty(size, dtype=torch.uint8, pin_memory=True)
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(buffer))  # survives the interpreter's exit too
    array = buffer.numpy()  # lives as long as all tensors and arrays made of it
    weakref.finalize(array, unused.append, buffer).atexit = False
    return torch.from_numpy(array)[:n_bytes].view(like.dtype).view(like.shape)
