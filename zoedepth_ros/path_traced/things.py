"""Small things that lie on tables, in crates and on shelves."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from zoedepth_ros.path_traced.assets import Assets
from zoedepth_ros.path_traced.draws import Draws
from zoedepth_ros.path_traced.materials import (
    DIFFUSE,
    PLASTIC,
    Material,
    model_materials,
    random_material,
)
from zoedepth_ros.path_traced.meshes import (
    Array,
    Mesh,
    box,
    merged,
    revolved,
    ring,
    rounded,
    shift,
    surface_points,
    tube,
    turn,
)
from zoedepth_ros.path_traced.models import Model

Parts = list[tuple[Mesh, Material]]

PRINTED = ('label', 'label', 'label', 'textured', 'plain')
COVER = ('label', 'label', 'plain', 'textured')
TECHNICAL = ('metal', 'plain')
MODEL_SHARE, VEHICLE_SHARE = 0.46, 0.03
"""Shares of the things that are library models, and vehicles made as small as toys."""
LYING = turn('y', math.pi / 2)


@dataclass(frozen=True, slots=True)
class Thing:
    """Meshes with materials, and points on their surfaces (n, 3), with which a thing is placed."""

    parts: Parts
    points: Array


def random_thing(draws: Draws, assets: Assets) -> Thing:
    """Return an object of the library, a toy vehicle or one of MAKERS."""
    kind = draws.random()
    if kind < MODEL_SHARE:
        model = assets.small_model(draws)
        scale = draws.log_between(0.85, 1.15) * (0.8 if model.entry.largest_m > 0.36 else 1.0)
        return model_thing(model, draws, scale, 0.5 if draws.coin(0.6) else 0.0)
    if kind < MODEL_SHARE + VEHICLE_SHARE and assets.vehicles:
        model = assets.vehicle(draws)
        scale = draws.between(0.06, 0.22) / model.entry.largest_m
        return model_thing(model, draws, scale, 0.6)
    parts = draws.pick(MAKERS)(draws, assets)
    low = min(float(mesh.vertices[:, 2].min()) for mesh, _ in parts)
    parts = [(mesh.moved(shift(0, 0, -low)), material) for mesh, material in parts]
    return Thing(parts, surface_points([mesh for mesh, _ in parts], 1500, draws))


def model_thing(model: Model, draws: Draws, scale: float = 1.0, recoloured: float = 0.0) -> Thing:
    """Return a library model.  recoloured: see `model_materials`."""
    pairs = model_materials(model, draws, recoloured)
    matrix = np.diag([scale, scale, scale, 1.0])
    return Thing([(part.mesh.moved(matrix), m) for part, m in pairs], model.points * scale)


def package(draws: Draws, assets: Assets) -> Parts:
    """Make a printed box that lies or stands."""
    limits = ((0.04, 0.28), (0.03, 0.2), (0.015, 0.12))
    a, b, c = sorted((draws.log_between(*limit) for limit in limits), reverse=draws.coin(0.7))
    return [(box(a, b, c), random_material(draws, assets, PRINTED))]


def block(draws: Draws, assets: Assets) -> Parts:
    """Make a block of wood or metal."""
    width, depth, height = (draws.log_between(0.02, 0.12) for _ in range(3))
    texture_m = draws.log_between(0.05, 0.4)
    return [(box(width, depth, height, texture_m), random_material(draws, assets))]


def can(draws: Draws, assets: Assets) -> Parts:
    """Make a tin or a drink can."""
    r, h = draws.log_between(0.02, 0.055), draws.log_between(0.03, 0.2)
    rim = [(1.02 * r, 0.96 * h), (0.98 * r, h), (0.92 * r, 0.985 * h), (0, 0.98 * h)]
    bottom = [(0, 0), (0.98 * r, 0), (1.02 * r, 0.04 * h)]
    return [
        (
            revolved([(r, 0.04 * h), (r, 0.96 * h)]),
            random_material(draws, assets, ('label', 'label', 'textured', 'plain')),
        ),
        (revolved(bottom), random_material(draws, assets, ('metal',))),
        (revolved(rim), random_material(draws, assets, TECHNICAL)),
    ]


def bottle(draws: Draws, assets: Assets) -> Parts:
    """Make a bottle with cap and label."""
    return _vessel(draws, assets, draws.between(0.1, 0.3), draws.between(0.25, 0.5))


def jar(draws: Draws, assets: Assets) -> Parts:
    """Make a jar with lid and label."""
    return _vessel(draws, assets, draws.between(0.06, 0.15), draws.between(0.75, 0.95))


def _vessel(draws: Draws, assets: Assets, h: float, neck: float) -> Parts:
    r = draws.log_between(0.02, 0.045)
    n, shoulder, low_neck = r * neck, draws.between(0.5, 0.75) * h, draws.between(0.8, 0.9) * h
    body = [(0, 0), (0.95 * r, 0), (r, 0.03 * h), (r, shoulder), (n, low_neck), (n, 0.92 * h)]
    looks = ('plain', 'plain', 'plain', 'glass', 'textured')
    parts = [
        (revolved(body, smooth=24), random_material(draws, assets, looks)),
        (
            revolved([(1.15 * n, 0.9 * h), (1.15 * n, h), (0, h)]),
            random_material(draws, assets, TECHNICAL),
        ),
    ]
    if draws.coin(0.7):
        low, high = draws.between(0.08, 0.2) * h, draws.between(0.3, 0.48) * h
        paper = revolved([(1.01 * r, low), (1.01 * r, high)])
        parts.append((paper, random_material(draws, assets, ('label',))))
    return parts


def mug(draws: Draws, assets: Assets) -> Parts:
    """Make a cup, perhaps with a handle."""
    glaze = random_material(draws, assets, ('plain', 'plain', 'textured', 'label'))
    r, h, wall = draws.between(0.033, 0.05), draws.between(0.07, 0.13), 0.004
    foot = r * draws.between(0.7, 1.0)
    line = [(0, 0), (foot, 0), (r, h), (r - wall, h), (foot - wall, wall), (0, wall)]
    parts = [(revolved(line, smooth=30), glaze)]
    if draws.coin(0.7):
        a = np.linspace(-1.4, 1.4, 14)
        path = (0.93 * r + 0.028 * np.cos(a), 0.0 * a, h / 2 + 0.36 * h * np.sin(a))
        parts.append((tube(np.stack(path, 1), 0.005), glaze))
    return parts


def bowl(draws: Draws, assets: Assets) -> Parts:
    """Make a bowl or a plate."""
    r, h, wall = draws.between(0.05, 0.14), draws.between(0.015, 0.09), 0.004
    outside = [(0, 0), (0.5 * r, 0), (0.8 * r, 0.35 * h), (r, h)]
    inside = [(r - wall, h), (0.78 * r, 0.4 * h + wall), (0.48 * r, wall), (0, wall)]
    glaze = random_material(draws, assets, ('plain', 'plain', 'textured', 'label'))
    return [(revolved([*outside, *inside], smooth=30), glaze)]


def book(draws: Draws, assets: Assets) -> Parts:
    """Make a book that lies."""
    w, d = draws.between(0.1, 0.24), draws.between(0.07, 0.18)
    h, thick = draws.log_between(0.008, 0.05), 0.002
    back = box(w, thick, h, at=(0, -d / 2, 0))
    cover = random_material(draws, assets, COVER)
    return [
        *(
            (mesh, cover)
            for mesh in (box(w, d, thick), box(w, d, thick, at=(0, 0, h - thick)), back)
        ),
        (
            box(w - 0.006, d - 0.005, h - 2 * thick, at=(0, 0, thick)),
            Material(DIFFUSE, (0.75, 0.72, 0.65)),
        ),
    ]


def paper(draws: Draws, assets: Assets) -> Parts:
    """Make a sheet or a pile of paper."""
    size = draws.between(0.08, 0.3), draws.between(0.06, 0.21), draws.log_between(0.0003, 0.01)
    return [(box(*size), random_material(draws, assets, COVER))]


def blob(draws: Draws, assets: Assets) -> Parts:
    """Make something of irregular form."""
    r = draws.log_between(0.015, 0.07)
    factors = draws.between(0.7, 1.3), draws.between(0.6, 1.2), draws.between(0.4, 1.1)
    squareness = (draws.between(0.4, 1.3), draws.between(0.4, 1.3))
    size = (r * factors[0], r * factors[1], r * factors[2])
    mesh = rounded(size, squareness, bumps=draws.between(0.0, 0.4), draws=draws)
    return [(mesh, random_material(draws, assets))]


def fruit(draws: Draws, assets: Assets) -> Parts:
    """Make something like an apple, a pear or a banana."""
    r, long = draws.between(0.018, 0.05), draws.pick((1.0, 1.0, 1.6, 2.6))
    size = (r * long, r, r * draws.between(0.8, 1.0))
    bend = 0.4 if long > 2 else 0.0
    mesh = rounded(size, bend=bend, bumps=draws.between(0.02, 0.12), draws=draws)
    return [(mesh, random_material(draws, assets, ('plain', 'plain', 'textured')))]


def ball(draws: Draws, assets: Assets) -> Parts:
    """Make a ball."""
    r = draws.log_between(0.012, 0.08)
    return [(rounded((r, r, r)), random_material(draws, assets))]


def device(draws: Draws, assets: Assets) -> Parts:
    """Make a flat body with round edges."""
    limits = ((0.02, 0.13), (0.02, 0.09), (0.004, 0.05))
    w, d, h = sorted((draws.log_between(*limit) for limit in limits), reverse=True)
    mesh = rounded((w, d, h), (draws.between(0.12, 0.4), draws.between(0.12, 0.4)))
    looks = ('plain', 'plain', 'textured', 'label')
    return [(mesh, random_material(draws, assets, looks))]


def tool(draws: Draws, assets: Assets) -> Parts:
    """Make a handle with a metal rod, like a screwdriver."""
    r, h = draws.between(0.01, 0.018), draws.between(0.08, 0.13)
    rod, long = draws.between(0.002, 0.005), draws.between(0.05, 0.15)
    line = [(0, 0), (r, 0.01), (0.8 * r, h / 2), (r, 0.8 * h), (1.5 * rod, h), (0, h)]
    blade = revolved([(rod, h), (rod, h + long), (0, h + long)], 10)
    return [
        (revolved(line, smooth=24).moved(LYING), random_material(draws, assets, ('plain',))),
        (blade.moved(LYING), random_material(draws, assets, ('metal',))),
    ]


def pen(draws: Draws, assets: Assets) -> Parts:
    """Make a pen."""
    r, h = draws.between(0.0035, 0.007), draws.between(0.11, 0.16)
    mesh = revolved([(0, 0), (r, 0.012), (r, h), (0, h)], 12).moved(LYING)
    looks = ('plain', 'plain', 'textured', 'label')
    return [(mesh, random_material(draws, assets, looks))]


def nut(draws: Draws, assets: Assets) -> Parts:
    """Make a nut, a washer or a gear."""
    r, sections = draws.log_between(0.006, 0.05), draws.pick((6, 6, 24, 8, 4, 30))
    teeth = 0.12 if sections in (24, 30) else 0.0
    mesh = ring(r, r * draws.between(0.3, 0.6), r * draws.between(0.3, 1.0), sections, teeth)
    return [(mesh, random_material(draws, assets, TECHNICAL))]


def pipe(draws: Draws, assets: Assets) -> Parts:
    """Make a piece of pipe."""
    r, h = draws.log_between(0.006, 0.04), draws.log_between(0.04, 0.3)
    mesh = revolved([(r, 0), (r, h), (0.85 * r, h), (0.85 * r, 0), (r, 0)]).moved(LYING)
    return [(mesh, random_material(draws, assets, TECHNICAL))]


def bracket(draws: Draws, assets: Assets) -> Parts:
    """Make an angle of sheet metal."""
    w, d, h = (draws.log_between(*limit) for limit in ((0.03, 0.12), (0.02, 0.08), (0.02, 0.1)))
    t = draws.between(0.002, 0.006)
    mesh = merged([box(w, d, t), box(t, d, h, at=(w / 2, 0, 0))])
    return [(mesh, random_material(draws, assets, TECHNICAL))]


def profile(draws: Draws, assets: Assets) -> Parts:
    """Make a piece of an I-beam."""
    w, h, t = (
        draws.log_between(0.05, 0.3),
        draws.log_between(0.015, 0.05),
        draws.between(0.002, 0.006),
    )
    mesh = merged([box(w, h, t), box(w, t, h), box(w, h, t, at=(0, 0, h - t))])
    return [(mesh, random_material(draws, assets, TECHNICAL))]


def circuit_board(draws: Draws, assets: Assets) -> Parts:
    """Make a circuit board with components."""
    w, d, thick = draws.log_between(0.04, 0.18), draws.log_between(0.03, 0.12), 0.0018
    lacquers = ((0.02, 0.15, 0.05), (0.02, 0.05, 0.2), (0.15, 0.02, 0.02), (0.02, 0.02, 0.02))
    parts = [(box(w, d, thick), Material(PLASTIC, draws.pick(lacquers), 0.2))]
    chip = Material(PLASTIC, (0.02, 0.02, 0.02), 0.3)
    for count, material in ((8, chip), (6, random_material(draws, assets, ('metal',)))):
        boxes = []
        for _ in range(count):
            long, wide = draws.log_between(0.003, 0.02), draws.log_between(0.003, 0.02)
            at = (draws.between(-0.42, 0.42) * w, draws.between(-0.42, 0.42) * d, thick)
            boxes.append(box(long, wide, draws.log_between(0.001, 0.012), at=at))
        parts.append((merged(boxes), material))
    return parts


def cable(draws: Draws, assets: Assets) -> Parts:
    """Make a cable that lies in loops."""
    t, r = np.linspace(0.0, 1.0, 60), draws.between(0.0015, 0.005)
    path = np.zeros((60, 3))
    for axis in (0, 1):
        for k in range(1, 6):
            wave = np.sin(math.pi * k * t + draws.angle())
            path[:, axis] += 0.07 * draws.normal() / k * wave
    path -= path.mean(0)
    path[:, 2] = r + r * (1 + np.sin(9 * t))
    return [(tube(path, r, 8), random_material(draws, assets, ('plain',)))]


MAKERS: tuple[Callable[[Draws, Assets], Parts], ...] = (
    package, package, package, can, can, bottle, mug, bowl, book, book, blob, blob, fruit, device,
    tool, pen, nut, pipe, bracket, circuit_board, cable, block, jar, ball, paper, profile,
)  # fmt: skip
