"""Settings of a network.  Imports no torch."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from zoedepth_ros.model.backbones.config import BackboneConfig, backbone_from_dict

BinType = Literal['softplus', 'normed']


@dataclass(frozen=True, slots=True)
class DecoderConfig:
    """The DPT pyramid and the relative head."""

    features: int = 256
    """Channels of every level of the pyramid."""
    relative_hidden: int = 128
    """Channels of the relative head at half resolution."""
    relative_features: int = 32
    """Channels of the relative head at full resolution, an input of the metric head."""


@dataclass(frozen=True, slots=True)
class BinsConfig:
    """The metric bins; all heads share these settings."""

    n_bins: int = 64
    """Depth candidates of a pixel."""
    embedding_dim: int = 128
    """Channels of a bin embedding."""
    seed_hidden: int = 256
    """Hidden channels of the seed-bin MLP."""
    projector_hidden: int = 128
    """Hidden channels of the embedding MLPs."""
    attractor_hidden: int = 128
    """Hidden channels of the attractor MLPs."""
    n_attractors: tuple[int, int, int, int] = (16, 8, 4, 1)
    """Attractors of a pixel, coarsest level first."""
    attractor_strength: float = 300.0
    """Alpha in g(d) = d / (1 + alpha d^2); larger values attract nearer centres only."""
    conditioned_on_relative_depth: bool = True
    """Whether the relative depth is an input of the distribution over the bins."""
    bottleneck_factor: int = 2
    """Input channels of the log-binomial MLP over its hidden channels."""
    min_temperature: float = 0.0212
    """Temperature of the sharpest distribution."""
    max_temperature: float = 50.0
    """Temperature of the flattest distribution."""

    def __post_init__(self) -> None:
        if self.n_bins < 2:
            raise ValueError(
                f'n_bins, the number of depth bins, must be at least 2, got {self.n_bins}'
            )
        if min(self.n_attractors) < 1:
            raise ValueError(
                f'n_attractors must be 1 or more for every level, got {self.n_attractors}'
            )
        if not 0.0 < self.min_temperature <= self.max_temperature:
            raise ValueError(
                'expected 0 < min_temperature <= max_temperature, got '
                f'{self.min_temperature} and {self.max_temperature}'
            )


@dataclass(frozen=True, slots=True)
class HeadConfig:
    """One metric head."""

    name: str
    """'indoor' or 'outdoor'."""
    bin_type: BinType = 'softplus'
    """'softplus': unbounded centres in metres; 'normed': centres divide depth_range_m."""
    depth_range_m: tuple[float, float] | None = None
    """Minimum and maximum depth [m] of 'normed' bins; None for 'softplus' bins."""

    def __post_init__(self) -> None:
        if self.bin_type not in ('softplus', 'normed'):
            raise ValueError(f"bin_type must be 'softplus' or 'normed', got {self.bin_type!r}")
        if (self.bin_type == 'normed') != (self.depth_range_m is not None):
            raise ValueError(
                "bin_type 'normed' needs depth_range_m and bin_type 'softplus' allows none: "
                f'{self.name} has {self.bin_type!r} and {self.depth_range_m}'
            )
        if self.depth_range_m and not 0.0 < self.depth_range_m[0] < self.depth_range_m[1]:
            raise ValueError(f'depth_range_m must be 0 < near < far, got {self.depth_range_m}')


@dataclass(frozen=True, slots=True)
class RouterConfig:
    """The transformer that classifies the domain of an image."""

    embed_dim: int = 128
    """Channels of a token."""
    depth: int = 4
    """Number of encoder layers."""
    num_heads: int = 4
    """Attention heads of a layer."""
    feedforward_dim: int = 1024
    """Hidden channels of a layer's MLP."""
    dropout: float = 0.1
    """Share of activations dropped while training."""

    def __post_init__(self) -> None:
        if self.embed_dim % self.num_heads or self.embed_dim % 2:
            raise ValueError(
                'embed_dim must be even and a multiple of num_heads, got '
                f'{self.embed_dim} and {self.num_heads}'
            )


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """A whole network."""

    name: str
    """Name of the preset, e.g. 'ZoeD_M12_NK'."""
    image_size: tuple[int, int]
    """Training size (height, width) [px], multiples of size_multiple."""
    backbone: BackboneConfig
    """Computes feature maps from the image."""
    heads: tuple[HeadConfig, ...]
    """Metric heads, in the order of the router's logits."""
    decoder: DecoderConfig = DecoderConfig()
    """Computes the pyramid and relative depth from the feature maps."""
    bins: BinsConfig = BinsConfig()
    """Computes metric depth from the pyramid."""
    router: RouterConfig | None = None
    """Chooses among several heads; None for a single head."""

    def __post_init__(self) -> None:
        if not self.heads or len(set(self.head_names)) != len(self.heads):
            raise ValueError(f'the heads of a network need unique names, got {self.head_names}')
        if (self.router is None) != (len(self.heads) == 1):
            raise ValueError(
                f'{self.name}: expected a router with several heads, and no router with a single '
                'head'
            )
        self.check_size(*self.image_size)

    @property
    def head_names(self) -> tuple[str, ...]:
        """Names of the heads, in the order of the router's logits."""
        return tuple(head.name for head in self.heads)

    @property
    def size_multiple(self) -> int:
        """Number [px] that height and width of an image must be multiples of."""
        return self.backbone.size_multiple

    @property
    def antialias(self) -> bool:
        """Whether images are resized with antialiasing and half-pixel centres, as Pillow does, and
        maps back likewise.

        Not for the backbones of the released networks: align_corners=True without antialiasing.
        """
        return self.backbone.kind == 'lite'

    def check_size(self, height: int, width: int) -> None:
        """Raise ValueError for an image size [px] that the network does not support."""
        multiple, only = self.size_multiple, self.backbone.only_size
        if height < multiple or width < multiple or height % multiple or width % multiple:
            raise ValueError(
                "height and width of the network's input must be positive multiples of "
                f'{multiple}, got {height} x {width}'
            )
        if only is not None and (height, width) != only:
            raise ValueError(
                f'{self.name} takes images of {only[0]} x {only[1]} only, got {height} x {width}'
            )

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ModelConfig:
        """Rebuild the settings from `to_dict`, also after a JSON round trip.

        Raises ValueError for other values.
        """
        try:
            parts = dict(values)
            parts['image_size'] = tuple(parts['image_size'])
            parts['backbone'] = backbone_from_dict(_tuples(parts['backbone']))
            parts['heads'] = tuple(HeadConfig(**_tuples(head)) for head in parts['heads'])
            parts['decoder'] = DecoderConfig(**parts['decoder'])
            parts['bins'] = BinsConfig(**_tuples(parts['bins']))
            parts['router'] = parts['router'] and RouterConfig(**parts['router'])
            return cls(**parts)
        except (ArithmeticError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(f'the settings of the model are not valid: {error}') from error


def _tuples(values: Mapping[str, Any]) -> dict[str, Any]:
    return {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
