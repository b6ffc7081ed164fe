"""Fit the ground plane to points in the camera frame.

Convention: camera coordinates, x right, y down, z forward.  A plane is given by `up` (unit vector
away from the ground) and the camera height: the height of a point X is up . X + height.  Pitch is
the angle of the optical axis above the horizon; positive roll lowers the right side.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Up = tuple[float, float, float]
"""Unit vector away from the ground, in the camera frame."""

UP_OF_A_LEVEL_CAMERA = (0.0, -1.0, 0.0)
MAX_POINTS = 4000
MIN_POINTS = 30
TRIALS = 192
INLIER_ERROR = 0.06
"""Largest depth error of a point on the plane, relative to its depth."""
FULL_CONFIDENCE_SHARE = 0.25
"""Share of inliers among the points below the horizon that gives full confidence."""
MIN_INLIER_ERROR = 0.005  # lower bound of the adaptive inlier limit, relative to the depth
TILT_COST = 0.1
AGREEMENT = 0.75
"""Score of the plane with the expected normal, relative to the unconstrained one, that agrees."""
LEAST_SCORE = 0.04  # of an unconstrained plane that can contradict the expected direction
LEAST_SHARP = 0.35  # least score per share of inliers; planes that cut through others have less
WELL_SEEN = 0.85
"""Least confidence of a plane that is certainly no strip of floor with a wall."""
STRIP_TILT_RAD = math.radians(4.0)
MOST_OF_A_STRIP, LEAST_SHARP_OF_A_STRIP = 0.7, 0.7
"""A plane that is tilted from the expected one, and has less confidence and share of inliers, may
cut through a strip of floor and a wall: it needs this score per share."""
DIFFERENT_RAD = math.radians(2.5)
"""Smallest tilt from a trusted direction that contradicts it, where it also fits worse."""
PARTS = 12
"""Parts of the points with independent errors: those of a network change slowly over an image."""
LARGEST_ERROR_RAD = math.radians(3.0)
"""Largest standard error of the direction of a plane that is compared with a trusted one."""
STEEPEST_RAD = math.radians(67.0)  # a steeper plane, against the expected up, is a wall
FREE_RAD = math.radians(25.0)  # search range for an unconstrained plane when up is trusted
TRUSTED_CONFIDENCE = 0.3
"""Smallest confidence of a plane that is used as ground."""
NEAREST_SHARE = 0.15  # of the points below the horizon, whose level `near_ground` compares
NEAR_TILT_RAD = math.radians(3.0)  # largest tilt between the near half of a plane and the whole
BELOW_COST = 2.0  # weight of points below the plane: few under the ground, many under a table


@dataclass(frozen=True, slots=True)
class Ground:
    """A ground plane in the camera frame."""

    up: Up

    height_m: float
    """Height of the camera above the plane [m], on the scale of the depth it was fitted to."""

    confidence: float
    """0 to 1, from the share of inliers, their spread in depth and the points below the plane."""

    @property
    def pitch_rad(self) -> float:
        """Angle of the optical axis above the horizon [rad]."""
        return -math.asin(max(-1.0, min(1.0, -self.up[2])))

    @property
    def roll_rad(self) -> float:
        """Roll of the camera, positive with the right side down [rad]."""
        return math.atan2(-self.up[0], -self.up[1])

    def heights(self, points_m: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the height of points (…, 3) above the plane [m], (…)."""
        up = np.array(self.up, np.float32)
        return points_m @ up + np.float32(self.height_m)


def up_from_angles(pitch_rad: float, roll_rad: float = 0.0) -> Up:
    """Return `up` in the frame of a camera with this pitch and roll."""
    across = math.cos(pitch_rad)
    return -math.sin(roll_rad) * across, -math.cos(roll_rad) * across, math.sin(pitch_rad)


def quarter_turns(up: Up) -> int:
    """Return how often an image is turned by 90 degrees, see np.rot90, to be upright."""
    return -round(math.atan2(-up[0], -up[1]) / (0.5 * math.pi))


def turned(ground: Ground, before: Up, after: Up) -> Ground:
    """Return a plane turned with the camera, which takes one unit vector to another."""
    if before == after:
        return ground
    axis, cosine = np.cross(before, after), float(np.dot(before, after))
    up = np.array(ground.up)
    once = np.cross(axis, up)
    x, y, z = up + once + np.cross(axis, once) / max(1.0 + cosine, 1e-6)
    return replace(ground, up=(float(x), float(y), float(z)))


class GroundFit(NamedTuple):
    """The result of `fit_ground`."""

    ground: Ground | None
    """None if there is no plane below the camera within the tolerance of the expected up."""

    other: Ground | None = None
    """A plane that contradicts the expected up; None if there is none."""

    agreement: float = 1.0
    """Score of the ground relative to the other plane, 0 to 1."""

    free: Ground | None = None
    """With a trusted `up`: the plane that fits best in any direction near it; None if that is
    uncertain."""

    free_error_rad: float = 0.0
    """Standard error of the direction of `free` [rad]."""

    @property
    def trusted(self) -> Ground | None:
        """The ground, with its confidence reduced by the agreement; None if that is too low."""
        found = self.ground
        if found is not None and self.other is not None:
            found = replace(found, confidence=self.agreement * found.confidence)
        return None if found is None else _trusted(found)


def fit_ground(
    points_m: NDArray[np.float32],
    *,
    up: Up = UP_OF_A_LEVEL_CAMERA,
    tolerance_rad: float = math.radians(20.0),
) -> GroundFit:
    """Fit the ground to points (…, 3) [m] and compare it with the expected direction.

    up: expected up vector, from TF or of a level camera.  tolerance_rad: largest error of `up`
    [rad]; 0.0 trusts `up` and fits the height alone.  RANSAC proposes planes from random triples;
    inliers are within 6 % of their depth, and points below a plane lower its score, so that the
    floor wins over a table top.  Weighted least squares refine the best plane.  If it exceeds the
    tolerance, the plane with the normal `up` is the ground, provided that it fits nearly as well.
    """
    expected = np.array(up)
    points = _below_the_horizon(points_m, expected, tolerance_rad)
    if len(points) < MIN_POINTS:
        return GroundFit(None)
    free = _free_plane(points, expected, tolerance_rad or FREE_RAD)
    if free is None and tolerance_rad > 0.0:
        return GroundFit(None, _other(points, expected, tolerance_rad))
    if free is not None and _tilt_rad(free, expected) < tolerance_rad:
        found = _ground(points, free)
        if _tilt_rad(free, expected) > STRIP_TILT_RAD and _is_cut(points, free, found):
            found = replace(found, confidence=0.0)
        doubted = None if _trusted(found) else _other(points, expected, tolerance_rad)
        return GroundFit(found, doubted)
    known = _known_direction(points, expected)
    agreement = _agreement(points, known, free)
    other = None
    if agreement < 1.0 and free is not None:
        least_rad = min(tolerance_rad or DIFFERENT_RAD, DIFFERENT_RAD)
        other = _elsewhere(points, free, expected, least_rad)
    if known is None or (agreement < 1.0 and tolerance_rad > 0.0):
        return GroundFit(None, other or _other(points, expected, tolerance_rad))
    fit = GroundFit(_ground(points, known), other, agreement)
    seen = None if free is None or tolerance_rad > 0.0 else _trusted(_ground(points, free))
    if free is None or seen is None:
        return fit
    error_rad = _direction_error_rad(points, free)
    if error_rad < LARGEST_ERROR_RAD:
        fit = fit._replace(free=seen, free_error_rad=error_rad)
    return fit


def near_ground(
    points_m: NDArray[np.float32], ground: Ground, camera_height_m: float = 0.0
) -> Ground:
    """Return the plane of the floor near the camera, where a lower floor is behind it.

    points_m: (…, 3) [m].  camera_height_m: height of the camera [m], 0.0 for unknown.  If the
    nearest points are level and higher than `ground`, they are the floor, unless the height of the
    camera says otherwise.  The plane is fitted anew to its near half, which is not tilted by a
    lower floor.
    """
    up, flat = np.array(ground.up), points_m.reshape(-1, 3)
    points = flat[:: max(1, len(flat) // MAX_POINTS)].astype(np.float64)
    lift = points @ up
    points, lift = points[lift < 0.0], lift[lift < 0.0]  # NaN is left out
    if len(points) < MIN_POINTS:
        return ground
    steep = lift / np.linalg.norm(points, axis=1)  # -1: straight down
    nearest_m = -lift[steep <= np.quantile(steep, NEAREST_SHARE)]
    low_m, level_m, high_m = (float(level) for level in np.quantile(nearest_m, (0.1, 0.5, 0.9)))
    if level_m < (1.0 - INLIER_ERROR) * ground.height_m:
        is_floor = high_m - low_m < INLIER_ERROR * level_m
        if camera_height_m > 0.0:  # the nearer one, as ratios
            is_floor = camera_height_m**2 < level_m * ground.height_m
        if is_floor:
            ground = replace(ground, height_m=level_m)
    on = np.abs(lift / ground.height_m + 1.0) < INLIER_ERROR
    if np.count_nonzero(on) < 2 * MIN_POINTS:
        return ground
    near = points[on & (steep <= np.median(steep[on]))]
    plane = _refined(near, -up / ground.height_m)
    if _tilt_rad(plane, up) > NEAR_TILT_RAD:
        return ground
    return replace(_ground(near, plane), confidence=ground.confidence)


def _other(
    points: NDArray[np.float64], up: NDArray[np.float64], tolerance_rad: float
) -> Ground | None:
    """Return a plane outside the tolerance; None if there is none."""
    plane = _free_plane(points, up, STEEPEST_RAD)
    return None if plane is None else _elsewhere(points, plane, up, tolerance_rad)


def _elsewhere(
    points: NDArray[np.float64],
    plane: NDArray[np.float64],
    up: NDArray[np.float64],
    least_rad: float,
) -> Ground | None:
    """Return the ground of a plane if it is trusted, tilted from `up`, and not a wall."""
    tilted = least_rad <= _tilt_rad(plane, up) < STEEPEST_RAD
    return _trusted(_ground(points, plane)) if tilted else None


def _free_plane(
    points: NDArray[np.float64], up: NDArray[np.float64], tolerance_rad: float
) -> NDArray[np.float64] | None:
    """Return the plane a . X = 1 with the most points on it and the fewest below, refined.

    Its normal is within the tolerance before it is refined.
    """
    random = np.random.default_rng(0)
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
    return _refined(points, planes[int(np.argmax(score))])


def _agreement(
    points: NDArray[np.float64],
    known: NDArray[np.float64] | None,
    free: NDArray[np.float64] | None,
) -> float:
    """Compare the plane with the expected normal to the unconstrained one: 0 to 1."""
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
    points_m: NDArray[np.float32], up: NDArray[np.float64], tolerance_rad: float
) -> NDArray[np.float64]:
    """Select at most MAX_POINTS finite points that may lie below the horizon."""
    flat = points_m.reshape(-1, 3)
    flat = flat[:: max(1, len(flat) // (4 * MAX_POINTS))].astype(np.float64)
    flat = flat[np.isfinite(flat[:, 2]) & (flat[:, 2] > 0.0)]
    lift = flat @ up
    low = lift < math.sin(min(tolerance_rad, 1.0)) * 0.5 * np.linalg.norm(flat, axis=1)
    low &= lift < 0.0 if tolerance_rad <= 0.0 else True
    flat = flat[low]
    if len(flat) > MAX_POINTS:
        flat = flat[:: -(-len(flat) // MAX_POINTS)]
    return flat


def _score(beyond: NDArray[np.float64]) -> NDArray[np.float64]:
    """Score planes by the points on and below them; beyond: (points, planes) a . X."""
    on = np.exp(-np.square((beyond - 1.0) / (0.5 * INLIER_ERROR))).mean(axis=0)
    return on - BELOW_COST * (beyond > 1.0 + 2.0 * INLIER_ERROR).mean(axis=0)


def _tilt_rad(planes: NDArray[np.float64], up: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the angle between the normals of planes (…, 3) and a direction [rad]."""
    cosine = -(planes @ up) / np.maximum(np.linalg.norm(planes, axis=-1), 1e-12)
    return np.arccos(np.clip(cosine, -1.0, 1.0))


def _known_direction(
    points: NDArray[np.float64], up: NDArray[np.float64]
) -> NDArray[np.float64] | None:
    """Return the plane with a known normal at the lowest height with many points.

    None if no two levels of the points are alike.
    """
    drop_m = -(points @ up)
    drop_m = drop_m[drop_m > 1e-3]
    if len(drop_m) < MIN_POINTS:
        return None
    levels = np.quantile(drop_m, np.linspace(0.02, 0.98, 97))
    level_m = levels[int(np.argmax(_score(drop_m[:, None] / levels)))]
    for _ in range(5):
        near = drop_m[np.abs(drop_m / level_m - 1.0) < INLIER_ERROR]
        if not len(near):
            return None
        level_m = float(np.median(near))
    return -up / level_m


def _refined(points: NDArray[np.float64], plane: NDArray[np.float64]) -> NDArray[np.float64]:
    """Refine a plane with Tukey's weights of the residuals relative to depth, 1 - a . X."""
    for _ in range(8):
        residual = 1.0 - points @ plane
        on = np.abs(residual) < INLIER_ERROR
        if np.count_nonzero(on) < 10:
            break
        spread = 1.4826 * float(np.median(np.abs(residual[on])))
        limit = min(1.5 * INLIER_ERROR, max(MIN_INLIER_ERROR, 4.0 * spread))
        weight = np.square(np.clip(1.0 - np.square(residual / limit), 0.0, None))
        weighted = points * weight[:, None]
        system = weighted.T @ points
        if np.count_nonzero(weight) < 10 or np.linalg.cond(system) > 1e10:
            break
        plane = np.linalg.solve(system, weighted.sum(axis=0))
    return plane


def _direction_error_rad(points: NDArray[np.float64], plane: NDArray[np.float64]) -> float:
    """Return the standard error of the direction of a plane, as of least squares."""
    residual = 1.0 - points @ plane
    on = np.abs(residual) < INLIER_ERROR
    spread = 1.4826 * float(np.median(np.abs(residual[on])))  # few points are of walls
    covariance = (
        spread**2 * len(points) / PARTS * np.linalg.pinv(points[on].T @ points[on], hermitian=True)
    )
    along = plane @ covariance @ plane / (plane @ plane)
    return math.sqrt(max(0.0, float((np.trace(covariance) - along) / (plane @ plane))))


def _is_cut(points: NDArray[np.float64], plane: NDArray[np.float64], found: Ground) -> bool:
    """Return whether a plane may cut through a short strip of floor and a wall."""
    beyond = points @ plane
    share = float((np.abs(beyond - 1.0) < INLIER_ERROR).mean())
    is_strip = found.confidence < WELL_SEEN and share < MOST_OF_A_STRIP
    return is_strip and bool(_score(beyond) < LEAST_SHARP_OF_A_STRIP * share)


def _confidence(points: NDArray[np.float64], plane: NDArray[np.float64]) -> float:
    """Rate a plane by its share of inliers, the points below it, and the depth range it covers."""
    beyond = points @ plane
    on = np.abs(beyond - 1.0) < INLIER_ERROR
    below = float((beyond > 1.0 + 2.0 * INLIER_ERROR).mean())
    share = float(on.mean())
    if on.sum() < 30 or _score(beyond) < LEAST_SHARP * share:
        return 0.0
    near, far = np.quantile(points[on, 2], (0.05, 0.95))
    reach = min(1.0, (far / near - 1.0) / 0.5)  # a short strip of floor leaves the tilt uncertain
    support = min(1.0, share / FULL_CONFIDENCE_SHARE)
    clean = max(0.0, 1.0 - 3.0 * below)
    return support * clean * reach
