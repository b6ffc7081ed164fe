"""Instruction sets of the processor.  Imports torch only in `bf16_emulated`."""

from __future__ import annotations

from functools import cache
from pathlib import Path

CPUINFO = Path('/proc/cpuinfo')

_BF16_SETS = ('avx512_bf16', 'amx_bf16', 'bf16')  # the last is Arm's


def cpuinfo() -> dict[str, str]:
    """Return what Linux reports about its first core; {} elsewhere."""
    first = CPUINFO.read_text('utf-8', 'replace').split('\n\n')[0] if CPUINFO.is_file() else ''
    pairs = (line.partition(':') for line in first.splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}


def instruction_sets() -> frozenset[str]:
    """Return the names of the instruction sets as Linux reports them; empty elsewhere."""
    found = cpuinfo()
    return frozenset((found.get('flags') or found.get('Features', '')).split())


@cache
def bf16_emulated() -> str:
    """Return why bf16 is emulated on this processor; '' where it has instructions for it.

    Emulated products take many times as long as those in fp32.
    """
    import torch

    if not instruction_sets() & {*_BF16_SETS}:
        return f'this processor has no bf16 instructions ({", ".join(_BF16_SETS)})'
    try:
        supported = bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    except (RuntimeError, AttributeError):
        supported = False
    return (
        ''
        if supported
        else 'oneDNN of this torch does not use the bf16 instructions of this processor'
    )
