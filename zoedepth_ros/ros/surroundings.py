"""Ground, obstacles and free rays of one picture; pure, knows no message."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.geometry.ground import Ground, fit_ground, up_from_angles
from zoedepth_ros.geometry.height_scan import HeightScan
from zoedepth_ros.geometry.obstacles import Band, clearing_points, split_points
from zoedepth_ros.geometry.points import depth_to_points
from zoedepth_ros.geometry.ranges import free_to, within

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


CLOUDS, SCAN, SCALE = 'clouds', 'scan', 'scale'
"""What a ground is kept for: each at a rate of its own, so that none depends on who subscribes to
another."""


@dataclass(slots=True)
class _Kept:
    ground: Ground | None = None
    found_s: float = 0.0


class Surroundings:
    """Find the ground, and what stands on it."""

    def __init__(self) -> None:
        self.ground: Ground | None = None
        """The plane taken last; None before the first, or when it was too long ago."""
        self.told_up: Up | None = None
        """Where up is as TF tells it; None for camera.pitch."""
        self._kept: dict[str, _Kept] = {}
        self._scan: tuple[Map, tuple[int, ...], HeightScan] | None = None

    def look(self, points_m: Map, settings: NodeSettings, now_s: float) -> Ground | None:
        """Fit the ground to points (H, W, 3), take it, and give this image's own fit, if any."""
        found = self.fit(points_m, settings)
        self.take(found, settings, now_s)
        return found

    def fit(self, points_m: Map, settings: NodeSettings) -> Ground | None:
        """Give the ground of points (H, W, 3); None where there is none to be trusted."""
        up = self.expected_up(settings)
        found = fit_ground(points_m, up=up, tolerance_rad=settings.camera_pitch_tolerance_rad)
        return found if found is not None and found.confidence >= TRUSTED_CONFIDENCE else None

    def take(
        self, found: Ground | None, settings: NodeSettings, now_s: float, use: str = CLOUDS
    ) -> Ground | None:
        """Give the ground to use: this image's, for a while the last one, or as parameters say.

        use: CLOUDS, SCAN or SCALE.
        """
        kept = self._kept.setdefault(use, _Kept())
        if found is not None:
            kept.ground, kept.found_s = found, now_s
        else:
            if not 0.0 <= now_s - kept.found_s <= KEPT_S:
                kept.ground = None
            if kept.ground is None and settings.camera_height_m > 0.0:
                kept.ground = Ground(self.expected_up(settings), settings.camera_height_m, 0.0)
        self.ground = kept.ground
        return kept.ground

    def clouds(
        self,
        depth_m: Map,
        rays: Map,
        settings: NodeSettings,
        ground: Ground,
        measured_to_m: float = np.inf,
    ) -> Clouds:
        """Split the points of depth (H, W) as `geometry.ranges` reads it.

        rays: (H, W, 2).  measured_to_m: limit of what is measured, along z.
        """
        band = band_of(settings)
        points_m = depth_to_points(within(depth_m, measured_to_m), rays)
        passing = np.isposinf(depth_m) | (depth_m > np.float32(measured_to_m))
        split = split_points(points_m, ground, band, passing=passing)
        free_m = free_to(depth_m, measured_to_m)
        return Clouds(
            points_m[split.ground],
            points_m[split.obstacle],
            clearing_points(rays, free_m, split, ground, band),
        )

    def scan(self, rays: Map, up: Up) -> HeightScan:
        """Give the lookup of a scan by height for rays (H, W, 2), kept while up stays."""
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
