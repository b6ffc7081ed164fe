"""Which solid each pixel sees, and where; kernels.

Convention: camera x right, y down, z forward; pixel centres at integers; the ray of a pixel is
((u - cx) / fx, (v - cy) / fy, 1), so its parameter is the depth.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.data.synthetic.jit import kernel
from zoedepth_ros.data.synthetic.primitives import BOX, FOLIAGE, TAPER
from zoedepth_ros.data.synthetic.solids import interval, is_leaf, normal_at

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
def prepare(
    solids: Floats, position: Floats, to_world: Floats,
    world_to_unit: Floats, offset: Floats, turn: Floats,
) -> None:  # fmt: skip
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
    """Fill depth (far where nothing is) and the index of the solid seen (-1: none)."""
    height, width = depth_m.shape
    columns, lines = np.empty(width, np.float32), np.empty(height, np.float32)
    for u in range(width):
        columns[u] = (u - camera[2]) / camera[0]
    for v in range(height):
        lines[v] = (v - camera[3]) / camera[1]
    hull, turned = np.empty((8, 3)), np.empty((8, 3))
    a, o = np.empty((3, 3)), np.empty(3)
    a32, o32 = np.empty((3, 3), np.float32), np.empty(3, np.float32)
    for i in range(solids.shape[0]):
        corners(solids[i], turn[i], hull)
        to_camera(hull, 8, position, to_world, turned)
        area = bounds(turned, 8, camera, width, height)
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
            m, q, s = world_to_unit[i], offset[i], solids[i]
            ox = m[0, 0] * position[0] + m[0, 1] * position[1] + m[0, 2] * position[2] + q[0]
            oy = m[1, 0] * position[0] + m[1, 1] * position[1] + m[1, 2] * position[2] + q[1]
            oz = m[2, 0] * position[0] + m[2, 1] * position[1] + m[2, 2] * position[2] + q[2]
            dx = m[0, 0] * wx + m[0, 1] * wy + m[0, 2] * wz
            dy = m[1, 0] * wx + m[1, 1] * wy + m[1, 2] * wz
            dz = m[2, 0] * wx + m[2, 1] * wy + m[2, 2] * wz
            kind = int(s[0])
            near, far = interval(kind, ox, oy, oz, dx, dy, dz, s[10], s[11], s[12])
            rough = float(depth_m[v, u])
            t = near if abs(near - rough) <= abs(far - rough) else far
            if abs(t - rough) > 1e-3 * rough:  # a grazing ray that only single precision hits
                t = rough
            depth_m[v, u] = t
            points[0, v, u] = position[0] + t * wx
            points[1, v, u] = position[1] + t * wy
            points[2, v, u] = position[2] + t * wz
            nx, ny, nz, _ = normal_at(
                kind, ox + t * dx, oy + t * dy, oz + t * dz, s[10], s[11], s[12]
            )
            nx, ny, nz = nx / s[4], ny / s[5], nz / s[6]
            length = 1.0 / math.sqrt(nx * nx + ny * ny + nz * nz)
            r = turn[i]
            normals[0, v, u] = (r[0, 0] * nx + r[0, 1] * ny + r[0, 2] * nz) * length
            normals[1, v, u] = (r[1, 0] * nx + r[1, 1] * ny + r[1, 2] * nz) * length
            normals[2, v, u] = (r[2, 0] * nx + r[2, 1] * ny + r[2, 2] * nz) * length
