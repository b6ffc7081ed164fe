"""Released state dicts to ours: pure dict -> dict; and what a state dict belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from zoedepth_ros.model.config import ModelConfig
from zoedepth_ros.weights.errors import WeightsError
from zoedepth_ros.weights.hugging_face import hugging_face_dead, hugging_face_rules
from zoedepth_ros.weights.official import (
    midas_dead,
    midas_rules,
    official_dead,
    official_rules,
)
from zoedepth_ros.weights.rules import convert

Format = Literal['official', 'hugging_face', 'midas', 'own']
Architecture = Literal['N', 'K', 'NK', 'relative']

_CLS_TOKEN: Mapping[Format, str] = {
    'official': 'core.core.pretrained.model.cls_token',
    'hugging_face': 'backbone.embeddings.cls_token',
    'midas': 'pretrained.model.cls_token',
    'own': 'backbone.cls_token',
}
_BLOCK: Mapping[Format, str] = {
    'official': 'core.core.pretrained.model.blocks.{}.norm1.weight',
    'hugging_face': 'backbone.encoder.layer.{}.layernorm_before.weight',
    'midas': 'pretrained.model.blocks.{}.norm1.weight',
    'own': 'backbone.blocks.{}.norm1.weight',
}
_LAST_ATTRACTOR = {
    'official': 'attractors.3._net.2.weight',
    'hugging_face': 'metric_head.attractors.3.conv2.weight',
}
_ROUTER = {
    'official': 'mlp_classifier.0.weight',
    'hugging_face': 'metric_head.mlp_classifier.linear1.weight',
}


@dataclass(frozen=True, slots=True)
class Variant:
    """What a state dict belongs to."""

    format: Format
    """Whose names it uses."""
    architecture: Architecture
    """Heads: 'N' indoor, 'K' outdoor, 'NK' both, 'relative' none."""
    embed_dim: int
    """Channels of the backbone."""
    depth: int
    """Blocks of the backbone."""

    def __str__(self) -> str:
        kind = 'relative depth' if self.architecture == 'relative' else self.architecture
        return f'{kind} on a BEiT with {self.depth} blocks of {self.embed_dim} channels'

    def fits(self, config: ModelConfig) -> bool:
        """Return whether a network of these settings could take it."""
        same_backbone = (self.embed_dim, self.depth) == (
            config.backbone.embed_dim,
            config.backbone.depth,
        )
        return same_backbone and self.architecture in ('relative', architecture(config))


def architecture(config: ModelConfig) -> Architecture:
    """Return 'N', 'K' or 'NK'."""
    if config.router is not None:
        return 'NK'
    return 'K' if config.heads[0].bin_type == 'normed' else 'N'


def from_official(state_dict: Mapping[str, Tensor], config: ModelConfig) -> dict[str, Tensor]:
    """Rename the tensors of isl-org/ZoeDepth; WeightsError lists those missing or unknown."""
    return convert(state_dict, official_rules(config), official_dead(config))


def from_hugging_face(state_dict: Mapping[str, Tensor], config: ModelConfig) -> dict[str, Tensor]:
    """Rename the tensors of Intel/zoedepth-*; WeightsError lists those missing or unknown."""
    return convert(state_dict, hugging_face_rules(config), hugging_face_dead())


def from_midas(state_dict: Mapping[str, Tensor], config: ModelConfig) -> dict[str, Tensor]:
    """Rename the tensors of MiDaS v3.1: backbone, decoder and relative head, nothing more."""
    return convert(state_dict, midas_rules(config), midas_dead(config))


def detect_variant(shapes: Mapping[str, tuple[int, ...]]) -> Variant:
    """Tell from names and shapes what a state dict belongs to; WeightsError when to nothing."""
    for format_, cls_token in _CLS_TOKEN.items():
        if cls_token in shapes:
            block = _BLOCK[format_]
            depth = 0
            while block.format(depth) in shapes:
                depth += 1
            kind = _architecture_of(format_, shapes)
            return Variant(format_, kind, shapes[cls_token][-1], depth)
    some = ', '.join(sorted(shapes)[:3]) or 'nothing'
    raise WeightsError(f'no network of this package: it holds {some} …')


def _architecture_of(format_: Format, shapes: Mapping[str, tuple[int, ...]]) -> Architecture:
    if format_ == 'midas':
        return 'relative'
    if format_ == 'own':
        return _architecture_of_own(shapes)
    if _ROUTER[format_] in shapes:
        return 'NK'
    # The last layer has one attractor. K stores each as a pair, of which it uses the first.
    rows = shapes.get(_LAST_ATTRACTOR[format_], (1,))[0]
    return 'N' if rows == 1 else 'K'


def _architecture_of_own(shapes: Mapping[str, tuple[int, ...]]) -> Architecture:
    if 'router.classify.0.weight' in shapes:
        return 'NK'
    if any(name.startswith('heads.indoor.') for name in shapes):
        return 'N'
    return 'K' if any(name.startswith('heads.outdoor.') for name in shapes) else 'relative'
