"""Frames of solids and of the camera, and what part of an image a hull covers; kernels.

Convention: camera x right, y down, z forward; pixel centres at integers.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.synthetic.jit import kernel
from zoedepth_ros.synthetic.primitives import TAPER

Floats = NDArray[np.float64]


NEAR_M = 0.02


@kernel
def rotation(yaw: float, pitch: float, roll: float, out: Floats) -> None:
    """Write the matrix solid-to-world of yaw after pitch (about x) after roll (about y)."""
    cy, sy = math.cos(yaw), math.sin(yaw)
    cp, sp = math.cos(pitch), math.sin(pitch)
    cr, sr = math.cos(roll), math.sin(roll)
    out[0, 0], out[0, 1], out[0, 2] = cy * cr - sy * sp * sr, -sy * cp, cy * sr + sy * sp * cr
    out[1, 0], out[1, 1], out[1, 2] = sy * cr + cy * sp * sr, cy * cp, sy * sr - cy * sp * cr
    out[2, 0], out[2, 1], out[2, 2] = -cp * sr, sp, cp * cr


@kernel
def bounds(
    points: Floats, count: int, camera: Floats, width: int, height: int
) -> tuple[int, int, int, int]:
    """Return columns and rows (first, end) that a hull of camera points can touch."""
    fx, fy, cx, cy = camera
    u0, u1, v0, v1 = 1e9, -1e9, 1e9, -1e9
    for i in range(count):
        if points[i, 2] >= NEAR_M:
            u, v = points[i, 0] / points[i, 2], points[i, 1] / points[i, 2]
            u0, u1, v0, v1 = min(u0, u), max(u1, u), min(v0, v), max(v1, v)
            continue
        for j in range(count):
            if points[j, 2] > NEAR_M:
                s = (NEAR_M - points[i, 2]) / (points[j, 2] - points[i, 2])
                u = (points[i, 0] + s * (points[j, 0] - points[i, 0])) / NEAR_M
                v = (points[i, 1] + s * (points[j, 1] - points[i, 1])) / NEAR_M
                u0, u1, v0, v1 = min(u0, u), max(u1, u), min(v0, v), max(v1, v)
    if u0 > u1:
        return 0, 0, 0, 0
    left = max(0.0, min(float(width), math.floor(u0 * fx + cx)))
    right = max(0.0, min(float(width), math.ceil(u1 * fx + cx) + 1.0))
    top = max(0.0, min(float(height), math.floor(v0 * fy + cy)))
    bottom = max(0.0, min(float(height), math.ceil(v1 * fy + cy) + 1.0))
    return int(left), int(right), int(top), int(bottom)


@kernel
def prepare(solids: Floats, world_to_unit: Floats, offset: Floats, turn: Floats) -> None:
    """Write each solid's world-to-unit matrix (n, 3, 3) and offset (n, 3), and its rotation."""
    for i in range(solids.shape[0]):
        rotation(solids[i, 7], solids[i, 8], solids[i, 9], turn[i])
        for r in range(3):
            scale = 1.0 / solids[i, 4 + r]
            total = 0.0
            for c in range(3):
                world_to_unit[i, r, c] = turn[i, c, r] * scale
                total -= world_to_unit[i, r, c] * solids[i, 1 + c]
            offset[i, r] = total


@kernel
def corners(solid: Floats, turn: Floats, out: Floats) -> None:
    """Write the eight corners of a solid's box in the world, (8, 3)."""
    grow_x, grow_y = 1.0, 1.0
    if solid[0] == TAPER:
        grow_x += abs(solid[12]) + max(0.0, -solid[10])
        grow_y += max(0.0, -solid[11])
    for k in range(8):
        sx = (2.0 * (k & 1) - 1.0) * solid[4] * grow_x
        sy = (2.0 * ((k >> 1) & 1) - 1.0) * solid[5] * grow_y
        sz = (2.0 * ((k >> 2) & 1) - 1.0) * solid[6]
        for r in range(3):
            out[k, r] = solid[1 + r] + turn[r, 0] * sx + turn[r, 1] * sy + turn[r, 2] * sz


@kernel
def to_camera(points: Floats, count: int, position: Floats, to_world: Floats, out: Floats) -> None:
    """Write world points in the camera's frame."""
    for k in range(count):
        x, y, z = (
            points[k, 0] - position[0],
            points[k, 1] - position[1],
            points[k, 2] - position[2],
        )
        for r in range(3):
            out[k, r] = to_world[0, r] * x + to_world[1, r] * y + to_world[2, r] * z


@kernel
def turned(matrices: Floats, i: int, x: float, y: float, z: float) -> tuple[float, float, float]:
    """Return matrix i of (n, 3, 3) times a vector."""
    return (
        matrices[i, 0, 0] * x + matrices[i, 0, 1] * y + matrices[i, 0, 2] * z,
        matrices[i, 1, 0] * x + matrices[i, 1, 1] * y + matrices[i, 1, 2] * z,
        matrices[i, 2, 0] * x + matrices[i, 2, 1] * y + matrices[i, 2, 2] * z,
    )
