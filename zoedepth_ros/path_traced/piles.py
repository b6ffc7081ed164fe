"""Drop things onto a surface: they rest on a map of heights, without physics."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import trimesh

from zoedepth_ros.path_traced.draws import Draws
from zoedepth_ros.path_traced.meshes import Array, Matrix, shift, turn
from zoedepth_ros.path_traced.scene import Scene
from zoedepth_ros.path_traced.things import Thing, random_thing

CELL_M = 0.004
"""Size of a cell of the map of heights."""
TRIES = 7
"""Random places per thing, of which the lowest is taken."""
MOST_FACES = 220_000
"""A scene with more triangles gets no further things."""
RIGHT = math.pi / 2
STANDING = ('upright', 'upright', 'upright', 'lying', 'flipped')
TIPPED = ('any', 'lying', 'flipped', 'flipped', 'upright')


@dataclass(slots=True)
class Surface:
    """A rectangle on which things lie; base: transform of its centre."""

    base: Matrix
    width_m: float
    depth_m: float
    limit_m: float
    """Height that nothing exceeds."""
    heights: Array = field(init=False)

    def __post_init__(self) -> None:
        self.heights = np.zeros((int(self.width_m / CELL_M) + 2, int(self.depth_m / CELL_M) + 2))


def random_turn(draws: Draws, pose: str) -> Matrix:
    """Return a rotation for a pose: upright, lying, flipped (onto any side) or any."""
    yaw = turn('z', draws.angle())
    if pose == 'upright':
        return yaw
    if pose == 'lying':
        return yaw @ turn('x', draws.pick((RIGHT, -RIGHT))) @ turn('z', draws.angle())
    if pose == 'flipped':
        roll = draws.pick((2 * RIGHT, RIGHT, 0.0, -RIGHT))
        return yaw @ turn('x', roll) @ turn('y', draws.pick((0.0, RIGHT, 2 * RIGHT)))
    return trimesh.transformations.random_rotation_matrix(draws.random(3))


def fill(
    scene: Scene,
    surface: Surface,
    count: int,
    poses: Sequence[str],
    *,
    same: float = 0.35,
    is_level: bool = False,
    spread_m: float | None = None,
) -> None:
    """Drop random things onto a surface.

    same: probability that all are copies of one to three things.  is_level: only where a thing
    lies on the surface itself.  spread_m: standard deviation of places around the centre; None
    for any place.
    """
    draws = scene.draws
    copies: list[Thing] = []
    if draws.coin(same):
        copies = [random_thing(draws, scene.assets) for _ in range(draws.whole(1, 3))]
    for _ in range(count):
        thing = draws.pick(copies) if copies else random_thing(draws, scene.assets)
        _drop(scene, surface, thing, poses, is_level, spread_m)
        if scene.face_count > MOST_FACES:
            return


def _drop(
    scene: Scene,
    surface: Surface,
    thing: Thing,
    poses: Sequence[str],
    is_level: bool,
    spread_m: float | None,
) -> None:
    """Put a thing at the lowest of some random places; nothing where there is no room."""
    draws, size = scene.draws, np.array([surface.width_m, surface.depth_m])
    best: tuple[float, float, Array, Matrix, Array, tuple[Any, Any]] | None = None
    for _ in range(TRIES):
        rotation = random_turn(draws, draws.pick(poses))
        points = thing.points @ rotation[:3, :3].T
        low, high = points.min(0), points.max(0)
        room = size - (high - low)[:2]
        if (room < 0.002).any():
            continue
        if spread_m:
            centre = draws.normal(size=2) * spread_m + size / 2 - (high + low)[:2] / 2
            offset = np.clip(centre, -low[:2], -low[:2] + room)
        else:
            offset = -low[:2] + draws.random(2) * room
        column, row = ((points[:, :2] + offset) / CELL_M).astype(int).T
        z = float((surface.heights[column, row] - points[:, 2]).max())
        score = z + 0.5 * float(low[2] + high[2])
        is_allowed = z + high[2] < surface.limit_m and not (is_level and z + low[2] > 0.002)
        if is_allowed and (best is None or score < best[0]):
            best = score, z, offset, rotation, points, (column, row)
    if best is None:
        return
    _, z, offset, rotation, points, cells = best
    np.maximum.at(surface.heights, cells, points[:, 2] + z)
    x, y = offset - size / 2
    place = surface.base @ shift(x, y, z) @ rotation
    scene.put(thing, place)
    scene.spots.append(place[:3, 3] + (0.0, 0.0, 0.03))
