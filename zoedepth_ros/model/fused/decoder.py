"""The DPT decoder for inference: sums and ReLUs are fused with the convolutions."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoedepth_ros.model.decoder import (
    Fusion,
    FusionDecoder,
    Pyramid,
    RelativeHead,
    ResidualUnit,
    SkipFusion,
    fuse,
    upsample,
)
from zoedepth_ros.model.fused.layers import Layers


class FusedDecoder(nn.Module):
    """As FusionDecoder."""

    def __init__(self, reference: FusionDecoder, layers: Layers) -> None:
        super().__init__()
        self.reduce = nn.ModuleList(_convolution(layers, x) for x in reference.reduce)
        self.coarsest = FusedFusion(reference.coarsest, layers)
        self.fusions = nn.ModuleList(
            FusedSkipFusion(x, layers) for x in reference.fusions if isinstance(x, SkipFusion)
        )

    def forward(self, maps: list[Tensor]) -> Pyramid:
        """Fuse maps (B, channels[i], h, w), finest first."""
        return fuse(maps, self.reduce, self.coarsest, self.fusions)


class FusedFusion(nn.Module):
    """As Fusion."""

    def __init__(self, reference: Fusion, layers: Layers) -> None:
        super().__init__()
        self.refine = FusedResidualUnit(reference.refine, layers)
        self.project = layers.pointwise(reference.project)

    def forward(self, path: Tensor, size: tuple[int, int]) -> Tensor:
        """Return (B, features, *size)."""
        path = self.refine(path, path)
        projected = self.project(path.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        return upsample(projected, size)


class FusedSkipFusion(FusedFusion):
    """As SkipFusion."""

    def __init__(self, reference: SkipFusion, layers: Layers) -> None:
        super().__init__(reference, layers)
        self.refine_skip = FusedResidualUnit(reference.refine_skip, layers)

    def forward(self, path: Tensor, skip: Tensor, size: tuple[int, int]) -> Tensor:  # type: ignore[override]
        """Return (B, features, *size)."""
        return super().forward(self.refine_skip(skip, path + skip), size)


class FusedResidualUnit(nn.Module):
    """Two 3x3 convolutions after ReLUs, added to `base`."""

    def __init__(self, reference: ResidualUnit, layers: Layers) -> None:
        super().__init__()
        self.conv1 = layers.convolution(reference.conv1, 'relu')
        self.conv2 = layers.convolution(reference.conv2)

    def forward(self, x: Tensor, base: Tensor) -> Tensor:
        """Return (B, features, h, w)."""
        return self.conv2.add_to(base, self.conv1(F.relu(x)))


class FusedRelativeHead(nn.Module):
    """As RelativeHead, with the first convolution in dtype and the others in float32."""

    def __init__(self, reference: RelativeHead, dtype: torch.dtype, layers: Layers) -> None:
        super().__init__()
        self.dtype = dtype
        self.conv1 = layers.convolution(reference.conv1.to(dtype))
        self.conv2 = layers.convolution(reference.conv2, 'relu')
        self.conv3 = layers.pointwise(reference.conv3, 'relu')

    def forward(self, finest: Tensor) -> tuple[Tensor, Tensor]:
        """Return features (B, relative_features, H, W) and inverse depth (B, 1, H, W), no unit.

        finest: in dtype.
        """
        hidden = self.conv1(finest).float()
        hidden = upsample(hidden, (2 * hidden.shape[-2], 2 * hidden.shape[-1]))
        features = self.conv2(hidden)
        return features, self.conv3(features.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


def _convolution(layers: Layers, conv: nn.Module) -> nn.Module:
    assert isinstance(conv, nn.Conv2d)
    return layers.convolution(conv)
