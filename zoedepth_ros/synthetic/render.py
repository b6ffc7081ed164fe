"""Look at a world through a camera: exact depth and a picture."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.geometry.intrinsics import Intrinsics
from zoedepth_ros.synthetic import frames, shading, shadow, visibility
from zoedepth_ros.synthetic import image as picture
from zoedepth_ros.synthetic.world import RANGE_M, Air, Film, Pose, World

NOWHERE = (1e9, -1e9, 1e9, -1e9, 1e9, -1e9)


def air_row(air: Air) -> NDArray[np.float64]:
    """Return the numbers that the kernels read."""
    row = [*air.sun_direction, *air.sun, *air.zenith, *air.horizon, air.clouds, air.seed]
    row += [*air.hills, air.hill_height, air.haze_per_m, *air.sky_light, *air.ground_light]
    return np.array(row, dtype=np.float64)


def render(
    world: World, camera: Intrinsics, pose: Pose, film: Film
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Return the picture (H, W, 3) and depth [m] (H, W), NaN where there is sky."""
    shape = (camera.height, camera.width)
    solids, position, to_world = world.solids, pose.position(), pose.to_world()
    lens = np.array((camera.fx_px, camera.fy_px, camera.cx_px, camera.cy_px))
    count = len(solids)
    maps = (np.empty((count, 3, 3)), np.empty((count, 3)), np.empty((count, 3, 3)))
    frames.prepare(solids, position, to_world, *maps)
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
    return picture.take(light, film), depth_m
