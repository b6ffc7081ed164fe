"""Find edges behind which the floor is missing: steps down, kerbs, platform edges.

Each image column is followed from the floor near the camera to the horizon. With c the descent and
f the horizontal distance of a ray per unit depth, a floor that descends with the slope m has the
same (c - m f) depth in all rows, and a level or rising floor has less in each row. Where this
product jumps up within a few rows, no floor of slope m or less joins the two sides.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.geometry.ground import Ground, quarter_turns
from zoedepth_ros.geometry.obstacles import ObstacleLimits

Map = NDArray[np.float32]

BLUR_PX = (5, 3)  # columns, rows: noise of 1 % per pixel becomes 0.26 %
MARGIN = 0.03
"""How much deeper than the steepest floor the depth behind an edge is at least, as a ratio."""
GRAZING = 1.25
"""Smallest descent of a ray to the floor before an edge, relative to the steepest floor."""
MIN_ROWS = 2  # of missing floor, and of floor before it
HUGE = np.float32(1e9)
LINK_M, LINK_SHARE, LINK_COLUMNS = 0.1, 0.15, 3
"""Largest distance between neighbours on one edge [m], the same relative to their distance, and
largest distance in columns."""


def cliff_edges(
    depth_m: Map,
    rays: Map,
    ground: Ground,
    floor: ObstacleLimits,
    *,
    min_drop_m: float,
    min_width_m: float,
    max_range_m: float,
    max_slope: float,
    reach_px: int,
    measured_to_m: float = np.inf,
) -> Map:
    """Return the points of the floor along edges, (k, 3) [m] in the camera frame.

    depth_m: (H, W) as `geometry.filters` defines it.  rays: (H, W, 2).  floor: heights of what
    counts as floor.  min_drop_m, min_width_m: least drop at an edge and least length of it.
    max_range_m: largest horizontal distance of an edge.  max_slope: floors that descend with this
    slope or less are no cliffs [m/m].  reach_px: rows within which the depth jumps at an edge.  A
    point has the place of the last floor before the edge and the height of the plane `ground`.
    """
    turns = quarter_turns(ground.up)  # to have the floor at the lower side of the image
    depth_m, rays = np.rot90(depth_m, turns), np.rot90(rays, turns)
    up_x, up_y, up_z = (np.float32(part) for part in ground.up)
    x, y = rays[..., 0], rays[..., 1]
    descent = -(x * up_x + y * up_y + up_z)
    rows = np.flatnonzero((descent > 0.0).any(axis=1))
    if len(rows) <= 2 * MIN_ROWS:
        return np.empty((0, 3), np.float32)
    below = slice(rows[0], None)  # the horizon
    depth_m, descent, x, y = depth_m[below], descent[below], x[below], y[below]
    flat = np.sqrt(np.maximum(x * x + y * y + 1.0 - descent * descent, np.float32(1e-9)))
    inverse = _smooth_inverse(depth_m, measured_to_m)
    with np.errstate(divide='ignore', invalid='ignore'):
        smooth_m = 1.0 / inverse
        height_m = np.float32(ground.height_m) - descent * smooth_m  # -inf where nothing is met
        steepest_m = (descent - np.float32(max_slope) * flat) * smooth_m
    tolerance_m = floor.min_height_m + floor.ground_slope * flat * smooth_m
    is_floor = (np.abs(height_m) <= tolerance_m) & (inverse > 0.0)  # false for NaN
    is_floor &= ~_beside_obstacles(depth_m, descent, flat, ground, floor)
    is_floor &= descent > np.float32(GRAZING * max_slope) * flat
    jumps = _jumps(height_m, steepest_m, is_floor, height_m > tolerance_m, min_drop_m, reach_px)
    lowest_m = _near_level(height_m, is_floor, 2 * reach_px) - np.float32(0.5 * min_drop_m)
    jumps &= height_m < lowest_m  # floor behind a low obstacle is as high as that before it
    columns = np.flatnonzero(jumps.any(axis=0))
    last = jumps.shape[0] - 1 - jumps[::-1, columns].argmax(axis=0)  # the nearest of each column
    window = np.minimum(last + np.arange(reach_px)[:, None], jumps.shape[0] - 1)
    before_m = np.where(is_floor, steepest_m, HUGE)[window, columns]
    edge = window[before_m.argmin(axis=0), np.arange(len(columns))]
    near = flat[edge, columns] * smooth_m[edge, columns] <= max_range_m
    edge, columns = edge[near], columns[near]
    at = edge, columns
    points_m = np.stack((x[at], y[at], np.ones_like(x[at])), axis=1) * smooth_m[at][:, None]
    points_m -= height_m[at][:, None] * np.array(ground.up, np.float32)
    return points_m[_long_enough(points_m, columns, min_width_m)]


def _smooth_inverse(depth_m: Map, measured_to_m: float) -> Map:
    """Return the mean inverse depth around each pixel [1/m], NaN where most are unknown.

    Inverse depth is linear in the pixel coordinates of a plane, so its mean has no bias.
    """
    with np.errstate(divide='ignore', invalid='ignore'):
        inverse = 1.0 / np.ascontiguousarray(depth_m)
        known = inverse >= 0.0
        known &= depth_m > 0.0
        limited = np.where(np.isposinf(depth_m), np.float32(0.0), np.float32(1.0 / measured_to_m))
        inverse = np.where(known, np.maximum(inverse, limited), np.float32(0.0))
        share = cv2.blur(known.astype(np.float32), BLUR_PX, borderType=cv2.BORDER_CONSTANT)
        mean = cv2.blur(inverse, BLUR_PX, borderType=cv2.BORDER_CONSTANT) / share
    mean[~known] = np.nan
    return mean


def _beside_obstacles(
    depth_m: Map, descent: Map, flat: Map, ground: Ground, floor: ObstacleLimits
) -> NDArray[np.bool_]:
    """Mark pixels (H, W) whose mean includes an obstacle: it is higher than the floor there."""
    limit_m = floor.min_height_m + floor.ground_slope * flat * depth_m
    obstacle = np.float32(ground.height_m) - descent * depth_m > limit_m  # false for NaN
    window = np.ones(BLUR_PX[::-1], np.uint8)
    return cv2.dilate(obstacle.astype(np.uint8), window).astype(bool)


def _near_level(height_m: Map, is_floor: NDArray[np.bool_], rows: int) -> Map:
    """Return the mean height of the nearest rows of floor in each column (W,); NaN without."""
    order = np.cumsum(is_floor[::-1], axis=0)[::-1]
    nearest = is_floor & (order <= rows)
    with np.errstate(invalid='ignore'):
        total_m = np.where(nearest, height_m, np.float32(0.0)).sum(axis=0)
        return np.asarray(total_m / nearest.sum(axis=0, dtype=np.float32))


def _jumps(
    height_m: Map,
    steepest_m: Map,
    is_floor: NDArray[np.bool_],
    is_obstacle: NDArray[np.bool_],
    min_drop_m: float,
    reach_px: int,
) -> NDArray[np.bool_]:
    """Mark pixels (H, W) of missing floor that have floor within reach_px rows before them."""
    window = np.ones((reach_px, 1), np.uint8)
    rows: dict[str, Any] = {'kernel': window, 'anchor': (0, 0), 'borderType': cv2.BORDER_CONSTANT}
    least_m = cv2.erode(np.where(is_floor, steepest_m, HUGE), **rows, borderValue=float(HUGE))
    highest_m = cv2.dilate(np.where(is_floor, height_m, -HUGE), **rows, borderValue=-float(HUGE))
    hidden = cv2.dilate(is_obstacle.astype(np.uint8), **rows, borderValue=0).astype(bool)
    support = np.zeros_like(is_floor, np.float32)
    cv2.boxFilter(
        is_floor.astype(np.float32), -1, (1, 2 * reach_px), support, (0, 0), normalize=False,
        borderType=cv2.BORDER_CONSTANT,
    )  # fmt: skip
    jumps = steepest_m > (1.0 + MARGIN) * least_m
    jumps &= highest_m - height_m >= min_drop_m
    jumps &= ~hidden & (support >= MIN_ROWS)
    lasting = np.ones((MIN_ROWS, 1), np.uint8)
    return cv2.erode(
        jumps.astype(np.uint8), lasting, anchor=(0, MIN_ROWS - 1),
        borderType=cv2.BORDER_CONSTANT, borderValue=0,
    ).astype(bool)  # fmt: skip


def _long_enough(
    points_m: Map, columns: NDArray[np.intp], min_width_m: float
) -> NDArray[np.bool_]:
    """Mark the points (k, 3) on edges of this length, one point per column."""
    kept = np.zeros(len(points_m), bool)
    if not len(points_m):
        return kept
    step_m = np.linalg.norm(np.diff(points_m, axis=0), axis=1)
    link_m = np.maximum(LINK_M, LINK_SHARE * np.linalg.norm(points_m[1:], axis=1))
    breaks = np.flatnonzero((step_m > link_m) | (np.diff(columns) > LINK_COLUMNS)) + 1
    for part in np.split(np.arange(len(points_m)), breaks):
        kept[part] = np.linalg.norm(points_m[part[-1]] - points_m[part[0]]) >= min_width_m
    return kept
