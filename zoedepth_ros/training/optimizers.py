"""The optimizers of a stage: Muon, parameter groups, rates, schedules; the average of weights."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import OneCycleLR

from zoedepth_ros.inference.processor import bf16_emulated
from zoedepth_ros.training.config import DivisorsConfig, ScheduleConfig, StageConfig

PARTS = ('encoder', 'positions', 'decoder', 'heads')
"""The parts of a network, in the order of the parameter groups."""


class Optimizers:
    """AdamW for all parameters, or Muon for hidden weight matrices and AdamW for the others."""

    def __init__(self, model: nn.Module, stage: StageConfig, total_steps: int) -> None:
        rest = parameter_groups(model, stage.learning_rate, stage.divisors)
        self.optimizers: list[Optimizer] = []
        if stage.matrix_rate > 0:
            inside = {id(p) for name, p in model.named_parameters() if is_inside(name, p)}
            groups = parameter_groups(model, stage.matrix_rate, stage.divisors)
            keep(groups, inside, True)
            keep(rest, inside, False)
            self.optimizers.append(Muon(groups, weight_decay=stage.weight_decay))
        self.optimizers.append(
            torch.optim.AdamW(rest, weight_decay=stage.weight_decay, fused=True)
        )
        self.schedules = [one_cycle(o, stage.schedule, total_steps) for o in self.optimizers]

    @property
    def rate(self) -> float:
        """Current learning rate of the heads in AdamW."""
        return float(self.optimizers[-1].param_groups[-1]['lr'])

    def step(self) -> None:
        """Update the weights and the schedules, and clear the gradients."""
        for optimizer, schedule in zip(self.optimizers, self.schedules, strict=True):
            optimizer.step()
            schedule.step()
            optimizer.zero_grad(set_to_none=True)

    def state_dict(self) -> dict[str, list[dict[str, Any]]]:
        """Return the states of all optimizers and schedules."""
        return {
            'optimizers': [optimizer.state_dict() for optimizer in self.optimizers],
            'schedules': [schedule.state_dict() for schedule in self.schedules],
        }

    def load_state_dict(self, state: dict[str, list[dict[str, Any]]]) -> None:
        """Restore the result of `state_dict`."""
        for optimizer, saved in zip(self.optimizers, state['optimizers'], strict=True):
            optimizer.load_state_dict(saved)
        for schedule, saved in zip(self.schedules, state['schedules'], strict=True):
            schedule.load_state_dict(saved)


def is_inside(name: str, parameter: nn.Parameter) -> bool:
    """Return whether a weight is a hidden matrix, for Muon.

    The first layer, position tables, biases and layers with few outputs are not.
    """
    if parameter.ndim < 2 or 'position' in name or 'patch_embed' in name or 'token' in name:
        return False
    return min(parameter.shape[0], parameter.shape[1]) > 16


def keep(groups: list[dict[str, Any]], chosen: set[int], wanted: bool) -> None:
    """Keep only the chosen parameters in the groups, or only the others, in place."""
    for group in groups:
        group['params'] = [p for p in group['params'] if (id(p) in chosen) == wanted]
    groups[:] = [group for group in groups if group['params']]


def part_of(name: str) -> str:
    """Return the part that a parameter of this name belongs to."""
    if name.startswith('backbone.'):
        return 'positions' if 'position' in name else 'encoder'
    return 'decoder' if name.startswith(('decoder.', 'relative_head.')) else 'heads'


def parameter_groups(
    model: nn.Module, learning_rate: float, divisors: DivisorsConfig
) -> list[dict[str, Any]]:
    """Return one parameter group per part, with all parameters that require gradients."""
    groups: dict[str, list[nn.Parameter]] = {part: [] for part in PARTS}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            groups[part_of(name)].append(parameter)
    return [
        {'name': part, 'params': groups[part], 'lr': learning_rate / getattr(divisors, part)}
        for part in PARTS
        if groups[part]
    ]


def one_cycle(optimizer: Optimizer, config: ScheduleConfig, total_steps: int) -> OneCycleLR:
    """Return the one-cycle schedule, to be stepped after every batch.

    The learning rate of each group is its peak.  With div_factor 1, as in the paper's code, the
    rate is constant for `rising_part` of the run and then decreases on a cosine, while momentum
    (beta1) decreases and increases again.  Source: Smith 2018; ZoeDepth, config.
    """
    rising_part = config.rising_part
    if rising_part * total_steps in (1, total_steps):  # torch would divide by 0
        rising_part *= 1 - 1e-9
    return OneCycleLR(
        optimizer,
        max_lr=[group['lr'] for group in optimizer.param_groups],
        total_steps=total_steps,
        pct_start=rising_part,
        anneal_strategy='cos',
        cycle_momentum=config.cycle_momentum,
        base_momentum=config.lowest_momentum,
        max_momentum=config.highest_momentum,
        div_factor=config.div_factor,
        final_div_factor=config.final_div_factor,
    )


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
