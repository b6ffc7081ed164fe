"""Whether time and memory grow with the size of a picture as its arithmetic does; no torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

KINK = 0.25
"""A point further than this share from what the fit expects is a kink."""


@dataclass(frozen=True, slots=True)
class Fit:
    """Amounts as a sum of known quantities, each times a factor that is not negative."""

    factors: tuple[float, ...]
    """One per quantity."""

    expected: tuple[float, ...]
    """What the fit says for every point."""

    off: tuple[float, ...]
    """How far every point is from that, as a share of it."""

    @property
    def kinks(self) -> tuple[int, ...]:
        """The points that are not where the fit expects them."""
        return tuple(i for i, share in enumerate(self.off) if abs(share) > KINK)


def fit(amounts: Sequence[float], quantities: Sequence[Sequence[float]]) -> Fit:
    """Find the factors with the smallest relative error.

    amounts: one per point.  quantities: per point, what the amount is a sum of.  ValueError for
    amounts that are not positive.
    """
    values = np.asarray(amounts, np.float64)
    if not (values > 0).all():
        raise ValueError(f'amounts must be positive, got {list(amounts)}')
    table = np.asarray(quantities, np.float64) / values[:, None]  # every point counts as much
    factors = _not_negative(table)
    expected = (table @ factors) * values
    return Fit(tuple(factors), tuple(expected), tuple(values / expected - 1.0))


def _not_negative(table: NDArray[np.float64]) -> NDArray[np.float64]:
    """Solve table @ factors = 1 with factors that are not negative: the best of all subsets."""
    count = table.shape[1]
    best, least = np.zeros(count), np.inf
    for used in (s for n in range(1, count + 1) for s in combinations(range(count), n)):
        scale = table[:, used].max(axis=0)  # operations and seconds are far apart
        found = np.linalg.lstsq(table[:, used] / scale, np.ones(len(table)), rcond=None)[0] / scale
        error = float(((table[:, used] @ found - 1.0) ** 2).sum())
        if (found >= 0).all() and error < least:
            least, best = error, np.zeros(count)
            best[list(used)] = found
    return best
