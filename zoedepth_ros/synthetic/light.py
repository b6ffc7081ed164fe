"""Lighting by sky, sun, lamps and rooms, and ambient occlusion; kernels.

`air` is a row of numbers made by render.air_row; lamps are rows x, y, z, red, green, blue.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.synthetic.jit import kernel
from zoedepth_ros.synthetic.noise import detail, noise2, noise3, ramp
from zoedepth_ros.synthetic.surfaces import Rgb, mixed

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
def inside_house(house: Floats, x: float, y: float, z: float) -> bool:
    """Return whether a point is inside the house, walls included."""
    return (
        house[0] - 0.01 <= x <= house[1] + 0.01
        and house[2] - 0.01 <= y <= house[3] + 0.01
        and house[4] - 0.01 <= z <= house[5] + 0.01
    )


@kernel
def room_shine(
    place: Rgb, normal: Rgb, room_light: Floats, lamps: Floats, lit: Singles, v: int, u: int
) -> Rgb:
    """Return the light of a room and its lamps on a surface."""
    lift = 0.85 + 0.15 * normal[2]
    red, green, blue = room_light[0] * lift, room_light[1] * lift, room_light[2] * lift
    for j in range(lamps.shape[0]):
        x, y, z = lamps[j, 0] - place[0], lamps[j, 1] - place[1], lamps[j, 2] - place[2]
        d2 = x * x + y * y + z * z
        cosine = (x * normal[0] + y * normal[1] + z * normal[2]) / math.sqrt(d2)
        if cosine > 0.0:
            k = cosine / (0.25 + 0.85 * d2) * lit[j, v, u]
            red += k * lamps[j, 3]
            green += k * lamps[j, 4]
            blue += k * lamps[j, 5]
    return red, green, blue


@kernel
def day_shine(normal: Rgb, air: Floats) -> Rgb:
    """Return the light of the sky and of the ground on a surface."""
    up = 0.5 + 0.5 * normal[2]
    down = 1.0 - up
    return (
        air[19] * up + air[22] * down,
        air[20] * up + air[23] * down,
        air[21] * up + air[24] * down,
    )


@kernel
def room_mirrored(
    place: Rgb, ray: Rgb, room_light: Floats, lamps: Floats, lit: Singles, v: int, u: int
) -> Rgb:
    """Return what a gloss inside mirrors: the room, a little brighter, and its lamps."""
    red, green, blue = room_light[0] * 1.4, room_light[1] * 1.4, room_light[2] * 1.4
    for j in range(lamps.shape[0]):
        x, y, z = lamps[j, 0] - place[0], lamps[j, 1] - place[1], lamps[j, 2] - place[2]
        k = (x * ray[0] + y * ray[1] + z * ray[2]) / math.sqrt(x * x + y * y + z * z)
        k = max(0.0, k) ** 40.0 * lit[j, v, u]
        red += k * lamps[j, 3]
        green += k * lamps[j, 4]
        blue += k * lamps[j, 5]
    return red, green, blue


@kernel
def day_mirrored(ray: Rgb, air: Floats, sunlit: float) -> Rgb:
    """Return what a gloss outside mirrors: ground, sky, sun."""
    if ray[2] < 0.0:
        return air[22], air[23], air[24]
    horizon, zenith = (air[9], air[10], air[11]), (air[6], air[7], air[8])
    back = mixed(horizon, zenith, ramp(0.0, 0.7, ray[2]), 0.9)
    k = max(0.0, ray[0] * air[0] + ray[1] * air[1] + ray[2] * air[2]) ** 60.0 * sunlit
    return back[0] + k * air[3], back[1] + k * air[4], back[2] + k * air[5]
