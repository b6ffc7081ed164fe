"""Correct the shape of predicted depth, not only its scale, by points of known depth.

The logarithm of true over predicted depth is regressed on column, row and logarithm of the
predicted depth: a linear trend plus a Gaussian process with a Matern 3/2 kernel.  Outliers lose
their weight by iterated reweighting; leave-one-out errors choose strength and noise of the field,
or one factor where no field predicts points that it was not fitted to better.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import product

import cv2
import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.geometry.scale import DepthPairs, robust_scale

Numbers = NDArray[np.float64]

LEAST_POINTS = 30
"""Fewer points give no shape."""

MOST_POINTS = 120
"""More are decimated: the time of a fit grows with their cube."""

LEAST_SPREAD = 0.9
"""Extent of the middle 80 % of the points that columns or rows must exceed, in half images."""

LEAST_DEPTH_SPREAD = 0.25
"""The same for the logarithm of depth; 0.25 is a ratio of 1.28."""

LENGTHS = (0.6, 0.6, 0.4)
"""Correlation lengths: columns and rows in half images, logarithm of depth."""

STRENGTHS, NOISES = (0.1, 0.3), (0.03, 0.08)
"""Standard deviations of the logarithm among which the leave-one-out error chooses."""

TREND = 0.3
"""Standard deviation of the linear trend per correlation length."""

WRONG = 0.3
"""Largest leave-one-out error that counts; more is an outlier."""

GAIN = 0.97
"""Share of the error of one factor that a field must stay below to be used."""

LEAST_SLOPE = 0.05
"""Least derivative of the logarithm of corrected by that of predicted depth: monotone."""

ITERATIONS = 6
LEAST_SHARE = 1e-3

COLUMNS, ROWS = np.linspace(-1.0, 1.0, 17), np.linspace(-1.0, 1.0, 13)
LOGS = np.linspace(math.log(0.1), math.log(100.0), 46)
"""Nodes of the grid: columns, rows, logarithm of predicted depth."""


@dataclass(frozen=True, slots=True)
class DepthShape:
    """A factor on depth that depends on the place in the image and on depth."""

    logs: NDArray[np.float32]
    """Logarithm of the factor at the nodes, (LOGS, ROWS, COLUMNS)."""

    def factors(self, depth_m: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the factor of every pixel for predicted depth (H, W); 1 where it is unknown."""
        height, width = depth_m.shape
        count, rows, columns = self.logs.shape
        with np.errstate(all='ignore'):
            level = np.log(depth_m) - np.float32(LOGS[0])
        level *= np.float32(1.0 / (LOGS[1] - LOGS[0]))
        known = np.isfinite(level)
        level[~known] = 0.0
        np.clip(level, 0.0, count - 1.001, out=level)
        below = np.floor(level)
        level -= below
        x = np.linspace(0.0, columns - 1, width, dtype=np.float32)
        y = np.linspace(0.0, rows - 1, height, dtype=np.float32)[:, None]
        atlas = self.logs.reshape(count * rows, columns)
        at_x, at_y = np.broadcast_to(x, level.shape), below * np.float32(rows) + y
        low = cv2.remap(atlas, at_x, at_y, cv2.INTER_LINEAR)
        found = cv2.remap(atlas, at_x, at_y + np.float32(rows), cv2.INTER_LINEAR)
        found = np.exp(low + level * (found - low))
        found[~known] = 1.0
        return found

    def towards(self, other: DepthShape | None, share: float) -> DepthShape:
        """Return a mean of the logarithms; share: weight of the other, None is a factor of 1."""
        target = np.float32(0.0) if other is None else other.logs
        return DepthShape(self.logs + np.float32(share) * (target - self.logs))


NO_SHAPE = DepthShape(np.zeros((len(LOGS), len(ROWS), len(COLUMNS)), np.float32))
"""A factor of 1 everywhere."""


def fit_shape(pairs: DepthPairs, height: int, width: int) -> DepthShape | None:
    """Return what corrects depth beyond the one factor of `robust_scale`; None for nothing.

    pairs: in an image of this size; up to 30 % of them may be wrong.  None for fewer than 30, for
    points in one corner or at one depth, and where a field is no better than one factor.
    """
    pairs = pairs.usable()
    scale = robust_scale(pairs.ratios)
    if scale is None or len(pairs.true_m) < LEAST_POINTS:
        return None
    chosen = np.unique(np.linspace(0, len(pairs.true_m) - 1, MOST_POINTS).round().astype(int))
    errors = (np.log(pairs.ratios[chosen].astype(np.float64))) - math.log(scale.scale)
    places = _places(pairs, height, width)[chosen]
    spread = np.subtract(*np.quantile(places[np.abs(errors) < WRONG], (0.9, 0.1), axis=0))
    if spread[2] < LEAST_DEPTH_SPREAD or spread[:2].max() < LEAST_SPREAD:
        return None
    return _best_field(places, errors)


def _places(pairs: DepthPairs, height: int, width: int) -> Numbers:
    """Return column and row, each -1 to 1, and logarithm of depth, (n, 3)."""
    sides = np.array((max(width - 1, 1), max(height - 1, 1)))
    return np.column_stack((2.0 * pairs.pixels / sides - 1.0, np.log(pairs.measured_m)))


def _best_field(places: Numbers, errors: Numbers) -> DepthShape | None:
    """Fit fields of several strengths; None when none predicts better than one factor.

    places: (n, 3).  errors: logarithms of true over scaled depth, (n,).
    """
    near = places / LENGTHS
    near -= np.median(near, axis=0)
    correlation, trend = _matern(near, near), TREND**2 * near @ near.T
    best_error = GAIN * float(np.minimum(np.abs(errors), WRONG).mean())
    best: tuple[float, float, Numbers] | None = None
    for strength, noise in product(STRENGTHS, NOISES):
        mean, weights, left_out = _regress(strength**2 * correlation + trend, errors, noise)
        error = float(np.minimum(np.abs(left_out), WRONG).mean())
        if error < best_error:
            best_error, best = error, (strength, mean, weights)
    if best is None:
        return None
    strength, mean, weights = best
    low, high = np.searchsorted(LOGS, (places[:, 2].min(), places[:, 2].max()))
    first, last = max(0, low - 2), min(len(LOGS), high + 2)
    grid = np.stack(np.meshgrid(LOGS[first:last], ROWS, COLUMNS, indexing='ij')[::-1], axis=-1)
    nodes = grid.reshape(-1, 3) / LENGTHS - np.median(places / LENGTHS, axis=0)
    field = strength**2 * _matern(nodes, near) @ weights + mean
    inside = np.clip(nodes, near.min(axis=0), near.max(axis=0))  # no trend beyond the points
    field += TREND**2 * inside @ (near.T @ weights)
    ends = (first, len(LOGS) - last), (0, 0), (0, 0)
    field = np.pad(field.reshape(grid.shape[:3]), ends, mode='edge')
    return DepthShape(_monotone(field).astype(np.float32))


def _matern(a: Numbers, b: Numbers) -> Numbers:
    """Return the Matern 3/2 correlation of places (n, 3) and (m, 3) in correlation lengths."""
    squared = np.square(a).sum(axis=1)[:, None] + np.square(b).sum(axis=1) - 2.0 * a @ b.T
    distance = np.sqrt(3.0 * np.maximum(squared, 0.0)).astype(np.float32)
    return (1.0 + distance) * np.exp(-distance)


def _regress(covariance: Numbers, errors: Numbers, noise: float) -> tuple[float, Numbers, Numbers]:
    """Return mean, weights of the points, and leave-one-out errors, by reweighted least squares.

    Each error has noise of a heavy-tailed distribution, so that outliers count little.
    """
    distance = errors / (3.0 * noise + 0.05)
    for _ in range(ITERATIONS):
        share = np.maximum(np.square(1.0 / (1.0 + np.square(distance))), LEAST_SHARE)
        inverse = np.linalg.inv(covariance + np.diag(noise**2 / share))
        mean = float(inverse.sum(axis=0) @ errors / inverse.sum())
        weights = inverse @ (errors - mean)
        distance = weights * noise**2 / share / (2.0 * noise)
    return mean, weights, weights / np.diag(inverse)


def _monotone(field: Numbers) -> Numbers:
    """Change a field (LOGS, ROWS, COLUMNS) as little as makes depth grow with predicted depth."""
    logs = LOGS[:, None, None] * (1.0 - LEAST_SLOPE)
    rising = np.maximum.accumulate(field + logs, axis=0)
    falling = np.minimum.accumulate((field + logs)[::-1], axis=0)[::-1]
    return 0.5 * (rising + falling) - logs
