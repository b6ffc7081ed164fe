"""Tables and desks full of things, seen from where somebody sits or a robot's arm reaches."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from zoedepth_ros.geometry.intrinsics import Intrinsics
from zoedepth_ros.synthetic.dice import CLOTHS, WHITE, Dice, grey
from zoedepth_ros.synthetic.furniture import Piece, legs, metal, wood
from zoedepth_ros.synthetic.interior import ceiling_lamps, line_walls, seats, wall_pictures
from zoedepth_ros.synthetic.primitives import (
    BOOKS,
    CYLINDER,
    FABRIC,
    LEAVES,
    PICTURE,
    PLAIN,
    SCREEN,
    STONE,
    STRIPES,
    TILES,
    Builder,
    Surface,
)
from zoedepth_ros.synthetic.room import Room, openings, shell
from zoedepth_ros.synthetic.scene import random_room, room_world
from zoedepth_ros.synthetic.world import ImageEffects, Pose, World

DISTANCE_M = (0.4, 1.6)
"""From the camera to the place on the table that it looks at [m]."""
CLEAR_M = 0.2
"""Nothing is nearer to a camera than this [m]."""
ELEVATION_DEG = (8.0, 65.0)
"""Height of the camera above that place, as an angle."""
VIVID = (
    (0.65, 0.02, 0.02), (0.75, 0.5, 0.02), (0.02, 0.06, 0.4), (0.02, 0.25, 0.06),
    (0.7, 0.22, 0.02), (0.02, 0.35, 0.5), (0.4, 0.02, 0.2), (0.02, 0.02, 0.02), WHITE,
)  # fmt: skip
"""Colours of packages and plastic, linear light."""
ROOMS = ('office', 'office', 'office', 'kitchen', 'dining', 'living', 'store')


def random_table(dice: Dice) -> tuple[World, Pose]:
    """Return a random room with a laden table in it and a camera that looks at the table."""
    room = random_room(dice)
    room.kind = dice.pick(ROOMS)
    room.width, room.depth = max(room.width, 3.0), max(room.depth, 3.0)
    board, spot = laden_table(dice)
    x, y, yaw = stand(room, board, dice)
    shell(room, dice)
    openings(room, dice)
    line_walls(room, dice, dice.between(0.5, 0.95))
    if dice.coin(0.5):
        seats(room, dice, board, x, y, yaw)
    wall_pictures(room, dice)
    ceiling_lamps(room, dice)
    world = room_world(room, dice)
    pose = clear_pose(world, lambda: look_at_table(room, board, (x, y, yaw), spot, dice))
    return world, pose or Pose(x, y, board.height + 0.8, yaw, -1.4)


def clear_pose(world: World, draw: Callable[[], Pose | None]) -> Pose | None:
    """Return the first of 12 random poses with nothing nearer than CLEAR_M; None without one.

    draw: returns a pose, or None for one that cannot be.
    """
    from zoedepth_ros.synthetic.render import render  # numba loads here and not before

    narrow = Intrinsics.from_hfov(9, 9, math.radians(50))
    for _ in range(12):
        pose = draw()
        if pose is None:
            continue
        _, depth_m = render(world, narrow, pose, ImageEffects())
        if float(np.nanmin(depth_m)) > CLEAR_M:
            return pose
    return None


def stand(room: Room, board: Piece, dice: Dice) -> tuple[float, float, float]:
    """Put a table at a wall or anywhere in a room; return the middle of its back and its yaw."""
    yaw = dice.pick((0.0, 0.5, 1.0, 1.5)) * math.pi
    for _ in range(20):
        x, y = dice.between(0.2, room.width - 0.2), dice.between(0.2, room.depth - 0.2)
        if dice.coin(0.5):
            wall = dice.whole(0, 3)
            x, y, yaw, length = room.wall(wall)
            along = dice.between(board.width / 2, max(board.width / 2, length - board.width / 2))
            x, y = x + math.cos(yaw) * along, y + math.sin(yaw) * along
            x, y = x - 0.03 * math.sin(yaw), y + 0.03 * math.cos(yaw)
        if room.put(board, x, y, yaw):
            return x, y, yaw
    x, y, yaw = room.width / 2, room.depth / 2, 0.0
    room.parts.stamp(board.parts, x, y, yaw)
    return x, y, yaw


def look_at_table(
    room: Room,
    board: Piece,
    place: tuple[float, float, float],
    spot: tuple[float, float],
    dice: Dice,
) -> Pose | None:
    """Return a camera that looks at a spot of a table; None if it is outside the room."""
    x, y, yaw = place
    u, v = spot[0] + dice.gauss_like(0.1), spot[1] + dice.gauss_like(0.1)
    aim = (
        x + math.cos(yaw) * u - math.sin(yaw) * v,
        y + math.sin(yaw) * u + math.cos(yaw) * v,
        board.height + dice.between(0.0, 0.15),
    )
    distance_m = math.exp(dice.between(*(math.log(d) for d in DISTANCE_M)))
    elevation = math.radians(dice.between(*ELEVATION_DEG))
    azimuth = yaw + math.pi / 2 + dice.gauss_like(0.7)  # from where one sits
    if dice.coin(0.3):
        azimuth = dice.between(0.0, 2.0 * math.pi)
    out = distance_m * math.cos(elevation)
    eye = (aim[0] + out * math.cos(azimuth), aim[1] + out * math.sin(azimuth))
    z = aim[2] + distance_m * math.sin(elevation)
    inside = 0.12 < eye[0] < room.width - 0.12 and 0.12 < eye[1] < room.depth - 0.12
    if not inside or z > room.height - 0.1:
        return None
    turn = azimuth + math.pi + dice.gauss_like(0.12)
    return Pose(
        *eye, z, turn, -elevation + dice.gauss_like(0.08), math.radians(dice.gauss_like(4.0))
    )


def laden_table(dice: Dice) -> tuple[Piece, tuple[float, float]]:
    """Make a table or a desk with many things on it, and return the place of one of them [m]."""
    b, top = Builder(), table_top(dice)
    frame = metal(dice) if dice.coin() else wood(dice)
    height = dice.between(0.38, 0.48) if dice.coin(0.15) else dice.between(0.68, 0.92)
    if dice.coin(0.25):
        width = depth = dice.between(0.7, 1.4)
        b.cylinder(0, depth / 2, height - 0.03, width / 2, 0.03, top)
        b.cylinder(0, depth / 2, 0.04, 0.05, height - 0.07, frame)
        b.cylinder(0, depth / 2, 0.0, 0.3, 0.04, frame)
    else:
        width, depth = dice.between(0.8, 2.2), dice.between(0.55, 1.0)
        b.box(0, depth / 2, height - 0.03, (width, depth, 0.03), top)
        legs(b, width, depth, height - 0.03, 0.05, frame)
    b.contact(0, depth / 2, width, depth, 0.3, 0.4)
    full = Piece(b, width, depth, height)
    spot = lay(full, dice, dice.pick((OFFICE, OFFICE, KITCHEN, KITCHEN, OFFICE + KITCHEN)))
    return full, spot


def table_top(dice: Dice) -> Surface:
    """Return wood, white or grey board, stone, or a cloth with checks, stripes or a weave."""
    kind = dice.random()
    if kind < 0.3:
        return wood(dice)
    if kind < 0.6:
        return Surface(PLAIN, dice.near(dice.pick((WHITE, WHITE, grey(0.4), grey(0.04)))),
                       gloss=dice.between(0.0, 0.15))  # fmt: skip
    if kind < 0.7:
        return Surface(STONE, grey(dice.between(0.05, 0.5)), grey(dice.between(0.05, 0.6)), 0.1,
                       gloss=0.1)  # fmt: skip
    one, other = dice.near(dice.pick((WHITE, *CLOTHS))), dice.near(dice.pick(CLOTHS))
    if kind < 0.85:
        return Surface(TILES, one, other, dice.between(0.025, 0.12), 1.0, 1.0, 0.03)
    return Surface(dice.pick((STRIPES, FABRIC)), one, other, dice.between(0.02, 0.1))


def lay(board: Piece, dice: Dice, makers: tuple[Thing, ...]) -> tuple[float, float]:
    """Put things beside one another on a table, few or many; return the place of one of them."""
    taken: list[tuple[float, float, float]] = []
    spread = math.exp(dice.between(math.log(0.1), math.log(0.45)))
    middle = (dice.between(-0.3, 0.3) * board.width, dice.between(0.3, 0.7) * board.depth)
    wanted = dice.whole(3, 30)
    for _ in range(3 * wanted):
        x, y = middle[0] + dice.gauss_like(1.4 * spread), middle[1] + dice.gauss_like(spread)
        piece = dice.pick(makers)(dice)
        reach = 0.5 * max(piece.width, piece.depth)
        half_width, half_depth = board.width / 2 - 0.4 * reach, board.depth / 2 - 0.4 * reach
        if abs(x) > half_width or abs(y - board.depth / 2) > half_depth:
            continue
        if any(math.dist((x, y), (u, v)) < 0.8 * (reach + r) for u, v, r in taken):
            continue
        taken.append((x, y, reach))
        turn = dice.gauss_like(0.5) if dice.coin(0.7) else dice.between(0.0, 6.28)
        board.parts.stamp(piece.parts, x, y, turn, board.height)
        if len(taken) == wanted:
            break
    return dice.pick(taken)[:2] if taken else middle


def tone(dice: Dice) -> Surface:
    """Return plastic, china or painted metal of any colour."""
    bright, vivid = dice.bright(0.2, 0.9), dice.near(dice.pick(VIVID), 0.3)
    colour = dice.pick((bright, vivid, vivid, dice.near(WHITE), grey(0.03)))
    return Surface(PLAIN, colour, gloss=dice.pick((0.0, 0.05, 0.15, 0.3)))


def print_(dice: Dice) -> Surface:
    """Return printed paper or cardboard, as of packages."""
    kind = dice.pick((PICTURE, PICTURE, STRIPES, PLAIN))
    one = dice.near(dice.pick(VIVID), 0.3) if dice.coin(0.6) else dice.bright(0.2, 0.95)
    other = dice.near(dice.pick(VIVID), 0.3)
    scale = dice.between(0.02, 0.08)
    return Surface(kind, one, other, scale, gloss=dice.pick((0.0, 0.08)))


def label(b: Builder, dice: Dice, width: float, high: float, front: float) -> None:
    """Print bands, lines of text and a badge on both faces of a box, its front at y = front."""
    for side in (-1, 1):
        y = side * (front + 0.0004)
        for _ in range(dice.whole(1, 5)):
            tall = high * dice.between(0.04, 0.3)
            at = dice.between(0.03, 0.95) * (high - tall)
            wide = width * dice.pick((0.98, 0.98, dice.between(0.3, 0.9)))
            x = dice.between(-0.5, 0.5) * (0.98 * width - wide)
            ink = print_(dice)
            if dice.coin():
                ink = Surface(STRIPES, dice.near(WHITE), grey(0.05), dice.between(0.004, 0.02))
            b.box(x, y, at, (wide, 0.0008, tall), ink, flags=0)


def monitor(dice: Dice) -> Piece:
    """Make a screen on a foot."""
    b, wide = Builder(), dice.between(0.38, 0.62)
    case = Surface(PLAIN, dice.pick((grey(0.02), grey(0.05), grey(0.5))), gloss=0.08)
    high, low = wide * dice.between(0.56, 0.8), dice.between(0.06, 0.16)
    lit = Surface(SCREEN, grey(0.01), dice.bright(0.1, 0.8), p1=float(dice.coin(0.6)),
                  glow=dice.pick((0.0, 0.3, 0.5)))  # fmt: skip
    b.box(0, 0.0, low, (wide, 0.04, high), case)
    b.box(0, 0.022, low + 0.015, (wide - 0.03, 0.005, high - 0.03), lit, flags=0)
    b.box(0, -0.02, 0.0, (0.05, 0.03, low + 0.05), case)
    b.box(0, 0.0, 0.0, (0.24, 0.18, 0.015), case)
    b.contact(0, 0, 0.24, 0.18, 0.06, 0.4)
    return Piece(b, wide, 0.2, low + high)


def keyboard(dice: Dice) -> Piece:
    """Make a keyboard and a mouse beside it."""
    b, wide = Builder(), dice.between(0.3, 0.46)
    case = Surface(PLAIN, dice.pick((grey(0.02), grey(0.6), grey(0.3))), gloss=0.05)
    keys = Surface(TILES, grey(dice.pick((0.03, 0.6))), grey(dice.pick((0.01, 0.3))), 0.019)
    b.box(0, 0, 0, (wide, 0.15, 0.016), case)
    b.box(0, 0, 0.016, (wide - 0.02, 0.12, 0.008), keys)
    b.ball(wide / 2 + 0.08, 0, 0.015, (0.03, 0.055, 0.02), case)
    b.contact(0, 0, wide, 0.15, 0.03, 0.4)
    return Piece(b, wide, 0.2, 0.03)


def laptop(dice: Dice) -> Piece:
    """Make an open laptop."""
    b, wide = Builder(), dice.between(0.28, 0.38)
    case = Surface(PLAIN, grey(dice.pick((0.02, 0.4, 0.6))), gloss=0.1)
    keys = Surface(TILES, grey(0.03), grey(0.2), 0.019)
    lit = Surface(SCREEN, grey(0.01), dice.bright(0.1, 0.8), p1=1.0, glow=0.4)
    lean = dice.between(-0.5, 0.0)
    b.box(0, 0.12, 0, (wide, 0.24, 0.016), case)
    b.box(0, 0.09, 0.016, (wide - 0.04, 0.1, 0.002), keys, flags=0)
    b.box(0, -0.01 - 0.1 * math.sin(-lean), 0.01, (wide, 0.008, 0.23), lit, pitch=-lean)
    b.contact(0, 0.12, wide, 0.24, 0.04, 0.4)
    return Piece(b, wide, 0.3, 0.24)


def mug(dice: Dice) -> Piece:
    """Make a cup with a handle."""
    b, glaze, radius = Builder(), tone(dice), dice.between(0.035, 0.05)
    high = dice.between(0.07, 0.12)
    b.cylinder(0, 0, 0, radius, high, glaze, shrink=dice.pick((0.0, 0.0, -0.2)))
    b.cylinder(0, 0, high, 0.85 * radius, 0.001, Surface(PLAIN, (0.06, 0.03, 0.02)), flags=0)
    for z in (0.2 * high, 0.7 * high):
        b.box(radius + 0.012, 0, z, (0.03, 0.01, 0.01), glaze)
    b.box(radius + 0.027, 0, 0.2 * high, (0.01, 0.01, 0.6 * high), glaze)
    b.contact(0, 0, 2 * radius, 2 * radius, 0.04, 0.5)
    return Piece(b, 2.8 * radius, 2 * radius, high)


def bottle(dice: Dice) -> Piece:
    """Make a bottle or a jar with shoulder, cap and label."""
    b, body, radius = Builder(), tone(dice), dice.between(0.025, 0.05)
    high, neck = radius * dice.between(2.5, 5.0), dice.between(0.2, 0.8)
    b.cylinder(0, 0, 0, radius, high, body)
    b.cylinder(0, 0, high, radius, radius * dice.between(0.3, 1.5), body, shrink=neck)
    b.cylinder(0, 0, high + 0.3 * radius, radius * (1 - neck) + 0.004, radius * 1.5, tone(dice))
    b.cylinder(0, 0, 0.2 * high, radius + 0.001, 0.6 * high, print_(dice), flags=0)
    b.contact(0, 0, 2 * radius, 2 * radius, 0.04, 0.5)
    return Piece(b, 2 * radius, 2 * radius, 1.5 * high)


def tin(dice: Dice) -> Piece:
    """Make a tin with a label."""
    b, radius, high = Builder(), dice.between(0.03, 0.06), dice.between(0.05, 0.17)
    b.cylinder(0, 0, 0, radius, high, Surface(PLAIN, grey(0.5), gloss=0.3))
    b.cylinder(0, 0, 0.006, radius + 0.001, high - 0.012, print_(dice), flags=0)
    for _ in range(dice.whole(0, 3)):
        tall = high * dice.between(0.05, 0.4)
        at = 0.006 + dice.random() * (high - 0.012 - tall)
        b.cylinder(0, 0, at, radius + 0.0015, tall, print_(dice), flags=0)
    b.contact(0, 0, 2 * radius, 2 * radius, 0.04, 0.5)
    return Piece(b, 2 * radius, 2 * radius, high)


def package(dice: Dice) -> Piece:
    """Make a box as food and parts come in, standing or lying."""
    b = Builder()
    sides = (dice.between(0.06, 0.22), dice.between(0.03, 0.12), dice.between(0.05, 0.3))
    size = sides if dice.coin(0.6) else (sides[0], sides[2], sides[1])
    b.box(0, 0, 0, size, print_(dice))
    if dice.coin(0.8):
        label(b, dice, size[0], size[2], size[1] / 2)
    b.contact(0, 0, *size[:2], 0.05, 0.5)
    return Piece(b, size[0], size[1], size[2])


def bowl(dice: Dice) -> Piece:
    """Make a bowl or a plate, perhaps with fruit."""
    b, glaze, radius = Builder(), tone(dice), dice.between(0.07, 0.14)
    high = dice.between(0.02, 0.09)
    half = (radius, radius, high / 2)
    b.solid(CYLINDER, (0, 0, high / 2), half, glaze, turn=(0, math.pi, 0), shape=(0.4, 0, 0))
    inside = Surface(PLAIN, (glaze.a[0] * 0.7, glaze.a[1] * 0.7, glaze.a[2] * 0.7))
    b.cylinder(0, 0, high, 0.93 * radius, 0.001, inside, flags=0)
    for _ in range(dice.pick((0, 0, 3, 5))):
        r = dice.between(0.025, 0.04)
        at = (dice.between(-0.5, 0.5) * radius, dice.between(-0.5, 0.5) * radius)
        b.ball(*at, high + 0.5 * r, (r, r, r), Surface(PLAIN, dice.bright(0.3, 0.9), gloss=0.1))
    b.contact(0, 0, 2 * radius, 2 * radius, 0.05, 0.5)
    return Piece(b, 2 * radius, 2 * radius, high)


def books(dice: Dice) -> Piece:
    """Make a pile of books and papers, or a row of books that stand."""
    b, z = Builder(), 0.0
    if dice.coin(0.25):
        wide = dice.between(0.12, 0.4)
        b.box(0, 0, 0, (wide, 0.18, dice.between(0.2, 0.3)), Surface(BOOKS, WHITE))
        b.contact(0, 0, wide, 0.18, 0.05, 0.5)
        return Piece(b, wide, 0.2, 0.28)
    for _ in range(dice.whole(1, 5)):
        size = (dice.between(0.13, 0.22), dice.between(0.18, 0.3), dice.between(0.006, 0.045))
        b.box(0, 0, z, size, print_(dice), yaw=dice.gauss_like(0.2))
        z += size[2]
    b.contact(0, 0, 0.18, 0.25, 0.04, 0.4)
    return Piece(b, 0.22, 0.28, z)


def paper(dice: Dice) -> Piece:
    """Make sheets of paper with lines on them."""
    b = Builder()
    for k in range(dice.whole(1, 3)):
        ink = dice.pick((grey(0.4), (0.7, 0.7, 0.66), dice.bright()))
        sheet = Surface(dice.pick((PLAIN, STRIPES)), dice.near(WHITE, 0.1), ink, 0.012)
        at = (dice.gauss_like(0.04), dice.gauss_like(0.04), 0.0015 * k)
        b.box(*at, (0.21, 0.297, 0.0015), sheet, yaw=dice.gauss_like(0.4))
    return Piece(b, 0.24, 0.3, 0.005)


def pot_plant(dice: Dice) -> Piece:
    """Make a small plant in a pot."""
    b, radius = Builder(), dice.between(0.04, 0.09)
    half = (radius, radius, radius * 0.9)
    b.solid(CYLINDER, (0, 0, half[2]), half, tone(dice), turn=(0, math.pi, 0), shape=(0.25, 0, 0))
    green = dice.near((0.06, 0.16, 0.03), 0.4)
    leaf = Surface(LEAVES, green, (green[0] * 2.5, green[1] * 2, green[2] * 2), 0.03)
    for _ in range(dice.whole(2, 5)):
        at = (dice.gauss_like(0.06), dice.gauss_like(0.06), radius * dice.between(2.0, 5.0))
        size = dice.between(0.05, 0.12)
        b.leaves(*at, (size, size, size * 1.2), leaf, density=0.4, grain_m=0.025)
    b.contact(0, 0, 2 * radius, 2 * radius, 0.05, 0.5)
    return Piece(b, 2.5 * radius, 2.5 * radius, 6 * radius)


def desk_lamp(dice: Dice) -> Piece:
    """Make a lamp for a desk."""
    b, steel, high = Builder(), tone(dice), dice.between(0.3, 0.5)
    shade = Surface(PLAIN, steel.a, glow=dice.pick((0.0, 0.0, 1.0)))
    b.cylinder(0, 0, 0, 0.08, 0.02, steel)
    b.cylinder(0, 0, 0, 0.009, high, steel)
    b.box(0, 0.08, high - 0.01, (0.015, 0.18, 0.015), steel)
    b.cylinder(0, 0.17, high - 0.06, 0.07, 0.09, shade, shrink=0.5)
    return Piece(b, 0.18, 0.25, high)


def tool(dice: Dice) -> Piece:
    """Make something small of two or three parts: a tool, a toy, a telephone, a fruit."""
    b, one = Builder(), tone(dice)
    long = dice.between(0.06, 0.2)
    form = dice.random()
    if form < 0.3:
        b.ball(0, 0, 0.02, (long / 2, 0.02, 0.02), one)
    elif form < 0.6:
        b.box(0, 0, 0, (long, dice.between(0.02, 0.08), dice.between(0.008, 0.04)), one)
    elif form < 0.8:
        b.box(0, 0, 0.1, (long, 0.05, 0.06), one)
        b.box(-long / 4, 0, 0.03, (0.04, 0.035, 0.08), tone(dice))
        b.box(-long / 4, 0, 0, (0.08, 0.06, 0.04), one)
    else:
        b.cylinder(0, 0, 0, 0.035, 0.1, one)
        for _ in range(dice.whole(3, 6)):
            at = (dice.gauss_like(0.015), dice.gauss_like(0.015), 0.02)
            b.cylinder(*at, 0.004, 0.16, tone(dice), pitch=dice.gauss_like(0.2))
    b.contact(0, 0, long, 0.06, 0.03, 0.4)
    return Piece(b, long, 0.08, 0.1)


Thing = Callable[[Dice], Piece]
OFFICE: tuple[Thing, ...] = (
    monitor, monitor, keyboard, laptop, mug, books, books, paper, paper, tool, tool, pot_plant,
    desk_lamp, bottle, package,
)  # fmt: skip
KITCHEN: tuple[Thing, ...] = (
    mug, bottle, bottle, tin, tin, package, package, package, bowl, bowl, tool, tool, pot_plant,
    books,
)  # fmt: skip
