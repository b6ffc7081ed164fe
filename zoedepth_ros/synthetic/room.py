"""Rooms: walls with doors and windows.

Convention: a room spans 0 to width along x, 0 to depth along y, 0 to height along z [m].
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from zoedepth_ros.synthetic.dice import CLOTHS, WALLS, WHITE, WOODS, Dice, grey
from zoedepth_ros.synthetic.furniture import Piece, cloth, wood
from zoedepth_ros.synthetic.primitives import (
    BRICK,
    CARPET,
    CONTACT,
    CURTAIN,
    PANEL,
    PLAIN,
    PLANKS,
    ROUGH,
    STONE,
    STRIPES,
    TILES,
    VIEW,
    WORLD_UV,
    Builder,
    Surface,
)
from zoedepth_ros.synthetic.world import Lamp

Rectangle = tuple[float, float, float, float]


@dataclass(slots=True)
class Room:
    """A room being furnished."""

    kind: str
    """Key of ALONG_WALLS."""
    width: float
    """Along x [m]."""
    depth: float
    """Along y [m]."""
    height: float
    """Along z [m]."""
    gap: tuple[float, float, float] | None = None
    """Opening of the first wall: from, to along it, height [m]."""
    parts: Builder = field(default_factory=Builder)
    """What it is made of."""
    lamps: list[Lamp] = field(default_factory=list)
    """Lights."""
    taken: list[Rectangle] = field(default_factory=list)
    """Floor that is in use: x from, to, y from, to [m]."""
    on_walls: list[list[tuple[float, float, float, float]]] = field(
        default_factory=lambda: [[], [], [], []]
    )
    """For each wall what covers it: from, to along it, from, to in height [m]."""

    def wall(self, index: int) -> tuple[float, float, float, float]:
        """Return a wall's start x, y, direction [rad] and length [m]; inside is on the left."""
        w, d = self.width, self.depth
        starts = ((0.0, 0.0, w), (w, 0.0, d), (w, d, w), (0.0, d, d))
        x, y, length = starts[index]
        return x, y, 0.5 * math.pi * index, length

    def is_free(self, area: Rectangle, margin: float = 0.0) -> bool:
        """Return whether a part of the floor is inside the room and free."""
        x0, x1, y0, y1 = area
        if x0 < 0 or y0 < 0 or x1 > self.width or y1 > self.depth:
            return False
        m = margin
        return all(
            x1 + m < a or b + m < x0 or y1 + m < c or d + m < y0 for a, b, c, d in self.taken
        )

    def put(self, piece: Piece, x: float, y: float, yaw: float, margin: float = 0.0) -> bool:
        """Put a piece with its back's middle at x, y if there is room."""
        area = footprint(piece, x, y, yaw)
        if not self.is_free(area, margin):
            return False
        self.taken.append(area)
        self.parts.stamp(piece.parts, x, y, yaw)
        return True


def footprint(piece: Piece, x: float, y: float, yaw: float) -> Rectangle:
    """Return the floor a piece covers, with its sides along the axes."""
    c, s = math.cos(yaw), math.sin(yaw)
    w = piece.width / 2
    ends = [(-w, 0.0), (w, 0.0), (-w, piece.depth), (w, piece.depth)]
    xs = [x + c * u - s * v for u, v in ends]
    ys = [y + s * u + c * v for u, v in ends]
    return min(xs), max(xs), min(ys), max(ys)


def floor_surface(dice: Dice, kind: str) -> Surface:
    """Return a floor of boards, tiles, carpet or stone."""
    chance = dice.random()
    if kind in ('kitchen', 'bathroom') or chance < 0.2:
        checks = float(dice.coin(0.25))
        tone = dice.near(dice.pick((grey(0.5), grey(0.25), (0.5, 0.42, 0.32), (0.4, 0.2, 0.12))))
        joint = grey(0.3) if not checks else dice.near(grey(0.08))
        size = dice.pick((0.2, 0.3, 0.33, 0.45, 0.6))
        return Surface(TILES, tone, joint, size, checks, 1.0, 0.08)
    if chance < 0.7:
        tone = dice.near(dice.pick(WOODS), 0.25)
        dark = (tone[0] * 0.3, tone[1] * 0.25, tone[2] * 0.2)
        width, across = dice.between(0.08, 0.2), float(dice.coin())
        return Surface(PLANKS, tone, dark, width, across, 0.0, dice.between(0, 0.1))
    if chance < 0.9:
        return Surface(CARPET, dice.near(dice.pick(CLOTHS), 0.3))
    return Surface(STONE, grey(dice.between(0.2, 0.4)), grey(dice.between(0.3, 0.5)), 0.7)


def wall_surface(dice: Dice, kind: str, tone: tuple[float, float, float]) -> Surface:
    """Return paint, plaster, wallpaper, or bricks."""
    chance = dice.random()
    if kind == 'bathroom' and chance < 0.8:
        size = dice.pick((0.1, 0.15, 0.2, 0.3))
        return Surface(TILES, dice.near(tone, 0.2), grey(0.5), size, 0.0, 0.3, 0.1)
    if chance < 0.55:
        return Surface(PLAIN, tone)
    if chance < 0.75:
        return Surface(ROUGH, tone, dice.near(tone, 0.1))
    if chance < 0.92:
        return Surface(STRIPES, tone, dice.near(tone, 0.35), dice.between(0.06, 0.3))
    return Surface(BRICK, dice.near((0.42, 0.2, 0.13)), (0.5, 0.48, 0.45), 0.24)


def shell(room: Room, dice: Dice) -> None:
    """Build floor, ceiling, four walls and skirting."""
    b, w, d, h = room.parts, room.width, room.depth, room.height
    floor, top = floor_surface(dice, room.kind), dice.near(WHITE, 0.08)
    b.box(w / 2, d / 2, -0.1, (w + 0.2, d + 0.2, 0.1), floor, flags=CONTACT | WORLD_UV)
    ceiling = (
        Surface(TILES, top, grey(0.5), 0.6, 0, 1) if room.kind == 'office' else Surface(PLAIN, top)
    )
    b.box(w / 2, d / 2, h, (w + 0.2, d + 0.2, 0.1), ceiling, flags=WORLD_UV)
    tone = dice.near(dice.pick(WALLS), 0.12)
    usual, special = wall_surface(dice, room.kind, tone), dice.whole(0, 7)
    skirt = Surface(PLAIN, WHITE) if dice.coin(0.6) else wood(dice)
    high = dice.between(0.05, 0.12)
    for k in range(4):
        x, y, yaw, length = room.wall(k)
        skin = usual
        if k == special:
            skin = wall_surface(dice, room.kind, dice.near(dice.pick(WALLS), 0.3))
        b.at(x, y, 0.0, yaw)
        spans: tuple[tuple[float, float], ...] = ((-0.1, length + 0.1),)
        if k == 0 and room.gap:
            left, right, over = room.gap
            spans = ((-0.1, left), (right, length + 0.1))
            size = (right - left, 0.1, h - over + 0.05)
            b.box((left + right) / 2, -0.05, over, size, skin, flags=0)
        for start, end in spans:
            at, long = (start + end) / 2, end - start
            b.box(at, -0.05, -0.05, (long, 0.1, h + 0.1), skin, flags=0)  # no seams
            b.box(at, 0.007, 0.0, (long, 0.014, high), skirt, flags=0)
    b.at()


def door(room: Room, wall: int, along: float, dice: Dice) -> None:
    """Hang a closed door, 2 m high, with frame and handle, and keep its floor free."""
    x, y, yaw, _ = room.wall(wall)
    b = room.parts.at(x, y, 0.0, yaw)
    wide, high = dice.between(0.78, 0.95), dice.between(1.96, 2.06)
    leaf = wood(dice)
    frame = leaf if dice.coin() else Surface(PLAIN, WHITE)
    dark = (leaf.a[0] * 0.7, leaf.a[1] * 0.7, leaf.a[2] * 0.7)
    inset = Surface(PANEL, leaf.a, dark, 2.0, 2.0, 0.0)
    b.box(along, 0.01, 0.0, (wide, 0.025, high), inset if dice.coin(0.4) else leaf, flags=0)
    for side in (-1, 1):
        at = along + side * (wide / 2 + 0.04)
        b.box(at, 0.02, 0.0, (0.08, 0.045, high + 0.08), frame, flags=0)
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
        at = along + side * (wide / 2 + 0.03)
        b.box(at, 0.01, sill - 0.03, (0.07, 0.05, high + 0.07), edge, flags=0)
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
    colour = (0.85 * power, 0.95 * power, 1.1 * power)
    room.lamps.append(Lamp(place, colour, shadows=not room.lamps))


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
