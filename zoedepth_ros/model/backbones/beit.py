"""BEiT (arXiv 2106.08254) and the reassemble operation of DPT (arXiv 2103.13413, eq. 1 to 4).

The connections are those of MiDaS v3.1.
"""

from __future__ import annotations

from functools import partial

import torch
import torch.nn.functional as F
from timm.models.beit import Beit
from torch import Tensor, nn

from zoedepth_ros.model.backbones.config import BeitConfig
from zoedepth_ros.model.backbones.features import FeatureExtractor, Prepared


class BeitFeatures(FeatureExtractor):
    """timm's BEiT blocks with the position bias of MiDaS, and the reassembly of their tokens."""

    def __init__(self, config: BeitConfig) -> None:
        super().__init__()
        self.config = config
        self.channels = config.channels
        beit = _timm_beit(config)
        self.patch_embed: nn.Conv2d = beit.patch_embed.proj
        self.cls_token: nn.Parameter = beit.cls_token
        self.blocks: nn.ModuleList = beit.blocks
        rows = (2 * config.window[0] - 1) * (2 * config.window[1] - 1) + 3
        self.position_tables = nn.ParameterList(
            torch.zeros(rows, config.num_heads) for _ in range(config.depth)
        )
        self.reassemble = nn.ModuleList(
            Reassemble(config.embed_dim, channels, level)
            for level, channels in enumerate(config.channels)
        )

    def prepare(self, height: int, width: int) -> Prepared:
        """Return every block's position bias."""
        grid = (height // self.config.patch_size, width // self.config.patch_size)
        biases = (position_bias(x, self.config.window, grid) for x in self.position_tables)
        return Prepared((height, width), tuple(bias[None] for bias in biases))

    def forward(self, image: Tensor, prepared: Prepared | None = None) -> list[Tensor]:
        """Return the four maps of image (B, 3, H, W), finest first: (B, channels[i], H/s, W/s).

        s is 4, 8, 16, 32.  prepared: `prepare(H, W)`; ValueError if it is for another size.
        """
        prepared = self.constants(image, prepared)
        patches = self.patch_embed(image)  # (B, embed_dim, grid height, grid width)
        grid = patches.shape[-2:]
        patches = patches.flatten(2).transpose(1, 2)  # (B, patches, embed_dim)
        cls_token = self.cls_token.expand(len(patches), -1, -1).to(patches.dtype)
        tokens = torch.cat([cls_token, patches], dim=1)
        tapped = []
        for index, (block, bias) in enumerate(zip(self.blocks, prepared.tensors, strict=True)):
            tokens = block(tokens, shared_rel_pos_bias=bias)
            if index in self.config.taps:
                tapped.append(tokens)
        return [stage(t, grid) for stage, t in zip(self.reassemble, tapped, strict=True)]


class Reassemble(nn.Module):
    """Concatenate the cls token to every patch, arrange the patches as a map, and resample it."""

    def __init__(self, embed_dim: int, channels: int, level: int) -> None:
        super().__init__()
        self.readout = nn.Sequential(nn.Linear(2 * embed_dim, embed_dim), nn.GELU())
        self.project = nn.Conv2d(embed_dim, channels, 1)
        self.resample = _resample(channels, level)

    def forward(self, tokens: Tensor, grid: tuple[int, int]) -> Tensor:
        """Return (B, channels, h, w) of tokens (B, 1 + patches, embed_dim), cls token first."""
        cls_token, patches = tokens[:, :1], tokens[:, 1:]
        patches = self.readout(torch.cat([patches, cls_token.expand_as(patches)], dim=2))
        patch_map = patches.transpose(1, 2).unflatten(2, grid)  # (B, embed_dim, *grid)
        return self.resample(self.project(patch_map))


def _resample(channels: int, level: int) -> nn.Module:
    """Return x4, x2, x1 or x1/2 for levels 0 to 3."""
    if level == 3:
        return nn.Conv2d(channels, channels, 3, stride=2, padding=1)
    if level == 2:
        return nn.Identity()
    factor = 4 >> level
    return nn.ConvTranspose2d(channels, channels, factor, stride=factor)


def position_bias(table: Tensor, native: tuple[int, int], grid: tuple[int, int]) -> Tensor:
    """Expand a table ((2h - 1)(2w - 1) + 3, heads) for a grid of P patches: (heads, 1 + P, 1 + P).

    Rows are queries, columns are keys; both have the cls token first, then the patches row by row.
    The bias of two patches depends on the offset query - key.  For grids other than the native
    one, offsets are interpolated bilinearly with align_corners=False (as MiDaS v3.1, unlike timm).
    """
    heads = table.shape[1]
    rows, columns = grid
    offsets = table[:-3].T.reshape(1, heads, 2 * native[0] - 1, 2 * native[1] - 1)
    if grid != native:
        size = (2 * rows - 1, 2 * columns - 1)
        offsets = F.interpolate(offsets, size, mode='bilinear', align_corners=False)
    # Window s of the flipped offsets holds, for all keys, the offsets of query (last - s).
    windows = offsets[0].flip(1, 2).unfold(1, rows, 1).unfold(2, columns, 1)
    patches = windows.flip(1, 2).reshape(heads, rows * columns, rows * columns)  # (heads, P, P)
    cls_to_patch, patch_to_cls, cls_to_cls = table[-3:, :, None, None]  # (heads, 1, 1) each
    length = rows * columns
    top = torch.cat([cls_to_cls, cls_to_patch.expand(-1, 1, length)], dim=2)
    below = torch.cat([patch_to_cls.expand(-1, length, 1), patches], dim=2)
    return torch.cat([top, below], dim=1)


def _timm_beit(config: BeitConfig) -> Beit:
    """Build blocks without position tables, so that timm takes the bias as an argument."""
    return Beit(
        img_size=tuple(config.patch_size * side for side in config.window),
        patch_size=config.patch_size,
        num_classes=0,
        embed_dim=config.embed_dim,
        depth=config.depth,
        num_heads=config.num_heads,
        mlp_ratio=config.mlp_ratio,
        qkv_bias=True,
        init_values=config.layer_scale,
        use_abs_pos_emb=False,
        use_rel_pos_bias=False,
        norm_layer=partial(nn.LayerNorm, eps=1e-6),
    )
