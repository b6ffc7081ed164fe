"""Pack clouds with Triton kernels for CUDA: 3 to 6 launches where torch needs 23 to 77."""

# ruff: noqa: N803 (Triton code writes constants of a kernel in capitals)

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import triton
import triton.language as tl
from torch import Tensor

from zoedepth_ros.geometry.filters import largest_jump, widest_ramp_px
from zoedepth_ros.inference.result import CloudRequest

_BLOCK = 256
_UPPER_HALF = tl.constexpr(-0x10000)  # bits of a float32
_NAN_BITS = tl.constexpr(0x7FC00000)
_LARGEST = tl.constexpr(0x7FFFFFFF)


def _jit(*integers: str) -> Any:
    """Compile a kernel once, whatever the values of these arguments."""
    return triton.jit(do_not_specialize=list(integers))


@triton.jit
def _inverse(start, mask):  # type: ignore[no-untyped-def]
    """Return inverse depth, 0 for unknown."""
    depth = tl.load(start, mask, 1.0)
    return tl.where(depth == depth, tl.div_rn(1.0, depth), 0.0)


@triton.jit
def _slope(line, at, length, step, mask):  # type: ignore[no-untyped-def]
    """Return the gradient of inverse depth along a line, that of the neighbour at both ends."""
    inner = tl.minimum(tl.maximum(at, 1), length - 2)
    after = _inverse(line + (inner + 1) * step, mask)
    return tl.abs(after - _inverse(line + (inner - 1) * step, mask))


@_jit('total', 'length', 'first', 'line_step', 'step', 'radius')  # type: ignore[untyped-decorator]
def _erode(  # type: ignore[no-untyped-def]
    depth, eroded, total, length, first, line_step, step, radius, BLOCK: tl.constexpr
):
    """Write the smallest gradient of a window along lines, as upper bits."""
    index = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    line = depth + first + index // length * line_step
    least = tl.full((BLOCK,), _LARGEST, tl.int32)
    for offset in range(-radius, radius + 1):
        at = index % length + offset
        mask = (index < total) & (at >= 0) & (at < length)
        bits = _slope(line, at, length, step, mask).to(tl.int32, bitcast=True) & _UPPER_HALF
        least = tl.where(mask, tl.minimum(least, bits), least)
    tl.store(eroded + index, least, index < total)


@triton.jit
def _peak(eroded, line, start, at, length, step, radius, slack, mask):  # type: ignore[no-untyped-def]
    """Mark narrow peaks of the gradient."""
    opened = tl.zeros_like(at)
    for offset in range(-radius, radius + 1):
        near = mask & (at + offset >= 0) & (at + offset < length)
        opened = tl.maximum(opened, tl.load(eroded + line * length + at + offset, near, 0))
    height = tl.maximum(_slope(start, at, length, step, mask) - slack, 0.0)
    return opened < (height.to(tl.int32, bitcast=True) & _UPPER_HALF)


@_jit('total', 'height', 'width', 'columns', 'stride', 'radius', 'edges', 'color', 'some')  # type: ignore[untyped-decorator]
def _points(  # type: ignore[no-untyped-def]
    depth, colors, planes, suppressed, by_row, by_column, words, known, total, height, width,
    columns, stride, radius, edges, color, some, jump, least, most, BLOCK: tl.constexpr,
):  # fmt: skip
    """Write x, y, z and colour of every selected pixel as bits, and whether it is known."""
    index = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = index < total
    row, column = index // columns, index % columns
    y, x = stride // 2 + row * stride, stride // 2 + column * stride
    pixel = y * width + x
    z = tl.load(depth + pixel, inside, 0.0)
    is_known = (z >= least) & (z <= most) & (z < float('inf'))
    if some:
        is_known = is_known & (tl.load(suppressed + index, inside, 0) == 0)
    if edges:
        slack = _inverse(depth + pixel, inside) * jump
        across, down = inside & (width >= 3), inside & (height >= 3)
        marks = _peak(by_row, row, depth + y * width, x, width, 1, radius, slack, across) & across
        marks |= _peak(by_column, column, depth + x, y, height, width, radius, slack, down) & down
        is_known = is_known & (marks == 0)
    x_m = tl.load(planes + index, inside, 0.0) * z
    bits = tl.where(is_known, x_m.to(tl.int32, bitcast=True), _NAN_BITS)
    tl.store(words + 4 * index, bits, inside)
    y_m = tl.load(planes + total + index, inside, 0.0) * z
    bits = tl.where(is_known, y_m.to(tl.int32, bitcast=True), _NAN_BITS)
    tl.store(words + 4 * index + 1, bits, inside)
    is_known = is_known & (x_m == x_m)  # a pixel without a ray is unknown
    bits = tl.where(is_known, z.to(tl.int32, bitcast=True), _NAN_BITS)
    tl.store(words + 4 * index + 2, bits, inside)
    rgb = tl.zeros_like(index)
    if color:
        for channel in range(3):
            rgb = (rgb << 8) | tl.load(colors + 3 * pixel + channel, inside, 0).to(tl.int32)
    tl.store(words + 4 * index + 3, rgb, inside)
    tl.store(known + index, is_known.to(tl.int32), inside)


@_jit('total')  # type: ignore[untyped-decorator]
def _gather(words, known, places, packed, total, BLOCK: tl.constexpr):  # type: ignore[no-untyped-def]
    """Move known points to their places (counted from 1), and write their number at the end."""
    index = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = index < total
    place = tl.load(places + index, inside, 0)
    moved = inside & (tl.load(known + index, inside, 0) != 0)
    for word in range(4):
        value = tl.load(words + 4 * index + word, moved, 0)
        tl.store(packed + 4 * (place - 1) + word, value, moved)
    tl.store(packed + 4 * (index + 1), place, index == total - 1)


def pack(
    depth_m: Tensor, colors: Tensor, planes: Tensor, suppressed: Tensor | None, at: CloudRequest
) -> Tensor:
    """Return the points of a cloud; as `device_cloud.pack_with_torch`."""
    (height, width), (rows, columns) = depth_m.shape, planes.shape[1:]
    total, step, radius = rows * columns, at.stride, widest_ramp_px(width) // 2
    words, known = (depth_m.new_empty(total, n, dtype=torch.int32) for n in (4, 1))
    if not total:
        return words.reshape(rows, columns, 4) if at.organized else words.new_zeros(1, 4)
    by_row, by_column = words, words  # not read
    if at.edges:
        by_row, by_column = words.new_empty(rows, width), words.new_empty(columns, height)
    options: Any = {'BLOCK': _BLOCK, 'enable_fp_fusion': False}  # rounded as on the CPU

    def grid(count: int) -> tuple[int]:
        return (triton.cdiv(count, _BLOCK),)

    with torch.cuda.device(depth_m.device):
        if at.edges and width >= 3:
            _erode[grid(rows * width)](
                depth_m, by_row, rows * width, width, step // 2 * width, step * width, 1, radius,
                **options,
            )  # fmt: skip
        if at.edges and height >= 3:
            _erode[grid(columns * height)](
                depth_m, by_column, columns * height, height, step // 2, step, width, radius,
                **options,
            )  # fmt: skip
        removed = colors if suppressed is None else suppressed.view(torch.uint8)
        _points[grid(total)](
            depth_m, colors, planes, removed, by_row, by_column, words, known, total,
            height, width, columns, step, radius,
            int(at.edges), int(at.color), int(suppressed is not None),
            float(np.float32(largest_jump(width, at.network_width))),
            float(np.float32(at.min_depth_m)), float(np.float32(at.max_depth_m)), **options,
        )  # fmt: skip
        if at.organized:
            return words.reshape(rows, columns, 4)
        places = known.flatten().cumsum(0, dtype=torch.int32)
        packed = words.new_empty(total + 1, 4)
        _gather[grid(total)](words, known, places, packed, total, **options)
    return packed
