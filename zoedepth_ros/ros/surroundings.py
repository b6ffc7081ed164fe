"""Ground, obstacles and free rays of one picture; pure, knows no message."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.geometry.ground import Ground, fit_ground, up_from_angles
from zoedepth_ros.geometry.height_scan import HeightScan
from zoedepth_ros.geometry.obstacles import Band, clearing_points, split_points

from .camera import SAME_UP
from .parameters import NodeSettings

TRUSTED_CONFIDENCE = 0.3
"""A fitted plane below this is not the ground."""

KEPT_S = 2.0
"""How long the last ground stands in when none is found [s]."""

Map = NDArray[np.float32]
Up = tuple[float, float, float]


class Clouds(NamedTuple):
    """Hold what a picture says about the space before the robot, (k, 3) [m] each."""

    ground: Map
    """Points of the floor."""

    obstacles: Map
    """Points in the way."""

    clearing: Map
    """Ends of free rays."""


class Surroundings:
    """Find the ground, and what stands on it."""

    def __init__(self) -> None:
        self.ground: Ground | None = None
        """The plane found last; None before the first, or when it was too long ago."""
        self.told_up: Up | None = None
        """Where up is as TF tells it; None for camera.pitch."""
        self._found_s = 0.0
        self._scan: tuple[Map, tuple[int, ...], HeightScan] | None = None

    def look(self, points_m: Map, settings: NodeSettings, now_s: float) -> Ground | None:
        """Fit the ground to points (H, W, 3) and give this picture's own fit, if it is one.

        What is used from then on is `ground`: the fit, or for a while the last one, or where the
        parameters say that the camera is.
        """
        up = self.expected_up(settings)
        found = fit_ground(points_m, up=up, tolerance_rad=settings.camera_pitch_tolerance_rad)
        if found is not None and found.confidence >= TRUSTED_CONFIDENCE:
            self.ground, self._found_s = found, now_s
            return found
        if not 0.0 <= now_s - self._found_s <= KEPT_S:
            self.ground = None
        if self.ground is None and settings.camera_height_m > 0.0:
            self.ground = Ground(up, settings.camera_height_m, 0.0)
        return None

    def up(self, settings: NodeSettings) -> Up:
        """Give where up is: by the ground found last, by TF, or by the parameters."""
        return self.expected_up(settings) if self.ground is None else self.ground.up

    def clouds(
        self, points_m: Map, depth_m: Map, rays: Map, settings: NodeSettings
    ) -> Clouds | None:
        """Split points (H, W, 3) of depth (H, W), +inf for sky; None without a ground."""
        if self.ground is None:
            return None
        band = band_of(settings)
        split = split_points(points_m, self.ground, band, sky=np.isposinf(depth_m))
        return Clouds(
            points_m[split.ground],
            points_m[split.obstacle],
            clearing_points(rays, depth_m, split, self.ground, band),
        )

    def scan(self, rays: Map, settings: NodeSettings) -> HeightScan:
        """Give the lookup of a scan by height for rays (H, W, 2), kept while up stays."""
        up = self.up(settings)
        direction = tuple(round(part / SAME_UP) for part in up)
        kept = self._scan
        if kept is None or kept[0] is not rays or kept[1] != direction:
            kept = self._scan = rays, direction, HeightScan.from_rays(rays, up)
        return kept[2]

    def expected_up(self, settings: NodeSettings) -> Up:
        """Give where up is by TF, or else by the parameters; no image changes it."""
        if self.told_up is not None:
            return self.told_up
        return up_from_angles(settings.camera_pitch_rad)


def band_of(settings: NodeSettings) -> Band:
    """Give the heights and the range that matter to the robot."""
    return Band(
        ground_m=settings.obstacles_ground_m,
        top_m=settings.obstacles_top_m,
        ground_slope=settings.obstacles_slope,
        range_m=settings.obstacles_range_m,
    )
