"""A world ready to be looked at: solids, lights, air; and where the camera stands in it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.synthetic.primitives import Colour

RANGE_M = {'indoor': 10.0, 'outdoor': 80.0}
"""What lies deeper than 80 m belongs to the sky; rooms end before 10 m."""


@dataclass(frozen=True, slots=True)
class Lamp:
    """A light at a place; it reaches only what is inside the house."""

    place: tuple[float, float, float]
    """Where it is [m]."""
    colour: Colour
    """Power; lights a wall with its own value from 1 m."""
    shadows: bool = False
    """Whether solids hide it."""


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
    """Colour of the sky's edge, and of the haze."""
    clouds: float = 0.5
    """Share of clouds, 0 to 1."""
    hills: Colour = (0.3, 0.38, 0.4)
    """Colour of the far skyline, painted on the sky."""
    hill_height: float = 0.05
    """Height of the far skyline as a tangent."""
    haze_per_m: float = 0.002
    """How fast the haze takes over."""
    sky_light: Colour = (0.35, 0.4, 0.5)
    """Light of the sky on what faces up."""
    ground_light: Colour = (0.15, 0.15, 0.14)
    """Light of the ground on what faces down."""
    seed: int = 0
    """Where the clouds are."""


@dataclass(frozen=True, slots=True)
class World:
    """Everything that can be seen."""

    solids: NDArray[np.float64]
    """Rows of primitives, (n, ROW)."""
    contacts: NDArray[np.float64]
    """Contact rectangles, (m, 8)."""
    air: Air
    """Outside light and air."""
    house: tuple[float, float, float, float, float, float] | None = None
    """Inside: x from, to, y from, to, z from, to [m]; lamps and room light only reach there."""
    lamps: tuple[Lamp, ...] = ()
    """Lights inside, at most four."""
    room_light: Colour = (0.25, 0.25, 0.25)
    """Light from everywhere inside."""
    limits: tuple[float, float, float, float, float, float] = (-100, 100, -100, 100, -1, 40)
    """Where shadows can fall: x from, to, y from, to, z from, to [m]."""


@dataclass(frozen=True, slots=True)
class Pose:
    """Where a camera is and looks to."""

    x_m: float
    """East [m]."""
    y_m: float
    """North [m]."""
    z_m: float
    """Up [m]."""
    yaw_rad: float
    """Direction of view, counter-clockwise from east [rad]."""
    pitch_rad: float = 0.0
    """Upwards [rad]."""
    roll_rad: float = 0.0
    """Clockwise turn of the camera seen from behind [rad]."""

    def position(self) -> NDArray[np.float64]:
        """Return the place of the camera in the world [m], (3,)."""
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
class Film:
    """What the camera does to the light."""

    exposure: float = 1.0
    """Factor on the automatic exposure."""
    warmth: float = 0.0
    """White balance: red up, blue down."""
    saturation: float = 1.0
    """1 leaves colours as they are."""
    contrast: float = 1.0
    """1 leaves contrast as it is."""
    vignette: float = 0.1
    """Loss of light in the corners."""
    blur_px: float = 0.5
    """Softness of the lens [px at 256 columns]."""
    noise: float = 0.01
    """Sensor noise at medium grey, of full scale."""
    jpeg_quality: int = 0
    """Compression of the picture; 0 for none."""
    seed: int = 0
    """Where the noise is."""


@dataclass(frozen=True, slots=True)
class View:
    """A world and one look at it."""

    world: World
    """What there is."""
    pose: Pose
    """Where the camera is."""
    hfov_rad: float
    """Horizontal field of view [rad]."""
    domain: str
    """'indoor' or 'outdoor', by where the camera is."""
    film: Film = field(default_factory=Film)
    """What the camera does."""
