"""Which pixels are ground, which are in the way, and which rays are free.

Convention: heights are above the ground plane, along its `up`. A ray is free as far as its pixel
is deep; clearing points say so at the trusted range, because a costmap drops NaN and would keep
its old marks there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.geometry.ground import Ground


@dataclass(frozen=True, slots=True)
class Band:
    """Hold which heights matter to a robot."""

    ground_m: float = 0.10
    """Below this height a point is ground [m]; more with distance, see `ground_slope`."""

    top_m: float = 1.8
    """Above this height nothing is in the way [m]."""

    ground_slope: float = 0.03
    """Height by which ground may rise or measure wrong, per metre of distance."""

    range_m: float = 5.0
    """Trusted range, horizontally [m]: farther points are neither ground nor obstacle."""

    def __post_init__(self) -> None:
        """Check ranges; raises ValueError naming them."""
        numbers = (self.ground_m, self.top_m, self.ground_slope, self.range_m)
        if not all(math.isfinite(number) and number >= 0.0 for number in numbers):
            raise ValueError(f'expected heights and range of 0 or more, got {numbers}')
        if self.top_m <= self.ground_m or self.range_m <= 0.0:
            raise ValueError(
                f'expected top_m above ground_m and a range, got {self.ground_m}, {self.top_m} '
                f'and {self.range_m} m'
            )


@dataclass(frozen=True, slots=True)
class Split:
    """Hold what every point is; no point is two things."""

    ground: NDArray[np.bool_]
    """(H, W) on the ground, within the trusted range."""

    obstacle: NDArray[np.bool_]
    """(H, W) in the way, within the trusted range."""

    beyond: NDArray[np.bool_]
    """(H, W) known to be free up to the trusted range."""

    height_m: NDArray[np.float32]
    """(H, W) height above the ground [m], NaN where unknown."""

    distance_m: NDArray[np.float32]
    """(H, W) horizontal distance [m], NaN where unknown."""


def split_points(
    points_m: NDArray[np.float32],
    ground: Ground,
    band: Band,
    *,
    free: NDArray[np.bool_] | None = None,
) -> Split:
    """Sort points (H, W, 3) [m] by height above the ground.

    free: (H, W) pixels without a point that are known to be far, such as the sky.  Points lower
    than the ground's tolerance, such as a stair down or a reflection, are neither ground nor
    obstacle and clear nothing.
    """
    height_m = ground.heights(points_m)
    square = np.einsum('...i,...i', points_m, points_m)
    above_m = height_m - np.float32(ground.height_m)
    distance_m = np.sqrt(np.maximum(square - above_m * above_m, np.float32(0.0)))
    tolerance_m = np.float32(band.ground_m) + np.float32(band.ground_slope) * distance_m
    near = distance_m <= band.range_m  # false for NaN
    on = np.abs(height_m) <= tolerance_m
    obstacle = near & (height_m > tolerance_m) & (height_m <= band.top_m)
    beyond = (distance_m > band.range_m) & (height_m > -tolerance_m)
    if free is not None:
        beyond = beyond | free
    return Split(near & on, obstacle, beyond, height_m, distance_m)


def clearing_points(
    rays: NDArray[np.float32],
    beyond: NDArray[np.bool_],
    ground: Ground,
    band: Band,
    *,
    height_limits_m: tuple[float, float] | None = None,
) -> NDArray[np.float32]:
    """End free rays at the trusted range, (k, 3) [m] in the camera frame.

    rays: (H, W, 2), beyond: (H, W).  height_limits_m: rays that would end lower or higher are left
    out; by default from the ground to the band's top, so that the sky and the ceiling do not
    clear cells that they only look over.
    """
    tolerance_m = band.ground_m + band.ground_slope * band.range_m
    low_m, high_m = (-tolerance_m, band.top_m) if height_limits_m is None else height_limits_m
    chosen = rays[beyond]
    directions = np.concatenate((chosen, np.ones_like(chosen[:, :1])), axis=1)  # (k, 3)
    climb = directions @ np.array(ground.up, np.float32)
    flat = np.sqrt(np.maximum(np.square(directions).sum(axis=1) - climb * climb, 1e-9))
    depth_m = np.float32(band.range_m) / flat
    height_m = depth_m * climb + np.float32(ground.height_m)
    kept = (height_m >= low_m) & (height_m <= high_m)  # false where there is no ray
    return directions[kept] * depth_m[kept, None]
