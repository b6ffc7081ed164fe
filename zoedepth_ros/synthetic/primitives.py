"""Solids and surfaces of worlds, as rows of numbers for the ray caster.

Convention: world x east, y north, z up [m]; yaw turns counter-clockwise seen from above. Every
solid is convex, so none casts a shadow on its own lit side.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

BOX, TAPER, CYLINDER, ELLIPSOID, FOLIAGE = range(5)
"""Kinds of solids; a taper is a box whose top is smaller, foliage an ellipsoid with holes."""

(
    PLAIN, ROUGH, PLANKS, TILES, CARPET, STRIPES, BRICK, WOOD, FABRIC, PICTURE, FACADE, ROAD,
    LEAVES, GRASS, BOOKS, SCREEN, ROOF, VIEW, CURTAIN, STONE, PANEL, SLABS, GLASS, GARAGE, PLATE,
    PHOTOGRAPH,
) = range(26)  # fmt: skip
"""Kinds of surfaces, rendered in surfaces.py."""

CASTS, CONTACT, WORLD_UV = 1, 2, 4
"""Flags: casts a shadow; darkens beside contact rectangles; texture fixed to the world."""

ROW = 27
"""Numbers in a row: kind, centre 3, half size 3, yaw pitch roll, shape 3, surface 13, flags."""

Triple = tuple[float, float, float]
Colour = Triple


class Surface(NamedTuple):
    """How a solid looks."""

    kind: int
    a: Colour
    """Main colour, linear light."""
    b: Colour = (0.5, 0.5, 0.5)
    """Second colour, linear light."""
    scale: float = 1.0
    """Size of the pattern [m]."""
    p1: float = 0.0
    """First parameter of the pattern."""
    p2: float = 0.0
    """Second parameter of the pattern."""
    gloss: float = 0.0
    """Share of light mirrored."""
    glow: float = 0.0
    """Light given off."""


@dataclass(slots=True)
class Builder:
    """Collect solids in a movable frame."""

    rows: list[tuple[float, ...]] = field(default_factory=list)
    """One row of ROW numbers per solid."""
    contacts: list[tuple[float, ...]] = field(default_factory=list)
    """Contact rectangles: x, y, yaw, half length, half width, height, reach [m], strength."""
    origin: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    """Frame of what is added next: x, y, z [m], yaw [rad]."""
    cos_yaw: float = 1.0
    """Cosine of the frame's yaw."""
    sin_yaw: float = 0.0
    """Sine of the frame's yaw."""

    def at(self, x: float = 0.0, y: float = 0.0, z: float = 0.0, yaw: float = 0.0) -> Builder:
        """Move the frame; everything added after is relative to it."""
        self.origin = (x, y, z, yaw)
        self.cos_yaw, self.sin_yaw = math.cos(yaw), math.sin(yaw)
        return self

    def solid(
        self, kind: int, centre: Triple, half: Triple, surface: Surface, *,
        turn: Triple = (0.0, 0.0, 0.0), shape: Triple = (0.0, 0.0, 0.0), flags: int = CASTS,
    ) -> None:  # fmt: skip
        """Add one solid: centre and half size [m], yaw, pitch (about x), roll (about y) [rad]."""
        x0, y0, z0, yaw = self.origin
        x, y, z = centre
        c, s = self.cos_yaw, self.sin_yaw
        kind_of, a, b, scale, p1, p2, gloss, glow = surface
        self.rows.append(
            (
                kind, x0 + c * x - s * y, y0 + s * x + c * y, z0 + z, *half,
                yaw + turn[0], turn[1], turn[2], *shape,
                kind_of, *a, *b, scale, p1, p2, gloss, glow, len(self.rows), flags,
            )
        )  # fmt: skip

    def box(
        self, x: float, y: float, z: float, size: Triple, surface: Surface, *,
        yaw: float = 0.0, flags: int = CASTS,
    ) -> None:  # fmt: skip
        """Add a box standing at height z, with full sizes [m]."""
        half = (size[0] / 2, size[1] / 2, size[2] / 2)
        turn, centre = (yaw, 0.0, 0.0), (x, y, z + half[2])
        self.solid(BOX, centre, half, surface, turn=turn, flags=flags)

    def taper(
        self, x: float, y: float, z: float, size: Triple, surface: Surface, *,
        shrink: tuple[float, float] = (0.0, 0.0), shift: float = 0.0, flags: int = CASTS,
    ) -> None:  # fmt: skip
        """Add a box whose top is smaller by the shares `shrink` and moved along x by `shift`."""
        half = (size[0] / 2, size[1] / 2, size[2] / 2)
        shape = (shrink[0], shrink[1], shift / max(half[0], 1e-6))
        centre = (x, y, z + half[2])
        self.solid(TAPER, centre, half, surface, shape=shape, flags=flags)

    def cylinder(
        self, x: float, y: float, z: float, radius: float, height: float, surface: Surface, *,
        shrink: float = 0.0, pitch: float = 0.0, roll: float = 0.0, flags: int = CASTS,
    ) -> None:  # fmt: skip
        """Add a standing cylinder, or a cone cut off, turned about its middle."""
        half = (radius, radius, height / 2)
        shape, turn = (shrink, 0.0, 0.0), (0.0, pitch, roll)
        centre = (x, y, z + height / 2)
        self.solid(CYLINDER, centre, half, surface, turn=turn, shape=shape, flags=flags)

    def ball(
        self, x: float, y: float, z: float, radii: Triple, surface: Surface, *,
        pitch: float = 0.0, flags: int = CASTS,
    ) -> None:  # fmt: skip
        """Add an ellipsoid around a centre."""
        turn = (0.0, pitch, 0.0)
        self.solid(ELLIPSOID, (x, y, z), radii, surface, turn=turn, flags=flags)

    def leaves(
        self, x: float, y: float, z: float, radii: Triple, surface: Surface, *,
        density: float, grain_m: float,
    ) -> None:  # fmt: skip
        """Add an ellipsoid of leaves with holes of about `grain_m`."""
        self.solid(FOLIAGE, (x, y, z), radii, surface, shape=(density, grain_m, 0.0))

    def contact(
        self, x: float, y: float, length: float, width: float, reach: float, strength: float
    ) -> None:
        """Darken the ground under and around a rectangle."""
        x0, y0, z0, yaw = self.origin
        c, s = self.cos_yaw, self.sin_yaw
        centre = (x0 + c * x - s * y, y0 + s * x + c * y)
        self.contacts.append((*centre, yaw, length / 2, width / 2, z0, reach, strength))

    def stamp(self, piece: Builder, x: float, y: float, yaw: float, z: float = 0.0) -> None:
        """Add everything of a piece built around its own origin, moved and turned."""
        c, s = math.cos(yaw), math.sin(yaw)
        for r in piece.rows:
            place = (x + c * r[1] - s * r[2], y + s * r[1] + c * r[2], z + r[3])
            tail = (*r[8:25], len(self.rows), r[26])
            self.rows.append((r[0], *place, *r[4:7], r[7] + yaw, *tail))
        for k in piece.contacts:
            spot = (x + c * k[0] - s * k[1], y + s * k[0] + c * k[1])
            self.contacts.append((*spot, k[2] + yaw, k[3], k[4], k[5] + z, *k[6:]))

    def solids(self) -> NDArray[np.float64]:
        """Return all rows, (n, ROW)."""
        return np.array(self.rows, dtype=np.float64).reshape(-1, ROW)

    def contact_rectangles(self) -> NDArray[np.float64]:
        """Return all contact rectangles, (n, 8)."""
        return np.array(self.contacts, dtype=np.float64).reshape(-1, 8)
