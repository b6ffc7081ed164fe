"""Streets: road, pavements, houses, gardens, traffic, people, weather.

Convention: the street runs along y, its middle at x = 0; `side` is 1 to the east, -1 to the west.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from zoedepth_ros.synthetic import roadside
from zoedepth_ros.synthetic.dice import Dice, grey
from zoedepth_ros.synthetic.furniture import Piece, person
from zoedepth_ros.synthetic.primitives import (
    CONTACT,
    GRASS,
    ROAD,
    SLABS,
    STONE,
    WORLD_UV,
    Builder,
    Surface,
)
from zoedepth_ros.synthetic.vehicles import vehicle
from zoedepth_ros.synthetic.world import Pose, World, random_air

FINE_M = 30.0
"""Vehicles nearer than this are modelled with all parts."""
KERB_M = 0.12


@dataclass(slots=True)
class Street:
    """A street being built."""

    half_road: float
    """Half the width of the road [m]."""
    pavement: float
    """Width of a pavement [m]."""
    start: float
    """Where it begins along y [m]."""
    end: float
    """Where it ends along y [m]."""
    eye: tuple[float, float] = (0.0, 0.0)
    """Where the camera is, or begins [m]."""
    clear: float = 1.6
    """Free space around the camera [m]."""
    lane: tuple[float, float] | None = None
    """x from, to that stays free along all of the street [m]."""
    hole: tuple[int, float, float] | None = None
    """Side and y from, to that are left out of the rows of houses."""
    parts: Builder = field(default_factory=Builder)
    """What it is made of."""

    def put(
        self, piece: Piece, x: float, y: float, yaw: float, z: float = 0.0, *, front: bool = False
    ) -> None:
        """Put a piece, by its middle or its front, unless the camera is or will be there."""
        cos, sin = math.cos(yaw), math.sin(yaw)
        wide = abs(cos) * piece.width / 2 + abs(sin) * piece.depth / 2
        deep = abs(sin) * piece.width / 2 + abs(cos) * piece.depth / 2
        back = piece.depth / 2 if front else 0.0
        cx, cy = x - sin * back, y + cos * back
        if abs(cx - self.eye[0]) < wide + self.clear and abs(cy - self.eye[1]) < deep + self.clear:
            return
        if self.lane and self.lane[0] - wide < cx < self.lane[1] + wide:
            return
        self.parts.stamp(piece.parts, x, y, yaw, z)


def ground(street: Street, dice: Dice, marks: float) -> None:
    """Lay road, kerbs, pavements and lawns."""
    b, long = street.parts, street.end - street.start
    mid = (street.start + street.end) / 2
    grass = dice.near((0.09, 0.17, 0.035), 0.3)
    lawn = Surface(GRASS, grass, (grass[0] * 1.9, grass[1] * 1.35, grass[2] * 1.2))
    b.box(0, mid, -1.2, (240, long + 160, 1.0), lawn, flags=CONTACT | WORLD_UV)
    tar = Surface(ROAD, grey(dice.between(0.07, 0.22)), grey(0.5), 1.0, marks, gloss=0.02)
    b.box(0, mid, -0.5, (2 * street.half_road, long + 60, 0.5), tar, flags=CONTACT)
    tone = dice.near(grey(dice.between(0.22, 0.45)), 0.1)
    slab = Surface(SLABS, tone, grey(0.1), dice.pick((0.3, 0.4, 0.5)))
    kerb = Surface(STONE, grey(0.3), grey(0.45), 0.4)
    for side in (-1, 1):
        x = side * (street.half_road + street.pavement / 2 + 0.075)
        size = (street.pavement, long + 60, 0.5 + KERB_M)
        b.box(x, mid, -0.5, size, slab, flags=CONTACT | WORLD_UV)
        x = side * (street.half_road + 0.075)
        b.box(x, mid, -0.5, (0.15, long + 60, 0.5 + KERB_M + 0.002), kerb, flags=CONTACT)
        far = street.half_road + street.pavement
        b.box(side * (far + 50), mid, -0.5, (100, long + 60, 0.5 + KERB_M + 0.003), lawn,
              flags=CONTACT | WORLD_UV)  # fmt: skip


def house_row(street: Street, dice: Dice, side: int, manner: str) -> None:
    """Line one side with houses in a manner: terrace, villas, blocks or park."""
    edge = street.half_road + street.pavement
    setback = {'terrace': dice.pick((0.0, 0.0, 2.5)), 'villas': dice.between(3.0, 6.0)}.get(
        manner, 0.5
    )
    storeys, y = dice.whole(2, 3), street.start - dice.between(0, 8)
    yaw = -side * math.pi / 2
    while y < street.end:
        y, room_for = skip_hole(street, side, y)
        if manner == 'park' or (manner == 'villas' and dice.coin(0.1)):
            step = min(dice.between(6, 12), room_for)
            garden(street, dice, side, edge + 1.5, y, step, 10.0)
            y += step
            continue
        flat = manner == 'blocks' and dice.coin(0.8)
        width = {'terrace': dice.between(5, 8), 'villas': dice.between(8, 12)}.get(
            manner, dice.between(12, 22)
        )
        width = min(width, room_for)
        high = {'terrace': storeys, 'villas': dice.whole(1, 2)}.get(manner, dice.whole(3, 6))
        shop = manner != 'villas' and setback == 0.0 and dice.coin(0.35)
        x = side * (edge + setback)
        piece = roadside.house(dice, width, storeys=high, flat=flat, shop=shop)
        street.put(piece, x, y + width / 2, yaw, KERB_M, front=True)
        if setback > 1.0:
            garden(street, dice, side, edge, y, width, setback - 0.5)
        y += width
        if manner == 'villas':
            gap = min(dice.between(1.5, 6.0), room_for - width)
            if gap > 3.4 and dice.coin(0.6):
                piece, x = roadside.garage(dice), side * (edge + setback + 1)
                street.put(piece, x, y + gap / 2, yaw, KERB_M, front=True)
            y += gap
        elif manner == 'blocks' and dice.coin(0.3):
            y += dice.between(4, 12)


def skip_hole(street: Street, side: int, y: float) -> tuple[float, float]:
    """Return where building goes on and how much fits before the hole [m]."""
    if street.hole is None or street.hole[0] != side or y >= street.hole[2]:
        return y, 99.0
    if street.hole[1] - y < 4.0:
        return street.hole[2], 99.0
    return y, street.hole[1] - y


def garden(
    street: Street, dice: Dice, side: int, edge: float, y: float, length: float, deep: float
) -> None:
    """Plant hedges, bushes and trees in front of a house."""
    if dice.coin(0.7):
        part = length * dice.between(0.5, 0.9)
        fence = roadside.barrier(dice, part)
        street.put(fence, side * (edge + 0.4), y + part / 2, -side * math.pi / 2, KERB_M)
    for _ in range(dice.whole(0, 2)):
        at = (side * (edge + dice.between(0.9, max(1.0, deep))), y + dice.between(0, length))
        street.put(roadside.bush(dice), *at, dice.between(0, 6), KERB_M)
    if dice.coin(0.75 if deep > 7 else 0.35) and deep > 2:
        at = (side * (edge + dice.between(1.5, deep)), y + dice.between(0, length))
        street.put(roadside.tree(dice), *at, dice.between(0, 6), KERB_M)


def traffic(street: Street, dice: Dice, parking: bool) -> None:
    """Park cars at the kerbs and let some drive."""
    for side in (-1, 1):
        heading = side * math.pi / 2
        if parking and dice.coin(0.75):
            y = street.start + dice.between(0, 8)
            while y < street.end:
                piece = vehicle(dice, fine=abs(y - street.eye[1]) < FINE_M)
                if dice.coin(0.7):
                    x = side * (street.half_road - piece.depth / 2 - 0.25)
                    turn = heading + (math.pi if dice.coin(0.2) else 0.0)
                    street.put(piece, x, y + piece.width / 2, turn)
                y += piece.width + dice.between(0.6, 2.5)
        y = street.start + dice.between(0, 30)
        while y < street.end:
            piece = vehicle(dice, fine=abs(y - street.eye[1]) < FINE_M)
            lane = side * dice.between(1.3, 1.8)
            street.put(piece, lane, y, heading)
            y += piece.width + dice.between(6, 45)


def furnish(street: Street, dice: Dice) -> None:
    """Set lamps, trees, signs, small things and people on the pavements."""
    for side in (-1, 1):
        face, x = -side * math.pi / 2, side * (street.half_road + 0.5)
        alley = dice.coin(0.35) and street.pavement > 2.0
        step = dice.between(20, 32)
        y = street.start + dice.between(0, step)
        make = roadside.street_lamp
        lamp = dice.random()
        while y < street.end:
            street.put(make(Dice(lamp)), x, y, face, KERB_M)
            y += step
        y = street.start + dice.between(0, 8)
        while y < street.end:
            if alley and dice.coin(0.8):
                street.put(roadside.tree(dice), x + side * 0.3, y, dice.between(0, 6), KERB_M)
            elif dice.coin(0.3):
                street.put(roadside.sign(dice), x, y, 0.0 if side > 0 else math.pi, KERB_M)
            if dice.coin(0.35):
                at = side * (street.half_road + dice.between(0.5, street.pavement - 0.3))
                street.put(roadside.small(dice), at, y + 3, face, KERB_M)
            y += dice.between(7, 12)
        for _ in range(dice.whole(0, 5)):
            at = side * (street.half_road + dice.between(0.5, street.pavement - 0.2))
            along = street.eye[1] + dice.between(3, 45) * (1 if dice.coin(0.8) else -1)
            if street.start < along < street.end:
                turn = dice.pick((0.0, math.pi)) + dice.gauss_like(0.4)
                street.put(person(dice), at, along, turn, KERB_M)
    for _ in range(dice.pick((0, 0, 0, 1, 2))):
        spot = (dice.between(-1, 1) * street.half_road, street.eye[1] + dice.between(4, 30))
        street.put(person(dice), *spot, dice.between(0, 6.28))


def close_end(street: Street, dice: Dice) -> None:
    """Close the far end with a house or trees across the street."""
    if dice.coin(0.5):
        piece = roadside.house(
            dice, dice.between(14, 26), storeys=dice.whole(2, 4), flat=dice.coin()
        )
        street.put(piece, dice.between(-4, 4), street.end + 6, 0.0, KERB_M, front=True)
    for _ in range(dice.whole(2, 7)):
        at = (dice.between(-28, 28), street.end + dice.between(1, 5))
        street.put(roadside.tree(dice), *at, 0.0, KERB_M)


def fill_street(street: Street, dice: Dice) -> None:
    """Build everything a street has."""
    ground(street, dice, dice.pick((0.0, 1.0, 1.0, 2.0)))
    manners = ('terrace', 'terrace', 'villas', 'villas', 'blocks', 'park')
    first = dice.pick(manners)
    house_row(street, dice, -1, first)
    house_row(street, dice, 1, first if dice.coin(0.6) else dice.pick(manners))
    traffic(street, dice, street.half_road > 3.4 and dice.coin(0.85))
    furnish(street, dice)
    if dice.coin(0.75):
        close_end(street, dice)


def random_street(dice: Dice) -> tuple[World, Pose]:
    """Return a random street and a camera in it: on the road, or on a pavement."""
    half = dice.between(2.6, 4.6)
    pavement = dice.between(1.5, 3.6)
    on_road = dice.coin(0.55)
    side = dice.pick((-1, 1))
    x = side * (
        dice.between(0, 0.7) * half if on_road else half + dice.between(0.5, pavement - 0.4)
    )
    if dice.coin(0.72):
        turn = dice.gauss_like(14)
    else:
        turn = dice.between(25, 100) * (side if dice.coin(0.15) else -side) * -1.0
    back = -8.0 if abs(turn) < 30 else -30.0
    street = Street(
        half, pavement, back, dice.between(40, 78) if dice.coin(0.8) else 30.0, (x, 0.0)
    )
    fill_street(street, dice)
    z = dice.between(0.5, 2.2) if on_road else KERB_M + dice.between(0.5, 1.9)
    world = World(
        street.parts.solids(), street.parts.contact_rectangles(), random_air(dice),
        limits=(-60.0, 60.0, back - 20.0, 100.0, -0.1, 25.0),
    )  # fmt: skip
    pitch, roll = math.radians(dice.gauss_like(3.2)), math.radians(dice.gauss_like(2.0))
    return world, Pose(x, 0.0, z, math.pi / 2 + math.radians(turn), pitch, roll)
