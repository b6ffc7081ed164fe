"""Tiny networks with random weights in which every part affects the result.

A freshly initialised network hides most mistakes: its residual branches are scaled by almost
nothing and its distributions are flat. `spread` draws weights that keep activations near 1, make
position bias, readout and attractors count, and leave some distributions sharp.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch
from torch import nn

from zoedepth_ros.model.backbones.config import BeitConfig, SwinConfig
from zoedepth_ros.model.config import (
    BinsConfig,
    DecoderConfig,
    HeadConfig,
    ModelConfig,
    RouterConfig,
)
from zoedepth_ros.model.zoedepth import ZoeDepth

NATIVE_SIZE = (64, 64)
"""Image size [px] at which no position bias is interpolated."""

BACKBONE = BeitConfig(
    embed_dim=32,
    depth=5,
    num_heads=4,
    taps=(0, 1, 3, 4),
    channels=(8, 12, 16, 20),
    window=(4, 4),
)
SWIN = SwinConfig(
    embed_dim=16,
    depths=(2, 2, 3, 2),
    num_heads=(1, 2, 4, 8),
    window=4,
    image_side=64,
    trained_windows=(3, 3, 3, 0),
)
"""Its first two stages move their windows; the third is one window, the fourth a smaller one."""
DECODER = DecoderConfig(features=24, relative_hidden=12, relative_features=8)
BINS = BinsConfig(
    n_bins=64,
    embedding_dim=16,
    seed_hidden=256,
    projector_hidden=128,
    attractor_hidden=16,
    n_attractors=(16, 8, 4, 1),
)
NK_BINS = dataclasses.replace(
    BINS,
    seed_hidden=8,
    projector_hidden=8,
    n_attractors=(16, 16, 16, 16),
    conditioned_on_relative_depth=False,
    bottleneck_factor=4,
)
ROUTER = RouterConfig(embed_dim=128, depth=4, num_heads=4, feedforward_dim=48)


def tiny_config(architecture: str) -> ModelConfig:
    """Return settings for 'N', 'K' or 'NK' as other implementations can also build them."""
    if architecture == 'NK':
        heads = (HeadConfig('indoor'), HeadConfig('outdoor'))
        return ModelConfig('tiny NK', NATIVE_SIZE, BACKBONE, heads, DECODER, NK_BINS, ROUTER)
    head = HeadConfig('indoor')
    if architecture == 'K':
        head = HeadConfig('outdoor', bin_type='normed', depth_range_m=(1e-3, 80.0))
    return ModelConfig(f'tiny {architecture}', NATIVE_SIZE, BACKBONE, (head,), DECODER, BINS)


def built_without_memory(config: ModelConfig) -> ZoeDepth:
    """Build a network of names and shapes only; skips where timm is too old for that."""
    try:
        with torch.device('meta'):
            return ZoeDepth(config)
    except RuntimeError:
        pytest.skip('this timm reads values while it builds')


def transformers_twin(config: ModelConfig, seed: int = 0) -> Any:
    """Return transformers' ZoeDepth of the same settings in eval mode, with spread weights."""
    from zoedepth_ros.benchmark.transformers_runner import build_model

    model = build_model(config, 'eager')
    spread(model, seed)
    return model


@torch.no_grad()
def spread(model: nn.Module, seed: int) -> None:
    """Draw all parameters of any implementation anew, for visible effects (see above)."""
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in model.named_parameters():
        noise = torch.randn(parameter.shape, generator=generator)
        parameter.copy_(_drawn(name, noise))


def _drawn(name: str, noise: torch.Tensor) -> torch.Tensor:
    if noise.ndim == 1:
        if name == 'relative_head.conv3.bias':
            return noise.abs()  # not zero everywhere after the last ReLU
        if name.endswith(('lambda_1', 'lambda_2', 'gamma_1', 'gamma_2')):
            return 0.5 + 0.1 * noise
        if 'norm' in name and name.endswith('weight'):
            return 1.0 + 0.2 * noise
        return 0.2 * noise
    if 'position_bias_table' in name or 'position_tables' in name:
        return 2.0 * noise
    if 'cls_token' in name:
        return 0.01 * noise
    fan_in = noise[0].numel()
    if 'patch_embed' in name:  # small tokens: the epsilon of the first normalisation counts
        return 0.01 * noise / fan_in**0.5
    return _gain(name) * noise / fan_in**0.5


def _gain(name: str) -> float:
    if 'residual_layer' in name or 'refine' in name:
        return 0.7
    if 'seed' in name or 'attractor' in name:  # centres that are neither equal nor constant
        return 2.0
    if 'binomial' in name or 'distribution' in name:  # flat and sharp distributions
        return 6.0 if 'mlp.2' in name or 'output' in name else 2.5
    return 1.0


def random_image(height: int, width: int, batch: int = 2, seed: int = 1) -> torch.Tensor:
    """Return smooth noise as a normalised image (B, 3, height, width) in [-1, 1]."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(batch, 3, height // 8, width // 8, generator=generator)
    fine = torch.rand(batch, 3, height, width, generator=generator)
    smooth = nn.functional.interpolate(coarse, (height, width), mode='bilinear')
    return 2.0 * (0.7 * smooth + 0.3 * fine) - 1.0
