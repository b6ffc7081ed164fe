"""Classify pixels as ground, obstacle or free, and compute clearing points for a costmap.

Convention: heights are above the ground plane, along its `up`.  A ray is free up to its depth, or
to the largest measured depth.  Free rays end in clearing points, because a costmap ignores NaN and
would keep old marks there.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.geometry.ground import Ground
from zoedepth_ros.geometry.rays import ray_cosines

MARGIN_M = 0.2  # costmaps stop clearing slightly before the end of a ray

RADII_PX = (0, 1, 2, 3, *(step * 2**i for i in range(1, 11) for step in (2, 3)))
"""Half widths of the windows in which obstacles shorten rays."""


@dataclass(frozen=True, slots=True)
class ObstacleLimits:
    """The heights and the range in which points are obstacles."""

    min_height_m: float
    """Points below this height are ground [m]; the limit grows with distance by `ground_slope`."""

    max_height_m: float
    """Points above this height are no obstacles [m]."""

    ground_slope: float
    """Tolerance for slopes and depth errors: height per metre of distance."""

    max_range_m: float
    """Largest horizontal distance of ground and obstacle points [m]."""


@dataclass(frozen=True, slots=True)
class PointClasses:
    """The class of every pixel; the masks are disjoint."""

    ground: NDArray[np.bool_]
    """(H, W) ground points within max_range_m."""

    obstacle: NDArray[np.bool_]
    """(H, W) obstacle points within max_range_m."""

    free: NDArray[np.bool_]
    """(H, W) rays that end beyond max_range_m or the measured depth, or above max_height_m."""


def classify_points(
    points_m: NDArray[np.float32],
    ground: Ground,
    limits: ObstacleLimits,
    *,
    free: NDArray[np.bool_] | None = None,
) -> PointClasses:
    """Classify points (H, W, 3) [m] by height above the ground.

    free: (H, W) pixels without a point whose rays are free up to the measured depth.  Points below
    the tolerance of the ground, such as descending stairs or reflections, have no class.
    """
    height_m = ground.heights(points_m)
    square = np.einsum('...i,...i', points_m, points_m)
    above_m = height_m - np.float32(ground.height_m)
    distance_m = np.sqrt(np.maximum(square - above_m * above_m, np.float32(0.0)))
    tolerance_m = np.float32(limits.min_height_m) + np.float32(limits.ground_slope) * distance_m
    near = distance_m <= limits.max_range_m  # false for NaN
    on = np.abs(height_m) <= tolerance_m
    obstacle = near & (height_m > tolerance_m) & (height_m <= limits.max_height_m)
    is_free = (~near & (height_m > -tolerance_m)) | (near & (height_m > limits.max_height_m))
    if free is not None:
        is_free = is_free | free
    return PointClasses(near & on, obstacle, is_free)


@dataclass(frozen=True, slots=True)
class RaySpacing:
    """Directions of the rays of a camera and the angles between neighbours."""

    cosine: NDArray[np.float32]
    """(H, W) depth along z per length of a ray."""

    angle_rad: NDArray[np.float32]
    """(H, W) smallest angle from a ray to the sides of a square of half width 1 px [rad]."""

    border_rad: NDArray[np.float32]
    """(H, W) angle from a ray to the border of the image or to pixels without a ray [rad]."""

    @classmethod
    def from_rays(cls, rays: NDArray[np.float32]) -> RaySpacing:
        """Compute them from rays (H, W, 2)."""
        cosine = ray_cosines(rays)
        unit = np.dstack((rays, np.ones_like(cosine))) * cosine[..., None]
        down, right = (_gradient(unit, axis) for axis in (0, 1))
        area = np.linalg.norm(np.cross(down, right), axis=-1)
        longer = np.fmax(np.linalg.norm(down, axis=-1), np.linalg.norm(right, axis=-1))
        angle = np.divide(area, longer, out=longer.copy(), where=area > 0.0)
        smallest = np.fmin.reduce(angle, axis=None, initial=np.inf)
        angle = np.where(np.isnan(angle), smallest, angle)
        angle = np.maximum(angle, np.finfo(np.float32).tiny)
        valid = np.pad(np.isfinite(cosine), 1).astype(np.uint8)
        border_px = cv2.distanceTransform(valid, cv2.DIST_L2, cv2.DIST_MASK_5)[1:-1, 1:-1]
        return cls(cosine, angle, angle * np.maximum(border_px - 0.5, 0.5))

    def windows(
        self, obstacle: NDArray[np.bool_], range_m: NDArray[np.float32], margin_m: float
    ) -> NDArray[np.intp]:
        """Return which of the `RADII_PX` contains all rays that pass an obstacle within margin_m.

        obstacle, range_m: (H, W); the result has one index per obstacle, the last one where even
        that is too small.  Two rays of a pinhole camera are apart by their distance in the image,
        in focal lengths, times the cosines of both to the axis (the sine of the angle between
        them); therefore the angles per pixel at the obstacle and at the corner of its window that
        is farthest from the axis count alike.
        """
        rows, columns = np.nonzero(obstacle)
        axis = np.unravel_index(np.nanargmax(self.cosine), self.cosine.shape)
        outward = np.sign(rows - axis[0]), np.sign(columns - axis[1])
        own_rad = self.angle_rad[rows, columns]
        wanted_rad = np.arcsin(np.minimum(np.float32(margin_m) / range_m[rows, columns], 1.0))
        index = np.searchsorted(RADII_PX, wanted_rad / own_rad)
        while True:
            index = np.minimum(index, len(RADII_PX) - 1)
            radius_px = np.array(RADII_PX)[index]
            corner = tuple(
                np.clip(at + radius_px * sign, 0, size - 1)
                for at, sign, size in zip((rows, columns), outward, obstacle.shape, strict=True)
            )
            reach_rad = radius_px * np.sqrt(own_rad * self.angle_rad[corner])
            short = (reach_rad < wanted_rad) & (index < len(RADII_PX) - 1)
            if not short.any():
                return index
            index[short] += 1


def _gradient(values: NDArray[np.float32], axis: int) -> NDArray[np.float32]:
    """Return the change of values per pixel along an axis, 0 where there is one pixel."""
    if values.shape[axis] < 2:
        return np.zeros_like(values)
    return np.gradient(values, axis=axis)


def clear_to(
    depth_m: NDArray[np.float32],
    obstacle: NDArray[np.bool_],
    spacing: RaySpacing,
    margin_m: float,
) -> NDArray[np.float32]:
    """Return the depth (H, W) at which each ray has come as near as margin_m to an obstacle [m].

    depth_m, obstacle: (H, W), along z, and which pixels are obstacles.  +Inf where the ray stays
    farther from all of them.  An obstacle counts for the rays of a square window around its pixel.
    One within margin_m of the border of the image may continue beyond it: parts that only older
    images show are assumed to be within margin_m of it, in any direction.  So rays that pass the
    border within margin_m as well end margin_m before it, also at twice the margin from it.
    """
    if not obstacle.any():
        return np.full(depth_m.shape, np.inf, np.float32)
    range_m = np.where(obstacle, depth_m / spacing.cosine, np.float32(np.inf))
    nearest_m = _nearest(obstacle, range_m, spacing, margin_m)
    cut = obstacle & (range_m * spacing.border_rad < margin_m)
    if cut.any():
        beyond_m = _nearest(cut, range_m, spacing, 2.0 * margin_m)
        along_border = beyond_m * spacing.border_rad < margin_m
        np.minimum(nearest_m, beyond_m - np.float32(margin_m), out=nearest_m, where=along_border)
    return (nearest_m * spacing.cosine).astype(np.float32, copy=False)


def _nearest(
    obstacle: NDArray[np.bool_],
    range_m: NDArray[np.float32],
    spacing: RaySpacing,
    margin_m: float,
) -> NDArray[np.float32]:
    """Return the smallest range (H, W) of the obstacles that each ray passes within margin_m."""
    nearest_m = np.full(range_m.shape, np.inf, np.float32)
    level = np.zeros(range_m.shape, np.int8)
    level[obstacle] = spacing.windows(obstacle, range_m, margin_m)
    for i in range(int(level.max()), 0, -1):  # a window grows by the smaller ones that follow
        np.minimum(nearest_m, range_m, out=nearest_m, where=level == i)
        side = 2 * (RADII_PX[i] - RADII_PX[i - 1]) + 1
        window = np.ones((side, side), np.uint8)
        nearest_m = cv2.erode(nearest_m, window, borderType=cv2.BORDER_REPLICATE)
    return nearest_m


def clearing_points(
    rays: NDArray[np.float32],
    free_to_m: NDArray[np.float32],
    classes: PointClasses,
    ground: Ground,
    limits: ObstacleLimits,
    *,
    clear_to_m: NDArray[np.float32] | None = None,
) -> NDArray[np.float32]:
    """Return the end points of free rays, (k, 3) [m] in the camera frame.

    rays: (H, W, 2); free_to_m: (H, W), see `geometry.filters.free_depth`.  A ray ends at
    max_range_m, slightly above max_height_m, or at its free depth, whichever comes first.
    clear_to_m: (H, W), see `clear_to`; with it the rays to the ground and to obstacles are
    returned as well, and none goes farther.
    """
    chosen = classes.free
    if clear_to_m is not None:
        chosen = chosen | classes.ground | classes.obstacle
    rays, own_m = rays[chosen], free_to_m[chosen]
    directions = np.concatenate((rays, np.ones_like(rays[:, :1])), axis=1)  # (k, 3)
    climb = directions @ np.array(ground.up, np.float32)
    flat = np.sqrt(np.maximum(np.square(directions).sum(axis=1) - climb * climb, 1e-9))
    end_m = np.fmin(np.float32(limits.max_range_m) / flat, own_m)
    if clear_to_m is not None:
        end_m = np.fmin(end_m, clear_to_m[chosen])
    room_m = np.float32(max(0.0, limits.max_height_m + MARGIN_M - ground.height_m))
    rising = climb > 0.0
    end_m[rising] = np.fmin(end_m[rising], room_m / climb[rising])
    lowest_m = -(limits.min_height_m + limits.ground_slope * limits.max_range_m)
    kept = (end_m > 0.0) & (end_m * climb + np.float32(ground.height_m) >= lowest_m)
    return directions[kept] * end_m[kept, None]
