"""Compute a planar scan from a band of rows of a depth map."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.geometry.height_scan import flat_axes
from zoedepth_ros.geometry.ranges import BEYOND_LIMIT_M, nearest_range


@dataclass(frozen=True, slots=True)
class BandScan:
    """Lookup table from beams to the pixels of a band of rows, for one camera.

    Convention: angles are counter-clockwise seen from above, 0 along the horizontal projection of
    the optical axis, in a level frame with x forward, y left, z up (not the optical frame).
    """

    angle_min_rad: float
    """Angle of the first beam [rad], the right edge of the image."""

    angle_max_rad: float
    """Angle of the last beam [rad], the left edge of the image."""

    angle_increment_rad: float
    """Angle between beams [rad]: the closest two columns of the image."""

    first_row: int
    """Top row of the band."""

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
        center_row: int | None = None,
        up: tuple[float, float, float] = (0.0, -1.0, 0.0),
    ) -> BandScan:
        """Build the lookup table.

        rays: (H, W, 2) x/z and y/z.  band_rows: number of rows, clipped to the image.  center_row:
        middle row of the band; the row of the optical axis by default.  up: unit vector in the
        camera frame.  Raises ValueError for a band outside the image, an image with fewer than
        two columns, and a camera that looks straight up or down.
        """
        height, width = rays.shape[:2]
        if center_row is None:
            center_row = int(np.nanargmin(np.abs(rays[:, width // 2, 1])))
        if band_rows < 1 or not 0 <= center_row < height or width < 2:
            raise ValueError(
                f'expected a band of 1 or more rows about a row of a {width} x {height} image, '
                f'got {band_rows} rows about row {center_row}'
            )
        first_row = max(0, center_row - band_rows // 2)
        band = rays[first_row : center_row - band_rows // 2 + band_rows].astype(np.float64)
        forward, left = flat_axes(np.array(up, np.float64))
        directions = np.concatenate((band, np.ones_like(band[..., :1])), axis=-1)
        ahead = directions @ forward
        ahead[ahead <= 0.0] = np.nan  # behind the camera
        right = -(directions @ left) / ahead
        middle = np.arctan(right[center_row - first_row])
        middle = middle[np.isfinite(middle)]
        increment = float(np.diff(middle).min())
        count = int(np.ceil((middle[-1] - middle[0]) / increment - 1e-6)) + 1
        angles = -np.linspace(middle[-1], middle[0], count)  # from the right to the left
        columns = np.stack([_nearest_columns(row, np.tan(-angles)) for row in right])
        return cls(
            angle_min_rad=float(angles[0]),
            angle_max_rad=float(angles[-1]),
            angle_increment_rad=float((angles[-1] - angles[0]) / (count - 1)),
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
    ) -> NDArray[np.float32]:
        """Return the nearest horizontal distance per beam, (beams,) [m].

        depth_m: (H, W), see `geometry.ranges`.  measured_to_m: largest measured depth along z.
        REP 117: +inf if the beam is free up to range_max_m, -inf if a surface is nearer than
        range_min_m, NaN if the range is unknown.
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
        found_m[self.columns < 0] = np.nan
        return nearest_range(found_m)


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
