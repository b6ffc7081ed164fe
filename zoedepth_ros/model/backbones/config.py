"""Settings of the backbones: one class per family, and the published sizes.

Imports no torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal, TypeAlias


@dataclass(frozen=True, slots=True)
class BeitConfig:
    """A BEiT with relative position bias, and the maps reassembled from its tokens."""

    embed_dim: int
    """Channels of a token."""
    depth: int
    """Number of transformer blocks."""
    num_heads: int
    """Attention heads of a block."""
    taps: tuple[int, int, int, int]
    """Blocks (from 0) whose output goes to the decoder."""
    channels: tuple[int, int, int, int]
    """Channels of the four feature maps, finest first."""
    window: tuple[int, int] = (24, 24)
    """Native patch grid (height, width) of the position tables; other grids are interpolated."""
    patch_size: int = 16
    """Side of a patch [px]."""
    mlp_ratio: float = 4.0
    """Hidden channels of a block's MLP over embed_dim."""
    layer_scale: float = 1e-5
    """Initial LayerScale of the residual branches."""
    kind: Literal['beit'] = 'beit'
    """Family of the backbone."""
    only_size: ClassVar[None] = None
    """All multiples of `size_multiple` are valid."""

    def __post_init__(self) -> None:
        if self.embed_dim % self.num_heads:
            raise ValueError(
                f'embed_dim must be a multiple of num_heads, got {self.embed_dim} and '
                f'{self.num_heads}'
            )
        if list(self.taps) != sorted(set(self.taps)) or self.taps[0] < 0:
            raise ValueError(
                f'taps (numbers of blocks) must be 0 or more and increase, got {self.taps}'
            )
        if self.taps[-1] >= self.depth:
            raise ValueError(
                f'taps must be blocks from 0 to {self.depth - 1}, got {self.taps[-1]}'
            )
        if self.patch_size % 4:
            raise ValueError(f'patch_size must be a multiple of 4, got {self.patch_size}')

    @property
    def size_multiple(self) -> int:
        """Number [px] that height and width of an image must be multiples of."""
        return 2 * self.patch_size

    @property
    def blocks(self) -> int:
        """Number of transformer blocks."""
        return self.depth


@dataclass(frozen=True, slots=True)
class SwinConfig:
    """A Swin transformer v2 (arXiv 2111.09883) with four stages, for one image size."""

    embed_dim: int
    """Channels of the first stage; every further stage has twice as many."""
    depths: tuple[int, int, int, int]
    """Transformer blocks of every stage."""
    num_heads: tuple[int, int, int, int]
    """Attention heads of a block, by stage."""
    window: int
    """Side of the attention windows [patches]; a stage with fewer patches is one window."""
    image_side: int
    """Height and width of the images [px]."""
    trained_windows: tuple[int, int, int, int] = (0, 0, 0, 0)
    """Window sides of the pretraining by stage, which normalise position offsets; 0: `window`."""
    patch_size: int = 4
    """Side of a patch of the first stage [px]."""
    mlp_ratio: float = 4.0
    """Hidden channels of a block's MLP over its channels."""
    drop_path: float = 0.1
    """Stochastic depth rate of the last block; it increases linearly from 0 with depth."""
    kind: Literal['swin2'] = 'swin2'
    """Family of the backbone."""

    def __post_init__(self) -> None:
        for channels, heads in zip(self.channels, self.num_heads, strict=True):
            if channels % heads:
                raise ValueError(
                    'the channels of a stage must be a multiple of its attention heads, got '
                    f'{channels} channels and {heads} heads'
                )
        if self.image_side < 1 or self.image_side % self.size_multiple:
            raise ValueError(
                f'image_side must be a multiple of {self.size_multiple}, got {self.image_side}'
            )
        for stage in range(4):
            side = self.image_side // (self.patch_size << stage)
            if side % min(self.window, side):
                raise ValueError(
                    f'window must divide the patches of a side, got window {self.window} for '
                    f'{side} x {side} patches'
                )
        if not 0.0 <= self.drop_path < 1.0:
            raise ValueError(f'drop_path must be at least 0 and below 1, got {self.drop_path}')

    @property
    def channels(self) -> tuple[int, int, int, int]:
        """Channels of the four feature maps, finest first."""
        return self.embed_dim, 2 * self.embed_dim, 4 * self.embed_dim, 8 * self.embed_dim

    @property
    def size_multiple(self) -> int:
        """Number [px] that height and width of an image must be multiples of."""
        return 8 * self.patch_size

    @property
    def only_size(self) -> tuple[int, int]:
        """Height and width [px] that an image must have."""
        return self.image_side, self.image_side

    @property
    def blocks(self) -> int:
        """Number of transformer blocks."""
        return sum(self.depths)


@dataclass(frozen=True, slots=True)
class LiteConfig:
    """An EfficientNet-Lite (arXiv 1905.11946), a convolutional network for small processors."""

    variant: Literal['lite0', 'lite1', 'lite2'] = 'lite0'
    """Size of the network."""
    kind: Literal['lite'] = 'lite'
    """Family of the backbone."""
    only_size: ClassVar[None] = None
    """All multiples of `size_multiple` are valid."""
    size_multiple: ClassVar[int] = 32
    """Number [px] that height and width of an image must be multiples of."""

    def __post_init__(self) -> None:
        if self.variant not in _LITE_BLOCKS:
            raise ValueError(
                f'variant must be one of {", ".join(_LITE_BLOCKS)}, got {self.variant!r}'
            )

    @property
    def channels(self) -> tuple[int, int, int, int]:
        """Channels of the four feature maps, finest first."""
        return (24, 48, 120, 352) if self.variant == 'lite2' else (24, 40, 112, 320)

    @property
    def embed_dim(self) -> int:
        """Channels of the coarsest map."""
        return self.channels[-1]

    @property
    def blocks(self) -> int:
        """Number of inverted residual blocks."""
        return _LITE_BLOCKS[self.variant]


_LITE_BLOCKS = {'lite0': 16, 'lite1': 21, 'lite2': 21}

BackboneConfig: TypeAlias = BeitConfig | SwinConfig | LiteConfig

_KINDS: Mapping[str, type[BeitConfig] | type[SwinConfig] | type[LiteConfig]] = {
    'beit': BeitConfig,
    'swin2': SwinConfig,
    'lite': LiteConfig,
}


def backbone_from_dict(values: Mapping[str, Any]) -> BackboneConfig:
    """Rebuild settings from plain values.  Raises KeyError or TypeError for invalid values."""
    return _KINDS[values.get('kind', 'beit')](**values)


BEIT_L_384 = BeitConfig(
    embed_dim=1024,
    depth=24,
    num_heads=16,
    taps=(5, 11, 17, 23),
    channels=(256, 512, 1024, 1024),
)
BEIT_L_512 = replace(BEIT_L_384, window=(32, 32))
BEIT_B_384 = BeitConfig(
    embed_dim=768,
    depth=12,
    num_heads=12,
    taps=(2, 5, 8, 11),
    channels=(96, 192, 384, 768),
    layer_scale=0.1,
)
SWIN2_T_256 = SwinConfig(
    embed_dim=96,
    depths=(2, 2, 6, 2),
    num_heads=(3, 6, 12, 24),
    window=16,
    image_side=256,
)
SWIN2_B_384 = SwinConfig(
    embed_dim=128,
    depths=(2, 2, 18, 2),
    num_heads=(4, 8, 16, 32),
    window=24,
    image_side=384,
    trained_windows=(12, 12, 12, 6),
)
SWIN2_L_384 = replace(SWIN2_B_384, embed_dim=192, num_heads=(6, 12, 24, 48))
