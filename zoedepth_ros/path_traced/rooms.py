"""Rooms: floor, walls, ceiling, lights and furniture around the place of interest."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from zoedepth_ros.path_traced.draws import Draws
from zoedepth_ros.path_traced.materials import (
    DIFFUSE,
    Material,
    random_material,
    rgb,
    surface_material,
)
from zoedepth_ros.path_traced.meshes import Array, box, shift, turn
from zoedepth_ros.path_traced.models import Model
from zoedepth_ros.path_traced.scene import AreaLight, Rectangle, Scene
from zoedepth_ros.path_traced.things import model_thing

THICK_M = 0.1
"""Thickness of walls."""


def build_room(scene: Scene, reach_m: tuple[float, float], open_share: float) -> None:
    """Add floor, walls and light; the floor is z = 0.

    reach_m: least and largest distance of a wall from the origin.  open_share: probability that
    walls are missing and an HDRI is the surroundings.
    """
    draws = scene.draws
    x0, y0 = -draws.between(*reach_m), -draws.between(*reach_m)
    x1, y1 = draws.between(*reach_m), draws.between(*reach_m)
    scene.room, scene.ceiling_m = (x0, x1, y0, y1), draws.between(2.3, 3.2)
    middle, width, depth = ((x0 + x1) / 2, (y0 + y1) / 2), x1 - x0, y1 - y0
    floor = box(width, depth, THICK_M, draws.log_between(0.3, 2.5), (*middle, -THICK_M))
    scene.add(floor, surface_material(draws, scene.assets))
    is_open = draws.coin(open_share)
    missing = draws.choice(4, draws.whole(1, 4) if is_open else 0, replace=False)
    _add_walls(scene, set(missing.tolist()))
    if is_open:
        sky = draws.pick(scene.assets.skies)
        scene.sky = (sky / max(float(sky.mean()), 1e-4)).astype(np.float32)
        scene.sky_turn_deg = draws.between(0, 360)
    if not is_open or draws.coin(0.25):
        white = Material(DIFFUSE, rgb([draws.between(0.5, 0.85)] * 3))
        scene.add(box(width, depth, THICK_M, at=(*middle, scene.ceiling_m)), white)
        _add_ceiling_lights(scene)
        if draws.coin():
            _add_window(scene)
    elif draws.coin(0.25):
        at = (draws.between(-1, 1), draws.between(-1, 1), draws.between(1.9, 2.4))
        size = draws.between(0.2, 1), draws.between(0.2, 1)
        radiance = draws.warmth(2800, 6500) * draws.log_between(3, 20)
        scene.lights.append(AreaLight(at, (0, 0, -1), *size, radiance))


def _add_walls(scene: Scene, missing: set[int]) -> None:
    draws, (x0, x1, y0, y1) = scene.draws, scene.room
    paint = random_material(draws, scene.assets, ('plain', 'plain', 'textured'))
    paint = replace(paint, kind=DIFFUSE)
    if paint.texture is None and draws.coin(0.7):
        paint = replace(paint, colour=rgb([0.25 * c + 0.55 for c in draws.colour(0.3, 1.0)]))
    x, y, width, depth = (x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, y1 - y0
    texture_m = draws.log_between(0.5, 2.5)
    sides = (
        (x0, y, THICK_M, depth + THICK_M), (x1, y, THICK_M, depth + THICK_M),
        (x, y0, width + THICK_M, THICK_M), (x, y1, width + THICK_M, THICK_M),
    )  # fmt: skip
    for k, (at_x, at_y, along_x, along_y) in enumerate(sides):
        if k not in missing:
            material = paint if draws.coin(0.8) else surface_material(draws, scene.assets)
            wall = box(along_x, along_y, scene.ceiling_m, texture_m, (at_x, at_y, 0.0))
            scene.add(wall, material)


def _add_ceiling_lights(scene: Scene) -> None:
    draws, (x0, x1, y0, y1) = scene.draws, scene.room
    tone = draws.warmth(2600, 6800)
    for _ in range(draws.whole(1, 3)):
        a, b = draws.log_between(0.15, 1.2), draws.log_between(0.15, 0.7)
        x, y = draws.between(x0 + 0.6, x1 - 0.6), draws.between(y0 + 0.6, y1 - 0.6)
        radiance = tone * draws.log_between(4, 30) / (a * b) ** 0.6
        at = (x, y, scene.ceiling_m - 0.03)
        scene.lights.append(AreaLight(at, (0, 0, -1), a, b, radiance))


def _add_window(scene: Scene) -> None:
    draws, (x0, x1, y0, y1) = scene.draws, scene.room
    width, height = draws.between(0.6, 1.8), draws.between(0.7, 1.5)
    z = draws.between(0.8, 1.0) + height / 2
    x, y = draws.between(x0 + 1, x1 - 1), draws.between(y0 + 1, y1 - 1)
    at, normal = draws.pick((
        ((x0 + 0.07, y, z), (1, 0, 0)), ((x1 - 0.07, y, z), (-1, 0, 0)),
        ((x, y0 + 0.07, z), (0, 1, 0)), ((x, y1 - 0.07, z), (0, -1, 0)),
    ))  # fmt: skip
    radiance: Array = draws.warmth(5000, 10000) * draws.log_between(3, 40)
    if draws.coin(0.6):
        view = _view_outside(scene, draws)
        radiance = view / max(float(view.mean()), 1e-3) * radiance.mean()
    scene.lights.append(AreaLight(at, normal, width, height, radiance))


def _view_outside(scene: Scene, draws: Draws) -> Array:
    """Cut a third of an HDRI near the horizon."""
    sky = draws.pick(scene.assets.skies)
    height, width = sky.shape[:2]
    x, y = int(draws.between(0, 0.6) * width), int(draws.between(0.25, 0.45) * height)
    return np.minimum(sky[y : y + height // 3, x : x + width // 3], 20.0)


def line_walls(scene: Scene, clear: Rectangle, share: float, most_faces: int) -> None:
    """Put furniture along the walls, except within `clear`.

    share: of the places that get a piece.
    """
    draws, (x0, x1, y0, y1) = scene.draws, scene.room
    scene.occupied.append(clear)
    faces = 0
    for side in draws.permutation(4):
        length = x1 - x0 if side > 1 else y1 - y0
        along = 0.1
        while along < length - 0.4:
            if not draws.coin(share):
                along += draws.between(0.2, 1.0)
                continue
            model = scene.assets.piece_of_furniture(draws)
            width, depth, height = model.entry.size_m
            is_too_high = model.entry.elevation_m + height > scene.ceiling_m - 0.05
            if (
                along + width > length - 0.1
                or is_too_high
                or faces + model.face_count > most_faces
            ):
                along += 0.25
                continue
            gap = 0.06 + draws.log_between(0.005, 0.12) + depth / 2
            middle = along + width / 2
            x, y, yaw = (
                (x0 + gap, y0 + middle, math.pi / 2), (x1 - gap, y0 + middle, -math.pi / 2),
                (x0 + middle, y0 + gap, math.pi), (x0 + middle, y1 - gap, 0.0),
            )[side]  # fmt: skip
            if scene.occupy(x, y, yaw, width, depth):
                _place(scene, model, x, y, yaw)
                faces += model.face_count
            along += width + draws.log_between(0.02, 0.6)


def scatter_furniture(scene: Scene, count: int, most_faces: int) -> None:
    """Put furniture anywhere on the free floor."""
    draws, (x0, x1, y0, y1) = scene.draws, scene.room
    placed = faces = 0
    for _ in range(3 * count):
        model = scene.assets.piece_of_furniture(draws)
        if model.entry.elevation_m > 0.05 or faces + model.face_count > most_faces:
            continue
        x, y = draws.between(x0 + 0.6, x1 - 0.6), draws.between(y0 + 0.6, y1 - 0.6)
        yaw = draws.angle()
        if placed < count and scene.occupy(x, y, yaw, *model.entry.size_m[:2]):
            _place(scene, model, x, y, yaw)
            placed, faces = placed + 1, faces + model.face_count


def _place(scene: Scene, model: Model, x: float, y: float, yaw: float) -> None:
    recoloured = 0.4 if scene.draws.coin(0.4) else 0.0
    thing = model_thing(model, scene.draws, recoloured=recoloured)
    scene.put(thing, shift(x, y, model.entry.elevation_m) @ turn('z', yaw))
