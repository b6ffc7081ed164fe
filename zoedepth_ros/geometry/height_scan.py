"""A planar scan of a height band, for any pitch and roll of the camera.

`scan.BandScan` uses rows of the image; this scan uses the points between two heights above the
ground, so that pitching does not turn the floor into an obstacle.

Convention: angles are counter-clockwise seen from above, 0 along the horizontal projection of the
optical axis, in a frame with x forward, y left, z up below the camera.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.geometry.ranges import BEYOND_LIMIT_M, nearest_range

Up = tuple[float, float, float]
"""Unit vector away from the ground, in the camera frame."""


@dataclass(frozen=True, slots=True)
class HeightScan:
    """Lookup table from pixels to beams for one camera and up vector."""

    angle_min_rad: float
    """Angle of the first beam [rad], the right edge of the view."""

    angle_increment_rad: float
    """Angle between beams [rad]."""

    order: NDArray[np.intp]
    """(n,) pixels that have a ray, as indices into the flattened image, beam by beam."""

    starts: NDArray[np.intp]
    """(k,) first index into `order` of each beam with pixels."""

    filled: NDArray[np.intp]
    """(k,) indices of the beams with pixels."""

    flat: NDArray[np.float32]
    """(H, W) horizontal distance of a point at depth 1."""

    climb: NDArray[np.float32]
    """(H, W) height gained by a point at depth 1."""

    rise: NDArray[np.float32]
    """(H, W) height gained per horizontal distance."""

    count: int
    """Number of beams."""

    @classmethod
    def from_rays(
        cls,
        rays: NDArray[np.float32],
        up: tuple[float, float, float],
        *,
        increment_rad: float | None = None,
    ) -> HeightScan:
        """Build the lookup table.

        rays: (H, W, 2) x/z and y/z.  up: unit vector in the camera frame.  increment_rad: the
        largest angle between two columns by default, so that every beam has pixels.  Raises
        ValueError when the camera looks straight up or down, or no pixel has a ray.
        """
        forward, left = flat_axes(np.array(up, np.float64))
        directions = np.concatenate((rays, np.ones_like(rays[..., :1])), axis=-1)  # (H, W, 3)
        ahead, aside = directions @ forward, directions @ left
        climb = (directions @ np.array(up)).astype(np.float32)
        angles = np.arctan2(aside, ahead)
        known = np.isfinite(angles)
        if not known.any():
            raise ValueError('no pixel of this camera has a ray')
        if increment_rad is None:
            row = angles[angles.shape[0] // 2]
            steps = np.abs(np.diff(row[np.isfinite(row)]))
            increment_rad = max(1e-3, float(steps.max()) if len(steps) else 1e-2)
        low, high = float(angles[known].min()), float(angles[known].max())
        pixels = np.flatnonzero(known)
        beams = np.rint((angles.ravel()[pixels] - low) / increment_rad).astype(np.intp)
        by_beam = np.argsort(beams, kind='stable')
        filled, starts = np.unique(beams[by_beam], return_index=True)
        count = math.ceil((high - low) / increment_rad - 1e-6) + 1
        flat = np.hypot(ahead, aside).astype(np.float32)
        with np.errstate(divide='ignore', invalid='ignore'):
            rise = climb / flat
        order = pixels[by_beam]
        return cls(low, increment_rad, order, starts, filled, flat, climb, rise, count)

    @property
    def angle_max_rad(self) -> float:
        """Angle of the last beam [rad]."""
        return self.angle_min_rad + self.angle_increment_rad * (self.count - 1)

    def ranges(
        self,
        depth_m: NDArray[np.float32],
        camera_height_m: float,
        *,
        low_m: float,
        high_m: float,
        range_min_m: float,
        range_max_m: float,
        measured_to_m: float = np.inf,
    ) -> NDArray[np.float32]:
        """Return the horizontal distance to the nearest point in the height band, (beams,) [m].

        depth_m: (H, W), see `geometry.ranges`.  measured_to_m: largest measured depth along z.
        REP 117: +inf if a ray that stays within the band is free up to range_max_m, -inf if a
        point is nearer than range_min_m, NaN if the range is unknown.  Rays stay within the band
        only if the camera height is within it.
        """
        limit_m = np.float32(measured_to_m)
        limited = (depth_m > limit_m) & (depth_m < np.inf)
        with np.errstate(invalid='ignore'):
            distance_m = depth_m * self.flat
            height_m = depth_m * self.climb
        height_m += np.float32(camera_height_m)
        hit = (height_m >= low_m) & (height_m <= high_m) & (distance_m <= range_max_m)
        value_m = np.full(depth_m.shape, np.nan, np.float32)
        if low_m <= camera_height_m <= high_m:
            free = distance_m >= range_max_m
            if limited.any():
                free &= ~limited | (limit_m * self.flat >= range_max_m)
            free &= self.rise >= (low_m - camera_height_m) / range_max_m
            free &= self.rise <= (high_m - camera_height_m) / range_max_m
            np.copyto(value_m, np.inf, where=free)
            np.copyto(value_m, -np.inf, where=depth_m == -np.inf)
        np.copyto(value_m, distance_m, where=hit)
        np.copyto(value_m, -np.inf, where=hit & (distance_m < range_min_m))
        np.copyto(value_m, BEYOND_LIMIT_M, where=hit & limited)
        ranges_m = np.full(self.count, np.nan, np.float32)
        ranges_m[self.filled] = nearest_range(value_m.ravel()[self.order], self.starts)
        return ranges_m


def flat_axes(
    up: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the horizontal unit vectors forward and left, in the camera frame.

    up: unit vector in the camera frame.  Raises ValueError for a camera that looks straight up or
    down.
    """
    forward = np.array((0.0, 0.0, 1.0)) - up[2] * up
    length = float(np.linalg.norm(forward))
    if length < 1e-3:
        raise ValueError('a camera that looks straight up or down has no forward direction')
    forward /= length
    return forward, np.cross(up, forward)


def level_rotation(up: Up) -> tuple[float, float, float, float]:
    """Return the unit quaternion (x, y, z, w) from the level frame to the optical one.

    up: unit vector in the optical frame.
    """
    forward, left = flat_axes(np.array(up, np.float64))
    return _quaternion(np.stack((forward, left, np.array(up, np.float64)), axis=-1))


def _quaternion(rotation: NDArray[np.float64]) -> tuple[float, float, float, float]:
    """Return the unit quaternion of a rotation (3, 3), by an eigenvector (Bar-Itzhack 2000)."""
    r = rotation
    matrix = np.zeros((4, 4))
    matrix[:3, :3] = r + r.T - np.trace(r) * np.eye(3)
    matrix[:3, 3] = matrix[3, :3] = r[2, 1] - r[1, 2], r[0, 2] - r[2, 0], r[1, 0] - r[0, 1]
    matrix[3, 3] = np.trace(r)
    x, y, z, w = np.linalg.eigh(matrix)[1][:, -1]
    return float(x), float(y), float(z), float(w)
