"""Reproducible random numbers."""

from __future__ import annotations

import colorsys
import math
from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar('T')
RGB = tuple[float, float, float]
"""Linear light."""


class Draws(np.random.Generator):
    """A generator of NumPy with the draws that scenes need."""

    def __init__(self, *seed: int) -> None:
        super().__init__(np.random.PCG64(seed))

    def between(self, low: float, high: float) -> float:
        """Return a number between two."""
        return float(self.uniform(low, high))

    def log_between(self, low: float, high: float) -> float:
        """Return a positive number between two, uniform in the logarithm."""
        return math.exp(self.between(math.log(low), math.log(high)))

    def whole(self, low: int, high: int) -> int:
        """Return an integer from low to high, inclusive."""
        return int(self.integers(low, high + 1))

    def coin(self, share: float = 0.5) -> bool:
        """Return True with a probability."""
        return bool(self.random() < share)

    def pick(self, items: Sequence[T]) -> T:
        """Return a random element."""
        return items[int(self.integers(len(items)))]

    def angle(self) -> float:
        """Return any angle [rad]."""
        return self.between(-math.pi, math.pi)

    def colour(self, low: float = 0.03, high: float = 0.85) -> RGB:
        """Return a colour whose largest channel is between two values; a quarter are greys."""
        saturation = 0.0 if self.coin(0.25) else self.between(*self.pick(((0, 0.45), (0.4, 1.0))))
        return colorsys.hsv_to_rgb(self.random(), saturation, self.log_between(low, high))

    def warmth(self, low_k: float, high_k: float) -> NDArray[np.float64]:
        """Return the colour of a black body between two temperatures [K], (3,), green 1.

        The formula is Tanner Helland's fit for 1000 to 40,000 K.
        """
        t = self.between(low_k, high_k) / 100.0
        red = 255.0 if t <= 66 else 329.7 * (t - 60) ** -0.1332
        green = 99.47 * math.log(t) - 161.1 if t <= 66 else 288.1 * (t - 60) ** -0.0755
        blue = 255.0 if t >= 66 else 138.5 * math.log(t - 10) - 305.0
        linear = np.clip(np.array([red, green, blue]) / 255.0, 0.02, 1.0) ** 2.2
        return linear / linear[1]
