"""What things lie on or in: tables, crates and shelves."""

from __future__ import annotations

from dataclasses import dataclass

from zoedepth_ros.path_traced.materials import random_material, surface_material
from zoedepth_ros.path_traced.meshes import Matrix, box, merged, revolved, shift
from zoedepth_ros.path_traced.scene import Scene

SHELF_TOP_M = 2.1
"""Shelves are not higher."""


def add_table(scene: Scene, at: Matrix, height: float, width: float, depth: float) -> Matrix:
    """Add a table [m]; at: transform of its place on the floor.  Return that of its top."""
    draws, assets = scene.draws, scene.assets
    thick, top = draws.between(0.015, 0.05), surface_material(draws, assets)
    frame = random_material(draws, assets, ('plain', 'metal', 'textured'))
    under = height - thick
    if draws.coin(0.12):
        r = width / 2
        board = revolved([(0, under), (r, under), (r, height), (0, height)], 48)
        stand = revolved([(0.25, 0), (0.25, 0.02), (0.04, 0.05), (0.04, under)], 20)
        scene.add(board, top, at)
        scene.add(stand, frame, at)
        return at @ shift(0, 0, height)
    texture_m = draws.log_between(0.25, 2.0)
    scene.add(box(width, depth, thick, texture_m, (0, 0, under)), top, at)
    kind = draws.pick(('legs', 'legs', 'sides', 'block'))
    if kind == 'legs':
        q = draws.between(0.03, 0.08)
        x, y = width / 2 - q, depth / 2 - q
        corners = ((x, y), (-x, y), (x, -y), (-x, -y))
        parts = [box(q, q, under, at=(*corner, 0)) for corner in corners]
    elif kind == 'sides':
        x = width / 2 - 0.05
        parts = [box(0.03, 0.9 * depth, under, at=(side * x, 0, 0)) for side in (-1, 1)]
    else:
        parts = [box(0.95 * width, 0.92 * depth, under, 0.8)]
    scene.add(merged(parts), frame, at)
    if draws.coin(0.12):  # a cloth or a mat
        size = width * draws.between(0.3, 1.01), depth * draws.between(0.3, 1.01), 0.003
        cloth = box(*size, draws.log_between(0.1, 0.8), (0, 0, height))
        scene.add(cloth, random_material(draws, assets, ('textured', 'plain')), at)
    return at @ shift(0, 0, height)


def add_crate(scene: Scene, at: Matrix, width: float, depth: float, height: float) -> Matrix:
    """Add an open box of inner width and depth [m].  Return the transform of its inner bottom."""
    draws = scene.draws
    t, texture_m = draws.log_between(0.002, 0.015), draws.log_between(0.1, 0.8)
    looks = ('plain', 'plain', 'plain', 'metal', 'textured')
    material = random_material(draws, scene.assets, looks)
    style = draws.pick(('solid', 'solid', 'slats', 'rim'))
    parts = [box(width + 2 * t, depth + 2 * t, t, texture_m)]
    for sign in (-1, 1):
        for (along_x, along_y), (out_x, out_y) in (
            ((t, depth + 2 * t), (sign, 0)),
            ((width, t), (0, sign)),
        ):
            x, y = out_x * (width + t) / 2, out_y * (depth + t) / 2
            if style == 'slats':
                count = max(2, int(height / 0.06))
                step = height / count
                for k in range(count):
                    place = (x, y, t + k * step)
                    parts.append(box(along_x, along_y, 0.6 * step, texture_m, place))
                continue
            parts.append(box(along_x, along_y, height, texture_m, (x, y, 0)))
            if style == 'rim':
                place = (x + 0.01 * out_x, y + 0.01 * out_y, height - 0.008)
                parts.append(box(along_x + 0.02, along_y + 0.02, 0.008, texture_m, place))
    scene.add(merged(parts), material, at)
    return at @ shift(0, 0, t)


@dataclass(frozen=True, slots=True)
class Shelf:
    """Compartments side by side and one above the other, of equal outer size [m].

    low: height of the lowest board.
    """

    columns: int
    rows: int
    width: float
    depth: float
    height: float
    board: float
    low: float

    def compartment(self, column: int, row: int) -> tuple[float, float]:
        """Return x of the middle and z of the board of a compartment."""
        x = (column + 0.5 - self.columns / 2) * self.width
        return x, self.low + row * self.height


def add_shelf(scene: Scene, at: Matrix, shelf: Shelf) -> None:
    """Add a shelf whose front is at -y; at: transform of its place on the floor."""
    draws = scene.draws
    looks = ('plain', 'plain', 'textured', 'metal')
    material, texture_m = random_material(draws, scene.assets, looks), draws.log_between(0.2, 1.5)
    whole, top = shelf.columns * shelf.width, shelf.low + shelf.rows * shelf.height
    t, d = shelf.board, shelf.depth
    parts = [
        box(whole + t, d, t, texture_m, (0, 0, shelf.low + k * shelf.height - t))
        for k in range(shelf.rows + 1)
    ]
    has_posts = draws.coin(0.3)
    for k in range(shelf.columns + 1):
        x = k * shelf.width - whole / 2
        if has_posts:
            for y in (0.015 - d / 2, d / 2 - 0.015):
                parts.append(box(0.03, 0.03, top, texture_m, (x, y, 0)))
        else:
            parts.append(box(t, d, top, texture_m, (x, 0, 0)))
    scene.add(merged(parts), material, at)
    if draws.coin(0.7):
        back = material if draws.coin(0.6) else surface_material(draws, scene.assets)
        scene.add(box(whole, 0.004, top, texture_m, (0, d / 2, 0)), back, at)
