"""Which device and which precision to compute with."""

from __future__ import annotations

import time
from functools import cache

import torch

from zoedepth_ros.inference.result import AUTO

DTYPES = {'fp32': torch.float32, 'bf16': torch.bfloat16, 'fp16': torch.float16}

_WORTH_IT = 1.3  # times faster that bf16 must multiply, to be worth its rounding
_SIDE, _TRIALS = 512, 5  # of the products that are timed; about 20 ms in all


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
    is measured to multiply that faster, else fp32.  Raises ValueError for an unknown name and for
    fp16 on the CPU, which is slower there than fp32.
    """
    on_cuda = device.type == 'cuda'
    if name == AUTO:
        return 'fp16' if on_cuda else fastest_on_cpu()
    if name not in DTYPES:
        raise ValueError(f'unknown precision {name!r}: expected auto, {", ".join(DTYPES)}')
    if name == 'fp16' and not on_cuda:
        raise ValueError('precision fp16 needs a CUDA device; on the CPU use fp32 or bf16')
    return name


@cache
def fastest_on_cpu() -> str:
    """Time a product in fp32 and bf16, once a process, and give the precision to take.

    Processors with bf16 instructions multiply it twice as fast as fp32 or more, others many times
    slower: that is clear even while other programs run.
    """
    took_s = {}
    with torch.inference_mode():
        for name in ('fp32', 'bf16'):
            matrix = torch.ones(_SIDE, _SIDE, dtype=DTYPES[name])
            took_s[name] = min(_product_s(matrix) for _ in range(_TRIALS))
    return 'bf16' if took_s['bf16'] * _WORTH_IT < took_s['fp32'] else 'fp32'


def _product_s(matrix: torch.Tensor) -> float:
    start_s = time.perf_counter()
    torch.mm(matrix, matrix)
    return time.perf_counter() - start_s
