"""What needs less than a network that failed for want of means."""

from __future__ import annotations

from dataclasses import replace

from zoedepth_ros.inference.result import (
    AUTO,
    DeviceLost,
    InferenceError,
    NotFinite,
    OutOfMemory,
)
from zoedepth_ros.ros.parameters import PredictorSettings

SMALLEST_SIDE_PX = 128
_STEP = 0.75  # of both sides: about half the memory of the attention
_MULTIPLE_PX = 32

Size = tuple[int, int]


def next_step(
    kind: type[InferenceError],
    now: PredictorSettings,
    *,
    device: str,
    precision: str,
    network_size: Size,
) -> tuple[PredictorSettings, str] | None:
    """Give the settings of the next step down for one kind of failure, and its name.

    device, precision, network_size: what the settings came to, (height, width) [px].  None when
    nothing needs less.
    """
    if kind is OutOfMemory:
        height, width = network_size
        if now.network_height:  # already fixed or stepped down
            height, width = now.network_height, now.network_width or width
        size = tuple(_shrunk(side) for side in (height, width))
        if min(size) < SMALLEST_SIDE_PX:
            return None
        less = replace(now, network_height=size[0], network_width=size[1])
        return less, f'the network sees {size[0]} x {size[1]} px instead of {height} x {width}'
    if kind is DeviceLost and device != 'cpu':
        half = now.precision == 'fp16'  # which the CPU does not have
        return replace(now, device='cpu', precision=AUTO if half else now.precision), (
            f'the network runs on the CPU instead of {device}'
        )
    if kind is NotFinite and precision != 'fp32':
        return replace(now, precision='fp32'), f'fp32 instead of {precision}'
    return None


def _shrunk(side_px: int) -> int:
    return int(_STEP * side_px) // _MULTIPLE_PX * _MULTIPLE_PX
