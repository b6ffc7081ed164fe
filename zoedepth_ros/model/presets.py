"""The named networks.  Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from zoedepth_ros.model.backbones.config import (
    BEIT_B_384,
    BEIT_L_384,
    BEIT_L_512,
    SWIN2_B_384,
    SWIN2_L_384,
    SWIN2_T_256,
    BackboneConfig,
    BeitConfig,
    LiteConfig,
)
from zoedepth_ros.model.config import (
    BinsConfig,
    DecoderConfig,
    HeadConfig,
    ModelConfig,
    RouterConfig,
)

BEIT_TINY = BeitConfig(
    embed_dim=48,
    depth=4,
    num_heads=3,
    taps=(0, 1, 2, 3),
    channels=(12, 24, 36, 48),
    window=(4, 6),
    layer_scale=0.1,
)

INDOOR = HeadConfig('indoor')
OUTDOOR = HeadConfig('outdoor')
# The released K is trained for 1 mm to 80 m; the 10 m in some of its settings would divide its
# depth by eight.
OUTDOOR_80_M = HeadConfig('outdoor', bin_type='normed', depth_range_m=(1e-3, 80.0))

# PARITY: the released NK has 16 attractors at every level, although its settings list 16, 8, 4, 1
# (test/parity/test_against_transformers.py).
_NK_BINS = BinsConfig(
    seed_hidden=64,
    projector_hidden=64,
    n_attractors=(16, 16, 16, 16),
    conditioned_on_relative_depth=False,
    bottleneck_factor=4,
)
_TINY_DECODER = DecoderConfig(features=32, relative_hidden=16, relative_features=8)
_TINY_BINS = BinsConfig(
    n_bins=16,
    embedding_dim=16,
    seed_hidden=32,
    projector_hidden=16,
    attractor_hidden=16,
    n_attractors=(8, 4, 2, 1),
)


def _family(
    prefix: str,
    backbone: BackboneConfig,
    size: tuple[int, int] = (384, 512),
    outdoor_size: tuple[int, int] = (384, 768),
) -> tuple[ModelConfig, ...]:
    size, outdoor_size = backbone.only_size or size, backbone.only_size or outdoor_size
    return (
        ModelConfig(f'{prefix}_N', size, backbone, (INDOOR,)),
        ModelConfig(f'{prefix}_K', outdoor_size, backbone, (OUTDOOR_80_M,)),
        ModelConfig(
            f'{prefix}_NK', size, backbone, (INDOOR, OUTDOOR), bins=_NK_BINS, router=RouterConfig()
        ),
    )


_TINY = (
    ModelConfig('ZoeD_tiny_N', (64, 96), BEIT_TINY, (INDOOR,), _TINY_DECODER, _TINY_BINS),
    ModelConfig('ZoeD_tiny_K', (64, 96), BEIT_TINY, (OUTDOOR_80_M,), _TINY_DECODER, _TINY_BINS),
    ModelConfig(
        'ZoeD_tiny_NK',
        (64, 96),
        BEIT_TINY,
        (INDOOR, OUTDOOR),
        _TINY_DECODER,
        replace(
            _TINY_BINS,
            n_attractors=(4, 4, 4, 4),
            conditioned_on_relative_depth=False,
            bottleneck_factor=4,
        ),
        RouterConfig(embed_dim=32, depth=2, feedforward_dim=64),
    ),
)
_SMALL = ModelConfig(
    'ZoeD_S_NK',
    (192, 256),
    LiteConfig('lite0'),
    (INDOOR, OUTDOOR),
    DecoderConfig(features=64, relative_hidden=32, relative_features=16),
    BinsConfig(
        n_bins=32,
        embedding_dim=32,
        seed_hidden=64,
        projector_hidden=48,
        attractor_hidden=48,
        n_attractors=(4, 4, 2, 1),
        attractor_strength=1.0,
        conditioned_on_relative_depth=False,
        bottleneck_factor=2,
    ),
    RouterConfig(embed_dim=64, depth=2, feedforward_dim=128),
)

PRESETS: Mapping[str, ModelConfig] = MappingProxyType(
    {
        config.name: config
        for config in (
            *_family('ZoeD_M12', BEIT_L_384),
            *_family('ZoeD_B12', BEIT_B_384),
            *_family('ZoeD_BeitL512', BEIT_L_512, (512, 672), (512, 1024)),
            *_family('ZoeD_Swin2T', SWIN2_T_256),
            *_family('ZoeD_Swin2B', SWIN2_B_384),
            *_family('ZoeD_Swin2L', SWIN2_L_384),
            *_TINY,
            _SMALL,
        )
    }
)


def preset(name: str) -> ModelConfig:
    """Return the settings of a named network; ValueError lists the names."""
    try:
        return PRESETS[name]
    except KeyError:
        raise ValueError(f'no model {name!r}: expected one of {", ".join(PRESETS)}') from None
