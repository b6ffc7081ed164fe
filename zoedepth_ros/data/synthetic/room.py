"""Rooms: walls with doors and windows, furniture, lamps, and a place to look from.

Convention: a room spans 0 to width along x, 0 to depth along y, 0 to height along z [m].
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from zoedepth_ros.data.synthetic.dice import CLOTHS, WALLS, WHITE, WOODS, Dice, grey
from zoedepth_ros.data.synthetic.furniture import (
    ALONG_WALLS,
    Piece,
    boxes,
    chair,
    cloth,
    office_chair,
    sofa,
    table,
    wood,
)
from zoedepth_ros.data.synthetic.person import person
from zoedepth_ros.data.synthetic.primitives import (
    BRICK,
    CARPET,
    CONTACT,
    CURTAIN,
    PANEL,
    PICTURE,
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
from zoedepth_ros.data.synthetic.world import Lamp

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
        """Tell whether a part of the floor is inside and free."""
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
    if kind == 'kitchen' or chance < 0.2:
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


def wall_surface(dice: Dice, tone: tuple[float, float, float]) -> Surface:
    """Return paint, plaster, wallpaper, or bricks."""
    chance = dice.random()
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
    b.box(w / 2, d / 2, -0.1, (w + 0.4, d + 0.4, 0.1), floor, flags=CONTACT | WORLD_UV)
    ceiling = (
        Surface(TILES, top, grey(0.5), 0.6, 0, 1) if room.kind == 'office' else Surface(PLAIN, top)
    )
    b.box(w / 2, d / 2, h, (w + 0.4, d + 0.4, 0.1), ceiling, flags=WORLD_UV)
    tone = dice.near(dice.pick(WALLS), 0.12)
    usual, special = wall_surface(dice, tone), dice.whole(0, 7)
    skirt = Surface(PLAIN, WHITE) if dice.coin(0.6) else wood(dice)
    high = dice.between(0.05, 0.12)
    for k in range(4):
        x, y, yaw, length = room.wall(k)
        skin = wall_surface(dice, dice.near(dice.pick(WALLS), 0.3)) if k == special else usual
        b.at(x, y, 0.0, yaw)
        b.box(length / 2, -0.1, 0.0, (length + 0.4, 0.2, h), skin, flags=0)
        b.box(length / 2, 0.007, 0.0, (length, 0.014, high), skirt, flags=0)
    b.at()


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


def line_walls(room: Room, dice: Dice, fullness: float) -> None:
    """Put furniture along the walls, where no door is and nothing tall before a window."""
    makers = ALONG_WALLS[room.kind]
    for wall in sorted(range(4), key=lambda _: dice.random()):
        x, y, yaw, length = room.wall(wall)
        at = dice.between(0.05, 0.5)
        while at < length - 0.4:
            if not dice.coin(fullness):
                at += dice.between(0.3, 1.2)
                continue
            piece = dice.pick(makers)(dice)
            middle = at + piece.width / 2
            hangs = room.on_walls[wall]
            if at + piece.width > length - 0.03 or any(
                a < at + piece.width and at < b and low < piece.height for a, b, low, _ in hangs
            ):
                at += 0.35
                continue
            px, py = x + math.cos(yaw) * middle, y + math.sin(yaw) * middle
            off = dice.between(0.02, 0.06)
            if room.put(piece, px - math.sin(yaw) * off, py + math.cos(yaw) * off, yaw):
                hangs.append((at, at + piece.width, 0.0, piece.height))
            at += piece.width + dice.between(0.03, 0.5)


def pictures(room: Room, dice: Dice) -> None:
    """Hang pictures at eye height where the wall is free."""
    for wall in range(4):
        x, y, yaw, length = room.wall(wall)
        for _ in range(dice.whole(0, 3)):
            wide, high = dice.between(0.25, 1.0), dice.between(0.25, 0.8)
            along, middle = dice.between(0.5, max(0.6, length - 0.5)), dice.between(1.4, 1.7)
            a0, a1 = along - wide / 2 - 0.06, along + wide / 2 + 0.06
            low, top = middle - high / 2, middle + high / 2
            if any(
                a < a1 and a0 < b and z0 < top and low < z1 for a, b, z0, z1 in room.on_walls[wall]
            ):
                continue
            if a0 < 0.05 or a1 > length - 0.05 or top > room.height - 0.05:
                continue
            room.on_walls[wall].append((a0, a1, low, top))
            frame = dice.pick((grey(0.02), grey(0.6), *WOODS))
            b = room.parts.at(x, y, 0.0, yaw)
            size = (wide, 0.03, high)
            b.box(along, 0.016, low, size, Surface(PICTURE, WHITE, frame), flags=0)
            b.at()


def middle(room: Room, dice: Dice) -> None:
    """Put what stands in the middle: tables with chairs, sofas, rugs, boxes, people."""
    w, d = room.width, room.depth
    x, y = w * dice.between(0.35, 0.65), d * dice.between(0.35, 0.65)
    yaw = dice.pick((0.0, 0.5, 1.0, 1.5)) * math.pi
    if room.kind in ('living', 'bedroom', 'dining') and min(w, d) > 2.4 and dice.coin(0.6):
        rug = Surface(CARPET, dice.near(dice.pick(CLOTHS)), dice.near(dice.pick(CLOTHS)), 0.3,
                      float(dice.whole(0, 2)))  # fmt: skip
        size = (min(w - 0.8, dice.between(1.4, 3.0)), min(d - 0.8, dice.between(1.2, 2.2)), 0.012)
        room.parts.box(x, y, 0.0, size, rug, flags=CONTACT)
    if room.kind in ('dining', 'kitchen', 'office') or (room.kind == 'living' and dice.coin(0.3)):
        board = table(dice)
        if room.put(board, x, y, yaw, 0.3):
            seats(room, dice, board, x, y, yaw)
    elif room.kind == 'living':
        room.put(table(dice, low=True), x, y, yaw, 0.2)
    if room.kind == 'living' and dice.coin(0.5):
        room.put(sofa(dice, seats=dice.whole(1, 3)), x, d * dice.between(0.3, 0.7), yaw, 0.25)
    if room.kind == 'store':
        for _ in range(dice.whole(1, 4)):
            room.put(
                boxes(dice), dice.between(0.6, w), dice.between(0.6, d), dice.between(0, 6.28), 0.1
            )
    for _ in range(dice.pick((0, 0, 0, 0, 1, 1, 2))):
        at = (dice.between(0.4, w - 0.4), dice.between(0.4, d - 0.4))
        room.put(person(dice), *at, dice.between(0, 6.28), 0.1)


def seats(room: Room, dice: Dice, board: Piece, x: float, y: float, yaw: float) -> None:
    """Put chairs around a table."""
    c, s = math.cos(yaw), math.sin(yaw)
    make = office_chair if room.kind == 'office' else chair
    seed = dice.random()
    count = max(1, int(board.width / 0.65))
    for k in range(count):
        u = (k + 0.5 - count / 2) * board.width / count
        for side in (-1, 1):
            if dice.coin(0.15):
                continue
            v = (board.depth + 0.42 if side > 0 else -0.42) + dice.between(-0.12, 0.12)
            turn = yaw + (math.pi if side > 0 else 0.0) + dice.between(-0.25, 0.25)
            room.put(make(Dice(seed)), x + c * u - s * v, y + s * u + c * v, turn, -0.35)


def ceiling_lamps(room: Room, dice: Dice) -> None:
    """Hang lamps and switch them on, or leave the light to the windows."""
    b, w, d, h = room.parts, room.width, room.depth, room.height
    lit = not room.lamps or dice.coin(0.6)
    power = dice.between(1.5, 5.0) if lit else 0.0
    warm = dice.pick(((1.0, 0.82, 0.6), (1.0, 0.92, 0.8), (0.95, 1.0, 1.0)))
    glow = Surface(PLAIN, warm, glow=3.0 if lit else 0.0)
    long = room.kind in ('corridor', 'office') or max(w, d) > 5.5
    for share in (0.27, 0.73) if long else (dice.between(0.4, 0.6),):
        x, y = (w * share, d / 2) if w > d else (w / 2, d * share)
        low = h - 0.05
        style = dice.random()
        if room.kind == 'office' or style < 0.25:
            b.box(x, y, h - 0.04, (1.2, 0.2, 0.04) if w > d else (0.2, 1.2, 0.04), glow, flags=0)
        elif style < 0.6 or h < 2.4:
            b.cylinder(x, y, h - 0.08, dice.between(0.12, 0.22), 0.08, glow, flags=0)
        else:
            low = max(1.95, h - dice.between(0.3, 0.7))
            b.cylinder(x, y, low, 0.008, h - low, Surface(PLAIN, grey(0.03)), flags=0)
            b.cylinder(x, y, low - 0.02, 0.17, 0.18, glow, shrink=dice.between(0, 0.7), flags=0)
        if lit and len(room.lamps) < 4:
            colour = (warm[0] * power, warm[1] * power, warm[2] * power)
            room.lamps.append(Lamp((x, y, low - 0.12), colour, shadows=len(room.lamps) < 2))
