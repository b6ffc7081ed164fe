"""Furniture and people in sizes of real life [m].

Convention: a piece has its back at y = 0 and faces +y; x is centred.
"""

from __future__ import annotations

from dataclasses import dataclass

from zoedepth_ros.synthetic.dice import CLOTHS, SKINS, WHITE, WOODS, Dice, grey
from zoedepth_ros.synthetic.primitives import FABRIC, GLASS, PLAIN, STRIPES, WOOD, Builder, Surface


@dataclass(slots=True)
class Piece:
    """A piece of furniture, ready to be put somewhere."""

    parts: Builder
    """What it is made of."""
    width: float
    """Along x [m]."""
    depth: float
    """Along y [m]."""
    height: float
    """Along z [m]."""


def wood(dice: Dice) -> Surface:
    """Return a wooden surface, or a painted one."""
    if dice.coin(0.25):
        return Surface(PLAIN, dice.near(WHITE, 0.2), gloss=0.06)
    tone = dice.near(dice.pick(WOODS), 0.25)
    dark = (tone[0] * 0.55, tone[1] * 0.5, tone[2] * 0.45)
    return Surface(WOOD, tone, dark, gloss=dice.between(0.0, 0.12))


def cloth(dice: Dice) -> Surface:
    """Return a textile."""
    colour = dice.near(dice.pick(CLOTHS), 0.3)
    if dice.coin(0.2):
        return Surface(STRIPES, colour, dice.near(dice.pick(CLOTHS)), dice.between(0.06, 0.2))
    other = dice.near(dice.pick(CLOTHS))
    return Surface(FABRIC, colour, other, dice.between(0.1, 0.25), float(dice.coin(0.2)))


def metal(dice: Dice) -> Surface:
    """Return black, grey or chromed metal."""
    return Surface(PLAIN, grey(dice.pick((0.03, 0.2, 0.5))), gloss=0.3)


def legs(b: Builder, width: float, depth: float, height: float, thick: float, s: Surface) -> None:
    """Add four legs under a rectangle whose back is at y = 0."""
    x, y = width / 2 - thick, thick
    for px in (-x, x):
        for py in (y, depth - y):
            b.box(px, py, 0.0, (thick, thick, height), s)


def table(dice: Dice, *, low: bool = False) -> Piece:
    """Make a dining table or a coffee table, with something on it."""
    b, top = Builder(), wood(dice)
    width = dice.between(0.8, 1.2) if low else dice.between(1.0, 2.0)
    depth = dice.between(0.5, 0.65) if low else dice.between(0.75, 0.95)
    height = dice.between(0.38, 0.46) if low else dice.between(0.72, 0.77)
    if not low and dice.coin(0.25):
        width = depth = dice.between(0.9, 1.3)
        b.cylinder(0, depth / 2, height - 0.04, width / 2, 0.04, top)
        b.cylinder(0, depth / 2, 0.04, 0.05, height - 0.08, top)
        b.cylinder(0, depth / 2, 0.0, 0.3, 0.04, top)
    else:
        b.box(0, depth / 2, height - 0.035, (width, depth, 0.035), top)
        b.box(0, depth / 2, height - 0.11, (width - 0.16, depth - 0.16, 0.075), top)
        legs(b, width, depth, height - 0.035, 0.06, metal(dice) if dice.coin(0.3) else top)
    things(b, dice, width * 0.7, depth * 0.6, height, depth / 2)
    b.contact(0, depth / 2, width, depth, 0.3, 0.3)
    return Piece(b, width, depth, height)


def things(b: Builder, dice: Dice, width: float, depth: float, z: float, y: float) -> None:
    """Put small things on a top: books, cups, vases, bowls."""
    for _ in range(dice.whole(0, 4)):
        x, yy = dice.between(-0.5, 0.5) * width, y + dice.between(-0.5, 0.5) * depth
        surface = Surface(PLAIN, dice.bright(0.1, 0.8), gloss=0.08)
        kind = dice.random()
        if kind < 0.35:
            size = (dice.between(0.14, 0.22), dice.between(0.2, 0.3), dice.between(0.02, 0.08))
            b.box(x, yy, z, size, surface, yaw=dice.between(-1, 1))
        elif kind < 0.65:
            b.cylinder(x, yy, z, 0.04, 0.1, surface)
        elif kind < 0.85:
            b.cylinder(x, yy, z, 0.06, dice.between(0.15, 0.3), surface, shrink=0.4)
        else:
            b.ball(x, yy, z + 0.06, (0.14, 0.14, 0.06), surface)


def chair(dice: Dice) -> Piece:
    """Make a chair."""
    b, frame = Builder(), wood(dice)
    seat = cloth(dice) if dice.coin(0.4) else frame
    width, depth, height = 0.44, 0.46, dice.between(0.82, 1.0)
    b.box(0, depth / 2, 0.41, (width, depth, 0.045), seat)
    legs(b, width, depth, 0.41, 0.04, metal(dice) if dice.coin(0.3) else frame)
    if dice.coin(0.5):
        b.box(0, 0.02, 0.5, (width, 0.03, height - 0.5), seat)
    else:
        for x in (-width / 2 + 0.02, 0.0, width / 2 - 0.02):
            b.box(x, 0.02, 0.45, (0.035, 0.03, height - 0.45), frame)
        b.box(0, 0.02, height - 0.1, (width, 0.03, 0.1), frame)
    b.contact(0, depth / 2, width, depth, 0.12, 0.35)
    return Piece(b, width, depth, height)


def office_chair(dice: Dice) -> Piece:
    """Make a swivel chair."""
    b, seat, foot = Builder(), cloth(dice), metal(dice)
    b.box(0, 0.28, 0.43, (0.48, 0.48, 0.08), seat)
    b.box(0, 0.05, 0.55, (0.44, 0.07, 0.5), seat)
    b.cylinder(0, 0.28, 0.06, 0.03, 0.38, foot)
    for k in range(3):
        b.box(0, 0.28, 0.04, (0.56, 0.045, 0.035), foot, yaw=1.047 * k)
    b.contact(0, 0.28, 0.5, 0.5, 0.15, 0.35)
    return Piece(b, 0.56, 0.56, 1.05)


def sofa(dice: Dice, *, seats: int = 0) -> Piece:
    """Make a sofa or an armchair, with cushions."""
    b, cover = Builder(), cloth(dice)
    seats = seats or dice.whole(2, 3)
    width, depth = 0.35 + 0.62 * seats, dice.between(0.82, 0.98)
    arm, high = dice.between(0.12, 0.2), dice.between(0.75, 0.95)
    b.box(0, depth / 2, 0.06, (width, depth, 0.22), cover)
    b.taper(0, 0.11, 0.2, (width, 0.22, high - 0.2), cover, shrink=(0.0, 0.35))
    for x in (-width / 2 + arm / 2, width / 2 - arm / 2):
        b.box(x, depth / 2, 0.06, (arm, depth, 0.52), cover)
    inner = width - 2 * arm
    for k in range(seats):
        x = -inner / 2 + (k + 0.5) * inner / seats
        b.box(x, depth / 2 + 0.1, 0.28, (inner / seats - 0.015, depth - 0.22, 0.15), cover)
        if dice.coin(0.5):
            soft = cloth(dice)
            b.ball(x, 0.3, 0.6, (0.22, 0.09, 0.19), soft, pitch=0.3)
    b.contact(0, depth / 2, width, depth, 0.2, 0.6)
    return Piece(b, width, depth, high)


def bed(dice: Dice) -> Piece:
    """Make a bed with pillows and a blanket."""
    b, frame, sheet, cover = Builder(), wood(dice), Surface(FABRIC, dice.near(WHITE)), cloth(dice)
    width, depth = dice.pick((0.9, 1.0, 1.4, 1.6, 1.8)), 2.05
    head = dice.between(0.7, 1.2)
    b.box(0, 0.03, 0.0, (width + 0.06, 0.05, head), frame)
    b.box(0, depth / 2, 0.1, (width, depth, 0.2), frame)
    b.box(0, depth / 2, 0.3, (width - 0.04, depth - 0.06, 0.2), sheet)
    b.box(0, 1.35, 0.32, (width + 0.03, 1.3, 0.22), cover)
    for x in (-width / 4, width / 4) if width > 1.2 else (0.0,):
        b.ball(x, 0.33, 0.55, (0.34, 0.22, 0.09), sheet)
    b.contact(0, depth / 2, width, depth, 0.2, 0.6)
    return Piece(b, width, depth, 0.6)


ENAMEL = Surface(PLAIN, (0.8, 0.8, 0.79), gloss=0.15)
STEEL = Surface(PLAIN, grey(0.5), gloss=0.5)


def toilet(dice: Dice) -> Piece:
    """Make a toilet with a cistern."""
    b = Builder()
    b.taper(0, 0.38, 0.0, (0.26, 0.4, 0.36), ENAMEL, shrink=(-0.3, -0.2))
    b.ball(0, 0.42, 0.37, (0.19, 0.25, 0.05), ENAMEL)
    b.box(0, 0.1, 0.4, (0.38, 0.18, 0.36), ENAMEL)
    b.cylinder(0, 0.1, 0.76, 0.03, 0.015, STEEL)
    b.contact(0, 0.38, 0.3, 0.45, 0.12, 0.5)
    return Piece(b, 0.4, 0.68, 0.8)


def basin(dice: Dice) -> Piece:
    """Make a basin with a cabinet or a column, and a mirror."""
    b, width = Builder(), dice.between(0.5, 0.8)
    if dice.coin():
        b.box(0, 0.2, 0.25, (width - 0.06, 0.4, 0.5), wood(dice))
    else:
        b.cylinder(0, 0.2, 0.0, 0.09, 0.75, ENAMEL)
    b.box(0, 0.23, 0.74, (width, 0.46, 0.12), ENAMEL)
    b.ball(0, 0.25, 0.865, (width * 0.38, 0.16, 0.008), Surface(PLAIN, grey(0.55)), flags=0)
    b.cylinder(0, 0.08, 0.86, 0.018, 0.14, STEEL)
    b.box(0, 0.14, 0.98, (0.025, 0.13, 0.02), STEEL)
    mirror = Surface(GLASS, grey(0.35), grey(0.6), gloss=0.3)
    b.box(0, 0.015, 1.15, (width, 0.02, dice.between(0.6, 0.9)), mirror, flags=0)
    b.contact(0, 0.23, width, 0.46, 0.2, 0.3)
    return Piece(b, width, 0.48, 1.9)


def bathtub(dice: Dice) -> Piece:
    """Make a bathtub along the wall."""
    b, length, width, height = Builder(), dice.between(1.55, 1.8), 0.75, 0.56
    rim = 0.07
    b.box(0, rim / 2, 0.0, (length, rim, height), ENAMEL)
    b.box(0, width - rim / 2, 0.0, (length, rim, height), ENAMEL)
    for side in (-1, 1):
        b.box(side * (length - rim) / 2, width / 2, 0.0, (rim, width, height), ENAMEL)
    b.box(0, width / 2, 0.0, (length, width, 0.14), ENAMEL)
    b.cylinder(length / 2 - 0.3, 0.05, height + 0.1, 0.02, 0.12, STEEL)
    b.contact(0, width / 2, length, width, 0.15, 0.5)
    return Piece(b, length, width, 0.7)


def washer(dice: Dice) -> Piece:
    """Make a washing machine."""
    b = Builder()
    b.box(0, 0.3, 0.02, (0.6, 0.58, 0.83), Surface(PLAIN, dice.near(WHITE, 0.1), gloss=0.08))
    b.cylinder(0, 0.59, 0.41, 0.2, 0.03, Surface(PLAIN, grey(0.5)), pitch=1.5708)
    b.cylinder(0, 0.6, 0.41, 0.15, 0.03, Surface(PLAIN, grey(0.04), gloss=0.3), pitch=1.5708)
    b.box(0.1, 0.592, 0.74, (0.35, 0.01, 0.08), Surface(PLAIN, grey(0.2)), flags=0)
    b.contact(0, 0.3, 0.6, 0.6, 0.15, 0.5)
    return Piece(b, 0.6, 0.62, 0.85)


def person(dice: Dice) -> Piece:
    """Make a person of 1.5 to 1.9 m, around the origin, looking along y."""
    b, tall = Builder(), dice.between(1.52, 1.9)
    k = tall / 1.75
    skin = Surface(PLAIN, dice.near(dice.pick(SKINS)))
    shirt = Surface(FABRIC, dice.near(dice.pick(CLOTHS), 0.4), dice.near(dice.pick(CLOTHS)), 0.1,
                    float(dice.coin(0.2)))  # fmt: skip
    trousers = Surface(
        FABRIC, dice.near(dice.pick(((0.05, 0.07, 0.15), grey(0.04), (0.3, 0.25, 0.18))))
    )
    hair = Surface(
        PLAIN, dice.near(dice.pick(((0.02, 0.015, 0.01), (0.12, 0.07, 0.03), (0.4, 0.28, 0.12))))
    )
    stride = dice.between(0.0, 0.4)
    for side in (-1, 1):
        swing = side * stride
        x = 0.095 * k * side
        b.cylinder(x, -0.2 * swing * k, 0.06 * k, 0.075 * k, 0.8 * k, trousers, pitch=0.5 * swing)
        b.box(x, 0.05 * k - 0.4 * swing * k, 0.0, (0.09 * k, 0.26 * k, 0.08 * k), hair)
        b.cylinder(0.235 * k * side, 0.1 * swing * k, 0.8 * k, 0.048 * k, 0.62 * k, shirt,
                   pitch=-0.5 * swing, roll=-0.1 * side)  # fmt: skip
        b.ball(0.25 * k * side, 0.26 * swing * k, 0.8 * k, (0.045, 0.05, 0.08), skin)
    b.ball(0, 0, 0.92 * k, (0.17 * k, 0.125 * k, 0.17 * k), trousers)
    b.taper(0, 0, 0.88 * k, (0.3 * k, 0.2 * k, 0.3 * k), shirt, shrink=(-0.15, 0.0))
    b.ball(0, 0, 1.2 * k, (0.185 * k, 0.125 * k, 0.24 * k), shirt)
    b.ball(0, 0, 1.36 * k, (0.22 * k, 0.1 * k, 0.1 * k), shirt)
    b.cylinder(0, 0, 1.42 * k, 0.055 * k, 0.12 * k, skin)
    b.ball(0, 0.01, 1.6 * k, (0.085 * k, 0.1 * k, 0.125 * k), skin)
    b.ball(0, -0.02 * k, 1.64 * k, (0.095 * k, 0.1 * k, 0.11 * k), hair)
    if dice.coin(0.3):
        b.box(0, -0.16 * k, 1.0 * k, (0.3 * k, 0.15 * k, 0.42 * k), Surface(FABRIC, dice.bright()))
    b.contact(0, 0, 0.35, 0.3, 0.15, 0.45)
    return Piece(b, 0.6, 0.6, tall)
