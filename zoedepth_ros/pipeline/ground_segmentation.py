"""Ground, obstacles and free rays of one picture; pure, knows no message."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.geometry.ground import Ground, GroundFit, fit_ground, up_from_angles
from zoedepth_ros.geometry.height_scan import HeightScan
from zoedepth_ros.geometry.obstacles import ObstacleLimits, classify_points, clearing_points
from zoedepth_ros.geometry.ranges import free_depth
from zoedepth_ros.ros.camera import SAME_UP
from zoedepth_ros.ros.parameters import NodeSettings

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


class Contradiction:
    """Keep whether the floor of most of the last images is in another direction than expected."""

    MEMORY = 0.8  # weight of the past, per image

    def __init__(self) -> None:
        self.holds = False
        """Whether most of the last images contradict."""
        self._share: float | None = None
        self._angles_rad = np.zeros(2)

    def take(self, other: Ground | None) -> None:
        """Take what an image says: the plane that contradicts, if any."""
        now = float(other is not None)
        past = 0.0 if self._share is None else self.MEMORY
        self._share = past * (self._share or 0.0) + (1.0 - past) * now
        self.holds = self._share > (0.2 if self.holds else 0.5)
        if other is not None:
            past = self.MEMORY if self._angles_rad.any() else 0.0
            seen = np.array((other.pitch_rad, other.roll_rad))
            self._angles_rad = past * self._angles_rad + (1.0 - past) * seen

    def text(self, up: Up, settings: NodeSettings) -> str:
        """Say so, and which parameters help; '' while it does not hold."""
        if not self.holds:
            return ''
        pitch_deg, roll_deg = np.degrees(self._angles_rad)
        expected = Ground(up, 0.0, 0.0)
        tolerance_rad = settings.camera_pitch_tolerance_rad
        told = (
            f'the floor is seen at a pitch of {pitch_deg:.0f} and a roll of {roll_deg:.0f} '
            f'degrees, not {math.degrees(expected.pitch_rad):.0f} and '
            f'{math.degrees(expected.roll_rad):.0f} as expected'
        )
        helps = (
            f'TF to {settings.camera_base_frame}'
            if settings.camera_base_frame
            else f'camera.pitch ({math.radians(pitch_deg):.2f} rad) and camera.roll '
            f'({math.radians(roll_deg):.2f} rad) or camera.base_frame'
        )
        if tolerance_rad > 0.0:
            return (
                f'{told}, which is more than camera.pitch_tolerance '
                f'({math.degrees(tolerance_rad):.0f} degrees): no ground is taken; check {helps}'
            )
        return f'{told}: the scale and the heights may be wrong; check {helps}'


CLOUDS, SCAN, SCALE = 'clouds', 'scan', 'scale'
"""What a ground is kept for: each at a rate of its own, so that none depends on who subscribes to
another."""


@dataclass(slots=True)
class _Kept:
    ground: Ground | None = None
    found_s: float = 0.0
    contradiction: Contradiction = field(default_factory=Contradiction)


class Surroundings:
    """Find the ground, and what stands on it."""

    def __init__(self) -> None:
        self.ground: Ground | None = None
        """The plane taken last; None before the first, or when it was too long ago."""
        self.told_up: Up | None = None
        """Where up is as TF tells it; None for camera.pitch."""
        self._kept: dict[str, _Kept] = {}
        self._seen = Contradiction()  # of the use that looked last
        self._scan: tuple[Map, tuple[int, ...], HeightScan] | None = None

    def fit(self, points_m: Map, settings: NodeSettings) -> GroundFit:
        """Look for the ground of points (H, W, 3)."""
        up = self.expected_up(settings)
        return fit_ground(points_m, up=up, tolerance_rad=settings.camera_pitch_tolerance_rad)

    def take(
        self, fit: GroundFit, settings: NodeSettings, now_s: float, use: str
    ) -> Ground | None:
        """Give the ground to use: this image's, for a while the last one, or as parameters say.

        use: CLOUDS, SCAN or SCALE.  Parameters that the images contradict say nothing, unless they
        are to be trusted (camera.pitch_tolerance 0.0).
        """
        kept, found = self._kept.setdefault(use, _Kept()), fit.trusted
        kept.contradiction.take(fit.other)
        self._seen = kept.contradiction
        if found is not None:
            kept.ground, kept.found_s = found, now_s
        else:
            if not 0.0 <= now_s - kept.found_s <= KEPT_S:
                kept.ground = None
            told = settings.camera_pitch_tolerance_rad <= 0.0 or not kept.contradiction.holds
            if kept.ground is None and settings.camera_height_m > 0.0 and told:
                kept.ground = Ground(self.expected_up(settings), settings.camera_height_m, 0.0)
        self.ground = kept.ground
        return kept.ground

    def notice(self, settings: NodeSettings) -> str:
        """Say how the floor in the images contradicts what is expected; '' when it does not."""
        return self._seen.text(self.expected_up(settings), settings)

    def clouds(
        self,
        points_m: Map,
        depth_m: Map,
        rays: Map,
        settings: NodeSettings,
        ground: Ground,
        measured_to_m: float = np.inf,
    ) -> Clouds:
        """Split points (H, W, 3) of depth (H, W) as `geometry.ranges` reads it.

        points_m: NaN beyond measured_to_m.  rays: (H, W, 2).  measured_to_m: limit of what is
        measured, along z.
        """
        band = band_of(settings)
        passing = np.isposinf(depth_m) | (depth_m > np.float32(measured_to_m))
        split = classify_points(points_m, ground, band, free=passing)
        free_m = free_depth(depth_m, measured_to_m)
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
        return up_from_angles(settings.camera_pitch_rad, settings.camera_roll_rad)


def band_of(settings: NodeSettings) -> ObstacleLimits:
    """Give the heights and the range that matter to the robot."""
    return ObstacleLimits(
        min_height_m=settings.obstacles_min_height_m,
        max_height_m=settings.obstacles_max_height_m,
        ground_slope=settings.obstacles_slope,
        max_range_m=settings.obstacles_max_range_m,
    )
