"""Ground plane, obstacles and free rays of one camera's images."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.geometry.camera import SAME_UP
from zoedepth_ros.geometry.filters import free_depth
from zoedepth_ros.geometry.ground import (
    UP_OF_A_LEVEL_CAMERA,
    WELL_SEEN,
    Ground,
    GroundFit,
    Up,
    fit_ground,
    turned,
    up_from_angles,
)
from zoedepth_ros.geometry.obstacles import (
    ObstacleLimits,
    RaySpacing,
    classify_points,
    clear_to,
    clearing_points,
)
from zoedepth_ros.geometry.points import depth_to_points
from zoedepth_ros.geometry.scan import HeightScan
from zoedepth_ros.pipeline.resumable import Resumable
from zoedepth_ros.pipeline.settings import PipelineSettings

KEPT_S = 2.0
"""How long the last ground plane is used when none is found [s]."""

OTHER_HEIGHT = 1.6
"""Ratio of the height of the camera above a plane to the known one, or its inverse, from which the
plane is another surface, such as a table, or the scale of depth is wrong."""

LEAST_TILT_RAD = math.radians(1.0)
"""Largest mean tilt of the floor from a trusted direction that is not reported."""
LEAST_IMAGES, TILT_IMAGES = 5, 40
"""Images from which the mean tilt counts, and that it remembers."""

Map = NDArray[np.float32]

CLOUDS, SCAN, SCALE = 'clouds', 'scan', 'scale'
"""Uses of the ground plane. Each keeps its own, at its own rate, so that no output depends on the
subscribers of another."""


class Segments(NamedTuple):
    """Hold the parts of a cloud, (k, 3) [m] each, or (k, 4) with the standard deviation of z."""

    ground: Map
    """Points of the ground."""

    obstacles: Map
    """Points of obstacles."""

    clearing: Map
    """Ends of rays that clear."""


class Contradiction(Resumable):
    """Track whether images show the ground in another direction than expected.

    Either most recent images contradict, or, with a trusted direction, the mean tilt of the planes
    that fit best is more than LEAST_TILT_RAD by three standard errors.
    """

    KEPT = (
        *('_most', '_tilted', '_share', '_angles_deg'),
        *('_images', '_tilt', '_variance', '_error_rad2'),
    )

    MEMORY = 0.8  # weight of the past, per image

    def __init__(self) -> None:
        self._most, self._tilted = False, False
        self._share: float | None = None
        self._angles_deg = np.zeros(2)
        self._images, self._tilt = 0, np.zeros(3)
        self._variance, self._error_rad2 = 0.0, 0.0

    @property
    def holds(self) -> bool:
        """Whether images contradict."""
        return self._most or self._tilted

    def take(self, fit: GroundFit, up: Up) -> None:
        """Add an image; up: the expected direction."""
        other = fit.other
        past = 0.0 if self._share is None else self.MEMORY
        self._share = past * (self._share or 0.0) + (1.0 - past) * (other is not None)
        self._most = self._share > (0.2 if self._most else 0.5)
        if other is not None and (self._most or not self._tilted):
            past = self.MEMORY if self._angles_deg.any() else 0.0
            self._angles_deg = past * self._angles_deg + (1.0 - past) * _angles_deg(other)
        if fit.free is not None:
            self._add_tilt(np.subtract(fit.free.up, up), fit.free_error_rad)
            is_new = not self._tilted
            self._tilted = self._images >= LEAST_IMAGES and self._least_tilt_rad() > (
                LEAST_TILT_RAD if is_new else 0.5 * LEAST_TILT_RAD
            )
            if self._tilted and is_new and not self._most:
                x, y, z = np.add(up, self._tilt)
                self._angles_deg = _angles_deg(Ground((float(x), float(y), float(z)), 0.0, 0.0))

    def _add_tilt(self, tilt: NDArray[np.float64], error_rad: float) -> None:
        """Add a tilt to the running mean, variance and suggested error."""
        self._images = min(self._images + 1, TILT_IMAGES)
        share, off = 1.0 / self._images, tilt - self._tilt
        self._tilt = self._tilt + share * off
        self._variance = (1.0 - share) * (self._variance + share * float(off @ off))
        self._error_rad2 += share * (error_rad**2 - self._error_rad2)

    def _least_tilt_rad(self) -> float:
        """Return the mean tilt less three standard errors [rad].

        Errors that do not scatter, as of a camera that stands still, are not averaged out.
        """
        constant = max(0.0, self._error_rad2 - self._variance)
        error_rad = math.sqrt(self._variance / self._images + constant)
        return float(np.linalg.norm(self._tilt)) - 3.0 * error_rad

    def finding(self, up: Up) -> str:
        """Describe the contradiction; '' without one."""
        if not self.holds:
            return ''
        decimals = 0 if self._most else 1
        seen, known = (
            f'a pitch of {pitch_deg:.{decimals}f} and a roll of {roll_deg:.{decimals}f} degrees'
            for pitch_deg, roll_deg in (self._angles_deg, _angles_deg(Ground(up, 0.0, 0.0)))
        )
        return f'judging by the floor in the image, the camera has {seen}, expected {known}'

    def text(self, up: Up, settings: PipelineSettings) -> str:
        """Describe the contradiction and name the parameters to check; '' without one."""
        found = self.finding(up)
        if not found:
            return ''
        pitch_rad, roll_rad = np.radians(self._angles_deg)
        tolerance_rad = settings.camera_pitch_tolerance_rad
        remedy = (
            f'TF to {settings.camera_base_frame}'
            if settings.camera_base_frame
            else f'camera.pitch (estimate {pitch_rad:.3f} rad) and camera.roll (estimate '
            f'{roll_rad:.3f} rad) or camera.base_frame'
        )
        if tolerance_rad > 0.0:
            return (
                f'{found}; the difference is more than camera.pitch_tolerance '
                f'({math.degrees(tolerance_rad):.0f} degrees), so the ground plane is '
                f'rejected; check {remedy}'
            )
        return (
            f'{found}: the scale of depth and the heights of points may be wrong; check {remedy}'
        )


def _angles_deg(ground: Ground) -> NDArray[np.float64]:
    """Return pitch and roll [degrees]."""
    return np.degrees((ground.pitch_rad, ground.roll_rad))


@dataclass(slots=True)
class _Kept:
    """The ground plane of one use."""

    ground: Ground | None = None
    found_s: float = 0.0
    expected_up: Up = UP_OF_A_LEVEL_CAMERA
    contradiction: Contradiction = field(default_factory=Contradiction)


class GroundSegmentation(Resumable, holds=(Ground, _Kept)):
    """Find the ground plane, and sort points by it."""

    KEPT = ('_kept',)

    def __init__(self) -> None:
        self.ground: Ground | None = None
        """The plane used last; None before the first, or when it is too old."""
        self.measured_up: Up | None = None
        """Unit vector away from the ground by another sensor; None for camera.pitch and roll."""
        self.notice = ''
        """How images contradict the expected ground plane, in words; '' if they do not."""
        self._kept: dict[str, _Kept] = {}
        self._scan: tuple[Map, tuple[int, ...], HeightScan] | None = None
        self._spacing: tuple[Map, RaySpacing] | None = None

    @property
    def confirms(self) -> bool:
        """Whether images show the ground well in the expected direction."""
        ground = self.ground  # read once: another thread may replace it
        is_seen = ground is not None and ground.confidence >= WELL_SEEN
        return is_seen and not self.notice

    def fit(self, points_m: Map, settings: PipelineSettings) -> GroundFit:
        """Fit the ground plane to points (H, W, 3)."""
        up = self.expected_up(settings)
        return fit_ground(points_m, up=up, tolerance_rad=settings.camera_pitch_tolerance_rad)

    def take(
        self, fit: GroundFit, settings: PipelineSettings, now_s: float, use: str
    ) -> Ground | None:
        """Return the ground plane to use: this image's, a recent one, or that of the parameters.

        use: CLOUDS, SCAN or SCALE.  Parameters that the images contradict are not used, except
        with camera.pitch_tolerance 0.0, which trusts them.  No plane is used in place of one at
        another height than the known one: that of the parameters or, for KEPT_S, the last one.
        A recent plane turns with the expected direction, so with a camera that TF follows.
        """
        expected = self.expected_up(settings)
        kept, found = self._kept.setdefault(use, _Kept()), fit.trusted
        if self.measured_up is None and kept.expected_up != expected:
            kept.contradiction = Contradiction()  # another parameter
        kept.contradiction.take(fit, expected)
        if not 0.0 <= now_s - kept.found_s <= KEPT_S:
            kept.ground = None
        if kept.ground is not None:
            kept.ground = turned(kept.ground, kept.expected_up, expected)
        kept.expected_up = expected
        doubt = '' if found is None else _other_height(found, kept.ground, settings)
        contradiction = kept.contradiction.text(expected, settings)
        self.notice = '; '.join(filter(None, (contradiction, doubt)))
        if doubt:
            self.ground = None
            return None
        if found is not None:
            kept.ground, kept.found_s = found, now_s
        else:
            usable = settings.camera_pitch_tolerance_rad <= 0.0 or not kept.contradiction.holds
            if kept.ground is None and settings.camera_height_m > 0.0 and usable:
                kept.ground = Ground(expected, settings.camera_height_m, 0.0)
        self.ground = kept.ground
        return kept.ground

    def segments(
        self,
        points_m: Map,
        depth_m: Map,
        rays: Map,
        settings: PipelineSettings,
        ground: Ground,
        measured_to_m: float = np.inf,
        std_m: Map | None = None,
        seen_m: Map | None = None,
    ) -> Segments:
        """Sort points (H, W, 3) of depth (H, W), as `geometry.filters` defines it.

        points_m: NaN beyond measured_to_m.  rays: (H, W, 2).  measured_to_m: largest depth that
        is measured, along z.  std_m: (H, W), a fourth number of points of ground and obstacles.
        seen_m: depth (H, W) before the filters, for obstacles.clearing_margin; None does without.
        """
        band = band_of(settings)
        passing = np.isposinf(depth_m) | (depth_m > np.float32(measured_to_m))
        split = classify_points(points_m, ground, band, free=passing)
        free_m = free_depth(depth_m, measured_to_m)
        clear_to_m = None
        if seen_m is not None and settings.obstacles_clearing_margin_m > 0.0:
            seen_m = np.where(seen_m > np.float32(settings.depth_min_m), seen_m, np.nan)
            obstacle = classify_points(depth_to_points(seen_m, rays), ground, band).obstacle
            margin_m = settings.obstacles_clearing_margin_m
            clear_to_m = clear_to(seen_m, obstacle, self._ray_spacing(rays), margin_m)
        measured = points_m if std_m is None else np.dstack((points_m, std_m))
        return Segments(
            measured[split.ground],
            measured[split.obstacle],
            clearing_points(rays, free_m, split, ground, band, clear_to_m=clear_to_m),
        )

    def _ray_spacing(self, rays: Map) -> RaySpacing:
        """Return the spacing of rays (H, W, 2), kept while they stay."""
        if self._spacing is None or self._spacing[0] is not rays:
            self._spacing = rays, RaySpacing.from_rays(rays)
        return self._spacing[1]

    def height_scan(self, rays: Map, up: Up) -> HeightScan:
        """Return the lookup of a scan by height for rays (H, W, 2), kept while up stays."""
        direction = tuple(round(part / SAME_UP) for part in up)
        kept = self._scan
        if kept is None or kept[0] is not rays or kept[1] != direction:
            kept = self._scan = rays, direction, HeightScan.from_rays(rays, up)
        return kept[2]

    def expected_up(self, settings: PipelineSettings) -> Up:
        """Return the up direction by another sensor or the parameters, whatever images show."""
        if self.measured_up is not None:
            return self.measured_up
        return up_from_angles(settings.camera_pitch_rad, settings.camera_roll_rad)


def _other_height(found: Ground, last: Ground | None, settings: PipelineSettings) -> str:
    """Return why a plane may not be the ground, by the height of the camera; '' if it may."""
    seen = f'a plane {found.height_m:.2f} m below the camera is not used as the ground'
    known_m = settings.camera_height_m
    if known_m > 0.0:
        if known_m / OTHER_HEIGHT < found.height_m < known_m * OTHER_HEIGHT:
            return ''
        return (
            f'{seen}, because camera.height is {known_m:.3g} m: the plane is a surface such as a '
            'table, or the scale of depth is wrong (see scale.source height and `zoedepth '
            'calibrate`)'
        )
    if last is None or found.height_m > last.height_m / OTHER_HEIGHT:
        return ''
    return (
        f'{seen} for {KEPT_S:.0f} s, because the ground was {last.height_m:.2f} m below the '
        'camera until now; set camera.height to distinguish a table from the ground'
    )


def band_of(settings: PipelineSettings) -> ObstacleLimits:
    """Return the heights and the range of obstacles."""
    return ObstacleLimits(
        min_height_m=settings.obstacles_min_height_m,
        max_height_m=settings.obstacles_max_height_m,
        ground_slope=settings.obstacles_ground_slope,
        max_range_m=settings.obstacles_max_range_m,
    )
