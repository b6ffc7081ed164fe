"""Render a world through a camera: exact depth and an image with camera effects."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.geometry.canonical import RANGE_M
from zoedepth_ros.geometry.intrinsics import Intrinsics
from zoedepth_ros.synthetic import coordinates, shadow, visibility
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
from zoedepth_ros.synthetic.photographs import NO_TEXTURES, Textures, photograph
from zoedepth_ros.synthetic.primitives import CONTACT, FOLIAGE, PHOTOGRAPH, WORLD_UV
from zoedepth_ros.synthetic.solids import normal_at
from zoedepth_ros.synthetic.surfaces import Rgb, mixed, surface
from zoedepth_ros.synthetic.world import Air, ImageEffects, Pose, World

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]


@kernel
def texture(
    solids: Floats, m: Floats, q: Floats, i: int, x: float, y: float, z: float, blur: float,
    textures: Textures,
) -> tuple[Rgb, float]:  # fmt: skip
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
    if int(solids[i, 13]) == PHOTOGRAPH:
        size_u = size_v = solids[i, 20]
        if size_u == 0.0:
            size_u, size_v = 2.0 * hu, 2.0 * hv
        u, v, size = (u + hu) / size_u, (v + hv) / size_v, min(size_u, size_v)
        if solids[i, 22] > 0.5:
            u, v = v, u
        return photograph(textures, int(solids[i, 21]), u, v, blur / size, a), 0.0
    b = (solids[i, 17], solids[i, 18], solids[i, 19])
    return surface(
        int(solids[i, 13]), u, v, hu, hv, lx, ly, lz, blur, a, b,
        solids[i, 20], solids[i, 21], solids[i, 22], int(solids[i, 25]),
    )  # fmt: skip


@kernel
def shade(
    solids: Floats, world_to_unit: Floats, offset: Floats, contacts: Floats,
    position: Floats, camera: Floats, air: Floats, house: Floats, room_light: Floats,
    lamps: Floats, textures: Textures, seen: NDArray[np.int32], depth_m: Singles,
    points: Singles, normals: Singles, lit: Singles, sunlit: Singles, out: Singles,
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
            albedo, gloss = texture(solids, world_to_unit, offset, i, x, y, z, blur, textures)
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


NOWHERE = (1e9, -1e9, 1e9, -1e9, 1e9, -1e9)


def air_row(air: Air) -> NDArray[np.float64]:
    """Return the numbers that the kernels read."""
    row = [*air.sun_direction, *air.sun, *air.zenith, *air.horizon, air.clouds, air.seed]
    row += [*air.hills, air.hill_height, air.haze_per_m, *air.sky_light, *air.ground_light]
    return np.array(row, dtype=np.float64)


def render(
    world: World, camera: Intrinsics, pose: Pose, effects: ImageEffects
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Return the image (H, W, 3) and depth [m] (H, W), NaN where there is sky."""
    shape = (camera.height, camera.width)
    solids, position, to_world = world.solids, pose.position(), pose.to_world()
    lens = np.array((camera.fx_px, camera.fy_px, camera.cx_px, camera.cy_px))
    count = len(solids)
    maps = (np.empty((count, 3, 3)), np.empty((count, 3)), np.empty((count, 3, 3)))
    coordinates.prepare(solids, *maps)
    depth_m = np.full(shape, RANGE_M['outdoor'], np.float32)  # what is beyond it is sky
    seen = np.full(shape, -1, np.int32)
    eye = (position, to_world, lens)
    visibility.look(solids, *maps, *eye, depth_m, seen)
    points, normals = np.empty((3, *shape), np.float32), np.zeros((3, *shape), np.float32)
    visibility.resolve(solids, *maps, *eye, depth_m, seen, points, normals)
    air = air_row(world.air)
    limits = np.array(world.limits, dtype=np.float64)
    sunlit = np.ones(shape, np.float32)
    if max(world.air.sun) > 0.0:
        sun = np.array(world.air.sun_direction)
        shadow.cast(solids, *maps, *eye, limits, sun, True, points, seen, sunlit)
    lamps = np.array([(*lamp.place, *lamp.colour) for lamp in world.lamps]).reshape(-1, 6)
    lit = np.ones((len(lamps), *shape), np.float32)
    for light, lamp in zip(lit, world.lamps, strict=True):
        if lamp.shadows:
            place = np.array(lamp.place, dtype=np.float64)
            shadow.cast(solids, *maps, *eye, limits, place, False, points, seen, light)
    light = np.empty((*shape, 3), np.float32)
    house = np.array(world.house or NOWHERE, dtype=np.float64)
    textures = NO_TEXTURES if world.textures is None else world.textures
    shade(
        solids, *maps[:2], world.contacts, position, lens, air, house, np.array(world.room_light),
        lamps, textures, seen, depth_m, points, normals, lit, sunlit, light,
    )  # fmt: skip
    depth_m[seen < 0] = np.nan
    return apply_effects(light, effects), depth_m


@kernel
def exposure_of(light: NDArray[np.float32]) -> float:
    """Return the factor that brings the mean of the logarithm of the light to middle grey."""
    total, count = 0.0, 0
    height, width, _ = light.shape
    for v in range(0, height, 3):
        for u in range(0, width, 3):
            grey = 0.3 * light[v, u, 0] + 0.6 * light[v, u, 1] + 0.1 * light[v, u, 2]
            total += math.log(grey + 0.01)
            count += 1
    return 0.26 / math.exp(total / count)


@kernel
def develop(
    light: NDArray[np.float32], red: float, green: float, blue: float, saturation: float,
    contrast: float, vignette: float, noise: float, seed: int, out: NDArray[np.uint8],
) -> None:  # fmt: skip
    """Write the image: gains, saturation, tone curve, gamma, vignette and noise."""
    height, width, _ = light.shape
    for v in range(height):
        y = (v - 0.5 * height) / (0.5 * width)
        for u in range(width):
            x = (u - 0.5 * width) / (0.5 * width)
            fall = 1.0 - vignette * (x * x + y * y)
            r, g, b = (
                light[v, u, 0] * red * fall,
                light[v, u, 1] * green * fall,
                light[v, u, 2] * blue * fall,
            )
            grey = 0.3 * r + 0.6 * g + 0.1 * b
            for c in range(3):
                value = r if c == 0 else (g if c == 1 else b)
                value = max(0.0, grey + saturation * (value - grey))
                value = value * (1.0 + 0.12 * value) / (1.0 + value)
                value = math.sqrt(value) * 1.1
                value = 0.45 + contrast * (value - 0.45)
                seed = (seed * 1664525 + 1013904223) & 0xFFFFFFFF
                grain = ((seed >> 8) & 0xFFFF) + ((seed >> 16) & 0xFFFF)
                value += noise * (grain * (1.0 / 65536.0) - 1.0) * 2.45 * (0.6 + 0.5 * value)
                out[v, u, c] = np.uint8(min(255.0, max(0.0, value * 255.0 + 0.5)))


def apply_effects(light: NDArray[np.float32], effects: ImageEffects) -> NDArray[np.uint8]:
    """Make an image (H, W, 3) of linear light (H, W, 3)."""
    sigma_px = effects.blur_px * light.shape[1] / 256
    if sigma_px > 0.1:
        size = 3 if sigma_px < 0.8 else 5
        light = cv2.GaussianBlur(light, (size, size), sigma_px)
    gain = exposure_of(light) * effects.exposure
    out = np.empty(light.shape, np.uint8)
    develop(
        light, gain * (1.0 + effects.warmth), gain, gain * (1.0 - effects.warmth),
        effects.saturation, effects.contrast, effects.vignette, effects.noise, effects.seed, out,
    )  # fmt: skip
    if not effects.jpeg_quality:
        return out
    _, code = cv2.imencode('.jpg', out, [cv2.IMWRITE_JPEG_QUALITY, effects.jpeg_quality])
    return np.asarray(cv2.imdecode(code, cv2.IMREAD_COLOR), dtype=np.uint8)
