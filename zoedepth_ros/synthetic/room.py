"""Rooms: walls with doors and windows, furniture, lamps, and a place to look from.

Convention: a room spans 0 to width along x, 0 to depth along y, 0 to height along z [m].
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from zoedepth_ros.synthetic.dice import CLOTHS, WALLS, WHITE, WOODS, Dice, grey
from zoedepth_ros.synthetic.furniture import (
    Piece,
    wood,
)
from zoedepth_ros.synthetic.primitives import (
    BRICK,
    CARPET,
    CONTACT,
    PLAIN,
    PLANKS,
    ROUGH,
    STONE,
    STRIPES,
    TILES,
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
        return Surface(
            TILES, tone, joint, dice.pick((0.2, 0.3, 0.33, 0.45, 0.6)), checks, 1.0, 0.08
        )
    if chance < 0.7:
        tone = dice.near(dice.pick(WOODS), 0.25)
        dark = (tone[0] * 0.3, tone[1] * 0.25, tone[2] * 0.2)
        return Surface(
            PLANKS,
            tone,
            dark,
            dice.between(0.08, 0.2),
            float(dice.coin()),
            0.0,
            dice.between(0, 0.1),
        )
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
        skin = (
            wall_surface(dice, room.kind, dice.near(dice.pick(WALLS), 0.3))
            if k == special
            else usual
        )
        b.at(x, y, 0.0, yaw)
        spans: tuple[tuple[float, float], ...] = ((-0.1, length + 0.1),)
        if k == 0 and room.gap:
            left, right, over = room.gap
            spans = ((-0.1, left), (right, length + 0.1))
            b.box(
                (left + right) / 2,
                -0.05,
                over,
                (right - left, 0.1, h - over + 0.05),
                skin,
                flags=0,
            )
        for start, end in spans:
            at, long = (start + end) / 2, end - start
            b.box(at, -0.05, -0.05, (long, 0.1, h + 0.1), skin, flags=0)  # no seams
            b.box(at, 0.007, 0.0, (long, 0.014, high), skirt, flags=0)
    b.at()
