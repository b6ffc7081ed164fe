"""Camera trajectories through one synthetic world.

Kinds: 'room' circles in a room, 'street' follows a pavement, 'door' starts in a house, leaves it
through the door, turns in the street and returns, 'step' goes to the edge of a platform.
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
from zoedepth_ros.synthetic.interior import ceiling_lamps, line_walls, wall_pictures
from zoedepth_ros.synthetic.primitives import CONTACT, WORLD_UV
from zoedepth_ros.synthetic.room import Room, floor_surface, openings, shell
from zoedepth_ros.synthetic.scene import (
    HEIGHT_PX,
    WIDTH_PX,
    random_effects,
    render_sample,
    room_world,
)
from zoedepth_ros.synthetic.street import KERB_M, Street, fill_street
from zoedepth_ros.synthetic.world import Pose, View, World, random_air

LOOK_AHEAD_M = 1.6
"""The camera looks at the point of its path this far ahead."""
SPEED_M_S = 1.4
"""Default speed, a walking pace."""


@dataclass(frozen=True, slots=True)
class TrajectoryFrame:
    """One frame of a trajectory."""

    time_s: float
    """Time from the start [s]."""
    sample: Sample
    """Image, depth, camera, and domain by the position of the camera."""
    pose: Pose
    """Pose of the camera."""


@dataclass(frozen=True, slots=True)
class Path2D:
    """A smooth path in the ground plane."""

    points_m: NDArray[np.float64]
    """Places a few centimetres apart [m], (n, 2)."""
    lengths_m: NDArray[np.float64]
    """Path length from the start to each [m], (n,)."""

    @classmethod
    def through(cls, points: list[tuple[float, float]], *, closed: bool = False) -> Path2D:
        """Return the Catmull-Rom spline through points."""
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
        points_m = np.concatenate((*parts, p[-2:-1]))  # (n, 2)
        steps_m = np.linalg.norm(np.diff(points_m, axis=0), axis=1)
        return cls(points_m, np.concatenate(((0.0,), np.cumsum(steps_m))))

    @property
    def length_m(self) -> float:
        """Path length [m]."""
        return float(self.lengths_m[-1])

    def at(self, along_m: float) -> tuple[float, float]:
        """Return the point at a path length [m]; the path is extended in a straight line."""
        over = max(0.0, along_m - self.length_m)
        x = float(np.interp(along_m, self.lengths_m, self.points_m[:, 0]))
        y = float(np.interp(along_m, self.lengths_m, self.points_m[:, 1]))
        dx, dy = self.points_m[-1] - self.points_m[-2]
        k = over / max(math.hypot(dx, dy), 1e-9)
        return x + k * float(dx), y + k * float(dy)


@dataclass(frozen=True, slots=True)
class TrajectoryPlan:
    """A world, a path through it, and the area that is indoors."""

    world: World
    path: Path2D
    """The path of the camera."""
    camera_height_m: float
    """Height of the camera above z = 0 [m]."""
    inside: Callable[[float, float], bool]
    """Returns whether a point (x, y) is indoors."""


def plan_room(dice: Dice) -> TrajectoryPlan:
    """Plan a circular trajectory in a room."""
    kind = dice.pick(('living', 'dining', 'bedroom', 'office'))
    room = Room(kind, dice.between(5.0, 7.0), dice.between(4.6, 6.0), dice.between(2.4, 2.8))
    w, d = room.width, room.depth
    room.taken.append((1.05, w - 1.05, 1.05, d - 1.05))
    shell(room, dice)
    openings(room, dice)
    line_walls(room, dice, 0.9)
    wall_pictures(room, dice)
    ceiling_lamps(room, dice)
    a, b = w / 2 - 1.6, d / 2 - 1.6
    angles = [2 * math.pi * k / 12 for k in range(12)]
    round_ = [(w / 2 + a * math.cos(t), d / 2 + b * math.sin(t)) for t in angles]
    return TrajectoryPlan(
        room_world(room, dice), Path2D.through(round_, closed=True), dice.between(0.6, 1.6),
        lambda x, y: True,
    )  # fmt: skip


def plan_step(dice: Dice) -> TrajectoryPlan:
    """Plan a trajectory on a platform in a room, towards its edge and along it."""
    room = Room('office', dice.between(6.0, 8.0), dice.between(7.0, 9.0), 3.4)
    w, d, drop_m = room.width, room.depth, dice.between(0.12, 0.3)
    edge = dice.between(0.5, 0.6) * d
    shell(room, dice)
    room.parts.box(w / 2, edge / 2, -0.05, (w, edge, 0.05 + drop_m), floor_surface(dice, 'office'),
                   flags=CONTACT | WORLD_UV)  # fmt: skip
    room.taken.append((0.0, w, 0.0, edge + 0.8))
    line_walls(room, dice, 0.9)
    ceiling_lamps(room, dice)
    side = dice.pick((-1, 1))
    points = [(w / 2 - side, 0.8), (w / 2 - side, edge - 2.0), (w / 2, edge - 1.2),
              (w / 2 + side, edge - 1.1), (w / 2 + 2 * side, edge - 1.2)]  # fmt: skip
    return TrajectoryPlan(
        room_world(room, dice), Path2D.through(points), drop_m + dice.between(0.4, 1.2),
        lambda x, y: True,
    )  # fmt: skip


def plan_street(dice: Dice) -> TrajectoryPlan:
    """Plan a trajectory along a pavement."""
    side = dice.pick((-1, 1))
    street = Street(dice.between(3.2, 4.5), dice.between(2.4, 3.4), -20.0, 115.0)
    street.eye, street.clear = (0.0, 30.0), 0.3
    middle = street.half_road + street.pavement * 0.6
    street.lane = (side * middle - 0.5, side * middle + 0.5)
    fill_street(street, dice)
    parts = street.parts
    world = World(
        parts.solids(), parts.contact_rectangles(), random_air(dice),
        limits=(-60.0, 60.0, -60.0, 160.0, -0.1, 25.0),
    )  # fmt: skip
    points = [(side * middle + dice.gauss_like(0.12), 4.0 * k) for k in range(9)]
    return TrajectoryPlan(
        world, Path2D.through(points), KERB_M + dice.between(0.8, 1.7), lambda x, y: False
    )


def door_path(home: Home, dice: Dice) -> Path2D:
    """Return the path from the middle of the room into the street and back."""
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
    return Path2D.through([home.to_world(*point) for point in points])


def plan_door(dice: Dice) -> TrajectoryPlan:
    """Plan a trajectory out of a house and back."""
    home = build_home(dice)
    face = abs(home.corner[0]) - WALL_M / 2
    return TrajectoryPlan(
        home.world, door_path(home, dice), KERB_M + dice.between(0.9, 1.6),
        lambda x, y: home.side * x > face,
    )  # fmt: skip


PLANS: dict[str, Callable[[Dice], TrajectoryPlan]] = {
    'room': plan_room,
    'street': plan_street,
    'door': plan_door,
    'step': plan_step,
}


class CameraTrajectory:
    """A sequence of frames, each rendered on access."""

    def __init__(
        self, kind: str, seed: int = 0, n_frames: int | None = None, *, rate_hz: float = 10.0,
        height: int = HEIGHT_PX, width: int = WIDTH_PX, hfov_rad: float = math.radians(68.0),
    ) -> None:  # fmt: skip
        """Plan a trajectory.

        n_frames: number of frames along the whole path; by default that of a speed of 1.4 m/s.
        Raises ValueError for an unknown kind, fewer than two frames or a rate of 0.
        """
        if kind not in PLANS:
            raise ValueError(
                f'the kind of trajectory must be one of {", ".join(PLANS)}, got {kind!r}'
            )
        if rate_hz <= 0 or (n_frames is not None and n_frames < 2):
            raise ValueError(
                f'expected at least 2 frames and a rate above 0 Hz, got {n_frames} frames and '
                f'{rate_hz} Hz'
            )
        dice = Dice(f'walk {kind} {int(seed)}')
        self.kind, self.seed, self.rate_hz = kind, seed, rate_hz
        self.height, self.width, self.hfov_rad = height, width, hfov_rad
        self._plan = PLANS[kind](dice)
        self._effects = random_effects(dice, seed)
        self._sway = dice.between(0, 6.28)
        way_m = self._plan.path.length_m
        self._count = n_frames or max(2, 1 + round(way_m / SPEED_M_S * rate_hz))
        self.door_times_s = self._find_doors()
        """Times at which the camera passes a door, ascending [s]."""

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[TrajectoryFrame]:
        return (self[index] for index in range(self._count))

    def __getitem__(self, index: int) -> TrajectoryFrame:
        """Render one frame; negative indices count from the end.  Raises IndexError."""
        at = index + self._count if index < 0 else index
        if not 0 <= at < self._count:
            raise IndexError(f'frame {index} of {self._count}')
        pose = self.pose(at)
        domain = 'indoor' if self._plan.inside(pose.x_m, pose.y_m) else 'outdoor'
        effects = replace(self._effects, seed=self._effects.seed + 7919 * at, jpeg_quality=0)
        view = View(self._plan.world, pose, self.hfov_rad, domain, effects)
        name = f'{self.kind}-{self.seed}-{at:05d}'
        return TrajectoryFrame(
            at / self.rate_hz, render_sample(view, self.height, self.width, name), pose
        )

    @property
    def duration_s(self) -> float:
        """Time from the first to the last frame [s]."""
        return (self._count - 1) / self.rate_hz

    def pose(self, index: int) -> Pose:
        """Return the pose of the camera at a frame."""
        along_m = self._plan.path.length_m * index / (self._count - 1)
        x, y = self._plan.path.at(along_m)
        bx, by = self._plan.path.at(max(0.0, along_m - 0.3))
        ax, ay = self._plan.path.at(along_m + LOOK_AHEAD_M)
        phase = self._sway + along_m / 2.2
        yaw = math.atan2(ay - by, ax - bx) + 0.16 * math.sin(phase)
        bob = 0.015 * math.sin(2 * math.pi * along_m / 0.75)
        pitch, roll = 0.05 * math.sin(0.7 * phase) - 0.06, 0.02 * math.sin(1.3 * phase)
        return Pose(x, y, self._plan.camera_height_m + bob, yaw, pitch, roll)

    def _find_doors(self) -> tuple[float, ...]:
        """Return the times at which the camera passes a door [s]."""
        path = self._plan.path
        inside = np.array([self._plan.inside(x, y) for x, y in path.points_m])
        at = np.flatnonzero(inside[1:] != inside[:-1])
        middle_m = (path.lengths_m[at] + path.lengths_m[at + 1]) / 2
        return tuple(float(m) / path.length_m * self.duration_s for m in middle_m)
