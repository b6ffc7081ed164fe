"""A synthetic world (solids, lights, weather), the pose of the camera, and its effects."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.synthetic.dice import Dice
from zoedepth_ros.synthetic.primitives import Colour


@dataclass(frozen=True, slots=True)
class Lamp:
    """A point light; it illuminates only the inside of the house."""

    place: tuple[float, float, float]
    """Position [m]."""
    colour: Colour
    """Power, as the illumination of a wall at 1 m."""
    shadows: bool = False
    """Whether solids cast shadows."""


@dataclass(frozen=True, slots=True)
class Air:
    """Sky, sun and haze."""

    sun_direction: tuple[float, float, float] = (0.0, 0.0, 1.0)
    """Unit vector to the sun."""
    sun: Colour = (0.0, 0.0, 0.0)
    """Light of the sun."""
    zenith: Colour = (0.25, 0.45, 0.9)
    """Colour of the sky above."""
    horizon: Colour = (0.75, 0.85, 1.0)
    """Colour of the sky at the horizon, and of the haze."""
    clouds: float = 0.5
    """Share of clouds, 0 to 1."""
    hills: Colour = (0.3, 0.38, 0.4)
    """Colour of the far skyline, painted on the sky."""
    hill_height: float = 0.05
    """Height of the far skyline as a tangent."""
    haze_per_m: float = 0.002
    """Extinction coefficient of the haze [1/m]."""
    sky_light: Colour = (0.35, 0.4, 0.5)
    """Ambient light of the sky on surfaces that face up."""
    ground_light: Colour = (0.15, 0.15, 0.14)
    """Ambient light of the ground on surfaces that face down."""
    seed: int = 0
    """Seed of the clouds."""


@dataclass(frozen=True, slots=True)
class World:
    """The geometry and the lighting of a scene."""

    solids: NDArray[np.float64]
    """Rows of primitives, (n, ROW)."""
    contacts: NDArray[np.float64]
    """Contact rectangles, (m, 8)."""
    air: Air
    """Outside light and air."""
    house: tuple[float, float, float, float, float, float] | None = None
    """Interior: x_min, x_max, y_min, y_max, z_min, z_max [m], lit by lamps and room light."""
    lamps: tuple[Lamp, ...] = ()
    """Lights in the interior, at most four."""
    room_light: Colour = (0.25, 0.25, 0.25)
    """Ambient light in the interior."""
    limits: tuple[float, float, float, float, float, float] = (-100, 100, -100, 100, -1, 40)
    """Volume of shadows: x_min, x_max, y_min, y_max, z_min, z_max [m]."""
    textures: NDArray[np.uint8] | None = None
    """Photographs for surfaces of the kind PHOTOGRAPH (photographs.py)."""


@dataclass(frozen=True, slots=True)
class Pose:
    """The pose of a camera."""

    x_m: float
    """East [m]."""
    y_m: float
    """North [m]."""
    z_m: float
    """Up [m]."""
    yaw_rad: float
    """Heading, counter-clockwise from east [rad]."""
    pitch_rad: float = 0.0
    """Angle of the optical axis above the horizon [rad]."""
    roll_rad: float = 0.0
    """Roll, positive with the right side down [rad]."""

    def position(self) -> NDArray[np.float64]:
        """Return the position of the camera in the world [m], (3,)."""
        return np.array((self.x_m, self.y_m, self.z_m))

    def to_world(self) -> NDArray[np.float64]:
        """Return the matrix whose columns are the camera's right, down and forward, (3, 3)."""
        cy, sy = math.cos(self.yaw_rad), math.sin(self.yaw_rad)
        cp, sp = math.cos(self.pitch_rad), math.sin(self.pitch_rad)
        cr, sr = math.cos(self.roll_rad), math.sin(self.roll_rad)
        right = np.array((sy, -cy, 0.0))
        forward = np.array((cy * cp, sy * cp, sp))
        down = np.cross(forward, right)
        return np.stack((cr * right + sr * down, cr * down - sr * right, forward), axis=1)


@dataclass(frozen=True, slots=True)
class ImageEffects:
    """Effects of the camera on the image."""

    exposure: float = 1.0
    """Factor on the automatic exposure."""
    warmth: float = 0.0
    """White balance: gain of red, loss of blue."""
    saturation: float = 1.0
    """Factor on the saturation of colours."""
    contrast: float = 1.0
    """Factor on the contrast."""
    vignette: float = 0.1
    """Relative loss of light at the edges."""
    blur_px: float = 0.5
    """Standard deviation of the blur [px at 256 columns]."""
    noise: float = 0.01
    """Sensor noise at medium grey, relative to full scale."""
    jpeg_quality: int = 0
    """JPEG quality; 0 for none."""
    seed: int = 0
    """Seed of the noise."""


@dataclass(frozen=True, slots=True)
class View:
    """A world and a camera in it."""

    world: World
    pose: Pose
    """Pose of the camera."""
    hfov_rad: float
    """Horizontal field of view [rad]."""
    domain: str
    """'indoor' or 'outdoor', by the position of the camera."""
    effects: ImageEffects = field(default_factory=ImageEffects)
    """Effects of the camera."""


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
