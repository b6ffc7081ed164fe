"""Muon: an optimizer that orthogonalises the updates of weight matrices."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from zoedepth_ros.inference.processor import bf16_emulated

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Coefficients of the Newton-Schulz iteration (Jordan et al. 2024)."""

ROUNDS = 5


class Muon(Optimizer):
    """Orthogonalised momentum, for hidden matrices and convolutions.

    Updates have a root mean square of 0.2, similar to AdamW, so that learning rates are
    comparable. Source: Jordan et al. 2024, Muon; Liu et al. 2025 (arXiv 2502.16982) for the scale.
    """

    def __init__(
        self,
        groups: Iterable[dict[str, Any]],
        *,
        momentum: float = 0.95,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(groups, {'momentum': momentum, 'weight_decay': weight_decay, 'lr': 0.0})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Update all parameters with gradients."""
        for group in self.param_groups:
            alike: dict[tuple[int, int], list[Tensor]] = defaultdict(list)
            for weight in group['params']:
                if weight.grad is not None:
                    alike[weight.shape[0], weight[0].numel()].append(weight)
            for shape, weights in alike.items():
                self._step_alike(weights, shape, group)

    def _step_alike(
        self, weights: list[Tensor], shape: tuple[int, int], group: dict[str, Any]
    ) -> None:
        """Update parameters of one matrix shape together."""
        updates = torch.stack([self._update(weight, group).reshape(shape) for weight in weights])
        updates = orthogonalised(updates)
        length = 0.2 * max(shape) ** 0.5
        for weight, update in zip(weights, updates, strict=True):
            weight.mul_(1.0 - group['lr'] * group['weight_decay'])
            weight.add_(update.view_as(weight), alpha=-group['lr'] * length)

    def _update(self, weight: Tensor, group: dict[str, Any]) -> Tensor:
        """Return Nesterov's momentum."""
        state = self.state[weight]
        if 'momentum' not in state:
            state['momentum'] = torch.zeros_like(weight, memory_format=torch.contiguous_format)
        momentum: Tensor = state['momentum']
        gradient = weight.grad
        assert gradient is not None
        momentum.lerp_(gradient, 1.0 - group['momentum'])
        return gradient.lerp(momentum, group['momentum'])


def orthogonalised(matrices: Tensor) -> Tensor:
    """Return (n, rows, columns) with singular values near 1, in bfloat16 unless emulated."""
    a, b, c = COEFFICIENTS
    tall = matrices.shape[1] > matrices.shape[2]
    emulated = matrices.device.type == 'cpu' and bf16_emulated()
    x = (matrices.mT if tall else matrices).to(torch.float32 if emulated else torch.bfloat16)
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(ROUNDS):
        square = x @ x.mT
        x = a * x + (b * square + c * square @ square) @ x
    return (x.mT if tall else x).to(matrices.dtype)
