"""Planar scans of a depth map: of a band of rows, or of what lies between two heights.

Convention: angles are counter-clockwise seen from above, 0 along the horizontal projection of the
optical axis, in a level frame with x forward, y left, z up (not the optical frame).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.geometry.filters import BEYOND_LIMIT_M, nearest_range
from zoedepth_ros.geometry.ground import UP_OF_A_LEVEL_CAMERA, Up, quarter_turns

NO_RAYS = (
    'there is no scan, because the calibration gives a direction for too few pixels: is its '
    'distortion D correct?'
)


@dataclass(frozen=True, slots=True)
class BandScan:
    """Lookup table from beams to the pixels of a band of rows, for one camera."""

    angle_min_rad: float
    """Angle of the first beam [rad], the right edge of the image."""

    angle_max_rad: float
    """Angle of the last beam [rad], the left edge of the image."""

    angle_increment_rad: float
    """Angle between beams [rad]: the closest two columns of the image."""

    turns: int
    """How often to turn the image by 90 degrees, see np.rot90, so that up is above."""

    first_row: int
    """Top row of the band, in the turned image."""

    columns: NDArray[np.intp]
    """(rows of the band, beams) column of each beam; -1 if there is none."""

    stretch: NDArray[np.float32]
    """(beams,) horizontal distance per forward distance."""

    ahead: NDArray[np.float32]
    """(rows of the band, beams) forward distance per depth."""

    @classmethod
    def from_rays(
        cls,
        rays: NDArray[np.float32],
        *,
        band_rows: int = 1,
        up: Up = UP_OF_A_LEVEL_CAMERA,
    ) -> BandScan:
        """Build the lookup table.

        rays: (H, W, 2) x/z and y/z.  band_rows: number of rows about the optical axis, clipped to
        the image; columns of a camera on its side.  up: unit vector in the camera frame.  Raises
        ValueError for an empty band, an image with fewer than two columns, one with fewer than two
        rays in the row next to the axis, and a camera that looks straight up or down.
        """
        turns = quarter_turns(up)
        rays = np.rot90(rays, turns)
        height, width = rays.shape[:2]
        if band_rows < 1 or width < 2:
            raise ValueError(
                f'expected a band of 1 or more rows of an image of 2 or more columns, got '
                f'{band_rows} rows of {width} x {height} px'
            )
        known = np.isfinite(rays[..., 0])
        usable = np.flatnonzero(known.any(axis=0))
        if not usable.size:
            raise ValueError(NO_RAYS)
        column = usable[np.argmin(np.abs(usable - width // 2))]  # of a lens that sees less
        center_row = int(np.nanargmin(np.abs(rays[:, column, 1 - turns % 2])))
        first_row = max(0, center_row - band_rows // 2)
        band = rays[first_row : center_row - band_rows // 2 + band_rows].astype(np.float64)
        forward, left = flat_axes(np.array(up, np.float64))
        directions = np.concatenate((band, np.ones_like(band[..., :1])), axis=-1)
        ahead = directions @ forward
        ahead[ahead <= 0.0] = np.nan  # behind the camera
        right = -(directions @ left) / ahead
        middle = np.arctan(right[center_row - first_row])
        middle = middle[np.isfinite(middle)]
        increment = float(np.diff(middle).min(initial=np.inf))
        if not 0.0 < increment < np.inf:  # one column, or columns in another order
            raise ValueError(NO_RAYS)
        count = int(np.ceil((middle[-1] - middle[0]) / increment - 1e-6)) + 1
        angles = -np.linspace(middle[-1], middle[0], count)  # from the right to the left
        columns = np.stack([_nearest_columns(row, np.tan(-angles)) for row in right])
        return cls(
            angle_min_rad=float(angles[0]),
            angle_max_rad=float(angles[-1]),
            angle_increment_rad=float((angles[-1] - angles[0]) / (count - 1)),
            turns=turns,
            first_row=first_row,
            columns=columns,
            stretch=(1.0 / np.cos(angles)).astype(np.float32),
            ahead=np.take_along_axis(ahead, columns, axis=1).astype(np.float32),
        )

    def ranges(
        self,
        depth_m: NDArray[np.float32],
        *,
        range_min_m: float,
        range_max_m: float,
        measured_to_m: float = np.inf,
        doubtful_m: NDArray[np.float32] | None = None,
    ) -> NDArray[np.float32]:
        """Return the nearest horizontal distance per beam, (beams,) [m].

        depth_m: (H, W), turned by `turns`, see `geometry.filters`.  measured_to_m: largest
        measured depth along z.  doubtful_m: (H, W), also turned, what filters removed, else NaN.
        REP 117: +inf if the beam is free up to range_max_m, -inf if a surface is nearer than
        range_min_m, NaN if the range is unknown or only doubtful depth is within range_max_m.
        """
        rows = self.first_row + np.arange(len(self.columns))[:, None]
        kept_m = depth_m[rows, self.columns]  # (band, beams)
        along = self.stretch * self.ahead
        found_m = kept_m * along
        limited = (kept_m > np.float32(measured_to_m)) & (kept_m < np.inf)
        with np.errstate(invalid='ignore'):
            far = found_m > range_max_m
            found_m[found_m < range_min_m] = -np.inf
            found_m[far] = np.inf
            found_m[limited & ~far] = BEYOND_LIMIT_M
            found_m[limited & far & (measured_to_m * along < range_max_m)] = np.nan
            if doubtful_m is not None:
                found_m[doubtful_m[rows, self.columns] * along <= range_max_m] = BEYOND_LIMIT_M
        found_m[self.columns < 0] = np.nan
        return nearest_range(found_m)


@dataclass(frozen=True, slots=True)
class HeightScan:
    """Lookup table from pixels to beams for one camera and up vector.

    The scan has the points between two heights above the ground, so that pitching does not turn
    the floor into an obstacle.
    """

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
    def from_rays(cls, rays: NDArray[np.float32], up: Up) -> HeightScan:
        """Build the lookup table.

        rays: (H, W, 2) x/z and y/z.  up: unit vector in the camera frame.  The angle
        between beams is the largest between two columns, so that every beam has pixels.  Raises
        ValueError when the camera looks straight up or down, or no pixel has a ray.
        """
        forward, left = flat_axes(np.array(up, np.float64))
        directions = np.concatenate((rays, np.ones_like(rays[..., :1])), axis=-1)  # (H, W, 3)
        ahead, aside = directions @ forward, directions @ left
        climb = (directions @ np.array(up)).astype(np.float32)
        angles = np.arctan2(aside, ahead)
        known = np.isfinite(angles)
        if not known.any():
            raise ValueError(NO_RAYS)
        upright = np.rot90(angles, quarter_turns(up))
        row = upright[len(upright) // 2]
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
        doubtful_m: NDArray[np.float32] | None = None,
    ) -> NDArray[np.float32]:
        """Return the horizontal distance to the nearest point in the height band, (beams,) [m].

        depth_m: (H, W), see `geometry.filters`.  measured_to_m: largest measured depth along z.
        doubtful_m: (H, W) depth that filters have removed, else NaN.  REP 117: +inf if a ray that
        stays within the band is free up to range_max_m and no doubtful point is in the band, -inf
        if a point is nearer than range_min_m, NaN if the range is unknown.  Rays stay within the
        band only if the camera height is within it.
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
        if doubtful_m is not None:
            at = np.nonzero(np.isfinite(doubtful_m))
            point_m, up_m = doubtful_m[at] * self.flat[at], doubtful_m[at] * self.climb[at]
            inside = (up_m >= low_m - camera_height_m) & (up_m <= high_m - camera_height_m)
            value_m[at] = np.where(inside & (point_m <= range_max_m), BEYOND_LIMIT_M, value_m[at])
        ranges_m = np.full(self.count, np.nan, np.float32)
        ranges_m[self.filled] = nearest_range(value_m.ravel()[self.order], self.starts)
        return ranges_m


def _nearest_columns(ray_x: NDArray[np.float64], wanted: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return the columns of a row with the nearest tangents, -1 outside the row."""
    known = np.flatnonzero(np.isfinite(ray_x))
    if known.size < 2:
        return np.full(len(wanted), -1, np.intp)
    x = ray_x[known]
    slack = 0.5 * float(np.abs(np.diff(x)).max())
    columns = np.rint(np.interp(wanted, x, known)).astype(np.intp)
    columns[(wanted < x[0] - slack) | (wanted > x[-1] + slack)] = -1
    return columns


def flat_axes(up: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the horizontal unit vectors forward and left, in the camera frame.

    up: unit vector in the camera frame.  Raises ValueError for a camera that looks straight up or
    down.
    """
    forward = np.array((0.0, 0.0, 1.0)) - up[2] * up
    length = float(np.linalg.norm(forward))
    if length < 1e-3:
        raise ValueError(
            'a camera that looks straight up or down has no forward direction for a scan'
        )
    forward /= length
    return forward, np.cross(up, forward)


def level_rotation(up: Up) -> tuple[float, float, float, float]:
    """Return the unit quaternion (x, y, z, w) from the level frame to the optical one.

    up: unit vector in the optical frame.
    """
    forward, left = flat_axes(np.array(up, np.float64))
    turn = cv2.Rodrigues(np.stack((forward, left, np.array(up, np.float64)), axis=-1))[0].ravel()
    angle_rad = float(np.linalg.norm(turn))  # never 0: the frames have other axes in front
    x, y, z = math.sin(0.5 * angle_rad) / angle_rad * turn
    return float(x), float(y), float(z), math.cos(0.5 * angle_rad)
