"""Light on surfaces, sky and haze; kernels.

`air` is a row of numbers made by render.air_row; lamps are rows x, y, z, red, green, blue.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.data.synthetic.frames import turned
from zoedepth_ros.data.synthetic.jit import kernel
from zoedepth_ros.data.synthetic.noise import detail, noise2, noise3, ramp
from zoedepth_ros.data.synthetic.primitives import CONTACT, FOLIAGE, WORLD_UV
from zoedepth_ros.data.synthetic.solids import normal_at
from zoedepth_ros.data.synthetic.surfaces import Rgb, mixed, surface

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]


@kernel
def sky(x: float, y: float, z: float, air: Floats) -> Rgb:
    """Return the colour of the sky in a direction of length 1, far hills included."""
    horizon = (air[9], air[10], air[11])
    colour = mixed(horizon, (air[6], air[7], air[8]), ramp(0.0, 0.7, z) ** 0.6, 1.0)
    sun = x * air[0] + y * air[1] + z * air[2]
    glow = max(0.0, sun) ** 24.0 * 0.5 + max(0.0, sun) ** 800.0 * 6.0
    colour = (colour[0] + glow * air[3] * 0.3, colour[1] + glow * air[4] * 0.3,
              colour[2] + glow * air[5] * 0.3)  # fmt: skip
    seed = int(air[13])
    if z > 0.02 and air[12] > 0.0:
        k = 1.6 / (z + 0.12)
        c = (
            0.5
            + detail(x * k, y * k, seed, 0.0)
            + 0.2 * detail(x * k * 5, y * k * 5, seed + 1, 0.0)
        )
        cover = ramp(1.0 - air[12], 1.25 - air[12], c) * ramp(0.02, 0.15, z)
        light = 0.75 + 0.3 * ramp(0.4, 0.9, 1.4 - c)
        top = (light * (0.5 * air[9] + 0.5), light * (0.5 * air[10] + 0.5),
               light * (0.5 * air[11] + 0.5))  # fmt: skip
        colour = mixed(colour, top, 0.85 * cover, 1.0)
    bearing = math.atan2(y, x)
    hill = air[17] * (0.35 + 1.2 * noise2(bearing * 3.0, 0.5, seed + 3))
    hill += air[17] * 0.35 * noise2(bearing * 25.0, 0.5, seed + 4)
    if z < hill:
        tone = 0.85 + 0.4 * noise3(x * 30.0, y * 30.0, z * 45.0, seed + 5)
        far = mixed((air[14], air[15], air[16]), horizon, 0.45, tone)
        colour = mixed(colour, far, ramp(hill, hill - 0.006, z), 1.0)
    return colour


@kernel
def contact_shade(contacts: Floats, x: float, y: float, z: float) -> float:
    """Return how much light the gaps under things leave on the ground."""
    light = 1.0
    for i in range(contacts.shape[0]):
        if abs(z - contacts[i, 5]) > 0.08:
            continue
        dx, dy = x - contacts[i, 0], y - contacts[i, 1]
        if dx * dx + dy * dy > (contacts[i, 3] + contacts[i, 4] + 2.0 * contacts[i, 6]) ** 2:
            continue
        cos, sin = math.cos(contacts[i, 2]), math.sin(contacts[i, 2])
        along = abs(cos * dx + sin * dy) - contacts[i, 3]
        across = abs(cos * dy - sin * dx) - contacts[i, 4]
        d = math.sqrt(max(along, 0.0) ** 2 + max(across, 0.0) ** 2)
        d += min(max(along, across), 0.0)
        reach = contacts[i, 6]
        light *= 1.0 - contacts[i, 7] * min(1.0, math.exp(-1.5 * max(d, -0.5 * reach) / reach))
    return light


@kernel
def corner_shade(
    house: Floats, x: float, y: float, z: float, nx: float, ny: float, nz: float
) -> float:
    """Return how much light the corners of a room leave."""
    light = 1.0
    reach = 1.0
    for k in range(6):
        axis = k // 2
        at = x if axis == 0 else (y if axis == 1 else z)
        n = nx if axis == 0 else (ny if axis == 1 else nz)
        d = at - house[k] if k % 2 == 0 else house[k] - at
        if abs(n) < 0.9:
            near = max(0.0, 1.0 - max(d, 0.0) / reach)
            light *= 1.0 - 0.32 * near * near * near
    return light


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
            ex, ey, ez = x - position[0], y - position[1], z - position[2]
            far = math.sqrt(ex * ex + ey * ey + ez * ez)
            ex, ey, ez = ex / far, ey / far, ez / far
            facing = -(nx * ex + ny * ey + nz * ez)
            blur = depth_m[v, u] / camera[0] / max(0.12, math.sqrt(max(facing, 0.01)))
            albedo, gloss = texture(solids, world_to_unit, offset, i, x, y, z, blur)
            gloss = max(gloss, solids[i, 23])
            inside = (
                house[0] - 0.01 <= x <= house[1] + 0.01
                and house[2] - 0.01 <= y <= house[3] + 0.01
                and house[4] - 0.01 <= z <= house[5] + 0.01
            )
            shade_by = 1.0
            if int(solids[i, 26]) & CONTACT:
                shade_by = contact_shade(contacts, x, y, z)
            sun = nx * air[0] + ny * air[1] + nz * air[2]
            if int(solids[i, 0]) == FOLIAGE:
                sun = 0.35 + 0.5 * sun
            sun = max(0.0, sun) * sunlit[v, u]
            if inside:
                shade_by *= corner_shade(house, x, y, z, nx, ny, nz)
                red, green, blue = room_light[0], room_light[1], room_light[2]
                lift = 0.85 + 0.15 * nz
                red, green, blue = red * lift, green * lift, blue * lift
                for j in range(lamps.shape[0]):
                    lx, ly, lz = lamps[j, 0] - x, lamps[j, 1] - y, lamps[j, 2] - z
                    d2 = lx * lx + ly * ly + lz * lz
                    cosine = (lx * nx + ly * ny + lz * nz) / math.sqrt(d2)
                    if cosine > 0.0:
                        k = cosine / (0.25 + 0.85 * d2) * lit[j, v, u]
                        red += k * lamps[j, 3]
                        green += k * lamps[j, 4]
                        blue += k * lamps[j, 5]
            else:
                up = 0.5 + 0.5 * nz
                red = air[19] * up + air[22] * (1.0 - up)
                green = air[20] * up + air[23] * (1.0 - up)
                blue = air[21] * up + air[24] * (1.0 - up)
                if nz < 0.5:
                    low = 0.72 + 0.28 * ramp(0.0, 0.8, z)
                    shade_by *= low
            red, green, blue = red * shade_by, green * shade_by, blue * shade_by
            direct = 0.4 + 0.6 * shade_by
            red += sun * air[3] * direct
            green += sun * air[4] * direct
            blue += sun * air[5] * direct
            glow = solids[i, 24]
            red, green, blue = (
                (red + glow) * albedo[0],
                (green + glow) * albedo[1],
                (blue + glow) * albedo[2],
            )
            if gloss > 0.0:
                rx, ry, rz = ex + 2.0 * facing * nx, ey + 2.0 * facing * ny, ez + 2.0 * facing * nz
                mirror = gloss * (0.25 + 0.75 * (1.0 - min(1.0, max(0.0, facing))) ** 3)
                if inside:
                    back = (room_light[0] * 1.4, room_light[1] * 1.4, room_light[2] * 1.4)
                    for j in range(lamps.shape[0]):
                        lx, ly, lz = lamps[j, 0] - x, lamps[j, 1] - y, lamps[j, 2] - z
                        k = (lx * rx + ly * ry + lz * rz) / math.sqrt(lx * lx + ly * ly + lz * lz)
                        k = max(0.0, k) ** 40.0 * lit[j, v, u]
                        back = (
                            back[0] + k * lamps[j, 3],
                            back[1] + k * lamps[j, 4],
                            back[2] + k * lamps[j, 5],
                        )
                elif rz < 0.0:
                    back = (air[22], air[23], air[24])
                else:
                    back = mixed(
                        (air[9], air[10], air[11]),
                        (air[6], air[7], air[8]),
                        ramp(0.0, 0.7, rz),
                        0.9,
                    )
                    k = max(0.0, rx * air[0] + ry * air[1] + rz * air[2]) ** 60.0 * sunlit[v, u]
                    back = (back[0] + k * air[3], back[1] + k * air[4], back[2] + k * air[5])
                red, green, blue = mixed((red, green, blue), back, mirror, 1.0)
            haze = 1.0 - math.exp(-air[18] * far) if air[18] > 0.0 else 0.0
            out[v, u, 0] = red + haze * (air[9] - red)
            out[v, u, 1] = green + haze * (air[10] - green)
            out[v, u, 2] = blue + haze * (air[11] - blue)
