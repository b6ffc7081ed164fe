"""Cars, vans, lorries and buses in sizes of real life [m].

Convention: a vehicle stands around the origin and drives along +x.
"""

from __future__ import annotations

import math

from zoedepth_ros.synthetic.dice import PAINTS, Dice, grey
from zoedepth_ros.synthetic.furniture import Piece
from zoedepth_ros.synthetic.primitives import GLASS, PLAIN, PLATE, STRIPES, Builder, Surface

GLAZED = Surface(GLASS, (0.02, 0.025, 0.03), (0.2, 0.22, 0.25), gloss=0.5)
RUBBER = Surface(PLAIN, grey(0.015))
RIM = Surface(PLAIN, grey(0.35), gloss=0.2)
DARK = Surface(PLAIN, grey(0.02), gloss=0.05)


def wheels(b: Builder, places: tuple[float, ...], track: float, radius: float, fine: bool) -> None:
    """Add pairs of wheels at places along x."""
    for x in places:
        for side in (-1, 1):
            y = side * (track / 2 - 0.1)
            if fine:
                arch = radius * 1.17
                b.cylinder(
                    x, y - side * 0.005, arch - 0.1, arch, 0.215, DARK, pitch=math.pi / 2, flags=0
                )
            b.cylinder(x, y, radius - 0.11, radius, 0.22, RUBBER, pitch=math.pi / 2)
            if fine:
                b.cylinder(x, y + side * 0.01, radius - 0.11, radius * 0.62, 0.22, RIM,
                           pitch=math.pi / 2, flags=0)  # fmt: skip


def lights(b: Builder, length: float, width: float, z: float, fine: bool) -> None:
    """Add head lights, tail lights and number plates."""
    front = Surface(PLAIN, (0.45, 0.46, 0.48), gloss=0.4)
    rear = Surface(PLAIN, (0.45, 0.01, 0.01), gloss=0.1, glow=0.2)
    for side in (-1, 1):
        y = side * (width / 2 - 0.22)
        b.box(length / 2 - 0.04, y, z, (0.1, 0.3, 0.11), front, flags=0)
        b.box(-length / 2 + 0.04, y, z + 0.06, (0.1, 0.2, 0.18), rear, flags=0)
    if fine:
        plate = Surface(PLATE, (0.7, 0.7, 0.62))
        for end in (-1, 1):
            b.box(end * (length / 2 + 0.01), 0, 0.42, (0.03, 0.52, 0.11), plate, flags=0)


def car(dice: Dice, *, fine: bool = True) -> Piece:
    """Make a hatchback, a saloon, an estate or an off-roader."""
    b = Builder()
    kind = dice.pick(('hatch', 'saloon', 'estate', 'tall'))
    length = {'hatch': 3.95, 'saloon': 4.65, 'estate': 4.6, 'tall': 4.5}[kind]
    length += dice.between(-0.2, 0.2)
    width = dice.between(1.7, 1.86)
    height = {'tall': 1.68}.get(kind, 1.47) + dice.between(-0.04, 0.05)
    paint = Surface(PLAIN, dice.near(dice.pick(PAINTS), 0.25), gloss=0.28)
    low, waist, radius = (0.24, 0.98, 0.36) if kind == 'tall' else (0.18, 0.88, 0.32)
    belt = 0.62 if kind != 'tall' else 0.68
    b.box(0, 0, low, (length, width, belt - low), paint)
    b.taper(0, 0, belt, (length, width, waist - belt), paint, shrink=(0.06, 0.08))
    b.box(0, 0, low - 0.04, (length + 0.04, width - 0.1, 0.2), DARK)
    cabin = length * {'hatch': 0.66, 'saloon': 0.56, 'estate': 0.7, 'tall': 0.7}[kind]
    back = -length * {'hatch': 0.14, 'saloon': 0.05, 'estate': 0.14, 'tall': 0.14}[kind]
    slope = {'hatch': 0.36, 'saloon': 0.46, 'estate': 0.26, 'tall': 0.26}[kind]
    push = -0.1 * cabin if kind != 'saloon' else 0.0
    glass_high = height - waist - 0.05
    size = (cabin, width * 0.93, glass_high)
    b.taper(back, 0, waist, size, GLAZED, shrink=(slope, 0.2), shift=push)
    top = (cabin * (1 - slope) + 0.06, width * 0.93 * 0.8 + 0.03, 0.055)
    b.taper(back + push, 0, height - 0.055, top, paint, shrink=(0.08, 0.1))
    if fine:
        for share in (-0.02, 0.48, -0.44):
            at = back + share * cabin * 0.75
            pillar = (0.07, width * 0.935, glass_high)
            b.taper(at + push * 0.5, 0, waist, pillar, paint, shrink=(0.0, 0.2), flags=0)
        grille = (0.03, width * 0.55, 0.14)
        b.box(length / 2 + 0.005, 0, 0.5, grille, DARK, flags=0)
        for side in (-1, 1):
            b.box(back + cabin * 0.36, side * (width / 2 + 0.06), waist, (0.09, 0.16, 0.12), paint)
            gap = (0.012, 0.01, waist - low - 0.12)
            b.box(back, side * (width / 2 + 0.0), low + 0.1, gap, DARK, flags=0)
    wheels(b, (-length * 0.3, length * 0.31), width, radius, fine)
    lights(b, length, width, belt - 0.02, fine)
    b.contact(0, 0, length, width, 0.35, 0.75)
    return Piece(b, length, width, height)


def van(dice: Dice, *, fine: bool = True) -> Piece:
    """Make a delivery van."""
    b = Builder()
    length, width = dice.between(4.8, 5.9), dice.between(1.9, 2.05)
    height = dice.between(1.95, 2.6)
    paint = Surface(PLAIN, dice.near(dice.pick((grey(0.75), grey(0.7), *PAINTS))), gloss=0.2)
    nose = 1.0
    b.taper(-nose / 2, 0, 0.25, (length - nose, width, height - 0.25), paint, shrink=(0.03, 0.06))
    b.box(length / 2 - nose, 0, 0.25, (nose * 2, width, 0.85), paint)
    shape = (nose * 2.4, width * 0.96, min(height, 2.1) - 1.1)
    b.taper(length / 2 - nose * 1.25, 0, 1.1, shape, GLAZED, shrink=(0.6, 0.08), shift=-0.3)
    b.box(0, 0, 0.2, (length + 0.05, width - 0.08, 0.25), DARK)
    if dice.coin(0.5):
        band = Surface(PLAIN, dice.bright(0.1, 0.7), gloss=0.1)
        b.box(-nose, 0, dice.between(0.8, 1.3), (1.8, width + 0.01, 0.4), band, flags=0)
    wheels(b, (-length * 0.3, length * 0.33), width, 0.35, fine)
    lights(b, length, width, 0.75, fine)
    b.contact(0, 0, length, width, 0.4, 0.75)
    return Piece(b, length, width, height)


def lorry(dice: Dice, *, fine: bool = True) -> Piece:
    """Make a lorry with a box body."""
    b = Builder()
    length, width, height = dice.between(6.5, 9.5), 2.5, dice.between(3.1, 3.7)
    cab = Surface(PLAIN, dice.near(dice.pick(PAINTS), 0.3), gloss=0.2)
    load = dice.near(dice.pick((grey(0.7), grey(0.6), *PAINTS)), 0.2)
    box = Surface(STRIPES if dice.coin(0.3) else PLAIN, load, dice.bright(), 0.6)
    b.box(-1.0, 0, 0.95, (length - 2.2, width, height - 0.95), box)
    b.box(length / 2 - 0.95, 0, 0.5, (1.9, width - 0.1, 2.1), cab)
    b.taper(
        length / 2 - 0.9, 0, 1.5, (1.86, width - 0.02, 0.85), GLAZED, shrink=(0.1, 0.04), flags=0
    )
    b.box(length / 2 - 0.97, 0, 2.4, (1.8, width - 0.1, 0.3), cab)
    b.box(-0.4, 0, 0.65, (length - 1.0, 1.0, 0.3), DARK)
    b.box(length / 2, 0, 0.35, (0.1, width - 0.1, 0.35), DARK)
    wheels(b, (-length * 0.3, length * 0.36), width, 0.5, fine)
    lights(b, length, width, 0.7, fine)
    b.contact(0, 0, length, width, 0.5, 0.7)
    return Piece(b, length, width, height)


def bus(dice: Dice, *, fine: bool = True) -> Piece:
    """Make a town bus."""
    b, length, width = Builder(), 11.8, 2.5
    paint = Surface(PLAIN, dice.near(dice.pick(PAINTS), 0.3), gloss=0.2)
    b.box(0, 0, 0.3, (length, width, 0.95), paint)
    b.taper(0, 0, 1.25, (length, width, 1.25), GLAZED, shrink=(0.01, 0.02))
    b.taper(0, 0, 2.5, (length, width, 0.5), paint, shrink=(0.02, 0.06))
    for k in range(7):
        b.box(-5.4 + 1.8 * k, 0, 1.25, (0.1, width + 0.01, 1.25), paint, flags=0)
    wheels(b, (-3.2, 3.4), width, 0.48, fine)
    lights(b, length, width, 0.6, fine)
    b.contact(0, 0, length, width, 0.5, 0.7)
    return Piece(b, length, width, 3.0)


def vehicle(dice: Dice, *, fine: bool = True) -> Piece:
    """Make a vehicle, mostly a car."""
    share = dice.random()
    if share < 0.82:
        return car(dice, fine=fine)
    if share < 0.93:
        return van(dice, fine=fine)
    return lorry(dice, fine=fine) if share < 0.98 else bus(dice, fine=fine)
