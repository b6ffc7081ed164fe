"""The DPT decoder for inference: channels_last, with 1x1 convolutions as linear layers."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoedepth_ros.model.decoder import Fusion, FusionDecoder, RelativeHead, SkipFusion, upsample
from zoedepth_ros.model.fused.layers import Linear


def fused_decoder(
    reference: FusionDecoder, dtype: torch.dtype, linear: type[Linear]
) -> FusionDecoder:
    """Convert a decoder in place."""
    reference.to(dtype, memory_format=torch.channels_last)  # type: ignore[call-overload]
    reference.coarsest = FusedFusion(reference.coarsest, linear)
    reference.fusions = nn.ModuleList(FusedSkipFusion(x, linear) for x in reference.fusions)
    return reference


class FusedFusion(nn.Module):
    """As Fusion."""

    def __init__(self, reference: nn.Module, linear: type[Linear]) -> None:
        super().__init__()
        assert isinstance(reference, Fusion)
        self.refine = reference.refine
        self.project = linear.pointwise(reference.project)

    def forward(self, path: Tensor, size: tuple[int, int]) -> Tensor:
        """Return (B, features, *size)."""
        projected = self.project(self.refine(path).permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        return upsample(projected, size)


class FusedSkipFusion(FusedFusion):
    """As SkipFusion, with the terms of the sum in another order."""

    def __init__(self, reference: nn.Module, linear: type[Linear]) -> None:
        super().__init__(reference, linear)
        assert isinstance(reference, SkipFusion)
        self.refine_skip = reference.refine_skip

    def forward(self, path: Tensor, skip: Tensor, size: tuple[int, int]) -> Tensor:  # type: ignore[override]
        """Return (B, features, *size)."""
        return super().forward(self.refine_skip(skip, path + skip), size)


class FusedRelativeHead(nn.Module):
    """As RelativeHead, with the first convolution in dtype and the others in float32."""

    def __init__(self, reference: RelativeHead, dtype: torch.dtype, linear: type[Linear]) -> None:
        super().__init__()
        self.dtype = dtype
        reference.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.conv1, self.conv2 = reference.conv1.to(dtype), reference.conv2
        self.conv3 = linear.pointwise(reference.conv3, 'relu')

    def forward(self, finest: Tensor) -> tuple[Tensor, Tensor]:
        """Return features (B, relative_features, H, W) and inverse depth (B, 1, H, W), no unit.

        finest: in dtype.
        """
        hidden = self.conv1(finest).float()
        hidden = upsample(hidden, (2 * hidden.shape[-2], 2 * hidden.shape[-1]))
        features = F.relu(self.conv2(hidden))
        return features, self.conv3(features.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
