"""The four kinds of scene, each with its cameras."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from zoedepth_ros.path_traced.assets import Assets
from zoedepth_ros.path_traced.draws import Draws
from zoedepth_ros.path_traced.meshes import Array, shift, turn
from zoedepth_ros.path_traced.piles import STANDING, TIPPED, Surface, fill
from zoedepth_ros.path_traced.rooms import build_room, line_walls, scatter_furniture
from zoedepth_ros.path_traced.scene import Scene
from zoedepth_ros.path_traced.supports import SHELF_TOP_M, Shelf, add_crate, add_shelf, add_table


@dataclass(frozen=True, slots=True)
class Aim:
    """What a camera looks at, and from where: direction from the target to the camera [rad]."""

    target: Array  # (3,)
    distance_m: float
    elevation: float
    azimuth: float


@dataclass(frozen=True, slots=True)
class CameraRule:
    """Draws a camera; the median depth of its image must be in a range [m].

    is_close: it looks at things within reach of an arm.
    """

    draw: Callable[[], Aim]
    median_m: tuple[float, float]
    is_close: bool = True


def bin_scene(scene: Scene) -> CameraRule:
    """Make a crate full of things on a table or the floor, seen from above."""
    draws = scene.draws
    width, depth = draws.log_between(0.18, 0.7), draws.log_between(0.15, 0.5)
    height = draws.log_between(0.03, 0.35)
    table_m = draws.pick(
        (draws.between(0.6, 1.0), draws.between(0.6, 1.0), 0.0, draws.between(0.15, 0.5))
    )
    build_room(scene, (1.1, 3.2), 0.35)
    base = turn('z', draws.angle())
    if table_m:
        wide = max(width + 0.1, draws.between(0.5, 1.8))
        base = add_table(scene, base, table_m, wide, max(depth + 0.1, draws.between(0.4, 1.0)))
    inside = Surface(
        add_crate(scene, base, width, depth, height), width, depth, height + draws.between(0, 0.15)
    )
    count = draws.whole(*draws.pick(((1, 5), (5, 24), (15, 59))))
    fill(scene, inside, count, TIPPED, same=0.5)
    if draws.coin(1 / 3):
        _second_crate(scene, base, width, height)
    if draws.coin(0.8):
        line_walls(scene, (-0.7, 0.7, -0.7, 0.7), 0.6, 50_000)
    steepest = 52 if height < 0.6 * min(width, depth) else 66

    def draw() -> Aim:
        x, y = draws.between(-0.25, 0.25) * width, draws.between(-0.25, 0.25) * depth
        target = base @ shift(x, y, draws.between(0, 0.6) * min(height, 0.15))
        elevation = math.radians(draws.between(steepest, 89.5))
        return Aim(target[:3, 3], draws.log_between(0.3, 1.2), elevation, draws.angle())

    return CameraRule(draw, (0.22, 1.35))


def _second_crate(scene: Scene, base: Array, width: float, height: float) -> None:
    draws = scene.draws
    wide, deep = draws.log_between(0.2, 0.6), draws.log_between(0.15, 0.4)
    x = draws.pick((-1, 1)) * ((width + wide) / 2 + 0.05)
    tall = height if draws.coin() else draws.log_between(0.03, 0.3)
    inside = add_crate(scene, base @ shift(x, draws.between(-0.1, 0.1), 0), wide, deep, tall)
    surface = Surface(inside, wide, deep, height + 0.1)
    fill(scene, surface, draws.whole(0, 14), ('any', 'lying', 'flipped'))


def tabletop_scene(scene: Scene) -> CameraRule:
    """Make a table, or a piece of floor, with things on it."""
    draws = scene.draws
    table_m = draws.between(0.65, 0.95) if draws.coin(0.85) else draws.between(0.35, 0.55)
    is_floor = draws.coin(0.08)
    width, depth = draws.log_between(0.6, 2.2), draws.log_between(0.5, 1.1)
    build_room(scene, (1.2, 3.4), 0.35)
    is_at_wall = draws.coin(0.3)
    y = scene.room[3] - 0.06 - depth / 2 if is_at_wall else 0.0
    base = shift(0, y, 0)
    if not is_floor:
        base = base @ turn('z', 0.0 if is_at_wall else draws.angle())
        base = add_table(scene, base, table_m, width, depth)
    count = draws.whole(*draws.pick(((2, 7), (6, 21), (15, 49))))
    spread_m = draws.between(0.1, 0.35) if draws.coin() else None
    surface = Surface(base, width, depth, 0.6)
    fill(scene, surface, count, STANDING, same=0.1, is_level=draws.coin(0.6), spread_m=spread_m)
    reach = max(width, depth) / 2 + 0.1
    line_walls(scene, (-reach, reach, y - reach, y + reach), 0.7, 70_000)
    if draws.coin(0.6):
        scatter_furniture(scene, draws.whole(1, 3), 30_000)
    around_x, around_y = (0.12, 0.12) if spread_m else (0.3 * width, 0.3 * depth)

    def draw() -> Aim:
        elevation = draws.between(12, 60) if draws.coin(0.8) else draws.between(60, 88)
        azimuth = -math.pi / 2 + draws.between(-1.1, 1.1) if is_at_wall else draws.angle()
        if scene.spots and draws.coin(0.8):
            target = draws.pick(scene.spots) + draws.normal(size=3) * (0.06, 0.06, 0.02)
        else:
            x, y = draws.between(-1, 1) * around_x, draws.between(-1, 1) * around_y
            target = (base @ shift(x, y, draws.between(0, 0.1)))[:3, 3]
        return Aim(target, draws.log_between(0.3, 1.4), math.radians(elevation), azimuth)

    return CameraRule(draw, (0.3, 1.9))


def shelf_scene(scene: Scene) -> CameraRule:
    """Make a shelf at a wall with things in it; the camera looks into one compartment."""
    draws = scene.draws
    height, low = draws.log_between(0.15, 0.5), draws.between(0.0, 0.5)
    rows = min(draws.whole(2, 4), int((SHELF_TOP_M - low) / height))
    columns, width, depth = (
        draws.whole(1, 3),
        draws.log_between(0.22, 0.9),
        draws.between(0.2, 0.5),
    )
    board = draws.log_between(0.004, 0.03)
    shelf = Shelf(columns, rows, width, depth, height, board, low)
    build_room(scene, (1.6, 3.4), 0.3)
    y = scene.room[3] - 0.07 - depth / 2
    base = shift(0, y, 0)
    add_shelf(scene, base, shelf)
    seen = draws.whole(0, columns - 1), draws.whole(0, rows - 1)
    for column in range(columns):
        for row in range(rows):
            away = max(abs(column - seen[0]), abs(row - seen[1]))
            _fill_compartment(scene, shelf, base, (column, row), away)
    reach = columns * width / 2 + 0.1
    line_walls(scene, (-reach, reach, y - depth / 2 - 1.2, y + depth), 0.6, 40_000)

    def draw() -> Aim:
        x, z = shelf.compartment(*seen)
        x += draws.between(-0.2, 0.2) * width
        z += draws.between(0.15, 0.6) * height
        target = (base @ shift(x, -depth / 2 * draws.random(), z))[:3, 3]
        distance_m = draws.log_between(0.3, 1.0) + depth * draws.between(0, 0.5)
        azimuth = -math.pi / 2 + draws.between(-0.45, 0.45)
        return Aim(target, distance_m, math.radians(draws.between(-8, 30)), azimuth)

    return CameraRule(draw, (0.28, 1.6))


def _fill_compartment(
    scene: Scene, shelf: Shelf, base: Array, place: tuple[int, int], away: int
) -> None:
    """Put things, or a crate with things, into a compartment.

    away: number of compartments to the one that the camera looks at.
    """
    draws = scene.draws
    if away:
        count = min(draws.whole(0, 4), 2 if away > 1 else 4)
    else:
        count = 0 if draws.coin(0.08) else draws.whole(1, 11)
    x, z = shelf.compartment(*place)
    at, depth = base @ shift(x, 0, z), 0.95 * shelf.depth
    width, limit = shelf.width - shelf.board - 0.01, shelf.height - shelf.board - 0.005
    if draws.coin(0.15) and limit > 0.1 and width > 0.2:
        width, depth = 0.85 * width, 0.85 * shelf.depth
        at = add_crate(scene, at, width, depth, limit * draws.between(0.3, 0.8))
        limit -= 0.02
    surface = Surface(at, width, depth, limit)
    poses = ('upright', 'upright', 'upright', 'flipped', 'lying')
    fill(scene, surface, count, poses, same=0.3, is_level=draws.coin())


def furnished_scene(scene: Scene) -> CameraRule:
    """Make a room with furniture, seen by a camera that somebody or a robot carries."""
    draws = scene.draws
    large = draws.log_between(1.0, 1.7)
    build_room(scene, (1.5 * large, 2.9 * large), 0.25)
    x0, x1, y0, y1 = scene.room
    x, y = draws.between(x0 + 0.5, x1 - 0.5), draws.between(y0 + 0.5, y1 - 0.5)
    eye = np.array([x, y, draws.between(*draws.pick(((0.4, 1.0), (1.1, 1.8), (1.1, 1.8))))])
    clear = (x - 0.35, x + 0.35, y - 0.35, y + 0.35)
    line_walls(scene, clear, draws.between(0.5, 0.95), 110_000)
    for _ in range(draws.whole(0, 2)):
        at_x, at_y = draws.between(x0 + 0.6, x1 - 0.6), draws.between(y0 + 0.6, y1 - 0.6)
        width, depth = draws.log_between(0.6, 1.8), draws.log_between(0.5, 0.9)
        yaw = draws.angle()
        if scene.occupy(at_x, at_y, yaw, width, depth):
            place = shift(at_x, at_y, 0) @ turn('z', yaw)
            top = add_table(scene, place, draws.between(0.4, 0.9), width, depth)
            surface = Surface(top, width, depth, 0.5)
            poses = ('upright', 'upright', 'lying')
            fill(scene, surface, draws.whole(0, 8), poses, same=0.1, is_level=True)
    scatter_furniture(scene, draws.whole(1, int(2 + 2 * large**2)), 60_000)

    def draw() -> Aim:
        down = draws.between(-12, 35) if draws.coin(0.8) else draws.between(30, 60)
        elevation, azimuth, distance_m = math.radians(down), draws.angle(), 2.0
        return Aim(
            eye - distance_m * direction(elevation, azimuth), distance_m, elevation, azimuth
        )

    return CameraRule(draw, (1.3, 6.5), is_close=False)


def direction(elevation: float, azimuth: float) -> Array:
    """Return a unit vector (3,)."""
    flat = math.cos(elevation)
    return np.array([flat * math.cos(azimuth), flat * math.sin(azimuth), math.sin(elevation)])


KINDS = {
    'bin': (bin_scene, 0.30),
    'tabletop': (tabletop_scene, 0.28),
    'shelf': (shelf_scene, 0.18),
    'furnished': (furnished_scene, 0.24),
}
"""Kinds of scene, each with its share of the images."""


def random_scene(
    draws: Draws, assets: Assets, kind: str | None = None
) -> tuple[Scene, str, CameraRule]:
    """Make a scene of a kind, or of a random one; return it with its kind and its cameras."""
    if kind is None:
        kind = str(draws.choice(list(KINDS), p=[share for _, share in KINDS.values()]))
    scene = Scene(draws, assets)
    return scene, kind, KINDS[kind][0](scene)
