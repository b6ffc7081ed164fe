"""A drawn walk with its true depth, picture by picture; needs numba."""

from __future__ import annotations

import numpy as np

from zoedepth_ros.demo.sources.image import Picture, SourceError, Truth
from zoedepth_ros.synthetic.trajectory import Walk

NEAR_DOOR_S = 2.5
"""Up to this long before and after a door the walk keeps its own pace [s]."""
_LEAST_MIDDLE_S = 1.0


class DrawnWalk:
    """Show a walk in time, each picture drawn when it is its turn."""

    def __init__(
        self, kind: str, seed: int, *, width: int, duration_s: float, rate_hz: float, loop: bool
    ) -> None:
        """Plan the walk and draw its first picture; raises SourceError.

        width: of the pictures, which are 4:3 [px].  duration_s: how long all of it may take; 0.0
        for a walking pace.
        """
        height = round(0.75 * width)
        try:
            self._walk = Walk(kind, seed, rate_hz=rate_hz, width=width, height=height)
        except ValueError as error:
            raise SourceError(str(error)) from None
        natural_s = self._walk.duration_s
        self._duration_s = min(duration_s, natural_s) if duration_s > 0.0 else natural_s
        self._shown_s, self._walked_s = pace(self._duration_s, natural_s, self._walk.door_times_s)
        self._loop = loop
        self._shown: tuple[int, Picture] | None = None
        self.description = f'a walk ({kind}, seed {seed}, {self._duration_s:.1f} s)'
        try:
            self._picture(0)
        except ImportError as error:
            raise SourceError(
                f'no walk can be drawn: {error}; numba comes with the extra `train` '
                "('pip install zoedepth_ros[train]', or 'pip install numba')"
            ) from None

    def read(self, time_s: float) -> Picture | None:
        """Draw the picture of this time; None at the end."""
        if time_s > self._duration_s:
            if not self._loop:
                return None
            time_s %= self._duration_s
        walked_s = float(np.interp(time_s, self._shown_s, self._walked_s))
        return self._picture(round(walked_s * self._walk.rate_hz))

    def _picture(self, index: int) -> Picture:
        if self._shown is None or self._shown[0] != index:
            sample = self._walk[min(index, len(self._walk) - 1)].sample
            truth = Truth(sample.depth_m, sample.domain)
            self._shown = index, Picture(sample.rgb, sample.name, 0.0, sample.camera, truth)
        return self._shown[1]

    def close(self) -> None:
        """Nothing is held."""


def pace(
    duration_s: float, natural_s: float, doors_s: tuple[float, ...]
) -> tuple[list[float], list[float]]:
    """Tell how far the walk is when: times shown and times of the walk [s], to interpolate.

    A walk that must be shorter keeps its pace around its doors, so that delays there are what they
    would be, and is hurried between them; where that is not enough it is hurried all over.
    """
    whole = [0.0, duration_s], [0.0, natural_s]
    if duration_s >= natural_s or len(doors_s) < 2:
        return whole
    leaves_s, comes_s = doors_s[0] + NEAR_DOOR_S, doors_s[-1] - NEAR_DOOR_S
    shown_comes_s = duration_s - (natural_s - comes_s)
    if comes_s <= leaves_s or shown_comes_s < leaves_s + _LEAST_MIDDLE_S:
        return whole
    return [0.0, leaves_s, shown_comes_s, duration_s], [0.0, leaves_s, comes_s, natural_s]
