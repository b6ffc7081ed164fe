"""Shelves, cupboards and other furniture along walls [m].

Convention: a piece has its back at y = 0 and faces +y; x is centred.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from zoedepth_ros.synthetic.dice import WHITE, WOODS, Dice, grey
from zoedepth_ros.synthetic.furniture import (
    Piece,
    basin,
    bathtub,
    bed,
    chair,
    legs,
    metal,
    sofa,
    things,
    toilet,
    washer,
    wood,
)
from zoedepth_ros.synthetic.primitives import (
    BOOKS,
    CASTS,
    CYLINDER,
    FABRIC,
    LEAVES,
    PANEL,
    PLAIN,
    SCREEN,
    STONE,
    STRIPES,
    WOOD,
    Builder,
    Surface,
)


def shelf(dice: Dice) -> Piece:
    """Make an open shelf with books, boxes and vases."""
    b, board = Builder(), wood(dice)
    width, depth = dice.between(0.6, 1.3), dice.between(0.26, 0.36)
    height = dice.between(1.1, 2.15)
    count = max(2, int(height / 0.36))
    step = (height - 0.03) / count
    for x in (-width / 2, width / 2):
        b.box(x, depth / 2, 0.0, (0.025, depth, height), board)
    b.box(0, 0.01, 0.0, (width, 0.015, height), board)
    for k in range(count + 1):
        flags = CASTS if k == count else 0
        b.box(0, depth / 2, k * step, (width, depth, 0.025), board, flags=flags)
        if k == count or dice.coin(0.12):
            continue
        inner = width - 0.05
        if dice.coin(0.65):
            part = inner * dice.between(0.5, 1.0)
            size = (part, 0.2, min(step - 0.05, 0.29))
            b.box(
                -(inner - part) / 2, 0.14, k * step + 0.025, size, Surface(BOOKS, WHITE), flags=0
            )
        else:
            things(b, dice, inner * 0.8, 0.1, k * step + 0.025, 0.17)
    b.contact(0, depth / 2, width, depth, 0.2, 0.55)
    return Piece(b, width, depth, height)


def cupboard(dice: Dice, *, kind: str = '') -> Piece:
    """Make a wardrobe, a sideboard or a chest of drawers."""
    b = Builder()
    kind = kind or dice.pick(('wardrobe', 'sideboard', 'drawers'))
    front = wood(dice)
    tall = kind == 'wardrobe'
    width = dice.between(0.9, 2.4) if tall else dice.between(0.8, 1.8)
    depth = dice.between(0.55, 0.65) if tall else dice.between(0.38, 0.5)
    height = dice.between(1.9, 2.2) if tall else dice.between(0.6, 1.1)
    rows = float(dice.whole(3, 4)) if kind == 'drawers' else 1.0
    size = 0.8 if kind == 'drawers' else 0.48
    gap = grey(0.12) if front.a[1] > 0.3 else grey(0.02)
    panel = Surface(PANEL, front.a, gap, size, rows, 1.0, front.gloss)
    b.box(0, depth / 2, 0.05, (width, depth - 0.04, height - 0.05), front)
    b.box(0, depth - 0.01, 0.07, (width - 0.01, 0.02, height - 0.1), panel)
    b.box(0, depth / 2, 0.0, (width - 0.06, depth - 0.08, 0.06), Surface(PLAIN, grey(0.05)))
    if not tall:
        b.box(0, depth / 2, height, (width + 0.03, depth + 0.02, 0.025), front)
        things(b, dice, width * 0.8, 0.15, height + 0.025, depth / 2)
    b.contact(0, depth / 2, width, depth, 0.2, 0.6)
    return Piece(b, width, depth, height)


def television(dice: Dice) -> Piece:
    """Make a television on a low board."""
    piece = cupboard(dice, kind='sideboard')
    b, wide = piece.parts, dice.between(0.9, 1.4)
    screen = Surface(SCREEN, grey(0.01), dice.bright(), glow=0.4)
    top = piece.height + 0.03
    b.box(0, 0.2, top + 0.06, (wide, 0.05, wide * 0.58), screen)
    b.box(0, 0.2, top, (0.4, 0.2, 0.02), Surface(PLAIN, grey(0.02), gloss=0.1))
    b.box(0, 0.19, top, (0.08, 0.03, 0.12), Surface(PLAIN, grey(0.02)))
    return Piece(b, piece.width, piece.depth, top + wide * 0.58)


def desk(dice: Dice) -> Piece:
    """Make a desk with a screen and drawers."""
    b, top = Builder(), wood(dice)
    width, depth, height = dice.between(1.1, 1.7), dice.between(0.6, 0.8), dice.between(0.71, 0.76)
    b.box(0, depth / 2, height - 0.03, (width, depth, 0.03), top)
    legs(b, width, depth, height - 0.03, 0.05, metal(dice))
    dark = Surface(PLAIN, grey(0.02), gloss=0.08)
    for x in (-0.3, 0.32) if dice.coin(0.3) else (dice.between(-0.2, 0.2),):
        screen = Surface(
            SCREEN, grey(0.01), dice.bright(0.1, 0.8), p1=float(dice.coin(0.6)), glow=0.5
        )
        b.box(x, 0.2, height + 0.1, (0.55, 0.03, 0.33), screen)
        b.box(x, 0.2, height, (0.05, 0.03, 0.15), dark)
        b.box(x, 0.2, height, (0.22, 0.18, 0.015), dark)
    b.box(0, depth - 0.2, height, (0.44, 0.14, 0.02), dark)
    if dice.coin(0.6):
        front = Surface(PANEL, top.a, grey(0.05), 0.5, 3.0)
        b.box(width / 2 - 0.28, depth / 2, 0.03, (0.42, depth - 0.1, 0.6), front)
    things(b, dice, width * 0.8, 0.3, height, depth / 2)
    b.contact(0, depth / 2, width, depth, 0.3, 0.35)
    return Piece(b, width, depth, height + 0.45)


def kitchen(dice: Dice) -> Piece:
    """Make a row of kitchen units with a worktop, wall units and a sink."""
    b = Builder()
    width, front = dice.between(1.8, 3.4), dice.near(dice.pick((WHITE, *WOODS, (0.2, 0.25, 0.3))))
    panel = Surface(PANEL, front, grey(0.15), 0.6, 1.0, 0.0, 0.05)
    one, other = grey(dice.between(0.05, 0.5)), grey(dice.between(0.02, 0.6))
    top = Surface(STONE, one, other, 0.1, gloss=0.12)
    steel = Surface(PLAIN, grey(0.5), gloss=0.4)
    b.box(0, 0.29, 0.1, (width, 0.58, 0.77), panel)
    b.box(0, 0.27, 0.0, (width, 0.5, 0.1), Surface(PLAIN, grey(0.05)))
    b.box(0, 0.305, 0.87, (width + 0.02, 0.61, 0.04), top)
    b.box(0, 0.165, 1.45, (width, 0.33, 0.7), panel)
    x = dice.between(-0.25, 0.25) * width
    b.box(x, 0.3, 0.912, (0.55, 0.42, 0.004), steel, flags=0)
    b.cylinder(x, 0.1, 0.91, 0.015, 0.25, steel)
    b.box(x, 0.17, 1.14, (0.02, 0.16, 0.02), steel)
    oven = Surface(SCREEN, grey(0.01), grey(0.05))
    b.box(-x, 0.585, 0.2, (0.56, 0.02, 0.55), oven)
    b.box(-x, 0.61, 0.72, (0.45, 0.02, 0.02), steel, flags=0)
    things(b, dice, width * 0.9, 0.2, 0.91, 0.35)
    b.contact(0, 0.3, width, 0.6, 0.2, 0.55)
    return Piece(b, width, 0.62, 2.15)


def fridge(dice: Dice) -> Piece:
    """Make a fridge."""
    b, height = Builder(), dice.between(1.4, 2.0)
    skin = dice.near(dice.pick((WHITE, grey(0.45))))
    b.box(0, 0.33, 0.02, (0.6, 0.62, height), Surface(PLAIN, skin, gloss=0.15))
    doors = Surface(PANEL, skin, grey(0.1), 0.6, 2.0, 1.0, 0.15)
    b.box(0, 0.645, 0.04, (0.59, 0.03, height - 0.04), doors)
    b.contact(0, 0.33, 0.6, 0.65, 0.2, 0.6)
    return Piece(b, 0.6, 0.66, height)


def plant(dice: Dice) -> Piece:
    """Make a pot plant."""
    b, height = Builder(), dice.between(0.5, 1.7)
    radius = dice.between(0.12, 0.2)
    clay = dice.near(dice.pick(((0.4, 0.18, 0.1), grey(0.6), grey(0.1))))
    pot, half = Surface(PLAIN, clay, gloss=0.05), (radius, radius, 0.15)
    b.solid(CYLINDER, (0, 0.25, 0.15), half, pot, turn=(0, 3.14159, 0), shape=(0.25, 0, 0))
    stem = Surface(WOOD, (0.15, 0.1, 0.05), (0.1, 0.06, 0.03))
    b.cylinder(0, 0.25, 0.3, 0.015, height * 0.5, stem)
    green = dice.near((0.05, 0.14, 0.03), 0.4)
    leaf = Surface(LEAVES, green, (green[0] * 2.5, green[1] * 2, green[2] * 2), 0.07)
    for _ in range(dice.whole(2, 4)):
        spread = 0.1 + 0.1 * height
        at = (dice.between(-1, 1) * spread, 0.28 + dice.between(-0.6, 1) * spread)
        z = 0.3 + height * dice.between(0.35, 0.75)
        size = dice.between(0.12, 0.26)
        radii = (size, size, size * dice.between(0.7, 1.4))
        b.leaves(*at, z, radii, leaf, density=0.45, grain_m=0.05)
    b.contact(0, 0.25, 2 * radius, 2 * radius, 0.1, 0.5)
    return Piece(b, 0.5, 0.5, height)


def boxes(dice: Dice) -> Piece:
    """Make a pile of cardboard boxes."""
    b, z, width = Builder(), 0.0, dice.between(0.4, 0.7)
    for _ in range(dice.whole(1, 4)):
        size = (width * dice.between(0.7, 1), 0.5 * dice.between(0.7, 1), dice.between(0.2, 0.45))
        card = Surface(STRIPES, dice.near((0.4, 0.26, 0.14)), dice.near((0.5, 0.4, 0.25)), 0.5)
        b.box(0, 0.3, z, size, card, yaw=dice.between(-0.2, 0.2))
        z += size[2]
    b.contact(0, 0.3, width, 0.5, 0.15, 0.55)
    return Piece(b, width + 0.1, 0.6, z)


def floor_lamp(dice: Dice) -> Piece:
    """Make a standing lamp."""
    b, pole, height = Builder(), metal(dice), dice.between(1.4, 1.75)
    shade = Surface(FABRIC, dice.near((0.8, 0.7, 0.5)), glow=dice.between(0.5, 1.5))
    b.cylinder(0, 0.22, 0.0, 0.14, 0.02, pole)
    b.cylinder(0, 0.22, 0.0, 0.013, height, pole)
    b.cylinder(0, 0.22, height - 0.15, 0.19, 0.28, shade, shrink=0.4, flags=0)
    return Piece(b, 0.4, 0.42, height)


def bin_(dice: Dice) -> Piece:
    """Make a waste-paper basket."""
    b = Builder()
    b.cylinder(0, 0.17, 0.0, 0.14, 0.32, Surface(PLAIN, dice.bright()), shrink=0.0)
    b.contact(0, 0.17, 0.26, 0.26, 0.1, 0.5)
    return Piece(b, 0.3, 0.32, 0.32)


Maker = Callable[[Dice], Piece]

ARMCHAIR: Maker = partial(sofa, seats=1)
WARDROBE: Maker = partial(cupboard, kind='wardrobe')
DRAWERS: Maker = partial(cupboard, kind='drawers')

ALONG_WALLS: dict[str, tuple[Maker, ...]] = {
    'living': (sofa, shelf, television, cupboard, plant, floor_lamp, shelf, ARMCHAIR),
    'dining': (cupboard, shelf, plant, cupboard, chair, floor_lamp),
    'bedroom': (bed, WARDROBE, cupboard, chair, plant, shelf, floor_lamp),
    'kitchen': (kitchen, fridge, kitchen, cupboard, bin_, plant),
    'office': (desk, shelf, desk, DRAWERS, plant, bin_, shelf),
    'store': (shelf, boxes, boxes, shelf, WARDROBE, bin_),
    'bathroom': (toilet, basin, bathtub, washer, bin_, basin, bathtub),
    'corridor': (plant, DRAWERS, chair, shelf),
}
"""Furniture along the walls of each kind of room."""
