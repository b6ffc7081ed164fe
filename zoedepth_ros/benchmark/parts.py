"""The parts of the benchmark and their options; imports no torch."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

from zoedepth_ros.benchmark.benchmark_report import Section
from zoedepth_ros.benchmark.timing import Budget

AUTO = 'auto'
RUNTIMES_TOO, RUNTIMES_ONLY = 'too', 'only'


@dataclass(frozen=True, slots=True)
class BenchmarkOptions:
    """Options of the command; each part uses those that apply to it."""

    model: str = ''
    """A preset; '' for the default of the part."""
    weights: str = AUTO
    """'auto' for those in this package, or 'random' without; 'random' for well-conditioned random
    weights, '' for the released ones, or a path."""
    device: str = AUTO
    """'auto', 'cpu', 'cuda' or 'cuda:N'."""
    precision: str = AUTO
    """Of the implementation that is compared: 'auto', 'fp32', 'bf16' or 'fp16'."""
    optimization: str = AUTO
    """Likewise; see build_predictor."""
    rounds: int = 0
    """Maximum number of rounds; 0 for the default of the part."""
    short: bool = False
    """Whether to measure only the most important baselines."""
    runtimes: str = ''
    """network: 'too' to add other runtimes, 'only' to measure them instead of transformers."""
    budget: Budget = field(default_factory=Budget)
    """Time for the whole command."""
    log: Callable[[str], None] = lambda text: None
    """Called with a line of progress."""


PARTS = {
    'network': 'zoedepth_ros.benchmark.network_benchmark',
    'size': 'zoedepth_ros.benchmark.size_benchmark',
    'node': 'zoedepth_ros.benchmark.node.node_benchmark',
}
"""Part -> the module whose `measure(options)` returns its section; imported when needed."""

ALL = ('network', 'node')
"""The parts of `zoedepth benchmark all`, in the order of the report."""


def measure(part: str, options: BenchmarkOptions) -> Section:
    """Run one part."""
    return cast(Section, importlib.import_module(PARTS[part]).measure(options))
