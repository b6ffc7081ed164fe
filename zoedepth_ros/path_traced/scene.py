"""Scenes: meshes with materials, lights, and what is already occupied [m]; z is up."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from zoedepth_ros.path_traced.assets import Assets, Sky
from zoedepth_ros.path_traced.draws import Draws
from zoedepth_ros.path_traced.materials import Material
from zoedepth_ros.path_traced.meshes import Array, Matrix, Mesh
from zoedepth_ros.path_traced.things import Thing

Rectangle = tuple[float, float, float, float]
"""x0, x1, y0, y1 on the floor [m]."""


@dataclass(frozen=True, slots=True)
class AreaLight:
    """A rectangle that shines in the direction of its normal.

    radiance: (3,), or an image of what is seen through a window (H, W, 3).
    """

    centre: tuple[float, float, float]
    normal: tuple[float, float, float]
    width_m: float
    height_m: float
    radiance: Array


@dataclass(slots=True)
class Scene:
    """A scene in the making, with the random numbers and assets that it is made of."""

    draws: Draws
    assets: Assets
    parts: list[tuple[Mesh, Matrix, Material]] = field(default_factory=list)
    lights: list[AreaLight] = field(default_factory=list)
    sky: Sky | None = None
    sky_turn_deg: float = 0.0
    room: Rectangle = (0.0, 0.0, 0.0, 0.0)
    ceiling_m: float = 0.0
    occupied: list[Rectangle] = field(default_factory=list)
    """Where no furniture may stand."""
    spots: list[Array] = field(default_factory=list)
    """Points (3,) at things."""

    def add(self, mesh: Mesh, material: Material, at: Matrix | None = None) -> None:
        """Add a mesh, moved."""
        self.parts.append((mesh, np.eye(4) if at is None else at, material))

    def put(self, thing: Thing, at: Matrix) -> None:
        """Add a thing, moved."""
        for mesh, material in thing.parts:
            self.add(mesh, material, at)

    @property
    def face_count(self) -> int:
        """Number of triangles."""
        return sum(len(mesh.faces) for mesh, _, _ in self.parts)

    def occupy(self, x: float, y: float, yaw: float, width: float, depth: float) -> bool:
        """Reserve floor for a piece of furniture, turned about z; False if it is occupied."""
        c, s = abs(math.cos(yaw)), abs(math.sin(yaw))
        reach_x = 0.5 * (width * c + depth * s) + 0.02
        reach_y = 0.5 * (width * s + depth * c) + 0.02
        x0, x1, y0, y1 = x - reach_x, x + reach_x, y - reach_y, y + reach_y
        if any(x0 < b and a < x1 and y0 < d and c < y1 for a, b, c, d in self.occupied):
            return False
        self.occupied.append((x0, x1, y0, y1))
        return True
