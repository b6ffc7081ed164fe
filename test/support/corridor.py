"""A corridor of boxes with exact depth and its floor plan.

World: x along the corridor, y to the left, z up [m]. The camera stands at a place, looks along x
turned by yaw and pitch.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np


class Box(NamedTuple):
    """A solid between two corners [m]."""

    x0: float
    x1: float
    y0: float
    y1: float
    z0: float
    z1: float


class Eye(NamedTuple):
    """Pose of the camera [m, rad]."""

    x_m: float
    y_m: float
    z_m: float
    yaw_rad: float = 0.0
    pitch_rad: float = 0.0

    def to_world(self) -> np.ndarray:
        """Columns: right, down, forward in the world, (3, 3)."""
        cy, sy = math.cos(self.yaw_rad), math.sin(self.yaw_rad)
        cp, sp = math.cos(self.pitch_rad), math.sin(self.pitch_rad)
        return np.array([[sy, cy * sp, cy * cp], [-cy, sy * sp, sy * cp], [0.0, -cp, sp]])


FLOOR, CEILING = Box(-9, 99, -9, 9, -1, 0), Box(-9, 99, -9, 9, 2.5, 4)
WALLS = (
    Box(-9, 99, 1.0, 2.0, 0, 2.5),
    Box(-9, 99, -2.0, -1.0, 0, 2.5),
    Box(12, 13, -2, 2, 0, 2.5),
)
BOXES = (
    Box(3.0, 3.4, 0.3, 1.0, 0.0, 0.5),  # a crate at the left wall
    Box(5.5, 5.6, -0.5, -0.4, 0.0, 1.2),  # a post
    Box(7.0, 7.5, -1.0, -0.3, 0.0, 0.25),  # something low
    Box(9.0, 9.3, 0.1, 0.9, 1.4, 1.6),  # a shelf that hangs in the way
)


def look(eye: Eye, rays: np.ndarray, solids) -> np.ndarray:
    """Depth along the optical axis [m] (H, W); rays: (H, W, 2)."""
    directions = np.concatenate((rays, np.ones_like(rays[..., :1])), axis=-1) @ eye.to_world().T
    origin = np.array((eye.x_m, eye.y_m, eye.z_m))
    nearest = np.full(rays.shape[:2], np.inf)
    with np.errstate(divide='ignore', invalid='ignore'):
        for box in solids:
            low = (np.array((box.x0, box.y0, box.z0)) - origin) / directions
            high = (np.array((box.x1, box.y1, box.z1)) - origin) / directions
            enter = np.minimum(low, high).max(axis=-1)
            leave = np.maximum(low, high).min(axis=-1)
            hit = (enter < leave) & (enter > 0)
            nearest = np.where(hit & (enter < nearest), enter, nearest)
    return nearest.astype(np.float32)


def in_the_world(points_m: np.ndarray, eye: Eye) -> np.ndarray:
    """Take points (n, 3) from the camera to the world."""
    return points_m @ eye.to_world().T + np.array((eye.x_m, eye.y_m, eye.z_m))


def occupied(solids, cells_x: np.ndarray, cells_y: np.ndarray, margin_m: float) -> np.ndarray:
    """Mark places of the plan (n, m) that lie within a margin of a solid."""
    x, y = cells_x[:, None], cells_y[None, :]
    plan = np.zeros((len(cells_x), len(cells_y)), bool)
    for box in solids:
        inside = (x >= box.x0 - margin_m) & (x <= box.x1 + margin_m)
        plan |= inside & (y >= box.y0 - margin_m) & (y <= box.y1 + margin_m)
    return plan
