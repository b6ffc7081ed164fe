"""Exponential moving average of the weights."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class WeightAverage:
    """The exponential moving average of a module's parameters."""

    def __init__(self, module: nn.Module, decay: float) -> None:
        self._module, self._decay, self._updates = module, decay, 0
        self._average = {name: p.detach().clone() for name, p in module.named_parameters()}

    def update(self) -> None:
        """Update the average with the current weights; the decay is smaller at the beginning."""
        self._updates += 1
        decay = min(self._decay, (1 + self._updates) / (10 + self._updates))
        present = [p.detach() for p in self._module.parameters()]
        torch._foreach_lerp_(list(self._average.values()), present, 1.0 - decay)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Use the average in the module within the context."""
        present = [p.detach().clone() for p in self._module.parameters()]
        self.apply()
        try:
            yield
        finally:
            self._copy(present)

    def apply(self) -> None:
        """Copy the average to the module."""
        self._copy(self._average.values())

    def state_dict(self) -> dict[str, Tensor | int]:
        """Return the average by parameter name and the number of updates."""
        return {**self._average, 'updates': self._updates}

    def load_state_dict(self, state: dict[str, Tensor | int]) -> None:
        """Restore the result of `state_dict`."""
        for name, average in self._average.items():
            average.copy_(torch.as_tensor(state[name]))
        self._updates = int(state['updates'])

    def _copy(self, weights: Iterable[Tensor]) -> None:
        with torch.no_grad():
            for parameter, weight in zip(self._module.parameters(), weights, strict=True):
                parameter.copy_(weight)
