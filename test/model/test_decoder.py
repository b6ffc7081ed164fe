from __future__ import annotations

import torch
from tiny_models import spread

from zoedepth_ros.model.decoder import Fusion, upsample


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
