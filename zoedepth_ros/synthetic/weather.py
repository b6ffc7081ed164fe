"""Weather and time of day."""

from __future__ import annotations

import math

from zoedepth_ros.synthetic.dice import Dice
from zoedepth_ros.synthetic.world import Air


def random_air(dice: Dice) -> Air:
    """Return random weather and time of day."""
    azimuth, height = dice.between(0, 2 * math.pi), math.radians(dice.between(22, 65))
    to_sun = (
        math.cos(azimuth) * math.cos(height),
        math.sin(azimuth) * math.cos(height),
        math.sin(height),
    )
    covered = dice.coin(0.35)
    power = 0.0 if covered else dice.between(0.6, 2.0)
    warm = dice.between(0.0, 0.3) if height < 0.7 else dice.between(0.0, 0.1)
    pale = dice.between(0.75, 1.1)
    horizon = (pale * (0.8 + 0.6 * warm), pale * 0.9, pale * (1.0 - 0.5 * warm))
    deep = dice.between(0.6, 1.2)
    zenith = (
        (0.55 * pale, 0.6 * pale, 0.68 * pale)
        if covered
        else (0.16 * deep, 0.36 * deep, 0.85 * deep)
    )
    level = dice.between(0.5, 0.8) if covered else dice.between(0.28, 0.5)
    light = (0.95 * level, level, 1.08 * level) if covered else (0.8 * level, level, 1.3 * level)
    green = dice.pick(
        ((0.12, 0.18, 0.1), (0.2, 0.24, 0.26), (0.16, 0.18, 0.17), (0.25, 0.24, 0.2))
    )
    low = 0.4 * level + 0.08 * power
    return Air(
        to_sun, (power, power * (1 - 0.4 * warm), power * (1 - warm)), zenith, horizon,
        dice.between(0.5, 1.0) if covered else dice.between(0.1, 0.65), green,
        dice.between(0.02, 0.09), dice.pick((0.0008, 0.002, 0.004, 0.008, 0.014)), light,
        (low, low, 0.9 * low), dice.whole(0, 9999),
    )  # fmt: skip


def random_room_light(dice: Dice) -> tuple[float, float, float]:
    """Return random ambient light of a room."""
    k = dice.between(0.18, 0.5)
    tint = dice.between(-0.08, 0.08)
    return k * (1 + tint), k, k * (1 - tint)
