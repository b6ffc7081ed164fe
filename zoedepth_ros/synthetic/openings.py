"""Doors and windows of rooms."""

from __future__ import annotations

import math

from zoedepth_ros.synthetic.dice import WHITE, Dice, grey
from zoedepth_ros.synthetic.furniture import (
    Piece,
    cloth,
    wood,
)
from zoedepth_ros.synthetic.primitives import (
    CURTAIN,
    PANEL,
    PLAIN,
    STRIPES,
    VIEW,
    Builder,
    Surface,
)
from zoedepth_ros.synthetic.room import Room, footprint
from zoedepth_ros.synthetic.world import Lamp


def door(room: Room, wall: int, along: float, dice: Dice) -> None:
    """Hang a closed door, 2 m high, with frame and handle, and keep its floor free."""
    x, y, yaw, _ = room.wall(wall)
    b = room.parts.at(x, y, 0.0, yaw)
    wide, high = dice.between(0.78, 0.95), dice.between(1.96, 2.06)
    leaf = wood(dice)
    frame = leaf if dice.coin() else Surface(PLAIN, WHITE)
    inset = Surface(
        PANEL, leaf.a, (leaf.a[0] * 0.7, leaf.a[1] * 0.7, leaf.a[2] * 0.7), 2.0, 2.0, 0.0
    )
    b.box(along, 0.01, 0.0, (wide, 0.025, high), inset if dice.coin(0.4) else leaf, flags=0)
    for side in (-1, 1):
        b.box(
            along + side * (wide / 2 + 0.04), 0.02, 0.0, (0.08, 0.045, high + 0.08), frame, flags=0
        )
    b.box(along, 0.02, high, (wide, 0.045, 0.08), frame, flags=0)
    grip = Surface(PLAIN, grey(0.45), gloss=0.4)
    b.box(along + wide / 2 - 0.08, 0.06, 1.03, (0.12, 0.02, 0.02), grip)
    b.box(along + wide / 2 - 0.04, 0.03, 0.95, (0.04, 0.01, 0.18), grip, flags=0)
    b.box(along + wide / 2 + 0.2, 0.005, 1.1, (0.08, 0.012, 0.08), Surface(PLAIN, WHITE), flags=0)
    b.at()
    room.on_walls[wall].append((along - wide / 2 - 0.15, along + wide / 2 + 0.15, 0.0, 2.1))
    keep = Piece(Builder(), wide, 0.5, 2.0)
    cx, cy = x + math.cos(yaw) * along, y + math.sin(yaw) * along
    room.taken.append(footprint(keep, cx, cy, yaw))


def window(room: Room, wall: int, along: float, wide: float, dice: Dice) -> None:
    """Set a window with sill, maybe curtains and a radiator; it lets light in."""
    x, y, yaw, _ = room.wall(wall)
    b = room.parts.at(x, y, 0.0, yaw)
    sill = 0.1 if dice.coin(0.12) else dice.between(0.75, 1.0)
    high = min(dice.between(1.1, 1.5), room.height - sill - 0.25) if sill > 0.2 else 1.95
    pane = Surface(VIEW, grey(1.0), WHITE, 1.0, float(dice.coin(0.3)), glow=dice.between(0.9, 2.2))
    b.box(along, 0.0, sill, (wide, 0.03, high), pane, flags=0)
    edge = Surface(PLAIN, WHITE)
    for side in (-1, 1):
        b.box(
            along + side * (wide / 2 + 0.03),
            0.01,
            sill - 0.03,
            (0.07, 0.05, high + 0.07),
            edge,
            flags=0,
        )
    b.box(along, 0.01, sill + high, (wide + 0.12, 0.05, 0.06), edge, flags=0)
    b.box(along, 0.06, sill - 0.05, (wide + 0.2, 0.16, 0.04), edge)
    if dice.coin(0.45):
        drape = cloth(dice)
        folds = Surface(CURTAIN, drape.a, drape.b, dice.between(0.07, 0.12))
        low = 0.03 if dice.coin(0.6) else sill - 0.2
        top = sill + high + 0.12
        for side in (-1, 1):
            at = along + side * (wide / 2 + 0.08)
            b.box(at, 0.1, low, (wide * 0.3, 0.06, top - low), folds)
        b.box(along, 0.1, top, (wide + 0.6, 0.025, 0.025), wood(dice), flags=0)
    if sill > 0.6 and dice.coin(0.5):
        heat = Surface(STRIPES, WHITE, grey(0.5), 0.045)
        b.box(along, 0.08, 0.12, (wide * 0.8, 0.09, 0.55), heat)
    b.at()
    room.on_walls[wall].append((along - wide / 2 - 0.35, along + wide / 2 + 0.35, sill, 2.4))
    c, s = math.cos(yaw), math.sin(yaw)
    place = (x + c * along - s * 0.25, y + s * along + c * 0.25, sill + 0.6 * high)
    power = dice.between(1.5, 4.0)
    room.lamps.append(
        Lamp(place, (0.85 * power, 0.95 * power, 1.1 * power), shadows=not room.lamps)
    )


def openings(room: Room, dice: Dice) -> None:
    """Set doors and windows."""
    order = sorted(range(4), key=lambda _: dice.random())
    windows = dice.pick((0, 1, 1, 1, 2)) if room.kind not in ('corridor', 'store') else 0
    for wall in order[:windows]:
        length = room.wall(wall)[3]
        if length < 1.8:
            continue
        for k in range(2 if length > 4.0 and dice.coin() else 1):
            wide = dice.between(0.9, 1.7)
            share = dice.between(0.3, 0.7) if k == 0 and length < 4 else (0.27, 0.73)[k]
            window(room, wall, share * length, wide, dice)
    doors = dice.whole(2, 4) if room.kind == 'corridor' else dice.whole(1, 2)
    for wall in order[windows : windows + doors]:
        length = room.wall(wall)[3]
        if length > 1.2:
            door(room, wall, dice.between(0.6, length - 0.6), dice)
            if room.kind == 'corridor' and length > 3.5:
                door(room, wall, 0.6 if dice.coin() else length - 0.6, dice)
