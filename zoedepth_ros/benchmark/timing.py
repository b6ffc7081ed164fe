"""Statistics of many measured times, and the time a benchmark may take; imports no torch."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

NO_LIMIT = math.inf


@dataclass(frozen=True, slots=True)
class Spread:
    """Statistics of many measurements of one time [ms]."""

    median_ms: float
    p5_ms: float
    p95_ms: float
    p99_ms: float
    """99th percentile; the maximum for fewer than 100 measurements."""
    n: int
    """Number of measurements."""


def spread(times_ms: Sequence[float]) -> Spread:
    """Return the statistics; ValueError without times."""
    if not times_ms:
        raise ValueError('no time was measured')
    ordered = sorted(times_ms)

    def percentile(share: float) -> float:
        return ordered[max(0, math.ceil(share * len(ordered)) - 1)]

    return Spread(
        median_ms=statistics.median(ordered),
        p5_ms=percentile(0.05),
        p95_ms=percentile(0.95),
        p99_ms=percentile(0.99),
        n=len(ordered),
    )


def ratio(of_ms: Sequence[float], to_ms: Sequence[float]) -> float:
    """Return the median over all rounds of the ratio of two times."""
    return statistics.median(a / b for a, b in zip(of_ms, to_ms, strict=True))


@dataclass(frozen=True, slots=True)
class Budget:
    """Time for the whole command, shared by all parts."""

    total_s: float = NO_LIMIT
    started_s: float = field(default_factory=lambda: time.monotonic())
    """Start on time.monotonic [s]."""

    @property
    def spent_s(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.started_s

    @property
    def left_s(self) -> float:
        """Remaining seconds; negative after the limit."""
        return self.total_s - self.spent_s

    @property
    def text(self) -> str:
        """The limit, as the report names it."""
        return f'{self.total_s / 60:g} minutes (--minutes)'


def rounds_within(left_s: float, round_s: float, max_rounds: int) -> int:
    """Return how many rounds fit into a time: at least one, at most `max_rounds`."""
    if math.isinf(left_s):
        return max_rounds
    return min(max_rounds, max(1, int(left_s / round_s)))
