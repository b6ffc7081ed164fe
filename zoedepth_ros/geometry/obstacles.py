"""Which pixels are ground, which are in the way, and which rays are free.

Convention: heights are above the ground plane, along its `up`. A ray is free as far as its pixel
is deep, and no farther than depth is measured; clearing points say so at the trusted range,
because a costmap drops NaN and would keep its old marks there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.geometry.ground import Ground

MARGIN_M = 0.2  # costmaps stop clearing a little before the end of a ray


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

    free: NDArray[np.bool_]
    """(H, W) free rays: they end beyond the trusted range or what is measured, or above what is in
    the way."""

    height_m: NDArray[np.float32]
    """(H, W) height above the ground [m], NaN where unknown."""

    distance_m: NDArray[np.float32]
    """(H, W) horizontal distance [m], NaN where unknown."""


def split_points(
    points_m: NDArray[np.float32],
    ground: Ground,
    band: Band,
    *,
    passing: NDArray[np.bool_] | None = None,
) -> Split:
    """Sort points (H, W, 3) [m] by height above the ground.

    passing: (H, W) pixels without a point whose rays are free up to where they are measured.
    Points lower than the ground's tolerance, such as a stair down or a reflection, are neither
    ground nor obstacle and clear nothing.
    """
    height_m = ground.heights(points_m)
    square = np.einsum('...i,...i', points_m, points_m)
    above_m = height_m - np.float32(ground.height_m)
    distance_m = np.sqrt(np.maximum(square - above_m * above_m, np.float32(0.0)))
    tolerance_m = np.float32(band.ground_m) + np.float32(band.ground_slope) * distance_m
    near = distance_m <= band.range_m  # false for NaN
    on = np.abs(height_m) <= tolerance_m
    obstacle = near & (height_m > tolerance_m) & (height_m <= band.top_m)
    passes = (~near & (height_m > -tolerance_m)) | (near & (height_m > band.top_m))
    if passing is not None:
        passes = passes | passing
    return Split(near & on, obstacle, passes, height_m, distance_m)


def clearing_points(
    rays: NDArray[np.float32],
    free_to_m: NDArray[np.float32],
    split: Split,
    ground: Ground,
    band: Band,
) -> NDArray[np.float32]:
    """End free rays where they leave the space that matters, (k, 3) [m] in the camera frame.

    rays: (H, W, 2); free_to_m: (H, W), see `geometry.ranges.free_to`.  A ray ends at the trusted
    range, a little above the band's top, or where it is free to, whichever comes first.
    """
    rays, own_m = rays[split.free], free_to_m[split.free]
    directions = np.concatenate((rays, np.ones_like(rays[:, :1])), axis=1)  # (k, 3)
    climb = directions @ np.array(ground.up, np.float32)
    flat = np.sqrt(np.maximum(np.square(directions).sum(axis=1) - climb * climb, 1e-9))
    end_m = np.fmin(np.float32(band.range_m) / flat, own_m)
    room_m = np.float32(max(0.0, band.top_m + MARGIN_M - ground.height_m))
    rising = climb > 0.0
    end_m[rising] = np.fmin(end_m[rising], room_m / climb[rising])
    lowest_m = -(band.ground_m + band.ground_slope * band.range_m)
    kept = (end_m > 0.0) & (end_m * climb + np.float32(ground.height_m) >= lowest_m)
    return directions[kept] * end_m[kept, None]
