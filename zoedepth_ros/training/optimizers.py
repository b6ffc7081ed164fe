"""The optimizers of a stage and their schedules, as one thing."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from zoedepth_ros.training.config import StageConfig
from zoedepth_ros.training.muon import Muon
from zoedepth_ros.training.parameter_groups import parameter_groups
from zoedepth_ros.training.schedule import one_cycle


class Optimizers:
    """AdamW for everything, or Muon for the matrices inside and AdamW for the rest."""

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
        """Present learning rate of the heads, as AdamW has it."""
        return float(self.optimizers[-1].param_groups[-1]['lr'])

    def step(self) -> None:
        """Move the weights, then the schedules; forget the gradients."""
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
        """Go on from what state_dict returned."""
        for optimizer, saved in zip(self.optimizers, state['optimizers'], strict=True):
            optimizer.load_state_dict(saved)
        for schedule, saved in zip(self.schedules, state['schedules'], strict=True):
            schedule.load_state_dict(saved)


def is_inside(name: str, parameter: nn.Parameter) -> bool:
    """Tell whether a weight maps hidden channels to hidden channels.

    The first layer, position tables, biases and whatever has few outputs are not.
    """
    if parameter.ndim < 2 or 'position' in name or 'patch_embed' in name or 'token' in name:
        return False
    return min(parameter.shape[0], parameter.shape[1]) > 16


def keep(groups: list[dict[str, Any]], chosen: set[int], wanted: bool) -> None:
    """Leave in the groups only the parameters that are chosen, or only those that are not."""
    for group in groups:
        group['params'] = [p for p in group['params'] if (id(p) in chosen) == wanted]
    groups[:] = [group for group in groups if group['params']]
