"""Ways outside towns: tracks through meadows and woods, parks, country roads, wide roads.

Convention: as of streets, the way runs along y, its middle at x = 0.
"""

from __future__ import annotations

import math

from zoedepth_ros.synthetic import roadside
from zoedepth_ros.synthetic.dice import Dice, grey
from zoedepth_ros.synthetic.furniture import person
from zoedepth_ros.synthetic.primitives import (
    CARPET,
    CONTACT,
    GRASS,
    ROAD,
    ROUGH,
    WORLD_UV,
    Surface,
)
from zoedepth_ros.synthetic.street import Street
from zoedepth_ros.synthetic.vehicles import vehicle
from zoedepth_ros.synthetic.world import Pose, World, random_air

EARTHS = ((0.2, 0.14, 0.09), (0.3, 0.24, 0.17), (0.14, 0.11, 0.08), (0.36, 0.34, 0.3))


def random_track(dice: Dice) -> tuple[World, Pose]:
    """Return a random track outside a town and a camera on it or next to it."""
    road = dice.coin(0.5)
    half = dice.between(3.0, 9.0) if road else dice.between(0.6, 2.2)
    x = dice.between(-0.8, 0.8) * half if dice.coin(0.8) else dice.between(-6.0, 6.0)
    way = Street(half, 0.0, -15.0, dice.between(60, 95), (x, 0.0), 1.2)
    meadow(way, dice, road)
    fullness = dice.between(0.1, 1.0)
    edge = half + dice.between(0.3, 8.0 if road else 3.0)
    for side in (-1, 1):
        plants(way, dice, side, edge, fullness)
    if road:
        cars(way, dice)
    for _ in range(dice.pick((0, 0, 0, 1, 1, 2))):
        way.put(person(dice), dice.between(-1, 1) * (half + 1), dice.between(4, 35),
                dice.between(0, 6.28))  # fmt: skip
    world = World(
        way.parts.solids(), way.parts.contact_rectangles(), random_air(dice),
        limits=(-60.0, 60.0, -35.0, 110.0, -0.1, 25.0),
    )  # fmt: skip
    turn = dice.gauss_like(16) if dice.coin(0.8) else dice.between(-90, 90)
    pitch, roll = math.radians(dice.gauss_like(4.0) - 1.0), math.radians(dice.gauss_like(2.5))
    z_m = dice.between(1.0, 2.2) if road else dice.between(0.4, 2.0)
    return world, Pose(x, 0.0, z_m, math.pi / 2 + math.radians(turn), pitch, roll)


def meadow(way: Street, dice: Dice, road: bool) -> None:
    """Lay meadow or bare ground, and a road or a track with two ruts."""
    b, mid, long = way.parts, (way.start + way.end) / 2, way.end - way.start + 160
    green = dice.near(
        dice.pick(((0.09, 0.17, 0.035), (0.16, 0.16, 0.06), (0.06, 0.12, 0.03))), 0.3
    )
    grass = Surface(GRASS, green, (green[0] * 1.9, green[1] * 1.35, green[2] * 1.2))
    earth = dice.near(dice.pick(EARTHS), 0.2)
    bare = Surface(ROUGH, earth, dice.near(earth, 0.3), 0.3)
    b.box(0, mid, -1.0, (240, long, 1.0), bare if dice.coin(0.15) else grass,
          flags=CONTACT | WORLD_UV)  # fmt: skip
    if road:
        marks = dice.pick((0.0, 1.0, 1.0, 2.0))
        tar = Surface(ROAD, grey(dice.between(0.07, 0.25)), grey(0.5), 1.0, marks, gloss=0.02)
        b.box(0, mid, -0.5, (2 * way.half_road, long, 0.51), tar, flags=CONTACT)
        return
    soil = Surface(dice.pick((ROUGH, CARPET, ROAD)), earth, dice.near(earth, 0.3), 0.3)
    if dice.coin(0.5):
        b.box(0, mid, -0.5, (2 * way.half_road, long, 0.51), soil, flags=CONTACT | WORLD_UV)
        return
    rut = dice.between(0.25, 0.5)
    for side in (-1, 1):
        b.box(side * 0.8, mid, -0.5, (rut, long, 0.51), soil, flags=CONTACT | WORLD_UV)
    puddle = Surface(ROAD, grey(0.2), grey(0.3), gloss=0.6)
    for _ in range(dice.pick((0, 0, 1, 3))):
        size = (rut * dice.between(0.5, 1.5), dice.between(0.5, 3.0), 0.5)
        b.box(dice.pick((-0.8, 0.8)), dice.between(3, 25), -0.485, size, puddle, flags=CONTACT)


def plants(way: Street, dice: Dice, side: int, edge: float, fullness: float) -> None:
    """Plant trees, bushes and fences along one side, thin or as a wood."""
    if dice.coin(0.25):
        y = way.start
        while y < way.end:
            long = dice.between(3.0, 8.0)
            way.put(roadside.barrier(dice, long), side * edge, y + long / 2, math.pi / 2)
            y += long
    for _ in range(round(dice.between(10, 70) * fullness)):
        far = edge + 25.0 * dice.random() ** 1.5
        y = way.start + (way.end - way.start) * dice.random()
        make = roadside.bush if dice.coin(0.4) else roadside.tree
        way.put(make(dice), side * (far + 0.5), y, dice.between(0, 6))
    if dice.coin(0.3):
        step, y = dice.between(15, 40), way.start + dice.between(0, 15)
        lamp = dice.random()
        while y < way.end:
            post = roadside.street_lamp(Dice(lamp))
            way.put(post, side * (way.half_road + 0.6), y, -side * math.pi / 2)
            y += step
    if dice.coin(0.25):
        piece = roadside.house(dice, dice.between(8, 16), storeys=dice.whole(1, 2), flat=False)
        way.put(piece, side * (edge + dice.between(2, 15)), dice.between(8, way.end),
                -side * math.pi / 2, front=True)  # fmt: skip


def cars(way: Street, dice: Dice) -> None:
    """Let cars drive on a road, more or fewer."""
    gap = math.exp(dice.between(math.log(8), math.log(80)))
    for side in (-1, 1):
        for lane in range(max(1, int(way.half_road / 3.0))):
            y = way.start + dice.between(0, gap)
            while y < way.end:
                piece = vehicle(dice, fine=abs(y) < 30.0)
                way.put(piece, side * (1.6 + 3.2 * lane), y, side * math.pi / 2)
                y += piece.width + gap * dice.between(0.3, 2.0)
