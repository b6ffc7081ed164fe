"""Times of several sides taken in turn, and what many times come to; imports no torch."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Spread:
    """What many measurements of one time come to [ms]."""

    median_ms: float
    """Half of them are shorter."""

    p5_ms: float
    """One of twenty is shorter."""

    p95_ms: float
    """One of twenty is longer."""

    p99_ms: float
    """One of a hundred is longer; with fewer measurements the longest."""

    n: int
    """How many there were."""

    @property
    def relative(self) -> float:
        """Half the way from p5 to p95, over the median: how much one measurement may be off."""
        return 0.5 * (self.p95_ms - self.p5_ms) / self.median_ms if self.median_ms else math.nan


def spread(times_ms: Sequence[float]) -> Spread:
    """Sum times up; ValueError when there is none."""
    if not times_ms:
        raise ValueError('no time was measured')
    ordered = sorted(times_ms)
    return Spread(
        median_ms=statistics.median(ordered),
        p5_ms=_percentile(ordered, 0.05),
        p95_ms=_percentile(ordered, 0.95),
        p99_ms=_percentile(ordered, 0.99),
        n=len(ordered),
    )


def _percentile(ordered: Sequence[float], share: float) -> float:
    """Return the smallest time that at least this share of them do not exceed."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def in_turn(
    sides: Mapping[str, Callable[[], object]], *, rounds: int, warm_up: int = 1
) -> dict[str, list[float]]:
    """Run every side once a round, one after the other, and return their times [ms].

    What slows the machine down for a while then slows all sides down.  Every other round goes
    backwards, so that none always follows the same other.  The first warm_up rounds do not count.
    """
    times_ms: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(-warm_up, rounds):
        for name in list(sides)[:: 1 if number % 2 == 0 else -1]:
            start_ns = time.perf_counter_ns()
            sides[name]()
            taken_ms = 1e-6 * (time.perf_counter_ns() - start_ns)
            if number >= 0:
                times_ms[name].append(taken_ms)
    return times_ms


def ratio(of_ms: Sequence[float], to_ms: Sequence[float]) -> float:
    """Return how many times longer the first side takes, round by round; the median."""
    return statistics.median(a / b for a, b in zip(of_ms, to_ms, strict=True))
