"""The colour of every pixel: texture, light, gloss and haze; kernels."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.synthetic.coordinates import turned
from zoedepth_ros.synthetic.jit import kernel
from zoedepth_ros.synthetic.light import (
    contact_shade,
    corner_shade,
    day_mirrored,
    day_shine,
    inside_house,
    room_mirrored,
    room_shine,
    sky,
)
from zoedepth_ros.synthetic.noise import ramp
from zoedepth_ros.synthetic.primitives import CONTACT, FOLIAGE, WORLD_UV
from zoedepth_ros.synthetic.solids import normal_at
from zoedepth_ros.synthetic.surfaces import Rgb, mixed, surface

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]


@kernel
def texture(
    solids: Floats, m: Floats, q: Floats, i: int, x: float, y: float, z: float, blur: float
) -> tuple[Rgb, float]:
    """Return the colour of a solid at a place in the world, and its gloss there."""
    lx, ly, lz = turned(m, i, x, y, z)
    lx, ly, lz = lx + q[i, 0], ly + q[i, 1], lz + q[i, 2]
    s1, s2, s3 = solids[i, 10], solids[i, 11], solids[i, 12]
    face = normal_at(int(solids[i, 0]), lx, ly, lz, s1, s2, s3)[3]
    hx, hy, hz = solids[i, 4], solids[i, 5], solids[i, 6]
    lx, ly, lz = lx * hx, ly * hy, lz * hz
    if int(solids[i, 26]) & WORLD_UV:
        u, v, hu, hv = (
            (y, z, hy, hz) if face == 0 else ((x, z, hx, hz) if face == 1 else (x, y, hx, hy))
        )
    elif face == 0:
        u, v, hu, hv = ly, lz, hy, hz
    elif face == 1:
        u, v, hu, hv = lx, lz, hx, hz
    elif face == 2:
        u, v, hu, hv = lx, ly, hx, hy
    else:
        u, v, hu, hv = math.atan2(ly, lx) * 0.5 * (hx + hy), lz, 3.14 * hx, hz
    a = (solids[i, 14], solids[i, 15], solids[i, 16])
    b = (solids[i, 17], solids[i, 18], solids[i, 19])
    return surface(
        int(solids[i, 13]), u, v, hu, hv, lx, ly, lz, blur, a, b,
        solids[i, 20], solids[i, 21], solids[i, 22], int(solids[i, 25]),
    )  # fmt: skip


@kernel
def shade(
    solids: Floats, world_to_unit: Floats, offset: Floats, contacts: Floats,
    position: Floats, camera: Floats, air: Floats, house: Floats, room_light: Floats,
    lamps: Floats, seen: NDArray[np.int32], depth_m: Singles, points: Singles, normals: Singles,
    lit: Singles, sunlit: Singles, out: Singles,
) -> None:  # fmt: skip
    """Write the light that reaches the camera, (H, W, 3), linear."""
    height, width = depth_m.shape
    for v in range(height):
        for u in range(width):
            x, y, z = float(points[0, v, u]), float(points[1, v, u]), float(points[2, v, u])
            i = seen[v, u]
            if i < 0:
                k = 1.0 / math.sqrt(x * x + y * y + z * z)
                out[v, u, 0], out[v, u, 1], out[v, u, 2] = sky(x * k, y * k, z * k, air)
                continue
            nx, ny, nz = float(normals[0, v, u]), float(normals[1, v, u]), float(normals[2, v, u])
            place, normal = (x, y, z), (nx, ny, nz)
            ex, ey, ez = x - position[0], y - position[1], z - position[2]
            far = math.sqrt(ex * ex + ey * ey + ez * ez)
            ex, ey, ez = ex / far, ey / far, ez / far
            facing = -(nx * ex + ny * ey + nz * ez)
            blur = depth_m[v, u] / camera[0] / max(0.12, math.sqrt(max(facing, 0.01)))
            albedo, gloss = texture(solids, world_to_unit, offset, i, x, y, z, blur)
            gloss = max(gloss, solids[i, 23])
            open_by = 1.0
            if int(solids[i, 26]) & CONTACT:
                open_by = contact_shade(contacts, x, y, z)
            inside = inside_house(house, x, y, z)
            if inside:
                open_by *= corner_shade(house, x, y, z, nx, ny, nz)
                shine = room_shine(place, normal, room_light, lamps, lit, v, u)
            else:
                shine = day_shine(normal, air)
                if nz < 0.5:
                    open_by *= 0.72 + 0.28 * ramp(0.0, 0.8, z)
            sun = nx * air[0] + ny * air[1] + nz * air[2]
            if int(solids[i, 0]) == FOLIAGE:
                sun = 0.35 + 0.5 * sun
            sun = max(0.0, sun) * sunlit[v, u] * (0.4 + 0.6 * open_by)
            glow = solids[i, 24]
            colour = (
                (shine[0] * open_by + sun * air[3] + glow) * albedo[0],
                (shine[1] * open_by + sun * air[4] + glow) * albedo[1],
                (shine[2] * open_by + sun * air[5] + glow) * albedo[2],
            )
            if gloss > 0.0:
                twice = 2.0 * facing
                ray = (ex + twice * nx, ey + twice * ny, ez + twice * nz)
                mirror = gloss * (0.25 + 0.75 * (1.0 - min(1.0, max(0.0, facing))) ** 3)
                if inside:
                    back = room_mirrored(place, ray, room_light, lamps, lit, v, u)
                else:
                    back = day_mirrored(ray, air, float(sunlit[v, u]))
                colour = mixed(colour, back, mirror, 1.0)
            haze = 1.0 - math.exp(-air[18] * far) if air[18] > 0.0 else 0.0
            for c in range(3):
                out[v, u, c] = colour[c] + haze * (air[9 + c] - colour[c])
