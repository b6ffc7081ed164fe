"""Roadside objects: houses, trees, hedges, poles, signs [m].

Convention: a house has its front at y = 0 facing -y, the street; everything else is centred.
"""

from __future__ import annotations

import math

from zoedepth_ros.synthetic.dice import WALLS, WHITE, Dice, grey
from zoedepth_ros.synthetic.furniture import Piece
from zoedepth_ros.synthetic.primitives import (
    BRICK,
    FACADE,
    GARAGE,
    LEAVES,
    PLAIN,
    ROOF,
    ROUGH,
    STONE,
    WOOD,
    Builder,
    Surface,
)

BRICKS = ((0.36, 0.15, 0.09), (0.45, 0.24, 0.14), (0.28, 0.12, 0.09), (0.5, 0.38, 0.24))
ROOFS = ((0.35, 0.12, 0.07), (0.12, 0.11, 0.11), (0.22, 0.1, 0.07), (0.08, 0.08, 0.09))


def house(dice: Dice, width: float, *, storeys: int, flat: bool, shop: bool = False) -> Piece:
    """Make a house with windows, a door, and a roof with chimney."""
    b, depth = Builder(), dice.between(7.0, 10.0)
    storey = dice.between(2.75, 3.3)
    height = storey * storeys + dice.between(0.2, 0.5)
    brick = dice.coin(0.45)
    tone = dice.near(dice.pick(BRICKS if brick else WALLS), 0.2)
    trim = dice.near(dice.pick((WHITE, WHITE, grey(0.15), (0.25, 0.13, 0.06))))
    style = float(int(brick) + 2 * int(dice.coin(0.4)) + 4 * int(shop) + 8 * int(dice.coin(0.5)))
    front = Surface(FACADE, tone, trim, storey, dice.between(2.1, 3.4), style)
    b.box(0, depth / 2, 0.0, (width, depth, height), front)
    top = Surface(ROOF, dice.near(dice.pick(ROOFS), 0.2), WHITE, 0.33)
    if flat:
        b.box(0, depth / 2, height, (width + 0.1, depth + 0.1, 0.35), Surface(PLAIN, trim))
    elif dice.coin(0.3):
        gable = Surface(ROOF, top.a, WHITE, 0.33)
        rise = width * dice.between(0.3, 0.45)
        b.taper(0, depth / 2, height, (width + 0.3, depth + 0.3, rise), gable, shrink=(0.98, 0.0))
    else:
        rise = depth * dice.between(0.28, 0.42)
        hip = 0.45 if dice.coin(0.25) else 0.0
        b.taper(0, depth / 2, height, (width + 0.1, depth + 0.7, rise), top, shrink=(hip, 0.98))
        if dice.coin(0.6):
            stack = Surface(BRICK, dice.near(BRICKS[0]), grey(0.4), 0.24)
            at = dice.between(-0.3, 0.3) * width
            b.box(at, depth / 2, height + rise - 0.9, (0.6, 0.6, 1.7), stack)
        if dice.coin(0.3) and not hip:
            at = dice.between(-0.25, 0.25) * width
            dormer = Surface(FACADE, tone, trim, 2.2, 1.2, style % 2)
            b.box(at, 1.4, height + 0.1, (1.5, 1.6, 1.5), dormer)
            b.taper(at, 1.4, height + 1.6, (1.8, 1.9, 0.6), top, shrink=(0.95, 0.0))
    gutter = Surface(PLAIN, grey(0.3))
    b.box(0, -0.1, height - 0.08, (width, 0.12, 0.1), gutter)
    if dice.coin(0.6):
        b.cylinder(-width / 2 + 0.1, -0.07, 0.0, 0.045, height, gutter)
    if dice.coin(0.35) and not shop:
        b.box(dice.between(-0.2, 0.2) * width, -0.5, 2.25, (2.0, 1.0, 0.12), Surface(PLAIN, trim))
    if shop:
        sign = Surface(PLAIN, dice.bright(0.1, 0.7))
        b.box(0, -0.06, 2.6, (width * 0.9, 0.12, 0.5), sign)
        if dice.coin(0.5):
            b.taper(0, -0.55, 2.45, (width * 0.8, 1.1, 0.5), sign, shrink=(0.0, 0.9))
    if storeys > 2 and dice.coin(0.4):
        rail = Surface(PLAIN, grey(dice.pick((0.05, 0.6))))
        for k in range(1, storeys):
            b.box(0, -0.5, k * storey, (width * 0.35, 1.0, 0.12), Surface(PLAIN, trim))
            b.box(0, -0.98, k * storey + 0.12, (width * 0.35, 0.04, 0.9), rail)
    return Piece(b, width, depth, height)


def garage(dice: Dice) -> Piece:
    """Make a garage."""
    b, tone = Builder(), dice.near(dice.pick(WALLS))
    b.box(0, 3, 0.0, (3.0, 6.0, 2.5), Surface(ROUGH, tone, tone))
    b.box(0, -0.01, 0.0, (2.4, 0.05, 2.05), Surface(GARAGE, dice.bright(0.2, 0.7), WHITE, 0.4))
    b.box(0, 3, 2.5, (3.2, 6.2, 0.15), Surface(PLAIN, grey(0.3)))
    return Piece(b, 3.2, 6.0, 2.65)


def greens(dice: Dice, size: float) -> Surface:
    """Return leaves of some green, sometimes of autumn."""
    base = dice.pick(((0.05, 0.13, 0.025), (0.08, 0.15, 0.03), (0.04, 0.1, 0.04)))
    if dice.coin(0.12):
        base = dice.pick(((0.25, 0.12, 0.02), (0.2, 0.06, 0.02)))
    a = dice.near(base, 0.3)
    return Surface(LEAVES, a, (a[0] * 2.6, a[1] * 2.3, a[2] * 1.8), size)


def tree(dice: Dice) -> Piece:
    """Make a broad-leaved tree, a poplar or a fir."""
    b, kind = Builder(), dice.random()
    bark = Surface(WOOD, dice.near((0.12, 0.085, 0.06)), (0.05, 0.035, 0.025))
    if kind < 0.15:
        height, radius = dice.between(4.0, 11.0), dice.between(1.2, 2.2)
        needles = greens(dice, 0.2)
        b.cylinder(0, 0, 0, 0.16, height * 0.3, bark)
        for k in range(4):
            z, r = height * (0.12 + 0.2 * k), radius * (1 - 0.2 * k)
            b.cylinder(0, 0, z, r, height * 0.32, needles, shrink=0.9)
        b.contact(0, 0, 1.0, 1.0, 0.8, 0.4)
        return Piece(b, 2 * radius, 2 * radius, height)
    trunk, spread = dice.between(1.7, 3.2), dice.between(1.1, 2.6)
    tall = dice.between(0.8, 1.6) if kind < 0.85 else 2.6
    b.cylinder(0, 0, 0, dice.between(0.09, 0.22), trunk + spread * tall * 0.7, bark, shrink=0.4)
    leaf = greens(dice, dice.between(0.22, 0.4))
    thick = dice.between(0.45, 0.7)
    for k in range(dice.whole(4, 7)):
        angle = dice.between(0, 6.28)
        out = spread * dice.between(0.2, 0.62) * (0.0 if k == 0 else 1.0)
        z = trunk + spread * tall * dice.between(0.35, 1.1)
        r = spread * dice.between(0.5, 0.8)
        b.leaves(out * math.cos(angle), out * math.sin(angle), z, (r, r, r * tall * 0.75), leaf,
                 density=thick, grain_m=dice.between(0.16, 0.3))  # fmt: skip
    b.contact(0, 0, 0.3, 0.3, 0.3, 0.5)
    return Piece(b, 2 * spread, 2 * spread, trunk + 2 * spread * tall)


def bush(dice: Dice) -> Piece:
    """Make a bush."""
    b, size, leaf = Builder(), dice.between(0.4, 0.9), greens(dice, 0.15)
    for _ in range(dice.whole(1, 3)):
        at = (dice.between(-0.4, 0.4) * size, dice.between(-0.4, 0.4) * size)
        radii = (size * 0.8, size * 0.8, size * 0.7)
        b.leaves(*at, size * 0.55, radii, leaf, density=0.75, grain_m=0.1)
    b.contact(0, 0, size, size, 0.3, 0.6)
    return Piece(b, 2 * size, 2 * size, 1.2 * size)


def barrier(dice: Dice, length: float) -> Piece:
    """Make a hedge, a garden wall or a fence along x."""
    b, kind = Builder(), dice.random()
    if kind < 0.45:
        height = dice.between(0.8, 1.9)
        b.box(0, 0, 0, (length, 0.6, height), greens(dice, 0.14))
        b.contact(0, 0, length, 0.6, 0.25, 0.5)
    elif kind < 0.75:
        height = dice.between(0.5, 1.3)
        skin = Surface(BRICK, dice.near(dice.pick(BRICKS)), grey(0.4), 0.24)
        if dice.coin(0.3):
            skin = Surface(ROUGH, dice.near(WHITE, 0.2), grey(0.4))
        b.box(0, 0, 0, (length, 0.24, height), skin)
        cover = Surface(STONE, grey(0.35), grey(0.5), 0.3)
        b.box(0, 0, height, (length + 0.02, 0.32, 0.06), cover)
    else:
        height = dice.between(0.8, 1.3)
        wood = Surface(WOOD, dice.near((0.3, 0.2, 0.12)), (0.15, 0.1, 0.06))
        for z in (0.3, height - 0.25):
            b.box(0, 0, z, (length, 0.04, 0.09), wood)
        for k in range(int(length / 0.3)):
            b.box(-length / 2 + 0.15 + 0.3 * k, -0.03, 0.05, (0.1, 0.025, height - 0.05), wood)
    return Piece(b, length, 0.6, height)


def street_lamp(dice: Dice) -> Piece:
    """Make a street lamp whose arm points to -y."""
    b, height = Builder(), dice.between(4.5, 8.0)
    steel = Surface(PLAIN, grey(dice.pick((0.04, 0.15, 0.35))), gloss=0.1)
    b.cylinder(0, 0, 0, 0.085, height, steel, shrink=0.4)
    b.cylinder(0, 0, 0, 0.12, 0.9, steel)
    b.box(0, -0.5, height, (0.08, 1.2, 0.08), steel)
    b.box(0, -1.2, height - 0.02, (0.22, 0.6, 0.13), steel)
    return Piece(b, 0.3, 0.3, height)


def sign(dice: Dice) -> Piece:
    """Make a traffic sign that faces -y."""
    b, height = Builder(), dice.between(2.1, 2.6)
    post = Surface(PLAIN, grey(0.35), gloss=0.1)
    b.cylinder(0, 0.05, 0, 0.035, height + 0.3, post)
    red, blue = (0.55, 0.02, 0.02), (0.02, 0.1, 0.4)
    rim, inner = dice.pick(((red, WHITE), (red, blue), (blue, blue), (WHITE, red), (red, red)))
    if dice.coin(0.7):
        b.cylinder(0, 0.0, height, 0.3, 0.02, Surface(PLAIN, rim), pitch=math.pi / 2)
        b.cylinder(0, -0.01, height, 0.23, 0.02, Surface(PLAIN, inner), pitch=math.pi / 2, flags=0)
    else:
        b.box(0, 0.0, height - 0.3, (0.6, 0.02, 0.6), Surface(PLAIN, rim))
        b.box(0, -0.01, height - 0.2, (0.4, 0.02, 0.4), Surface(PLAIN, inner), flags=0)
    return Piece(b, 0.6, 0.1, height + 0.3)


def small(dice: Dice) -> Piece:
    """Make a bin, a bollard, a post box or a bench."""
    b, kind = Builder(), dice.random()
    if kind < 0.3:
        tones = (grey(0.03), (0.03, 0.12, 0.05), (0.05, 0.08, 0.2))
        tone = Surface(PLAIN, dice.near(dice.pick(tones)))
        b.taper(0, 0, 0.05, (0.58, 0.7, 0.95), tone, shrink=(-0.1, -0.1))
        b.box(0, 0, 1.0, (0.64, 0.78, 0.06), tone)
    elif kind < 0.6:
        b.cylinder(0, 0, 0, 0.07, 0.95, Surface(PLAIN, grey(dice.pick((0.05, 0.3)))))
        b.cylinder(0, 0, 0.8, 0.073, 0.08, Surface(PLAIN, (0.6, 0.6, 0.6)), flags=0)
    elif kind < 0.75:
        box = Surface(PLAIN, dice.pick(((0.5, 0.03, 0.02), (0.6, 0.45, 0.02), (0.02, 0.08, 0.3))))
        b.box(0, 0, 0, (0.45, 0.4, 1.3), box)
    else:
        wood = Surface(WOOD, (0.3, 0.18, 0.09), (0.15, 0.08, 0.04))
        b.box(0, 0, 0.42, (1.6, 0.4, 0.05), wood)
        b.box(0, 0.22, 0.5, (1.6, 0.05, 0.35), wood)
        for x in (-0.65, 0.65):
            b.box(x, 0.05, 0, (0.07, 0.4, 0.42), Surface(PLAIN, grey(0.05)))
    b.contact(0, 0, 0.6, 0.6, 0.2, 0.5)
    return Piece(b, 0.7, 0.7, 1.0)
