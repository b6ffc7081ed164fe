from __future__ import annotations

import torch
from tiny_models import DECODER, spread

from zoedepth_ros.model.decoder import Fusion, FusionDecoder, RelativeHead, upsample

CHANNELS = (8, 12, 16, 20)


def maps(height: int, width: int) -> list[torch.Tensor]:
    """Return feature maps for an image of this size [px]."""
    generator = torch.Generator().manual_seed(0)
    sides = zip(CHANNELS, (4, 8, 16, 32), strict=True)
    return [torch.randn(2, c, height // s, width // s, generator=generator) for c, s in sides]


def test_levels_double_from_a_sixteenth_to_a_half() -> None:
    pyramid = FusionDecoder(CHANNELS, DECODER)(maps(64, 96))
    assert pyramid.bottleneck.shape == (2, 24, 2, 3)
    shapes = [tuple(x.shape) for x in pyramid.levels]
    assert shapes == [(2, 24, 4, 6), (2, 24, 8, 12), (2, 24, 16, 24), (2, 24, 32, 48)]


def test_convention_of_upsampling_corners_stay_corners() -> None:
    ours = upsample(torch.tensor([[[[0.0, 3.0]]]]), (1, 4))
    torch.testing.assert_close(ours, torch.tensor([[[[0.0, 1.0, 2.0, 3.0]]]]))


@torch.no_grad()
def test_projecting_before_or_after_enlarging_is_the_same() -> None:
    fusion = Fusion(24)
    spread(fusion, seed=0)
    path = torch.randn(2, 24, 3, 5, generator=torch.Generator().manual_seed(0))
    expected = fusion.project(upsample(fusion.refine(path), (6, 10)))
    torch.testing.assert_close(fusion(path, (6, 10)), expected)


@torch.no_grad()
def test_relative_depth_has_the_size_of_the_image_and_is_never_negative() -> None:
    head = RelativeHead(DECODER)
    features, relative = head(
        torch.randn(2, 24, 32, 48, generator=torch.Generator().manual_seed(0))
    )
    assert features.shape == (2, 8, 64, 96)
    assert relative.shape == (2, 1, 64, 96)
    assert features.min() == 0.0
    assert relative.min() >= 0.0
