"""Furnish a room: furniture, wall pictures, people, lamps."""

from __future__ import annotations

import math

from zoedepth_ros.synthetic.dice import CLOTHS, WHITE, WOODS, Dice, grey
from zoedepth_ros.synthetic.furniture import Piece, chair, office_chair, person, sofa, table
from zoedepth_ros.synthetic.primitives import CARPET, CONTACT, PICTURE, PLAIN, Surface
from zoedepth_ros.synthetic.room import Room
from zoedepth_ros.synthetic.storage import ALONG_WALLS, Maker, boxes
from zoedepth_ros.synthetic.world import Lamp


def line_walls(room: Room, dice: Dice, fullness: float) -> None:
    """Put furniture along the walls, where no door is and nothing tall before a window."""
    makers = ALONG_WALLS[room.kind]
    used: list[Maker] = []
    for wall in sorted(range(4), key=lambda _: dice.random()):
        x, y, yaw, length = room.wall(wall)
        at = dice.between(0.05, 0.5)
        while at < length - 0.4:
            if not dice.coin(fullness):
                at += dice.between(0.3, 1.2)
                continue
            make = dice.pick(makers)
            if make in used and dice.coin(0.8):
                make = dice.pick(makers)
            piece = make(dice)
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
                used.append(make)
                hangs.append((at, at + piece.width, 0.0, piece.height))
            at += piece.width + dice.between(0.03, 0.5)


def wall_pictures(room: Room, dice: Dice) -> None:
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
