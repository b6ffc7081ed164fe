"""Crates, shelf compartments and work tables close to the camera of a robot's arm [m]."""

from __future__ import annotations

import math

import numpy as np

from zoedepth_ros.synthetic.coordinates import rotation
from zoedepth_ros.synthetic.dice import WHITE, Dice, grey
from zoedepth_ros.synthetic.furniture import Piece, metal, wood
from zoedepth_ros.synthetic.interior import ceiling_lamps, line_walls
from zoedepth_ros.synthetic.primitives import BOX, PLAIN, STRIPES, Builder, Surface
from zoedepth_ros.synthetic.room import openings, shell
from zoedepth_ros.synthetic.scene import random_room, room_world
from zoedepth_ros.synthetic.tables import (
    KITCHEN,
    VIVID,
    bottle,
    clear_pose,
    mug,
    package,
    table_top,
    tin,
    tool,
)
from zoedepth_ros.synthetic.world import Pose, World

DISTANCE_M = (0.38, 1.15)
"""From the camera to the place that it looks at [m]."""
THINGS = (*KITCHEN, package, package, tin, bottle, mug, tool, tool)
"""What lies in crates and compartments and on work tables."""
KINDS = ('crate', 'crate', 'compartment', 'top', 'top', 'top')
"""Kinds of workplaces; those that are more common stand more often."""


def random_workplace(dice: Dice) -> tuple[World, Pose]:
    """Return a random room with a workplace in it and a camera close to the workplace."""
    room = random_room(dice)
    room.kind = dice.pick(('store', 'store', 'office', 'kitchen'))
    room.width, room.depth = max(room.width, 3.2), max(room.depth, 3.2)
    kind = dice.pick(KINDS)
    place, high = {'crate': crate, 'compartment': compartment, 'top': work_table}[kind](dice)
    x, y = (dice.between(1.2, side - 1.2) for side in (room.width, room.depth))
    yaw = dice.between(0.0, 2.0 * math.pi)
    clear = 0.9
    room.taken.append((x - clear, x + clear, y - clear, y + clear))
    room.parts.stamp(place.parts, x, y, yaw)
    shell(room, dice)
    openings(room, dice)
    line_walls(room, dice, dice.between(0.3, 0.9))
    ceiling_lamps(room, dice)
    world = room_world(room, dice)
    highest_m = room.height - 0.1

    def draw() -> Pose | None:
        pose = look_at(place, high, (x, y, yaw), kind, dice)
        return pose if pose.z_m <= highest_m else None

    pose = clear_pose(world, draw)
    return world, pose or Pose(x, y, min(high + 0.9, highest_m), yaw, -1.5)


def look_at(
    place: Piece, high: float, at: tuple[float, float, float], kind: str, dice: Dice
) -> Pose:
    """Return a camera before a compartment or above a crate or a table, aimed at height `high`."""
    x, y, yaw = at
    spread = 0.1 * min(place.width, place.depth, 0.8)
    u, v = dice.gauss_like(spread), dice.gauss_like(spread)
    aim_x = x + math.cos(yaw) * u - math.sin(yaw) * v
    aim_y = y + math.sin(yaw) * u + math.cos(yaw) * v
    low_m, high_m = DISTANCE_M
    distance_m = low_m * (high_m / low_m) ** dice.random()
    if kind == 'compartment':
        elevation_deg, azimuth = dice.between(-2, 30), yaw + math.pi / 2 + dice.gauss_like(0.25)
        distance_m += place.depth / 2
    else:
        from_above = kind == 'crate' or dice.coin(0.5)
        elevation_deg = dice.between(52, 89) if from_above else dice.between(18, 60)
        azimuth = dice.between(0.0, 2.0 * math.pi)
    elevation = math.radians(elevation_deg)
    out = distance_m * math.cos(elevation)
    return Pose(
        aim_x + out * math.cos(azimuth), aim_y + out * math.sin(azimuth),
        high + distance_m * math.sin(elevation),
        azimuth + math.pi + dice.gauss_like(0.06), -elevation + dice.gauss_like(0.06),
        math.radians(dice.gauss_like(5.0)),
    )  # fmt: skip


def stuff(dice: Dice) -> Surface:
    """Return what crates and shelves are made of: plastic, painted metal, wood or cardboard."""
    card = Surface(STRIPES, dice.near((0.4, 0.26, 0.14)), dice.near((0.45, 0.31, 0.18)), 0.3)
    plastic = dice.near(dice.pick((*VIVID, WHITE, grey(0.4), grey(0.03))), 0.3)
    gloss = dice.pick((0.0, 0.05, 0.15))
    return dice.pick((Surface(PLAIN, plastic, gloss=gloss),) * 3 + (metal(dice), wood(dice), card))


def crate(dice: Dice) -> tuple[Piece, float]:
    """Make an open crate with things in it, on a table, a frame or the floor.

    Returns the crate, centred, and the height of its floor [m].
    """
    b, skin = Builder(), stuff(dice)
    width, depth = dice.between(0.28, 0.8), dice.between(0.22, 0.6)
    tall, thick = dice.between(0.06, 0.4), dice.between(0.004, 0.02)
    high = dice.pick((0.02, dice.between(0.2, 1.0), dice.between(0.6, 0.9)))
    if high > 0.1 and dice.coin(0.6):
        size = (dice.between(1.0, 2.0), dice.between(0.7, 1.2), 0.03)
        b.box(0, 0, high - 0.04, size, table_top(dice))
    elif high > 0.1:
        for side in (-1, 1):
            b.box(side * width / 2, 0, high - 0.05, (0.04, 1.2, 0.04), metal(dice))
            b.box(0, side * depth / 2, high - 0.05, (1.4, 0.04, 0.04), metal(dice))
    b.box(0, 0, high - 0.005, (width, depth, 0.005), skin)
    lean = dice.pick((0.0, dice.between(0.0, 0.25)))
    out, slant = tall * math.tan(lean), 0.5 * tall / math.cos(lean)
    for side in (-1, 1):
        x, y = side * 0.5 * (width + out), side * 0.5 * (depth + out)
        long = (0.5 * thick, 0.5 * depth + out, slant)
        b.solid(BOX, (x, 0, high + 0.5 * tall), long, skin, turn=(0, 0, side * lean))
        long = (0.5 * width + out, 0.5 * thick, slant)
        b.solid(BOX, (0, y, high + 0.5 * tall), long, skin, turn=(0, -side * lean, 0))
    if dice.coin(0.4):  # a second one beside it
        b.box(width + 0.05, 0, high, (width, depth, tall), stuff(dice))
    pile(b, dice, width, depth, high, dice.pick((0, dice.whole(1, 6), dice.whole(5, 30))))
    return Piece(b, width, depth, high + tall), high


def compartment(dice: Dice) -> tuple[Piece, float]:
    """Make a compartment of a shelf with things in it, centred and open to +y.

    Returns it and the height to look at, a little above its floor [m].
    """
    b, skin = Builder(), stuff(dice)
    width, depth, tall = dice.between(0.22, 0.7), dice.between(0.25, 0.5), dice.between(0.18, 0.45)
    high, thick = dice.between(0.4, 1.4), dice.between(0.004, 0.03)
    for level in (-1, 0, 1, 2):
        size = (3 * width, depth, thick)
        b.box(0, 0, high + level * tall - thick, size, skin if dice.coin(0.7) else stuff(dice))
    for column in (-1.5, -0.5, 0.5, 1.5):
        b.box(column * width, 0, high - tall, (thick, depth, 3 * tall), skin)
    b.box(0, -depth / 2, high - tall, (3 * width, thick, 3 * tall), stuff(dice))
    pile(b, dice, 0.9 * width, 0.8 * depth, high, dice.whole(1, 8), upright=0.8)
    for side in (-1, 1):
        neighbour = Builder()
        pile(neighbour, dice, 0.8 * width, 0.8 * depth, high, dice.whole(0, 4), upright=0.8)
        b.stamp(neighbour, side * width, 0, 0)
    return Piece(b, width, depth, high + tall), high + 0.3 * tall


def work_table(dice: Dice) -> tuple[Piece, float]:
    """Make a wide table with few things on it, perhaps with low walls around them.

    Returns the table, centred, and its height [m].
    """
    b, top = Builder(), table_top(dice)
    high = dice.between(0.65, 0.95) if dice.coin(0.8) else 0.04
    width, depth = dice.between(0.9, 2.4), dice.between(0.7, 1.4)
    b.box(0, 0, high - 0.04, (width, depth, 0.04), top)
    if dice.coin(0.2):
        tall, wall = dice.between(0.1, 0.5), stuff(dice)
        for side in (-1, 1):
            b.box(side * width / 3, 0, high, (0.02, depth, tall), wall)
            b.box(0, side * depth / 3, high, (width, 0.02, tall), wall)
    spread = dice.between(0.25, 0.7)
    pile(b, dice, spread, spread, high, dice.whole(1, 14), upright=0.7, layers=False)
    return Piece(b, width, depth, high), high


def pile(
    b: Builder, dice: Dice, width: float, depth: float, high: float, count: int, *,
    upright: float = 0.25, layers: bool = True,
) -> None:  # fmt: skip
    """Lay things on a floor of a size at a height, some upright, others tipped over.

    layers: whether things lie on one another; without, those that would touch are left out.
    """
    taken: list[tuple[float, float, float, float]] = []
    for _ in range(count):
        piece = dice.pick(THINGS)(dice)
        if not dice.coin(upright):
            tilt = dice.pick((0.5 * math.pi, dice.between(0.2, 2.9)))
            piece = tipped(piece, tilt if layers else 0.5 * math.pi)
        reach = 0.5 * max(piece.width, piece.depth)
        x = dice.between(-1, 1) * max(0.0, width / 2 - reach)
        y = dice.between(-1, 1) * max(0.0, depth / 2 - reach)
        under = [
            (u, v, r, z) for u, v, r, z in taken if math.dist((x, y), (u, v)) < 0.7 * (r + reach)
        ]
        if under and not layers:
            continue
        z = max((top for *_, top in under), default=high)
        if z + piece.height > high + 0.35:
            continue
        taken.append((x, y, reach, z + 0.5 * piece.height))
        b.stamp(piece.parts, x, y, dice.between(0.0, 2.0 * math.pi), z)


def tipped(piece: Piece, tilt_rad: float) -> Piece:
    """Tip a piece over about its x axis; it rests on the ground, centred along y."""
    c, s = math.cos(tilt_rad), math.sin(tilt_rad)
    tilt = np.array(((1.0, 0.0, 0.0), (0.0, c, -s), (0.0, s, c)))
    rows, turn = piece.parts.solids(), np.empty((3, 3))
    reach = np.empty((len(rows), 3))
    for row, half in zip(rows, reach, strict=True):
        rotation(row[7], row[8], row[9], turn)
        turned = tilt @ turn
        yaw = math.atan2(-turned[0, 1], turned[1, 1])
        pitch = math.asin(min(1.0, max(-1.0, turned[2, 1])))
        row[7:10] = yaw, pitch, math.atan2(-turned[2, 0], turned[2, 2])
        row[1:4] = tilt @ row[1:4]
        half[:] = np.abs(turned) @ row[4:7]
    low, high = (rows[:, 1:4] - reach).min(axis=0), (rows[:, 1:4] + reach).max(axis=0)
    rows[:, 2:4] -= (0.5 * (low[1] + high[1]), low[2])
    _, depth, height = (float(side) for side in high - low)
    return Piece(Builder([tuple(row) for row in rows]), piece.width, depth, height)
