"""Estimate the scale of predicted depth from reference distances.

Each reference gives ratios of true distance to predicted depth: a LaserScan or points in view, a
range finder, the height of the camera above the ground, a tape measure.  `robust_scale` combines
ratios to one factor; `pipeline.scaling` applies it over time.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.geometry.ground import Ground
from zoedepth_ros.geometry.intrinsics import CameraModel
from zoedepth_ros.geometry.rays import project, ray_cosines

LOWEST_SCALE, HIGHEST_SCALE = 0.1, 10.0
"""Limits of a plausible factor; references outside are ignored."""

UNUSUAL_SCALE, UNUSUAL_BY_HEIGHT = 3.0, 2.0
"""Limits of `is_unusual`; the second is lower because a table may be taken for the floor."""

FULL_COUNT = 50  # number of ratios that gives full confidence
FULL_SPREAD = 0.2  # standard deviation of the logarithm that lowers the confidence to 1 / e


@dataclass(frozen=True, slots=True)
class ScaleEstimate:
    """A factor on depth and its confidence."""

    scale: float
    """True distance per predicted depth."""

    confidence: float
    """0 to 1, from the number and the agreement of the ratios."""

    count: int
    """Number of ratios that agree with the scale."""

    spread: float
    """Standard deviation of the logarithm of those ratios."""


@dataclass(frozen=True, slots=True)
class DepthPairs:
    """True and predicted depth at some pixels."""

    true_m: NDArray[np.floating]
    """Depth by another sensor [m], (k,)."""

    measured_m: NDArray[np.floating]
    """Predicted depth [m], (k,)."""

    pixels: NDArray[np.floating]
    """Column and row, (k, 2)."""

    @property
    def ratios(self) -> NDArray[np.float32]:
        """True over predicted depth, (k,)."""
        return (self.true_m / self.measured_m).astype(np.float32)

    def usable(self) -> DepthPairs:
        """Return the pairs whose depths are both finite and positive."""
        with np.errstate(invalid='ignore'):
            kept = np.isfinite(self.true_m) & np.isfinite(self.measured_m)
            kept &= (self.true_m > 0.0) & (self.measured_m > 0.0)
        return self._at(kept)

    def thinned(self, most: int) -> DepthPairs:
        """Return at most this many pairs, evenly distributed."""
        return self._at(decimation(len(self.true_m), most))

    def _at(self, chosen: NDArray[Any]) -> DepthPairs:
        """Return the pairs of these indices, or of a mask."""
        return DepthPairs(self.true_m[chosen], self.measured_m[chosen], self.pixels[chosen])

    def joined(self, other: DepthPairs) -> DepthPairs:
        """Return the pairs of both."""
        return DepthPairs(
            np.concatenate((self.true_m, other.true_m)),
            np.concatenate((self.measured_m, other.measured_m)),
            np.concatenate((self.pixels, other.pixels)),
        )

    def scaled(self, factor: float) -> DepthPairs:
        """Return the pairs of predicted depth times a factor."""
        return DepthPairs(self.true_m, self.measured_m * factor, self.pixels)


def decimation(count: int, most: int) -> NDArray[np.int_]:
    """Return the indices of at most this many of `count` things, evenly distributed."""
    return np.unique(np.linspace(0, count - 1, min(most, count)).round().astype(int))


NO_PAIRS = DepthPairs(np.empty(0), np.empty(0), np.empty((0, 2)))


def robust_scale(ratios: NDArray[np.floating], *, weight: float = 1.0) -> ScaleEstimate | None:
    """Combine ratios (n,) with outliers to one factor; None without a plausible ratio.

    The estimate starts at the median of the shortest half of the logarithms, which outliers on one
    side do not shift, and is refined with Tukey's weights.  weight: number of independent samples
    per ratio, less than 1 if neighbours share their errors.
    """
    usable = ratios[np.isfinite(ratios) & (ratios > LOWEST_SCALE) & (ratios < HIGHEST_SCALE)]
    if not len(usable):
        return None
    logs = np.sort(np.log(usable.astype(np.float64)))
    half = len(logs) // 2 + 1
    starts = logs[half - 1 :] - logs[: len(logs) - half + 1]
    first = int(np.argmin(starts))
    centre = float(np.median(logs[first : first + half]))
    for _ in range(5):
        distance = np.abs(logs - centre)
        deviation = np.sort(distance)[half - 1]  # median absolute deviation
        limit = max(0.02, 4.0 * deviation)
        tukey = np.square(np.clip(1.0 - np.square(distance / limit), 0.0, None))
        centre = float(np.average(logs, weights=tukey))
    agreeing = np.abs(logs - centre) < limit
    count = int(np.count_nonzero(agreeing))
    spread = float(np.sqrt(np.average(np.square(logs - centre), weights=tukey)))
    enough = min(1.0, weight * count / FULL_COUNT)
    agreement = math.exp(-((spread / FULL_SPREAD) ** 2)) * (count / len(ratios))
    return ScaleEstimate(math.exp(centre), enough * agreement, count, spread)


def is_unusual(scale: float, *, by_height: bool) -> bool:
    """Return whether a scale is likely a mistake; by_height: of the camera above the floor."""
    limit = UNUSUAL_BY_HEIGHT if by_height else UNUSUAL_SCALE
    return not 1.0 / limit < scale < limit


def scale_from_height(ground: Ground | None, height_m: float) -> ScaleEstimate | None:
    """Estimate the scale from the true height of the camera above the ground [m]."""
    if ground is None or ground.height_m <= 0.0 or not height_m > 0.0:
        return None
    scale = height_m / ground.height_m
    if not LOWEST_SCALE < scale < HIGHEST_SCALE:
        return None
    return ScaleEstimate(scale, ground.confidence, 1, 0.0)


def pairs_at_points(
    points_m: NDArray[np.floating], depth_m: NDArray[np.float32], camera: CameraModel
) -> DepthPairs:
    """Return true and predicted depth at points in view.

    points_m: (n, 3) in the optical frame, from a laser or another sensor.  depth_m: (H, W), NaN
    for pixels to ignore, for example at edges.
    """
    ahead = points_m[points_m[:, 2] > 1e-3].astype(np.float32)
    if not len(ahead):
        return NO_PAIRS
    pixels = project(ahead[:, :2] / ahead[:, 2:], camera)
    known = np.isfinite(pixels).all(axis=1)
    columns, rows = np.rint(pixels[known]).astype(np.intp).T
    height, width = depth_m.shape
    inside = (columns >= 0) & (columns < width) & (rows >= 0) & (rows < height)
    measured_m = depth_m[rows[inside], columns[inside]]
    return DepthPairs(ahead[known][inside, 2], measured_m, pixels[known][inside]).usable()


def ratio_in_cone(
    range_m: float,
    axis: tuple[float, float, float],
    half_angle_rad: float,
    depth_m: NDArray[np.float32],
    rays: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Return the ratio of a range measurement to the nearest surface in its cone, (1,) or (0,).

    axis: direction of the cone in the optical frame; its origin is assumed to be that of the
    camera.  rays: (H, W, 2).
    """
    cosine = ray_cosines(rays)
    along = (rays @ np.array(axis[:2], np.float32) + np.float32(axis[2])) * cosine
    within = along > math.cos(half_angle_rad) * math.hypot(*axis)
    distance_m = (depth_m / cosine)[within]
    distance_m = distance_m[np.isfinite(distance_m)]
    if len(distance_m) < 5 or not math.isfinite(range_m):
        return np.empty(0, np.float32)
    return np.array([range_m / float(np.quantile(distance_m, 0.05))], np.float32)


def ratios_in_box(
    distance_m: float, box: tuple[int, int, int, int], depth_m: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return the ratios of a known distance along z to the depth in a box, (k,).

    box: left, top, right, bottom [px], right and bottom excluded.  Raises ValueError for a box
    that is empty or exceeds the image.
    """
    left, top, right, bottom = box
    height, width = depth_m.shape
    if not (0 <= left < right <= width and 0 <= top < bottom <= height):
        raise ValueError(
            f'expected a box inside the {width} x {height} image, got {box} (left, top, right, '
            'bottom)'
        )
    ratios = (np.float32(distance_m) / depth_m[top:bottom, left:right]).ravel()
    return ratios[np.isfinite(ratios) & (ratios > 0.0)]
