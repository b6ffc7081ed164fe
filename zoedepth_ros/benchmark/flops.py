"""Operations of one image, and the rate of matrix products on this machine."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from zoedepth_ros.inference.devices import DTYPES, choose_device
from zoedepth_ros.model.backbones.config import BeitConfig
from zoedepth_ros.model.backbones.features import Prepared
from zoedepth_ros.model.config import ModelConfig
from zoedepth_ros.model.zoedepth import ZoeDepth

_SHAPES = ((768, 1024, 4096), (2048, 2048, 2048), (8192, 8192, 8192))
_MAX_ON_CPU = 2048**3
_MIN_DURATION_S = 0.3


def image_flops(config: ModelConfig, size: tuple[int, int]) -> tuple[int, int]:
    """Return the operations of one image with one head and the router: all, and in attention.

    A multiply-add counts as two; only matrix products are counted.  Those in attention grow with
    the square of the number of patches, all others linearly.
    """
    with torch.device('meta'), torch.no_grad():  # shapes only
        network = ZoeDepth(config).eval()
        prepared = network.prepare(*size)
        with FlopCounterMode(display=False) as counter:
            _run(network, torch.empty(1, 3, *size), prepared)
    return counter.get_total_flops(), attention_flops(config, size)


def _run(network: ZoeDepth, image: Tensor, prepared: Prepared) -> None:
    """Run all parts, as `forward` does, whose autocast does not support the meta device."""
    pyramid = network.decoder(network.backbone(image, prepared))
    pixels, relative_depth = network.relative_head(pyramid.levels[-1])
    if network.config.bins.conditioned_on_relative_depth:
        pixels = torch.cat([pixels, relative_depth], dim=1)
    seed = network.bottleneck(pyramid.bottleneck)
    embeddings = network.embeddings(seed, pyramid.levels)
    network.heads[network.config.head_names[0]](seed, embeddings, pixels)
    if network.router is not None:
        network.router(seed)


def attention_flops(config: ModelConfig, size: tuple[int, int]) -> int:
    """Return the operations of one image in the products of queries, keys and values."""
    backbone = config.backbone
    if not isinstance(backbone, BeitConfig):
        return 0  # windowed attention is linear in the number of patches
    tokens = (size[0] // backbone.patch_size) * (size[1] // backbone.patch_size) + 1
    return 4 * tokens**2 * backbone.embed_dim * backbone.depth


def matmul_tflops(device: str, precision: str) -> float:
    """Return the maximum rate of matrix products over several shapes [TFLOP/s].

    On the CPU also as 1 x 1 convolutions, which torch computes with oneDNN; for float32 this is
    faster on some processors.
    """
    where, dtype = choose_device(device), DTYPES[precision]
    best = 0.0
    for rows, inner, columns in _SHAPES:
        work = rows * inner * columns
        if where.type == 'cpu' and work > _MAX_ON_CPU:
            continue
        a = torch.randn(rows, inner, device=where, dtype=dtype)
        b = torch.randn(columns, inner, device=where, dtype=dtype)
        fastest_s = _fastest_s(partial(torch.mm, a, b.T), where)
        if where.type == 'cpu':
            pixels = a.T.reshape(1, inner, rows, 1).to(memory_format=torch.channels_last)
            kernel = b[:, :, None, None].to(memory_format=torch.channels_last)
            convolve = partial(torch.conv2d, pixels, kernel)
            fastest_s = min(fastest_s, _fastest_s(convolve, where))
        best = max(best, 2 * work / fastest_s)
    return 1e-12 * best


@torch.inference_mode()
def _fastest_s(multiply: Callable[[], Tensor], device: torch.device) -> float:
    """Return the minimum time of one product [s]."""
    best_s, spent_s = float('inf'), 0.0
    while spent_s < _MIN_DURATION_S:
        start_s = time.perf_counter()
        multiply()
        if device.type == 'cuda':
            torch.cuda.synchronize(device)
        taken_s = time.perf_counter() - start_s
        best_s, spent_s = min(best_s, taken_s), spent_s + taken_s
    return best_s
