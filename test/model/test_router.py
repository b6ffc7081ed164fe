from __future__ import annotations

import math

import pytest
import torch
from tiny_models import ROUTER, spread

from zoedepth_ros.model.router import Router, sinusoidal_positions


@pytest.fixture
def router() -> Router:
    router = Router(24, 2, ROUTER)
    spread(router, seed=0)
    return router


def bottleneck(batch: int = 3) -> torch.Tensor:
    return torch.randn(batch, 24, 2, 3, generator=torch.Generator().manual_seed(0))


def test_convention_of_positions_sines_then_cosines() -> None:
    positions = sinusoidal_positions(torch.zeros(1, 3, 4))
    expected = [[f(k * w) for f in (math.sin, math.cos) for w in (1.0, 0.01)] for k in range(3)]
    torch.testing.assert_close(positions, torch.tensor(expected))


@torch.no_grad()
def test_dropout_acts_while_training_only(router: Router) -> None:
    assert not torch.equal(router(bottleneck()), router(bottleneck()))
    router.eval()
    assert torch.equal(router(bottleneck()), router(bottleneck()))
