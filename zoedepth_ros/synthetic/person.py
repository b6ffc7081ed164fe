"""People, standing or walking."""

from __future__ import annotations

from zoedepth_ros.synthetic.dice import CLOTHS, SKINS, Dice, grey
from zoedepth_ros.synthetic.furniture import Piece
from zoedepth_ros.synthetic.primitives import FABRIC, PLAIN, Builder, Surface


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
