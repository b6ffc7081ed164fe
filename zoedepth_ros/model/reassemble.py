"""Tokens to a feature map: the reassemble operation of DPT (arXiv 2103.13413, eq. 1 to 4)."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Reassemble(nn.Module):
    """Join the cls token to every patch, lay the patches out, and resample them."""

    def __init__(self, embed_dim: int, channels: int, level: int) -> None:
        super().__init__()
        self.readout = nn.Sequential(nn.Linear(2 * embed_dim, embed_dim), nn.GELU())
        self.project = nn.Conv2d(embed_dim, channels, 1)
        self.resample = _resample(channels, level)

    def forward(self, tokens: Tensor, grid: tuple[int, int]) -> Tensor:
        """Turn (B, 1 + patches, embed_dim), cls token first, into (B, channels, h, w)."""
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
