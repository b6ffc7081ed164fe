"""The DPT decoder: feature pyramid and relative depth (arXiv 2103.13413)."""

from __future__ import annotations

from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor, nn

from zoedepth_ros.model.config import DecoderConfig


class Pyramid(NamedTuple):
    """Feature maps (B, features, h, w) of an image (H, W)."""

    bottleneck: Tensor
    """The coarsest map before fusion, at 1/32 of the image size."""
    levels: tuple[Tensor, Tensor, Tensor, Tensor]
    """The fused maps, coarsest first, at 1/16, 1/8, 1/4 and 1/2 of the image size."""


def upsample(x: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize (B, C, h, w) to `size` bilinearly with align_corners=True."""
    return F.interpolate(x, size, mode='bilinear', align_corners=True)


class FusionDecoder(nn.Module):
    """Fuse four feature maps to a pyramid, from coarse to fine."""

    def __init__(self, channels: tuple[int, int, int, int], config: DecoderConfig) -> None:
        super().__init__()
        features = config.features
        self.reduce = nn.ModuleList(
            nn.Conv2d(c, features, 3, padding=1, bias=False) for c in channels
        )
        self.coarsest: nn.Module = Fusion(features)
        self.fusions = nn.ModuleList(SkipFusion(features) for _ in range(3))

    def forward(self, maps: list[Tensor]) -> Pyramid:
        """Fuse maps (B, channels[i], h, w), finest first."""
        reduced = (layer(x) for layer, x in zip(self.reduce, maps, strict=True))
        fine, half, quarter, bottleneck = reduced
        path = self.coarsest(bottleneck, size_of(quarter))
        levels = [path]
        twice = (2 * fine.shape[-2], 2 * fine.shape[-1])
        sizes = (size_of(half), size_of(fine), twice)
        for fusion, skip, size in zip(self.fusions, (quarter, half, fine), sizes, strict=True):
            path = fusion(path, skip, size)
            levels.append(path)
        return Pyramid(bottleneck, (levels[0], levels[1], levels[2], levels[3]))


class Fusion(nn.Module):
    """Refine a map and upsample it."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.refine = ResidualUnit(features)
        self.project = nn.Conv2d(features, features, 1)

    def forward(self, path: Tensor, size: tuple[int, int]) -> Tensor:
        """Return (B, features, *size)."""
        # The paper projects after upsampling.  A 1x1 convolution commutes with bilinear
        # interpolation (whose weights sum to 1), and costs a quarter before it.
        return upsample(self.project(self.refine(path)), size)


class SkipFusion(Fusion):
    """Add a finer map, then refine and upsample."""

    def __init__(self, features: int) -> None:
        super().__init__(features)
        self.refine_skip = ResidualUnit(features)

    def forward(self, path: Tensor, skip: Tensor, size: tuple[int, int]) -> Tensor:  # type: ignore[override]
        """Return (B, features, *size)."""
        return super().forward(path + self.refine_skip(skip), size)


class ResidualUnit(nn.Module):
    """Two 3x3 convolutions after ReLUs, added to `base`, by default the input."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(features, features, 3, padding=1)
        self.conv2 = nn.Conv2d(features, features, 3, padding=1)

    def forward(self, x: Tensor, base: Tensor | None = None) -> Tensor:
        """Return (B, features, h, w)."""
        return (x if base is None else base) + self.conv2(F.relu(self.conv1(F.relu(x))))


class RelativeHead(nn.Module):
    """Compute relative depth at the image size from the finest level."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(config.features, config.relative_hidden, 3, padding=1)
        self.conv2 = nn.Conv2d(config.relative_hidden, config.relative_features, 3, padding=1)
        self.conv3 = nn.Conv2d(config.relative_features, 1, 1)

    def forward(self, finest: Tensor) -> tuple[Tensor, Tensor]:
        """Return features (B, relative_features, H, W) and inverse depth (B, 1, H, W), no unit."""
        hidden = self.conv1(finest)
        hidden = upsample(hidden, (2 * hidden.shape[-2], 2 * hidden.shape[-1]))
        features = F.relu(self.conv2(hidden))
        return features, F.relu(self.conv3(features))


def size_of(x: Tensor) -> tuple[int, int]:
    """Return (height, width) of a map."""
    return x.shape[-2], x.shape[-1]
