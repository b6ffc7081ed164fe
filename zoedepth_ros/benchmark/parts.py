"""The parts of the benchmark, and what all of them are asked; imports no torch."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import cast

from zoedepth_ros.benchmark.budget import Budget
from zoedepth_ros.benchmark.report import Section

AUTO = 'auto'
RUNTIMES_TOO, RUNTIMES_ONLY = 'too', 'only'


@dataclass(frozen=True, slots=True)
class Settings:
    """What a part is asked to measure; it takes what concerns it."""

    model: str = ''
    """A preset; '' for what the part takes by itself."""

    weights: str = 'random'
    """'random' for well-conditioned random ones, '' for the released ones, or a path."""

    device: str = AUTO
    """'auto', 'cpu', 'cuda' or 'cuda:N'."""

    precision: str = AUTO
    """Of the variant that the others are compared with: 'auto', 'fp32', 'bf16' or 'fp16'."""

    optimization: str = AUTO
    """Likewise; see build_predictor."""

    rounds: int = 0
    """How often every side is measured; 0 for as often as the part does by itself and the budget
    allows."""

    short: bool = False
    """Whether to leave out all but the most important baselines."""

    runtimes: str = ''
    """network: 'too' for other runtimes as well, 'only' for them instead of transformers."""

    budget: Budget = field(default_factory=Budget)
    """Time for the whole command, all parts together."""

    tell: Callable[[str], None] = lambda text: None
    """Is told what is going on, a line at a time."""


PARTS: Mapping[str, str] = MappingProxyType(
    {
        'network': 'zoedepth_ros.benchmark.network',
        'size': 'zoedepth_ros.benchmark.size',
        'node': 'zoedepth_ros.benchmark.node.measure',
    }
)
"""Part -> the module whose `measure(settings)` makes its section; imported when asked for."""

ALL = ('network', 'node')
"""The parts of `zoedepth benchmark all`, in the order of the report."""


def measure(part: str, settings: Settings) -> Section:
    """Run one part; ValueError for one that there is not."""
    if part not in PARTS:
        raise ValueError(f'no benchmark {part!r}; there are {", ".join(PARTS)}')
    module = importlib.import_module(PARTS[part])
    return cast(Section, module.measure(settings))
