"""Which part of a network learns how fast; the model does not know."""

from __future__ import annotations

from typing import Any

from torch import nn

from zoedepth_ros.training.config import DivisorsConfig

PARTS = ('encoder', 'positions', 'decoder', 'heads')
"""The parts, in the order of the groups."""


def part_of(name: str) -> str:
    """Return the part that a parameter of this name belongs to."""
    if name.startswith('backbone.'):
        return 'positions' if 'position' in name else 'encoder'
    return 'decoder' if name.startswith(('decoder.', 'relative_head.')) else 'heads'


def parameter_groups(
    model: nn.Module, learning_rate: float, divisors: DivisorsConfig
) -> list[dict[str, Any]]:
    """Return the optimizer's groups, one a part; every parameter that learns is in exactly one."""
    groups: dict[str, list[nn.Parameter]] = {part: [] for part in PARTS}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            groups[part_of(name)].append(parameter)
    return [
        {'name': part, 'params': groups[part], 'lr': learning_rate / getattr(divisors, part)}
        for part in PARTS
        if groups[part]
    ]
