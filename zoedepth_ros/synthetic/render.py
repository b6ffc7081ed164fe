"""Render a world through a camera: exact depth and an image with camera effects."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.geometry.intrinsics import Intrinsics
from zoedepth_ros.synthetic import coordinates, shading, shadow, visibility
from zoedepth_ros.synthetic.jit import kernel
from zoedepth_ros.synthetic.world import RANGE_M, Air, ImageEffects, Pose, World

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
    coordinates.prepare(solids, position, to_world, *maps)
    depth_m = np.full(shape, RANGE_M['outdoor'], np.float32)
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
    shading.shade(
        solids, *maps[:2], world.contacts, position, lens, air, house, np.array(world.room_light),
        lamps, seen, depth_m, points, normals, lit, sunlit, light,
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
