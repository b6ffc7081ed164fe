"""A house with an interior, in a street: one world inside and outside.

Convention: in the house's frame the front wall is y = 0, the room lies at y > 0, the street at
y < 0; x runs along the front from the room's first corner.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from zoedepth_ros.synthetic.dice import WALLS, WHITE, Dice, grey
from zoedepth_ros.synthetic.furniture import wood
from zoedepth_ros.synthetic.interior import ceiling_lamps, line_walls, wall_pictures
from zoedepth_ros.synthetic.primitives import FACADE, PLAIN, ROOF, Builder, Surface
from zoedepth_ros.synthetic.roadside import BRICKS, ROOFS
from zoedepth_ros.synthetic.room import Room, door, shell, window
from zoedepth_ros.synthetic.street import KERB_M, Street, fill_street
from zoedepth_ros.synthetic.world import Lamp, World, random_air, random_room_light

WALL_M = 0.3
"""Thickness of the front wall; its outer face is at y = -WALL_M."""
LEVEL_M = KERB_M + 0.03
"""Height of the floor."""


@dataclass(frozen=True, slots=True)
class Home:
    """A house in its street."""

    world: World
    """Everything."""
    street: Street
    """The street it stands in."""
    side: int
    """1 where the house is east of the street, -1 west."""
    corner: tuple[float, float]
    """Place of the room's first corner in the world [m]."""
    room: Room
    """The room, in the house's frame."""
    door_at: float
    """Middle of the door along the front [m]."""

    def to_world(self, x: float, y: float) -> tuple[float, float]:
        """Return where a place of the house's frame is in the world [m]."""
        c, s = 0.0, -float(self.side)
        return self.corner[0] + c * x - s * y, self.corner[1] + s * x + c * y


def outer_walls(room: Room, dice: Dice) -> Builder:
    """Build the outside of the house around the room, and its roof."""
    b, w, d = Builder(), room.width, room.depth
    brick = dice.coin()
    tone = dice.near(dice.pick(BRICKS if brick else WALLS), 0.2)
    trim = dice.near(dice.pick((WHITE, grey(0.15))))
    storey = room.height + 0.25
    full = 2 * storey + 0.3
    skin = Surface(FACADE, tone, trim, storey, 2.4, 16.0 + brick)
    thick, out = WALL_M - 0.1, WALL_M - 0.1 + 0.1
    assert room.gap is not None
    start, end, top = room.gap
    for first, last in ((-out, start), (end, w + out)):
        b.box((first + last) / 2, -0.1 - thick / 2, 0.0, (last - first, thick, storey), skin)
    b.box((start + end) / 2, -0.1 - thick / 2, top, (end - start, thick, storey - top), skin)
    b.box(w / 2, -0.1 - thick / 2, storey, (w + 2 * out, thick, full - storey), skin)
    b.box(w / 2, d + 0.1 + thick / 2, 0.0, (w + 2 * out, thick, full), skin)
    for x in (-0.1 - thick / 2, w + 0.1 + thick / 2):
        b.box(x, d / 2, 0.0, (thick, d + 0.2, full), skin)
    b.box(w / 2, d / 2, storey - 0.1, (w + 0.2, d + 0.2, 0.1), Surface(PLAIN, WHITE))
    tiles = Surface(ROOF, dice.near(dice.pick(ROOFS), 0.2), WHITE, 0.33)
    b.taper(w / 2, d / 2, full, (w + 0.8, d + 1.2, 0.35 * d), tiles, shrink=(0.0, 0.98))
    frame, leaf = Surface(PLAIN, WHITE), wood(dice)
    for x in (start, end):
        b.box(x, -0.15, 0.0, (0.06, 0.32, top), frame)
    b.box((start + end) / 2, -0.15, top - 0.03, (end - start, 0.32, 0.06), frame)
    b.box(start + 0.05, 0.46, 0.01, (0.045, 0.9, top - 0.06), leaf)
    b.box((start + end) / 2, -WALL_M - 0.35, -0.03, (1.4, 0.7, 0.03), Surface(PLAIN, grey(0.35)))
    return b


def furnish_home(room: Room, dice: Dice, door_at: float) -> None:
    """Furnish a room so that the way from the door through its middle stays free."""
    w, d = room.width, room.depth
    room.on_walls[0].append((door_at - 0.8, door_at + 0.8, 0.0, 2.2))
    room.taken.append((door_at - 0.75, door_at + 0.75, 0.0, d / 2))
    room.taken.append((0.75, w - 0.75, d / 2 - 0.8, d / 2 + 0.8))
    shell(room, dice)
    window(room, 1, room.depth * 0.5, dice.between(1.0, 1.6), dice)
    door(room, 3, room.depth * dice.between(0.3, 0.7), dice)
    line_walls(room, dice, 0.9)
    wall_pictures(room, dice)
    ceiling_lamps(room, dice)


def build_home(dice: Dice) -> Home:
    """Build a street with a house whose door is open."""
    side = dice.pick((-1, 1))
    room = Room(
        dice.pick(('living', 'dining', 'office')), dice.between(4.4, 6.0), dice.between(4.2, 5.6),
        dice.between(2.4, 2.8),
    )  # fmt: skip
    door_at = room.width * dice.between(0.4, 0.6)
    room.gap = (door_at - 0.52, door_at + 0.52, 2.1)
    street = Street(dice.between(3.0, 4.2), dice.between(2.6, 3.4), -55.0, 75.0)
    front = side * (street.half_road + street.pavement + WALL_M + dice.pick((0.0, 1.5, 3.0)))
    corner = (front, side * room.width / 2)
    near, far = street.half_road + 0.35, street.half_road + 2.2
    street.lane = (near, far) if side > 0 else (-far, -near)
    street.eye, street.clear = (side * (street.half_road + street.pavement), 0.0), 1.5
    street.hole = (side, -room.width / 2 - 0.4, room.width / 2 + 0.4)
    fill_street(street, dice)
    furnish_home(room, dice, door_at)
    parts, yaw = street.parts, -side * math.pi / 2
    parts.stamp(room.parts, *corner, yaw, LEVEL_M)
    parts.stamp(outer_walls(room, dice), *corner, yaw, LEVEL_M)
    low, high = sorted((corner[0], corner[0] + side * room.depth))
    house = (low, high, -room.width / 2, room.width / 2, LEVEL_M, LEVEL_M + room.height)
    home = Home(
        World(
            parts.solids(), parts.contact_rectangles(), random_air(dice), house=house,
            limits=(-60.0, 60.0, -75.0, 100.0, -0.1, 25.0),
            room_light=random_room_light(dice),
        ),
        street, side, corner, room, door_at,
    )  # fmt: skip
    lamps = []
    for lamp in room.lamps[:3]:
        x, y = home.to_world(lamp.place[0], lamp.place[1])
        lamps.append(Lamp((x, y, lamp.place[2] + LEVEL_M), lamp.colour, lamp.shadows))
    return replace(home, world=replace(home.world, lamps=tuple(lamps)))
