"""The DPT pyramid and relative depth for inference: sums and ReLUs ride on the convolutions."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from zoedepth_ros.model.decoder import (
    Fusion,
    FusionDecoder,
    Pyramid,
    RelativeHead,
    ResidualUnit,
    SkipFusion,
    size_of,
    upsample,
)
from zoedepth_ros.model.fast.layers import Layers


class FastDecoder(nn.Module):
    """As FusionDecoder."""

    def __init__(self, plain: FusionDecoder, layers: Layers) -> None:
        super().__init__()
        self.reduce = nn.ModuleList(_convolution(layers, x) for x in plain.reduce)
        self.coarsest = FastFusion(plain.coarsest, layers)
        self.fusions = nn.ModuleList(
            FastFusion(x, layers) for x in plain.fusions if isinstance(x, SkipFusion)
        )

    def forward(self, maps: list[Tensor]) -> Pyramid:
        """Fuse maps (B, channels[i], h, w), finest first."""
        fine, half, quarter, bottleneck = (
            reduce(x) for reduce, x in zip(self.reduce, maps, strict=True)
        )
        path = self.coarsest(bottleneck, None, size_of(quarter))
        levels = [path]
        twice = (2 * fine.shape[-2], 2 * fine.shape[-1])
        sizes = (size_of(half), size_of(fine), twice)
        for fusion, skip, size in zip(self.fusions, (quarter, half, fine), sizes, strict=True):
            path = fusion(path, skip, size)
            levels.append(path)
        return Pyramid(bottleneck, (levels[0], levels[1], levels[2], levels[3]))


class FastFusion(nn.Module):
    """As Fusion, with or without a finer map."""

    def __init__(self, plain: Fusion, layers: Layers) -> None:
        super().__init__()
        self.refine = FastResidualUnit(plain.refine, layers)
        self.project = layers.pointwise(plain.project)
        self.refine_skip = (
            FastResidualUnit(plain.refine_skip, layers) if isinstance(plain, SkipFusion) else None
        )

    def forward(self, path: Tensor, skip: Tensor | None, size: tuple[int, int]) -> Tensor:
        """Return (B, features, *size)."""
        if self.refine_skip is not None and skip is not None:
            path = self.refine_skip(skip, path + skip)
        path = self.refine(path, path)
        projected = self.project(path.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        return upsample(projected, size)


class FastResidualUnit(nn.Module):
    """Two 3x3 convolutions on the rectified map, added to a base."""

    def __init__(self, plain: ResidualUnit, layers: Layers) -> None:
        super().__init__()
        self.conv1 = layers.convolution(plain.conv1, 'relu')
        self.conv2 = layers.convolution(plain.conv2)

    def forward(self, x: Tensor, base: Tensor) -> Tensor:
        """Return (B, features, h, w)."""
        return self.conv2.add_to(base, self.conv1(F.relu(x)))


class FastRelativeHead(nn.Module):
    """As RelativeHead."""

    def __init__(self, plain: RelativeHead, layers: Layers) -> None:
        super().__init__()
        self.conv1 = layers.convolution(plain.conv1)
        self.conv2 = layers.convolution(plain.conv2, 'relu')
        self.conv3 = layers.pointwise(plain.conv3, 'relu')

    def forward(self, finest: Tensor) -> tuple[Tensor, Tensor]:
        """Return features (B, relative_features, H, W) and inverse depth (B, 1, H, W), no unit."""
        hidden = self.conv1(finest)
        hidden = upsample(hidden, (2 * hidden.shape[-2], 2 * hidden.shape[-1]))
        features = self.conv2(hidden)
        return features, self.conv3(features.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


def _convolution(layers: Layers, conv: nn.Module) -> nn.Module:
    assert isinstance(conv, nn.Conv2d)
    return layers.convolution(conv)
