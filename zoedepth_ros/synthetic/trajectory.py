"""Walks: a camera that moves through one world, picture by picture.

Kinds: 'room' circles in a room, 'street' goes along a street, 'door' starts in a house, leaves it
by the door, turns in the street and comes back in.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.media.sample import Sample
from zoedepth_ros.synthetic.dice import Dice
from zoedepth_ros.synthetic.home import WALL_M, Home, build_home
from zoedepth_ros.synthetic.interior import ceiling_lamps, line_walls, pictures
from zoedepth_ros.synthetic.openings import openings
from zoedepth_ros.synthetic.room import Room, shell
from zoedepth_ros.synthetic.scene import draw_film, room_world, take_sample
from zoedepth_ros.synthetic.street import KERB_M, Street, fill_street
from zoedepth_ros.synthetic.weather import draw_air
from zoedepth_ros.synthetic.world import Pose, View, World

LOOK_AHEAD_M = 1.6
"""The camera looks to where it will be after this way."""
SPEED_M_S = 1.4
"""A walking pace, which decides how long a walk is when nobody says."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture of a walk."""

    time_s: float
    """When it was taken, from the start [s]."""
    sample: Sample
    """Picture, depth, camera, domain."""
    pose: Pose
    """Where the camera was."""

    @property
    def domain(self) -> str:
        """Tell on which side of the door the camera is."""
        return self.sample.domain


@dataclass(frozen=True, slots=True)
class Way:
    """A smooth way through the plane."""

    places: NDArray[np.float64]
    """Places a few centimetres apart [m], (n, 2)."""
    lengths_m: NDArray[np.float64]
    """Way from the start to each, (n,)."""

    @classmethod
    def through(cls, points: list[tuple[float, float]], *, closed: bool = False) -> Way:
        """Lay a Catmull-Rom curve through points."""
        p = np.array(points, dtype=np.float64)
        if closed:
            p = np.concatenate((p[-1:], p, p[:2]))
        else:
            p = np.concatenate((2 * p[:1] - p[1:2], p, 2 * p[-1:] - p[-2:-1]))
        t = np.linspace(0, 1, 60, endpoint=False)[:, None]
        parts = [
            0.5
            * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2
               + (3 * b - a - 3 * c + d) * t**3)
            for a, b, c, d in zip(p[:-3], p[1:-2], p[2:-1], p[3:], strict=True)
        ]  # fmt: skip
        places = np.concatenate((*parts, p[-2:-1]))
        steps_m = np.linalg.norm(np.diff(places, axis=0), axis=1)
        return cls(places, np.concatenate(((0.0,), np.cumsum(steps_m))))

    @property
    def length_m(self) -> float:
        """Return how long it is [m]."""
        return float(self.lengths_m[-1])

    def at(self, along_m: float) -> tuple[float, float]:
        """Return the place after a way [m]; goes straight on after the end."""
        over = max(0.0, along_m - self.length_m)
        x = float(np.interp(along_m, self.lengths_m, self.places[:, 0]))
        y = float(np.interp(along_m, self.lengths_m, self.places[:, 1]))
        dx, dy = self.places[-1] - self.places[-2]
        k = over / max(math.hypot(dx, dy), 1e-9)
        return x + k * float(dx), y + k * float(dy)


@dataclass(frozen=True, slots=True)
class Plan:
    """A world, a way through it, and where indoors is."""

    world: World
    """What there is."""
    way: Way
    """Where the camera goes."""
    eye_m: float
    """Height of the camera above the world's zero [m]."""
    inside: Callable[[float, float], bool]
    """Tells whether a place is in a house."""


def plan_room(dice: Dice) -> Plan:
    """Plan a round in a room."""
    kind = dice.pick(('living', 'dining', 'bedroom', 'office'))
    room = Room(kind, dice.between(5.0, 7.0), dice.between(4.6, 6.0), dice.between(2.4, 2.8))
    w, d = room.width, room.depth
    room.taken.append((1.05, w - 1.05, 1.05, d - 1.05))
    shell(room, dice)
    openings(room, dice)
    line_walls(room, dice, 0.9)
    pictures(room, dice)
    ceiling_lamps(room, dice)
    a, b = w / 2 - 1.6, d / 2 - 1.6
    angles = [2 * math.pi * k / 12 for k in range(12)]
    round_ = [(w / 2 + a * math.cos(t), d / 2 + b * math.sin(t)) for t in angles]
    return Plan(
        room_world(room, dice), Way.through(round_, closed=True), dice.between(0.6, 1.6),
        lambda x, y: True,
    )  # fmt: skip


def plan_street(dice: Dice) -> Plan:
    """Plan a walk along a pavement."""
    side = dice.pick((-1, 1))
    street = Street(dice.between(3.2, 4.5), dice.between(2.4, 3.4), -20.0, 115.0)
    street.eye, street.clear = (0.0, 30.0), 0.3
    middle = street.half_road + street.pavement * 0.6
    street.lane = (side * middle - 0.5, side * middle + 0.5)
    fill_street(street, dice)
    parts = street.parts
    world = World(
        parts.solids(), parts.contact_rectangles(), draw_air(dice),
        limits=(-60.0, 60.0, -60.0, 160.0, -0.1, 25.0),
    )  # fmt: skip
    points = [(side * middle + dice.gauss_like(0.12), 4.0 * k) for k in range(9)]
    return Plan(world, Way.through(points), KERB_M + dice.between(0.8, 1.7), lambda x, y: False)


def door_way(home: Home, dice: Dice) -> Way:
    """Lay the way from the middle of the room into the street and back."""
    w, d, x = home.room.width, home.room.depth, home.door_at
    out = abs(home.corner[0]) - home.street.half_road
    walk, turn, far = -out + 1.1, dice.pick((-1, 1)), w / 2 - 1.3
    points = [
        (w / 2 - far * turn, d / 2 + 0.2), (w / 2 - 0.5 * far * turn, d / 2 + 0.3),
        (x - 0.2 * turn, d / 2 - 0.1), (x, 1.0), (x, -0.4),
        (x + 0.4 * turn, walk - 0.2), (x + 2.5 * turn, walk), (x + 8.0 * turn, walk),
        (x + 13.0 * turn, walk), (x + 14.2 * turn, walk - 0.4), (x + 14.6 * turn, walk + 0.2),
        (x + 13.6 * turn, walk + 0.7), (x + 8.0 * turn, walk + 0.3), (x + 2.5 * turn, walk + 0.1),
        (x + 0.4 * turn, walk + 0.2), (x, -0.4), (x, 1.0), (x + 0.1 * turn, d / 2 - 0.3),
        (w / 2 + 0.6 * far * turn, d / 2 + 0.2), (w / 2 + far * turn, d / 2 + 0.3),
    ]  # fmt: skip
    return Way.through([home.to_world(*point) for point in points])


def plan_door(dice: Dice) -> Plan:
    """Plan a walk out of a house and back."""
    home = build_home(dice)
    face = abs(home.corner[0]) - WALL_M / 2

    def inside(x: float, y: float) -> bool:
        return home.side * x > face

    return Plan(home.world, door_way(home, dice), KERB_M + dice.between(0.9, 1.6), inside)


PLANS: dict[str, Callable[[Dice], Plan]] = {
    'room': plan_room,
    'street': plan_street,
    'door': plan_door,
}


class Walk:
    """A sequence of frames; every one is drawn when asked for, in any order."""

    def __init__(
        self, kind: str, seed: int = 0, n_frames: int | None = None, *, rate_hz: float = 10.0,
        height: int = 192, width: int = 256, hfov_rad: float = math.radians(68.0),
    ) -> None:  # fmt: skip
        """Plan a walk; n_frames spread over all of the way, by default at 1.4 m/s.

        Raises ValueError for an unknown kind, fewer than two frames or a rate of 0.
        """
        if kind not in PLANS:
            raise ValueError(f'expected a walk of {", ".join(PLANS)}, got {kind!r}')
        if rate_hz <= 0 or (n_frames is not None and n_frames < 2):
            raise ValueError(f'expected 2 frames and a rate above 0, got {n_frames}, {rate_hz}')
        dice = Dice(f'walk {kind} {int(seed)}')
        self.kind, self.seed, self.rate_hz = kind, seed, rate_hz
        self.height, self.width, self.hfov_rad = height, width, hfov_rad
        self._plan = PLANS[kind](dice)
        self._film = draw_film(dice, seed)
        self._sway = dice.between(0, 6.28)
        way_m = self._plan.way.length_m
        self._count = n_frames or max(2, 1 + round(way_m / SPEED_M_S * rate_hz))
        self.door_times_s = self._find_doors()
        """When the camera passes a door, in order [s]: out and back in, or nothing."""

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Frame]:
        return (self[index] for index in range(self._count))

    def __getitem__(self, index: int) -> Frame:
        """Draw one frame; negative indices count from the end. Raises IndexError."""
        at = index + self._count if index < 0 else index
        if not 0 <= at < self._count:
            raise IndexError(f'frame {index} of {self._count}')
        pose = self.pose(at)
        domain = 'indoor' if self._plan.inside(pose.x_m, pose.y_m) else 'outdoor'
        film = replace(self._film, seed=self._film.seed + 7919 * at, jpeg_quality=0)
        view = View(self._plan.world, pose, self.hfov_rad, domain, film)
        name = f'{self.kind}-{self.seed}-{at:05d}'
        return Frame(at / self.rate_hz, take_sample(view, self.height, self.width, name), pose)

    @property
    def duration_s(self) -> float:
        """Return the time from the first to the last frame [s]."""
        return (self._count - 1) / self.rate_hz

    def pose(self, index: int) -> Pose:
        """Return where the camera is at a frame."""
        along_m = self._plan.way.length_m * index / (self._count - 1)
        x, y = self._plan.way.at(along_m)
        bx, by = self._plan.way.at(max(0.0, along_m - 0.3))
        ax, ay = self._plan.way.at(along_m + LOOK_AHEAD_M)
        phase = self._sway + along_m / 2.2
        yaw = math.atan2(ay - by, ax - bx) + 0.16 * math.sin(phase)
        bob = 0.015 * math.sin(2 * math.pi * along_m / 0.75)
        pitch, roll = 0.05 * math.sin(0.7 * phase) - 0.06, 0.02 * math.sin(1.3 * phase)
        return Pose(x, y, self._plan.eye_m + bob, yaw, pitch, roll)

    def _find_doors(self) -> tuple[float, ...]:
        """Find when the camera passes a door, between places of the way."""
        way = self._plan.way
        inside = np.array([self._plan.inside(x, y) for x, y in way.places])
        at = np.flatnonzero(inside[1:] != inside[:-1])
        middle_m = (way.lengths_m[at] + way.lengths_m[at + 1]) / 2
        return tuple(float(m) / way.length_m * self.duration_s for m in middle_m)
