"""What stands in bathrooms [m].

Convention: a piece has its back at y = 0 and faces +y; x is centred.
"""

from __future__ import annotations

from zoedepth_ros.synthetic.dice import WHITE, Dice, grey
from zoedepth_ros.synthetic.furniture import Piece, wood
from zoedepth_ros.synthetic.primitives import GLASS, PLAIN, Builder, Surface

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
