"""The plane a robot stands on, from the points its camera sees.

Convention: camera coordinates, x right, y down, z forward. A plane is `up` (unit vector away from
the ground) and the camera's height above it: a point X is up . X + height above the ground. Pitch
is the angle of the optical axis above the horizon, roll the clockwise turn of the camera seen from
behind (the right side down).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

UP_OF_A_LEVEL_CAMERA = (0.0, -1.0, 0.0)
MAX_POINTS = 4000
MIN_POINTS = 30
TRIALS = 192
STEADY_SHARE = 0.06
"""Largest error of a depth on the plane, relative to that depth, that still counts as ground."""
FULL_CONFIDENCE_SHARE = 0.25
"""Share of the points below the horizon on the plane that gives full confidence."""
SHARPEST = 0.005  # of the depth: no need to be choosier than this about points on the plane
TILT_COST = 0.1
AGREEMENT = 0.6
"""Score of the plane across the expected direction, relative to the free one, that agrees."""
LEAST_SCORE = 0.04  # of a free plane that says anything about the expected direction
DIFFERENT_RAD = math.radians(5.0)
STEEPEST_RAD = math.radians(67.0)  # steeper, against up as expected, it is rather a wall
FREE_RAD = math.radians(25.0)  # how far to look for a free plane where up is trusted
TRUSTED_CONFIDENCE = 0.3
"""A fitted plane below this is not the ground."""
BELOW_COST = 2.0  # nothing lies under the ground, but a table top has much under it


@dataclass(frozen=True, slots=True)
class Ground:
    """Hold a ground plane seen from the camera."""

    up: tuple[float, float, float]
    """Unit vector away from the ground, in the camera frame."""

    height_m: float
    """Height of the camera above the plane [m], in the units of the depth it was fitted to."""

    confidence: float
    """How far to trust it, 0 to 1: support, spread and what lies below."""

    @property
    def pitch_rad(self) -> float:
        """Angle of the optical axis above the horizon [rad]."""
        return -math.asin(max(-1.0, min(1.0, -self.up[2])))

    @property
    def roll_rad(self) -> float:
        """Clockwise turn of the camera seen from behind [rad]."""
        return math.atan2(-self.up[0], -self.up[1])

    def heights(self, points_m: NDArray[np.float32]) -> NDArray[np.float32]:
        """Give the height of points (…, 3) above the plane [m], (…)."""
        up = np.array(self.up, np.float32)
        return points_m @ up + np.float32(self.height_m)


def up_from_angles(pitch_rad: float, roll_rad: float = 0.0) -> tuple[float, float, float]:
    """Give `up` in the frame of a camera with this pitch and roll."""
    across = math.cos(pitch_rad)
    return (
        -math.sin(roll_rad) * across,
        -math.cos(roll_rad) * across,
        math.sin(pitch_rad),
    )


class GroundFit(NamedTuple):
    """Hold what points say about the ground."""

    ground: Ground | None
    """None when no plane below the camera is there, or only one in a direction not expected."""

    other: Ground | None = None
    """The plane that contradicts the expected direction; None when nothing does."""

    agreement: float = 1.0
    """How well the ground fits against the other plane, 0 to 1."""

    @property
    def trusted(self) -> Ground | None:
        """The ground, less trusted where another plane contradicts it; None when not at all."""
        found = self.ground
        if found is not None and self.other is not None:
            found = replace(found, confidence=self.agreement * found.confidence)
        return None if found is None else _trusted(found)


def fit_ground(
    points_m: NDArray[np.float32],
    *,
    up: tuple[float, float, float] = UP_OF_A_LEVEL_CAMERA,
    tolerance_rad: float = math.radians(20.0),
    seed: int = 0,
) -> Ground | None:
    """Fit the ground to points (…, 3) [m]; None when there is none, see `look_for_ground`."""
    return look_for_ground(points_m, up=up, tolerance_rad=tolerance_rad, seed=seed).ground


def look_for_ground(
    points_m: NDArray[np.float32],
    *,
    up: tuple[float, float, float] = UP_OF_A_LEVEL_CAMERA,
    tolerance_rad: float = math.radians(20.0),
    seed: int = 0,
) -> GroundFit:
    """Fit the ground to points (…, 3) [m], and see whether it is where it is expected.

    up: where up is thought to be, from TF or a level camera.  tolerance_rad: how far that may be
    wrong; 0.0 trusts it and finds the height alone.  Random triples propose planes, which share
    the points within 6 % of their own depth; nothing may lie below the ground, so that a table
    top loses against the floor.  The best is refined by weighted least squares.  One that leaves
    the tolerance is not the ground: the plane across `up` is, where it fits nearly as well.
    """
    expected = np.array(up)
    points = _below_the_horizon(points_m, expected, tolerance_rad, seed)
    if len(points) < MIN_POINTS:
        return GroundFit(None)
    free = _free_plane(points, expected, tolerance_rad or FREE_RAD, seed)
    if free is None and tolerance_rad > 0.0:
        return GroundFit(None, _other(points, expected, tolerance_rad, seed))
    if free is not None and _tilt_rad(free, expected) < tolerance_rad:
        found = _ground(points, free)
        doubted = None if _trusted(found) else _other(points, expected, tolerance_rad, seed)
        return GroundFit(found, doubted)
    known = _known_direction(points, expected)
    agreement = _agreement(points, known, free)
    other = None
    if agreement < 1.0 and free is not None:
        least_rad = min(tolerance_rad or DIFFERENT_RAD, DIFFERENT_RAD)
        other = _elsewhere(points, free, expected, least_rad)
    if known is None or (agreement < 1.0 and tolerance_rad > 0.0):
        return GroundFit(None, other or _other(points, expected, tolerance_rad, seed))
    return GroundFit(_ground(points, known), other, agreement)


def _other(
    points: NDArray[np.float64], up: NDArray[np.float64], tolerance_rad: float, seed: int
) -> Ground | None:
    """Give the ground when all of it is outside the tolerance."""
    plane = _free_plane(points, up, STEEPEST_RAD, seed)
    return None if plane is None else _elsewhere(points, plane, up, tolerance_rad)


def _elsewhere(
    points: NDArray[np.float64],
    plane: NDArray[np.float64],
    up: NDArray[np.float64],
    least_rad: float,
) -> Ground | None:
    """Give a plane when it is to be trusted, in another direction than expected and no wall."""
    tilted = least_rad <= _tilt_rad(plane, up) < STEEPEST_RAD
    return _trusted(_ground(points, plane)) if tilted else None


def _free_plane(
    points: NDArray[np.float64], up: NDArray[np.float64], tolerance_rad: float, seed: int
) -> NDArray[np.float64] | None:
    """Give the refined plane a . X = 1 of any direction; the search begins within a tolerance."""
    plane = _best_of_triples(points, up, tolerance_rad, seed)
    return None if plane is None else _refined(points, plane)


def _agreement(
    points: NDArray[np.float64],
    known: NDArray[np.float64] | None,
    free: NDArray[np.float64] | None,
) -> float:
    """Give how well the plane across the expected direction fits against a free one, 0 to 1."""
    if known is None:
        return 0.0
    if free is None:
        return 1.0
    scores = _score(points @ np.stack((known, free), axis=1))
    return float(np.clip(scores[0] / (AGREEMENT * max(scores[1], LEAST_SCORE)), 0.0, 1.0))


def _trusted(ground: Ground) -> Ground | None:
    return ground if ground.confidence >= TRUSTED_CONFIDENCE else None


def _ground(points: NDArray[np.float64], plane: NDArray[np.float64]) -> Ground:
    distance_m = 1.0 / float(np.linalg.norm(plane))
    normal = -plane * distance_m
    up = float(normal[0]), float(normal[1]), float(normal[2])
    return Ground(up, distance_m, _confidence(points, plane))


def _below_the_horizon(
    points_m: NDArray[np.float32], up: NDArray[np.float64], tolerance_rad: float, seed: int
) -> NDArray[np.float64]:
    """Pick at most MAX_POINTS known points that some tilt within the tolerance puts below."""
    flat = points_m.reshape(-1, 3)
    stride = max(1, len(flat) // (4 * MAX_POINTS))
    flat = flat[seed % stride :: stride].astype(np.float64)
    flat = flat[np.isfinite(flat[:, 2]) & (flat[:, 2] > 0.0)]
    lift = flat @ up
    low = lift < math.sin(min(tolerance_rad, 1.0)) * 0.5 * np.linalg.norm(flat, axis=1)
    low &= lift < 0.0 if tolerance_rad <= 0.0 else True
    flat = flat[low]
    if len(flat) > MAX_POINTS:
        flat = flat[:: -(-len(flat) // MAX_POINTS)]
    return flat


def _best_of_triples(
    points: NDArray[np.float64], up: NDArray[np.float64], tolerance_rad: float, seed: int
) -> NDArray[np.float64] | None:
    """Give the plane a . X = 1 with the most points on it and the fewest below."""
    random = np.random.default_rng(seed)
    triples = points[random.integers(0, len(points), (TRIALS, 3))]  # (trials, 3 points, 3)
    usable = np.abs(np.linalg.det(triples)) > 1e-9
    if not usable.any():
        return None
    planes = np.linalg.solve(triples[usable], np.ones((int(usable.sum()), 3, 1)))[..., 0]
    tilt = _tilt_rad(planes, up)
    planes, tilt = planes[tilt < tolerance_rad], tilt[tilt < tolerance_rad]
    if not len(planes):
        return None
    few = points[:: max(1, len(points) // 1000)]
    score = _score(few @ planes.T) - TILT_COST * np.square(tilt / tolerance_rad)
    return planes[int(np.argmax(score))]


def _score(beyond: NDArray[np.float64]) -> NDArray[np.float64]:
    """Judge planes by the points on and below them; beyond: (points, planes) a . X."""
    on = np.exp(-np.square((beyond - 1.0) / (0.5 * STEADY_SHARE))).mean(axis=0)
    return on - BELOW_COST * (beyond > 1.0 + 2.0 * STEADY_SHARE).mean(axis=0)


def _tilt_rad(planes: NDArray[np.float64], up: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give the angle between the normals of planes (…, 3) and a direction [rad]."""
    cosine = -(planes @ up) / np.maximum(np.linalg.norm(planes, axis=-1), 1e-12)
    return np.arccos(np.clip(cosine, -1.0, 1.0))


def _known_direction(
    points: NDArray[np.float64], up: NDArray[np.float64]
) -> NDArray[np.float64] | None:
    """Give the plane across a known direction: the lowest level that many points share."""
    drop_m = -(points @ up)
    drop_m = drop_m[drop_m > 1e-3]
    if len(drop_m) < MIN_POINTS:
        return None
    levels = np.quantile(drop_m, np.linspace(0.02, 0.98, 97))
    level_m = levels[int(np.argmax(_score(drop_m[:, None] / levels)))]
    for _ in range(5):
        near = drop_m[np.abs(drop_m / level_m - 1.0) < STEADY_SHARE]
        level_m = float(np.median(near))
    return -up / level_m


def _refined(points: NDArray[np.float64], plane: NDArray[np.float64]) -> NDArray[np.float64]:
    """Fit by Tukey's weights to residuals relative to depth: 1 - a . X."""
    for _ in range(8):
        residual = 1.0 - points @ plane
        on = np.abs(residual) < STEADY_SHARE
        if np.count_nonzero(on) < 10:
            break
        spread = 1.4826 * float(np.median(np.abs(residual[on])))
        limit = min(1.5 * STEADY_SHARE, max(SHARPEST, 4.0 * spread))
        weight = np.square(np.clip(1.0 - np.square(residual / limit), 0.0, None))
        weighted = points * weight[:, None]
        system = weighted.T @ points
        if np.count_nonzero(weight) < 10 or np.linalg.cond(system) > 1e10:
            break
        plane = np.linalg.solve(system, weighted.sum(axis=0))
    return plane


def _confidence(points: NDArray[np.float64], plane: NDArray[np.float64]) -> float:
    """Judge a plane by its share of the points, what lies below it, and how far it reaches."""
    beyond = points @ plane
    on = np.abs(beyond - 1.0) < STEADY_SHARE
    below = float((beyond > 1.0 + 2.0 * STEADY_SHARE).mean())
    share = float(on.mean())
    if on.sum() < 30:
        return 0.0
    near, far = np.quantile(points[on, 2], (0.05, 0.95))
    reach = min(1.0, (far / near - 1.0) / 0.5)  # a strip of floor fixes its tilt badly
    support = min(1.0, share / FULL_CONFIDENCE_SHARE)
    clean = max(0.0, 1.0 - 3.0 * below)
    return support * clean * reach
