"""Which half precision is worth measuring on this device."""

from __future__ import annotations

from zoedepth_ros.benchmark.parts import AUTO
from zoedepth_ros.inference.processor import bf16_emulated
from zoedepth_ros.inference.runtimes.runtime import choose_device, choose_precision


def half_precision(device: str, precision: str) -> tuple[str, str]:
    """Return 'fp16', 'bf16' or '' for none, and why none where nobody asked for fp32.

    device, precision: as of build_predictor.  Raises ValueError for a precision that this
    processor emulates: a single image would take minutes.
    """
    where = choose_device(device)
    asked = choose_precision(precision, where)  # refuses unknown ones
    emulated = bf16_emulated() if where.type == 'cpu' else ''
    if asked == 'bf16' and emulated:
        raise ValueError(f'precision bf16 is not measured, use fp32: {emulated}')
    if precision != AUTO:
        return ('' if asked == 'fp32' else asked), ''
    if where.type != 'cpu':
        return 'fp16', ''
    return ('', f'bf16: {emulated}') if emulated else ('bf16', '')
