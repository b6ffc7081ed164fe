"""A start for metric heads that nobody has trained: depth candidates spread over the range."""

from __future__ import annotations

import torch
from torch import nn

from zoedepth_ros.model.zoedepth import ZoeDepth


@torch.no_grad()
def spread_bins(model: ZoeDepth, ranges_m: dict[str, tuple[float, float]]) -> None:
    """Start the softplus candidates of each head geometrically spaced over its range [m].

    From torch's default start all candidates lie near 0.7 m without order, and a network trained
    from nothing spends most of its time on spreading them.  The distribution over them starts
    narrower than the middle of its temperatures.
    """
    for name, (near_m, far_m) in ranges_m.items():
        head = model.heads[name]
        seeds: nn.Conv2d = head.seeds[-1]  # type: ignore[union-attr, index, assignment]
        steps = torch.linspace(0.0, 1.0, seeds.out_channels, device=seeds.weight.device)
        centers_m = near_m * (far_m / near_m) ** steps
        bias = seeds.bias
        assert bias is not None
        bias.copy_(centers_m + torch.log(-torch.expm1(-centers_m)))  # the inverse of softplus
        output: nn.Conv2d = head.distribution.output  # type: ignore[union-attr, assignment]
        assert output.bias is not None
        output.bias[2] = COOL


COOL = -4.0
"""Start of the temperature's upper share before softplus: about 1.3 of 50."""
