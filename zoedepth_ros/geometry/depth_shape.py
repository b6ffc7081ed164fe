"""Correct the shape of predicted depth, not only its scale, by points of known depth.

The logarithm of true over predicted depth is regressed on column, row and logarithm of the
predicted depth: a linear trend plus a Gaussian process with a Matern 3/2 kernel.  Outliers lose
their weight by iterated reweighting; leave-one-out errors choose strength and noise of the field,
or one factor where no field predicts points that it was not fitted to better.  Some of the points
choose, more of them are fitted: a few hundred leave less error than a hundred.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import product

import cv2
import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.geometry.scale import DepthPairs, decimation, robust_scale

Numbers = NDArray[np.float64]

LEAST_POINTS = 30
"""Fewer points give no shape."""

MOST_POINTS, MOST_TO_CHOOSE = 300, 120
"""Points of a fit, and of those that choose strength and noise; more are decimated, because the
time grows with their cube."""

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

ITERATIONS, MORE_ITERATIONS = 6, 3

LEAST_SHARE = 1e-5
"""Least weight of a point: so small that twenty outliers side by side move the field little."""

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

    def times(self, factor: float) -> DepthShape:
        """Return the shape with all factors multiplied by another one."""
        return DepthShape(self.logs + np.float32(math.log(factor)))

    def faded(self, share: float) -> DepthShape:
        """Return the shape with the logarithms of its factors multiplied by a share."""
        return DepthShape(np.float32(share) * self.logs)


def fit_shape(pairs: DepthPairs, height: int, width: int) -> DepthShape | None:
    """Return the factors from predicted to true depth; None where the points do not show them.

    pairs: in an image of this size; up to 30 % of them may be wrong.  None for fewer than 30, for
    points in one corner or at one depth.  Where a field predicts no better than the one factor of
    `robust_scale`, this is the factor everywhere.
    """
    pairs = pairs.usable()
    scale = robust_scale(pairs.ratios)
    if scale is None or len(pairs.true_m) < LEAST_POINTS:
        return None
    pairs = pairs.thinned(MOST_POINTS)
    errors = np.log(pairs.ratios.astype(np.float64)) - math.log(scale.scale)
    places = _places(pairs, height, width)
    agreeing = places[np.abs(errors) < WRONG]
    if not len(agreeing):
        return None
    spread = np.subtract(*np.quantile(agreeing, (0.9, 0.1), axis=0))
    if spread[2] < LEAST_DEPTH_SPREAD or spread[:2].max() < LEAST_SPREAD:
        return None
    return DepthShape(_best_field(places, errors)).times(scale.scale)


def _places(pairs: DepthPairs, height: int, width: int) -> Numbers:
    """Return column and row, each -1 to 1, and logarithm of depth, (n, 3)."""
    sides = np.array((max(width - 1, 1), max(height - 1, 1)))
    return np.column_stack((2.0 * pairs.pixels / sides - 1.0, np.log(pairs.measured_m)))


def _best_field(places: Numbers, errors: Numbers) -> NDArray[np.float32]:
    """Fit fields of several strengths and return one at the nodes, (LOGS, ROWS, COLUMNS).

    0 when none predicts better than one factor.  places: (n, 3).  errors: logarithms of true over
    scaled depth, (n,).
    """
    centre = np.median(places / LENGTHS, axis=0)
    near = places / LENGTHS - centre
    few = decimation(len(near), MOST_TO_CHOOSE)
    best = _best_regression(_Points.of(near[few], errors[few]))
    if best is None:
        return np.zeros((len(LOGS), len(ROWS), len(COLUMNS)), np.float32)
    if len(few) < len(near):
        distance = (errors - best.field(near)) / (2.0 * best.noise)
        points = _Points.of(near, errors)
        best = _regress(points, best.strength, best.noise, distance, MORE_ITERATIONS)
    low, high = np.searchsorted(LOGS, (places[:, 2].min(), places[:, 2].max()))
    first, last = max(0, low - 2), min(len(LOGS), high + 2)
    grid = np.stack(np.meshgrid(LOGS[first:last], ROWS, COLUMNS, indexing='ij')[::-1], axis=-1)
    field = best.field(grid.reshape(-1, 3) / LENGTHS - centre)
    ends = (first, len(LOGS) - last), (0, 0), (0, 0)
    field = np.pad(field.reshape(grid.shape[:3]), ends, mode='edge')
    return _monotone(field).astype(np.float32)


@dataclass(frozen=True, slots=True)
class _Points:
    """Points to fit a Gaussian process to, with what every strength and noise needs of them."""

    near: Numbers
    """Places in correlation lengths, (n, 3)."""

    errors: Numbers
    """Logarithms of true over scaled depth, (n,)."""

    correlation: NDArray[np.float32]
    """That of the field at the points, (n, n)."""

    trend: Numbers
    """Covariance of the linear trend at the points, (n, n)."""

    @classmethod
    def of(cls, near: Numbers, errors: Numbers) -> _Points:
        """Compute correlation and trend."""
        return cls(near, errors, _matern(near, near), TREND**2 * near @ near.T)


@dataclass(frozen=True, slots=True)
class _Regression:
    """A Gaussian process that is fitted to points."""

    near: Numbers
    """Places of the points in correlation lengths, (n, 3)."""

    strength: float
    noise: float
    mean: float

    weights: Numbers
    """Weight of the covariance with each point, (n,)."""

    covariance: Numbers
    """That of the points with their noise, (n, n)."""

    def field(self, places: Numbers) -> Numbers:
        """Return the expected error at places in correlation lengths, (m, 3) to (m,)."""
        field = self.strength**2 * _matern(places, self.near) @ self.weights + self.mean
        inside = np.clip(places, self.near.min(axis=0), self.near.max(axis=0))
        return field + TREND**2 * inside @ (self.near.T @ self.weights)  # no trend beyond points

    def left_out(self) -> Numbers:
        """Return the leave-one-out errors, (n,)."""
        return self.weights / np.diag(np.linalg.inv(self.covariance))


def _best_regression(points: _Points) -> _Regression | None:
    """Choose strength and noise by the leave-one-out error; None for one factor."""
    best, best_error = None, GAIN * float(np.minimum(np.abs(points.errors), WRONG).mean())
    for strength, noise in product(STRENGTHS, NOISES):
        start = points.errors / (3.0 * noise + 0.05)
        found = _regress(points, strength, noise, start, ITERATIONS)
        error = float(np.minimum(np.abs(found.left_out()), WRONG).mean())
        if error < best_error:
            best, best_error = found, error
    return best


def _regress(
    points: _Points, strength: float, noise: float, distance: Numbers, iterations: int
) -> _Regression:
    """Fit by reweighted least squares.

    Each error has noise of a heavy-tailed distribution, so that outliers count little.  distance:
    of the errors from a first guess, in twice the noise, (n,).
    """
    clean = strength**2 * points.correlation + points.trend
    sides = np.column_stack((np.ones_like(points.errors), points.errors))
    for _ in range(iterations):
        share = np.maximum(np.square(1.0 / (1.0 + np.square(distance))), LEAST_SHARE)
        covariance = clean + np.diag(noise**2 / share)
        ones, values = np.linalg.solve(covariance, sides).T
        mean = float(values.sum() / ones.sum())
        weights = values - mean * ones
        distance = weights * noise / (2.0 * share)
    return _Regression(points.near, strength, noise, mean, weights, covariance)


def _matern(a: Numbers, b: Numbers) -> NDArray[np.float32]:
    """Return the Matern 3/2 correlation of places (n, 3) and (m, 3) in correlation lengths."""
    a, b = a.astype(np.float32), b.astype(np.float32)
    distance = np.square(a).sum(axis=1)[:, None] + np.square(b).sum(axis=1)
    distance -= 2.0 * a @ b.T
    distance *= 3.0
    np.sqrt(np.maximum(distance, 0.0, out=distance), out=distance)
    return (1.0 + distance) * np.exp(-distance)


def _monotone(field: Numbers) -> Numbers:
    """Change a field (LOGS, ROWS, COLUMNS) as little as makes depth grow with predicted depth."""
    logs = LOGS[:, None, None] * (1.0 - LEAST_SLOPE)
    rising = np.maximum.accumulate(field + logs, axis=0)
    falling = np.minimum.accumulate((field + logs)[::-1], axis=0)[::-1]
    return 0.5 * (rising + falling) - logs
