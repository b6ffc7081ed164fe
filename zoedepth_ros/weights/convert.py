"""Convert released state dicts to ours (dict -> dict), and detect the network of a state dict."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from zoedepth_ros.model.backbones.config import BackboneConfig, SwinConfig
from zoedepth_ros.model.config import ModelConfig
from zoedepth_ros.weights.errors import WeightsError
from zoedepth_ros.weights.names import (
    hugging_face_ignored_keys,
    hugging_face_rules,
    midas_ignored_keys,
    midas_rules,
    official_ignored_keys,
    official_rules,
)
from zoedepth_ros.weights.rules import convert, invert

Format = Literal['official', 'hugging_face', 'midas', 'own']
Architecture = Literal['N', 'K', 'NK', 'relative']

_BEIT: Mapping[Format, str] = {
    'official': 'core.core.pretrained.model.blocks.{}.norm1.weight',
    'hugging_face': 'backbone.encoder.layer.{}.layernorm_before.weight',
    'midas': 'pretrained.model.blocks.{}.norm1.weight',
    'own': 'backbone.blocks.{}.norm1.weight',
}
_SWIN: Mapping[Format, str] = {
    'official': 'core.core.pretrained.model.layers.{}.blocks.{}.norm1.weight',
    'midas': 'pretrained.model.layers.{}.blocks.{}.norm1.weight',
    'own': 'backbone.stages.{}.blocks.{}.norm1.weight',
}
_LITE = 'backbone.network.blocks.{}.{}.conv_dw.weight'
_FAMILIES = {'beit': 'BEiT', 'swin2': 'Swin v2', 'lite': 'EfficientNet-Lite'}
_LAST_ATTRACTOR = {
    'official': 'attractors.3._net.2.weight',
    'hugging_face': 'metric_head.attractors.3.conv2.weight',
}
_ROUTER = {
    'official': 'mlp_classifier.0.weight',
    'hugging_face': 'metric_head.mlp_classifier.linear1.weight',
    'own': 'router.classify.0.weight',
}


@dataclass(frozen=True, slots=True)
class Variant:
    """Format and network of a state dict."""

    format: Format
    """Origin of its keys."""
    architecture: Architecture
    """Heads: 'N' indoor, 'K' outdoor, 'NK' both, 'relative' none."""
    family: Literal['beit', 'swin2', 'lite']
    """Family of the backbone."""
    embed_dim: int
    """Channels of the backbone, in its first blocks."""
    depth: int
    """Blocks of the backbone."""
    window: int | None = None
    """Side of a Swin's windows [patches]; None if unknown."""

    def __str__(self) -> str:
        kind = 'relative depth' if self.architecture == 'relative' else self.architecture
        last = 8 * self.embed_dim if self.family == 'swin2' else self.embed_dim
        channels = f'{self.embed_dim}' if last == self.embed_dim else f'{self.embed_dim} to {last}'
        family = _FAMILIES[self.family]
        text = f'{kind} on a {family} with {self.depth} blocks of {channels} channels'
        return text if self.window is None else f'{text}, window size {self.window}'

    def fits(self, config: ModelConfig) -> bool:
        """Return whether it fits a network with these settings."""
        kinds = ('relative', architecture(config))
        return self.architecture in kinds and self.fits_backbone(config.backbone)

    def fits_backbone(self, config: BackboneConfig) -> bool:
        """Return whether its backbone fits these settings."""
        if (self.family, self.embed_dim, self.depth) != (
            config.kind,
            config.embed_dim,
            config.blocks,
        ):
            return False
        return self.window is None or self.window == getattr(config, 'window', None)


def variant_of(config: ModelConfig, format_: Format) -> Variant:
    """Return the variant of a file in this format for a network with these settings."""
    backbone = config.backbone
    window = backbone.window if isinstance(backbone, SwinConfig) else None
    kind = architecture(config)
    return Variant(format_, kind, backbone.kind, backbone.embed_dim, backbone.blocks, window)


def architecture(config: ModelConfig) -> Architecture:
    """Return 'N', 'K' or 'NK'."""
    if config.router is not None:
        return 'NK'
    return 'K' if config.heads[0].bin_type == 'normed' else 'N'


def from_official(state_dict: Mapping[str, Tensor], config: ModelConfig) -> dict[str, Tensor]:
    """Convert a state dict of isl-org/ZoeDepth.  Raises WeightsError for wrong keys."""
    return convert(state_dict, official_rules(config), official_ignored_keys(config))


def from_hugging_face(state_dict: Mapping[str, Tensor], config: ModelConfig) -> dict[str, Tensor]:
    """Convert a state dict of Intel/zoedepth-*.  Raises WeightsError for wrong keys."""
    return convert(state_dict, hugging_face_rules(config), hugging_face_ignored_keys())


def to_hugging_face(state_dict: Mapping[str, Tensor], config: ModelConfig) -> dict[str, Tensor]:
    """Convert our state dict to that of transformers' ZoeDepth, without keys that it ignores."""
    return invert(state_dict, hugging_face_rules(config))


def from_midas(state_dict: Mapping[str, Tensor], config: ModelConfig) -> dict[str, Tensor]:
    """Convert a state dict of MiDaS v3.1: backbone, decoder and relative head."""
    return convert(state_dict, midas_rules(config), midas_ignored_keys(config))


def detect_variant(shapes: Mapping[str, tuple[int, ...]]) -> Variant:
    """Detect the variant from keys and shapes.  Raises WeightsError for an unknown network."""
    try:
        if found := _variant(shapes):
            return found
    except (IndexError, KeyError) as error:
        raise WeightsError(
            'a tensor from which the size of the network is read is missing or has no dimensions'
        ) from error
    some = ', '.join(sorted(shapes)[:3])
    raise WeightsError(
        f'the file has no tensors of a backbone of this package; its first tensors are {some}'
        if some
        else 'the file has no tensors'
    )


def _variant(shapes: Mapping[str, tuple[int, ...]]) -> Variant | None:
    for format_, block in _BEIT.items():
        if depth := _count(block, shapes):
            kind = _architecture_of(format_, shapes)
            return Variant(format_, kind, 'beit', shapes[block.format(0)][0], depth)
    for format_, block in _SWIN.items():
        stages = [_count(block.replace('{}', str(stage), 1), shapes) for stage in range(4)]
        if all(stages):
            kind, channels = _architecture_of(format_, shapes), shapes[block.format(0, 0)][0]
            window = _swin_window(block, shapes)
            return Variant(format_, kind, 'swin2', channels, sum(stages), window)
    stages = [_count(_LITE.replace('{}', str(stage), 1), shapes) for stage in range(7)]
    if not all(stages):
        return None
    channels = shapes['backbone.network.blocks.6.0.conv_pwl.weight'][0]
    return Variant('own', _architecture_of('own', shapes), 'lite', channels, sum(stages))


def _count(block: str, shapes: Mapping[str, tuple[int, ...]]) -> int:
    depth = 0
    while block.format(depth) in shapes:
        depth += 1
    return depth


def _swin_window(block: str, shapes: Mapping[str, tuple[int, ...]]) -> int | None:
    """Compute the window side from the mask (windows, window^2, window^2) of the second block."""
    mask = shapes.get(block.format(0, 1).replace('norm1.weight', 'attn_mask'))
    return None if mask is None else math.isqrt(mask[-1])


def _architecture_of(format_: Format, shapes: Mapping[str, tuple[int, ...]]) -> Architecture:
    if format_ == 'midas':
        return 'relative'
    if _ROUTER[format_] in shapes:
        return 'NK'
    if format_ == 'own':
        heads = {name.split('.')[1] for name in shapes if name.startswith('heads.')}
        return 'N' if 'indoor' in heads else 'K' if 'outdoor' in heads else 'relative'
    # The last layer has one attractor; K stores each as a pair and uses the first.
    rows = shapes.get(_LAST_ATTRACTOR[format_], (1,))[0]
    return 'N' if rows == 1 else 'K'
