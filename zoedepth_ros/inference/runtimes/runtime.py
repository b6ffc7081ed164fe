"""Which device and which precision to compute with."""

from __future__ import annotations

import torch

from zoedepth_ros.inference.processor import bf16_emulated
from zoedepth_ros.inference.result import AUTO

DTYPES = {'fp32': torch.float32, 'bf16': torch.bfloat16, 'fp16': torch.float16}


def choose_device(name: str) -> torch.device:
    """Give the device of a name 'auto', 'cpu', 'cuda' or 'cuda:N'.

    'auto' is the first CUDA device or else the CPU.  Raises ValueError for an unknown name and for
    a CUDA device that is not there.
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
        raise ValueError(f'device {name!r} is not there: torch sees {count} CUDA devices')
    return torch.device('cuda', int(index or 0))


def choose_precision(name: str, device: torch.device) -> str:
    """Give 'fp32', 'bf16' or 'fp16' for one of these or 'auto'.

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
