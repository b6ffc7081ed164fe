"""Reproducible random numbers, and random colours."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeVar

from zoedepth_ros.synthetic.primitives import Colour

T = TypeVar('T')


class Dice(random.Random):
    """Random numbers based on `random()`, whose sequence is stable between Python versions."""

    def between(self, low: float, high: float) -> float:
        """Return a number between two."""
        return low + (high - low) * self.random()

    def coin(self, share: float = 0.5) -> bool:
        """Return True with a probability."""
        return self.random() < share

    def gauss_like(self, sigma: float) -> float:
        """Return an approximately normal number with mean 0, at most 2.5 sigma."""
        total = self.random() + self.random() + self.random() + self.random() - 2.0
        return max(-2.5, min(2.5, total * 1.732)) * sigma

    def pick(self, things: Sequence[T]) -> T:
        """Return a random element."""
        return things[int(self.random() * len(things))]

    def whole(self, low: int, high: int) -> int:
        """Return an integer from low to high, inclusive."""
        return low + int(self.random() * (high - low + 1))

    def near(self, colour: Colour, spread: float = 0.15) -> Colour:
        """Return a variation of a colour in brightness and hue."""
        k = 1.0 + spread * self.between(-1.0, 1.0)
        r, g, b = colour
        hue = 0.4 * spread
        return (
            min(0.95, r * k * (1.0 + hue * self.between(-1, 1))),
            min(0.95, g * k * (1.0 + hue * self.between(-1, 1))),
            min(0.95, b * k * (1.0 + hue * self.between(-1, 1))),
        )

    def bright(self, low: float = 0.03, high: float = 0.7) -> Colour:
        """Return a random colour."""
        base = self.between(low, high)
        return (
            base * self.between(0.3, 1),
            base * self.between(0.3, 1),
            base * self.between(0.3, 1),
        )


def grey(value: float) -> Colour:
    """Return a grey."""
    return (value, value, value)


WHITE = (0.78, 0.77, 0.74)
WOODS = (
    (0.45, 0.28, 0.14), (0.3, 0.16, 0.08), (0.55, 0.4, 0.24), (0.13, 0.07, 0.04),
    (0.62, 0.5, 0.34), (0.35, 0.22, 0.12),
)  # fmt: skip
WALLS = (
    (0.78, 0.77, 0.73), (0.72, 0.68, 0.58), (0.62, 0.66, 0.68), (0.7, 0.62, 0.5),
    (0.55, 0.62, 0.55), (0.45, 0.5, 0.58), (0.72, 0.58, 0.5), (0.8, 0.8, 0.8),
    (0.5, 0.48, 0.45), (0.66, 0.6, 0.38),
)  # fmt: skip
CLOTHS = (
    (0.12, 0.16, 0.28), (0.35, 0.08, 0.07), (0.22, 0.22, 0.23), (0.45, 0.4, 0.32),
    (0.1, 0.2, 0.14), (0.05, 0.05, 0.06), (0.5, 0.33, 0.1), (0.6, 0.58, 0.54),
    (0.2, 0.12, 0.08), (0.3, 0.35, 0.42),
)  # fmt: skip
PAINTS = (
    (0.6, 0.6, 0.6), (0.75, 0.75, 0.75), (0.02, 0.02, 0.025), (0.12, 0.12, 0.13),
    (0.4, 0.03, 0.03), (0.03, 0.07, 0.28), (0.28, 0.3, 0.32), (0.03, 0.12, 0.07),
    (0.5, 0.35, 0.05), (0.3, 0.45, 0.6),
)  # fmt: skip
SKINS = ((0.6, 0.38, 0.27), (0.45, 0.27, 0.17), (0.2, 0.1, 0.06), (0.66, 0.45, 0.34))
