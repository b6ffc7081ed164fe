"""How much time a benchmark may take, and how much of it is left; imports no torch."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field

NO_LIMIT = math.inf


@dataclass(frozen=True, slots=True)
class Budget:
    """A time that began with the command; parts spend what is left of it."""

    total_s: float = NO_LIMIT
    """What the whole command may take [s]; infinite for no limit."""

    started_s: float = field(default_factory=lambda: time.monotonic())
    """When it began, on time.monotonic [s]."""

    @property
    def spent_s(self) -> float:
        """Seconds since it began."""
        return time.monotonic() - self.started_s

    @property
    def left_s(self) -> float:
        """Seconds that are left; negative when it is overspent."""
        return self.total_s - self.spent_s

    @property
    def words(self) -> str:
        """The limit, as the report names it."""
        return f'{self.total_s / 60:g} minutes (--minutes)'


def rounds_within(left_s: float, once_s: float, most: int) -> int:
    """Return how many rounds of this measured time fit: at least one, never more than `most`."""
    if math.isinf(left_s):
        return most
    return min(most, max(1, int(left_s / once_s)))
