"""Visible solid and surface point of each pixel; kernels.

Convention: camera x right, y down, z forward; pixel centres at integers; the ray of a pixel is
((u - cx) / fx, (v - cy) / fy, 1), so its parameter is the depth.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.synthetic.coordinates import bounds, corners, to_camera, turned
from zoedepth_ros.synthetic.jit import kernel
from zoedepth_ros.synthetic.primitives import BOX, FOLIAGE
from zoedepth_ros.synthetic.solids import interval, is_leaf, normal_at

Floats = NDArray[np.float64]


@kernel
def box_rows(
    a: NDArray[np.float32], o: NDArray[np.float32], columns: NDArray[np.float32],
    lines: NDArray[np.float32], area: tuple[int, int, int, int], index: int,
    depth_m: NDArray[np.float32], seen: NDArray[np.int32],
) -> None:  # fmt: skip
    """Draw one box: the inner loop is free of branches so that it becomes vector code."""
    one, zero = np.float32(1.0), np.float32(0.0)
    left, right, top, bottom = area
    p0, p1, p2 = -one - o[0], -one - o[1], -one - o[2]
    q0, q1, q2 = one - o[0], one - o[1], one - o[2]
    number = np.int32(index)
    for v in range(top, bottom):
        y = lines[v]
        r0, r1, r2 = a[0, 1] * y + a[0, 2], a[1, 1] * y + a[1, 2], a[2, 1] * y + a[2, 2]
        depth_row, seen_row = depth_m[v], seen[v]
        for u in range(left, right):
            x = columns[u]
            i0, i1, i2 = (
                one / (a[0, 0] * x + r0),
                one / (a[1, 0] * x + r1),
                one / (a[2, 0] * x + r2),
            )
            s0, e0, s1, e1, s2, e2 = p0 * i0, q0 * i0, p1 * i1, q1 * i1, p2 * i2, q2 * i2
            near = max(max(min(s0, e0), min(s1, e1)), min(s2, e2))
            far = min(min(max(s0, e0), max(s1, e1)), max(s2, e2))
            now = depth_row[u]
            hit = (near <= far) & (near > zero) & (near < now)
            depth_row[u] = near if hit else now
            seen_row[u] = number if hit else seen_row[u]


@kernel
def solid_rows(
    solid: Floats, a: Floats, o: Floats, columns: NDArray[np.float32],
    lines: NDArray[np.float32], area: tuple[int, int, int, int], index: int,
    depth_m: NDArray[np.float32], seen: NDArray[np.int32],
) -> None:  # fmt: skip
    """Draw one solid of any kind."""
    kind, s1, s2, s3, seed = int(solid[0]), solid[10], solid[11], solid[12], int(solid[25])
    hx, hy, hz = solid[4], solid[5], solid[6]
    left, right, top, bottom = area
    for v in range(top, bottom):
        y = lines[v]
        for u in range(left, right):
            x = columns[u]
            dx = a[0, 0] * x + a[0, 1] * y + a[0, 2]
            dy = a[1, 0] * x + a[1, 1] * y + a[1, 2]
            dz = a[2, 0] * x + a[2, 1] * y + a[2, 2]
            near, far = interval(kind, o[0], o[1], o[2], dx, dy, dz, s1, s2, s3)
            if near > far or near <= 0.0 or near >= depth_m[v, u]:
                continue
            if kind == FOLIAGE:
                px, py, pz = o[0] + near * dx, o[1] + near * dy, o[2] + near * dz
                if not is_leaf(px, py, pz, hx, hy, hz, s1, s2, seed):
                    near = far
                    px, py, pz = o[0] + near * dx, o[1] + near * dy, o[2] + near * dz
                    if near >= depth_m[v, u] or not is_leaf(px, py, pz, hx, hy, hz, s1, s2, seed):
                        continue
            depth_m[v, u] = near
            seen[v, u] = index


@kernel
def look(
    solids: Floats, world_to_unit: Floats, offset: Floats, turn: Floats, position: Floats,
    to_world: Floats, camera: Floats, depth_m: NDArray[np.float32], seen: NDArray[np.int32],
) -> None:  # fmt: skip
    """Write depth (far if nothing is hit) and the index of the visible solid (-1: none)."""
    height, width = depth_m.shape
    columns, lines = np.empty(width, np.float32), np.empty(height, np.float32)
    for u in range(width):
        columns[u] = (u - camera[2]) / camera[0]
    for v in range(height):
        lines[v] = (v - camera[3]) / camera[1]
    hull, seen_hull = np.empty((8, 3)), np.empty((8, 3))
    a, o = np.empty((3, 3)), np.empty(3)
    a32, o32 = np.empty((3, 3), np.float32), np.empty(3, np.float32)
    for i in range(solids.shape[0]):
        corners(solids[i], turn[i], hull)
        to_camera(hull, 8, position, to_world, seen_hull)
        area = bounds(seen_hull, 8, camera, width, height)
        if area[0] >= area[1] or area[2] >= area[3]:
            continue
        for r in range(3):
            o[r] = offset[i, r]
            for c in range(3):
                o[r] += world_to_unit[i, r, c] * position[c]
                a[r, c] = 0.0
                for k in range(3):
                    a[r, c] += world_to_unit[i, r, k] * to_world[k, c]
                a32[r, c] = a[r, c]
            o32[r] = o[r]
        if solids[i, 0] == BOX:
            box_rows(a32, o32, columns, lines, area, i, depth_m, seen)
        else:
            solid_rows(solids[i], a, o, columns, lines, area, i, depth_m, seen)


@kernel
def resolve(
    solids: Floats, world_to_unit: Floats, offset: Floats, turn: Floats, position: Floats,
    to_world: Floats, camera: Floats, depth_m: NDArray[np.float32], seen: NDArray[np.int32],
    points: NDArray[np.float32], normals: NDArray[np.float32],
) -> None:  # fmt: skip
    """Make depth exact in double precision; write points and normals (3, H, W) in the world."""
    height, width = depth_m.shape
    for v in range(height):
        y = (v - camera[3]) / camera[1]
        for u in range(width):
            i = seen[v, u]
            x = (u - camera[2]) / camera[0]
            wx = to_world[0, 0] * x + to_world[0, 1] * y + to_world[0, 2]
            wy = to_world[1, 0] * x + to_world[1, 1] * y + to_world[1, 2]
            wz = to_world[2, 0] * x + to_world[2, 1] * y + to_world[2, 2]
            if i < 0:
                points[0, v, u], points[1, v, u], points[2, v, u] = wx, wy, wz
                continue
            ox, oy, oz = turned(world_to_unit, i, position[0], position[1], position[2])
            ox, oy, oz = ox + offset[i, 0], oy + offset[i, 1], oz + offset[i, 2]
            dx, dy, dz = turned(world_to_unit, i, wx, wy, wz)
            s1, s2, s3 = solids[i, 10], solids[i, 11], solids[i, 12]
            kind = int(solids[i, 0])
            near, far = interval(kind, ox, oy, oz, dx, dy, dz, s1, s2, s3)
            rough = float(depth_m[v, u])
            t = near if abs(near - rough) <= abs(far - rough) else far
            if abs(t - rough) > 1e-3 * rough:  # a grazing ray that only single precision hits
                t = rough
            depth_m[v, u] = t
            points[0, v, u] = position[0] + t * wx
            points[1, v, u] = position[1] + t * wy
            points[2, v, u] = position[2] + t * wz
            x, y_, z = ox + t * dx, oy + t * dy, oz + t * dz
            nx, ny, nz, _ = normal_at(kind, x, y_, z, s1, s2, s3)
            nx, ny, nz = nx / solids[i, 4], ny / solids[i, 5], nz / solids[i, 6]
            nx, ny, nz = turned(turn, i, nx, ny, nz)
            length = 1.0 / math.sqrt(nx * nx + ny * ny + nz * nz)
            normals[0, v, u], normals[1, v, u] = nx * length, ny * length
            normals[2, v, u] = nz * length
