"""Shadows of each light; kernels.

Every solid darkens only the pixels inside the image rectangle around its shadow volume.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.synthetic.coordinates import bounds, corners, to_camera
from zoedepth_ros.synthetic.jit import kernel
from zoedepth_ros.synthetic.primitives import BOX, CASTS, FOLIAGE
from zoedepth_ros.synthetic.solids import interval, is_leaf

Floats = NDArray[np.float64]


@kernel
def shadow_hull(
    hull: Floats, light: Floats, is_sun: bool, limits: Floats, longest_m: float
) -> None:
    """Write corners 8 to 15 of a shadow volume: the first eight pushed to the world's limits."""
    push = 0.0
    for k in range(8):
        reach = 1e9
        length = 0.0
        for r in range(3):
            d = -light[r] if is_sun else hull[k, r] - light[r]
            length += d * d
            if d > 1e-9:
                reach = min(reach, (limits[2 * r + 1] - hull[k, r]) / d)
            elif d < -1e-9:
                reach = min(reach, (limits[2 * r] - hull[k, r]) / d)
        reach = min(max(reach, 0.0) * 1.2, longest_m / max(math.sqrt(length), 1e-3))
        push = max(push, reach)
    for k in range(8):
        for r in range(3):
            d = -light[r] if is_sun else hull[k, r] - light[r]
            hull[8 + k, r] = hull[k, r] + push * d


@kernel
def box_shadow(
    m: NDArray[np.float32], q: NDArray[np.float32], light: NDArray[np.float32], is_sun: bool,
    points: NDArray[np.float32], area: tuple[int, int, int, int], lit: NDArray[np.float32],
) -> None:  # fmt: skip
    """Darken what one box hides from a light; vector code."""
    one, eps = np.float32(1.0), np.float32(2e-3)
    last = np.float32(1e9) if is_sun else one
    w = np.float32(0.0) if is_sun else one
    left, right, top, bottom = area
    for v in range(top, bottom):
        xs, ys, zs, row = points[0, v], points[1, v], points[2, v], lit[v]
        for u in range(left, right):
            x, y, z = xs[u], ys[u], zs[u]
            ox = m[0, 0] * x + m[0, 1] * y + m[0, 2] * z + q[0]
            oy = m[1, 0] * x + m[1, 1] * y + m[1, 2] * z + q[1]
            oz = m[2, 0] * x + m[2, 1] * y + m[2, 2] * z + q[2]
            i0, i1, i2 = (
                one / (light[0] - w * ox),
                one / (light[1] - w * oy),
                one / (light[2] - w * oz),
            )
            s0, e0 = (-one - ox) * i0, (one - ox) * i0
            s1, e1 = (-one - oy) * i1, (one - oy) * i1
            s2, e2 = (-one - oz) * i2, (one - oz) * i2
            near = max(max(min(s0, e0), min(s1, e1)), min(s2, e2))
            far = min(min(max(s0, e0), max(s1, e1)), max(s2, e2))
            hidden = (max(near, eps) < far) & (near < last) & (far > eps)
            row[u] = np.float32(0.0) if hidden else row[u]


@kernel
def solid_shadow(
    s: Floats, m: Floats, q: Floats, light: Floats, is_sun: bool,
    points: NDArray[np.float32], area: tuple[int, int, int, int],
    seen: NDArray[np.int32], index: int, lit: NDArray[np.float32],
) -> None:  # fmt: skip
    """Darken what one solid of any kind hides from a light."""
    kind, seed = int(s[0]), int(s[25])
    w, last = (0.0, 1e9) if is_sun else (1.0, 1.0)
    left, right, top, bottom = area
    for v in range(top, bottom):
        for u in range(left, right):
            if lit[v, u] == 0.0 or (seen[v, u] == index and kind != FOLIAGE):
                continue
            x, y, z = points[0, v, u], points[1, v, u], points[2, v, u]
            ox = m[0, 0] * x + m[0, 1] * y + m[0, 2] * z + q[0]
            oy = m[1, 0] * x + m[1, 1] * y + m[1, 2] * z + q[1]
            oz = m[2, 0] * x + m[2, 1] * y + m[2, 2] * z + q[2]
            dx, dy, dz = light[0] - w * ox, light[1] - w * oy, light[2] - w * oz
            near, far = interval(kind, ox, oy, oz, dx, dy, dz, s[10], s[11], s[12])
            if near >= far or far < 2e-3 or near > last:
                continue
            if kind == FOLIAGE:
                px, py, pz = ox + far * dx, oy + far * dy, oz + far * dz
                if not is_leaf(px, py, pz, s[4], s[5], s[6], s[10], s[11], seed):
                    continue
            lit[v, u] = 0.0


@kernel
def cast(
    solids: Floats, world_to_unit: Floats, offset: Floats, turn: Floats, position: Floats,
    to_world: Floats, camera: Floats, limits: Floats, light: Floats, is_sun: bool,
    points: NDArray[np.float32], seen: NDArray[np.int32], lit: NDArray[np.float32],
) -> None:  # fmt: skip
    """Set `lit` to 0 where a solid hides a light (3,): a direction to the sun or a place."""
    height, width = lit.shape
    hull, turned = np.empty((16, 3)), np.empty((16, 3))
    local = np.empty(3)
    local32, m32, q32 = (
        np.empty(3, np.float32),
        np.empty((3, 3), np.float32),
        np.empty(3, np.float32),
    )
    for i in range(solids.shape[0]):
        if int(solids[i, 26]) & CASTS == 0:
            continue
        corners(solids[i], turn[i], hull)
        shadow_hull(hull, light, is_sun, limits, 25.0)
        to_camera(hull, 16, position, to_world, turned)
        area = bounds(turned, 16, camera, width, height)
        if area[0] >= area[1] or area[2] >= area[3]:
            continue
        for r in range(3):
            local[r] = 0.0 if is_sun else offset[i, r]
            for c in range(3):
                local[r] += world_to_unit[i, r, c] * light[c]
                m32[r, c] = world_to_unit[i, r, c]
            local32[r], q32[r] = local[r], offset[i, r]
        if solids[i, 0] == BOX:
            box_shadow(m32, q32, local32, is_sun, points, area, lit)
        else:
            solid_shadow(
                solids[i], world_to_unit[i], offset[i], local, is_sun, points, area, seen, i, lit
            )
