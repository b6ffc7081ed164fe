"""A rendered camera trajectory with its exact depth, image by image; needs numba."""

from __future__ import annotations

import numpy as np

from zoedepth_ros.demo.sources.base import SourceError, SourceImage
from zoedepth_ros.synthetic.trajectory import CameraTrajectory

NEAR_DOOR_S = 2.5
"""Within this time of a door the camera keeps its natural speed [s]."""
_MIN_MIDDLE_S = 1.0


class RenderedTrajectory:
    """Render each image when its time has come."""

    def __init__(
        self, *, kind: str, seed: int, duration_s: float, width: int, rate_hz: float, loop: bool
    ) -> None:
        """Plan the trajectory and render its first image; raises SourceError.

        duration_s: maximum duration [s], 0.0 for walking speed.  width: of the images, which are
        4:3 [px].
        """
        try:
            self._trajectory = CameraTrajectory(
                kind, seed, rate_hz=rate_hz, width=width, height=round(0.75 * width)
            )
        except ValueError as error:
            raise SourceError(str(error)) from None
        natural_s = self._trajectory.duration_s
        self._duration_s = min(duration_s or natural_s, natural_s)
        self._times_s = pace(self._duration_s, natural_s, self._trajectory.door_times_s)
        self._loop = loop
        self._current: tuple[int, SourceImage] | None = None
        self.description = f'a camera trajectory ({kind}, seed {seed}, {self._duration_s:.1f} s)'
        try:
            self._render(0)
        except ImportError as error:
            raise SourceError(
                f'the trajectory cannot be rendered: {error}; the extra `train` contains numba '
                "('pip install zoedepth_ros[train]', or 'pip install numba')"
            ) from None

    def read(self, time_s: float) -> SourceImage | None:
        """Render the image of this time; None at the end."""
        if time_s > self._duration_s:
            if not self._loop:
                return None
            time_s %= self._duration_s
        trajectory_s = float(np.interp(time_s, *self._times_s))
        return self._render(round(trajectory_s * self._trajectory.rate_hz))

    def _render(self, index: int) -> SourceImage:
        if self._current is None or self._current[0] != index:
            sample = self._trajectory[min(index, len(self._trajectory) - 1)].sample
            self._current = index, SourceImage(sample.rgb, sample.name, ground_truth=sample)
        return self._current[1]

    def close(self) -> None:
        """Do nothing: there is nothing to release."""


def pace(
    duration_s: float, natural_s: float, doors_s: tuple[float, ...]
) -> tuple[list[float], list[float]]:
    """Return times shown and times of the trajectory [s], to interpolate between.

    A trajectory that must be shorter keeps its natural speed around its doors, so that the delays
    of the router there are realistic, and is faster between them; if that is not enough, it is
    faster everywhere.
    """
    uniform = [0.0, duration_s], [0.0, natural_s]
    if duration_s >= natural_s or len(doors_s) < 2:
        return uniform
    fast_from_s, fast_until_s = doors_s[0] + NEAR_DOOR_S, doors_s[-1] - NEAR_DOOR_S
    shown_until_s = duration_s - (natural_s - fast_until_s)
    if fast_until_s <= fast_from_s or shown_until_s < fast_from_s + _MIN_MIDDLE_S:
        return uniform
    return (
        [0.0, fast_from_s, shown_until_s, duration_s],
        [0.0, fast_from_s, fast_until_s, natural_s],
    )
