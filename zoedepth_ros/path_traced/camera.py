"""Cameras that see a scene well."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from zoedepth_ros.geometry.intrinsics import CameraModel, Intrinsics
from zoedepth_ros.geometry.points import depth_to_points
from zoedepth_ros.geometry.rays import rays
from zoedepth_ros.path_traced.draws import Draws
from zoedepth_ros.path_traced.meshes import Array, turn, unit
from zoedepth_ros.path_traced.places import Aim, CameraRule, direction
from zoedepth_ros.path_traced.scene import Scene

SIZES_PX = ((256, 192), (256, 192), (256, 192), (296, 168), (272, 180), (192, 256), (222, 222))
"""Widths and heights of the images."""
HFOV_DEG = (33.0, 95.0)
"""Horizontal field of view; the tangent of its half is uniform in the logarithm."""
TRIES = 14
REDUCED = 4
"""Images that are only checked are smaller by this factor."""
LEAST_KNOWN = 0.75
"""Share of the pixels that must see a surface."""
CLEAR_M = (0.14, 0.3)
"""Distance of the nearest hundredth of the image: at least the first in close scenes."""


@dataclass(frozen=True, slots=True)
class View:
    """A camera in a scene.

    eye: (3,) [m].  rotation: (3, 3), columns right, down and forward.
    """

    eye: Array
    rotation: Array
    intrinsics: Intrinsics

    def rays(self) -> Array:
        """Return the directions through the centres of the pixels, depth 1, (H, W, 3)."""
        across = rays(CameraModel(self.intrinsics))
        return depth_to_points(np.ones(across.shape[:2], np.float32), across) @ self.rotation.T


def rotation_towards(forward: Array) -> Array:
    """Return an upright camera's rotation, (3, 3) with columns right, down and forward."""
    up = (0.0, 0.0, 1.0) if abs(unit(forward)[2]) < 0.999 else (1.0, 0.0, 0.0)
    right = unit(np.cross(forward, up))
    return np.stack([right, unit(np.cross(forward, right)), unit(forward)], axis=1)


def choose_view(
    scene: Scene, rule: CameraRule, draws: Draws, depth_of: Callable[[View], Array]
) -> View | None:
    """Return the first random view that fulfils the rule; None without one.

    depth_of: returns the depth of a view [m], (H, W), NaN where it is unknown.
    """
    width, height = draws.pick(SIZES_PX)
    for _ in range(TRIES):
        aim = rule.draw()
        eye = aim.target + aim.distance_m * direction(aim.elevation, aim.azimuth)
        if not _is_inside(scene, eye):
            continue
        rotation = rotation_towards(aim.target - eye) @ _deviation(draws, rule, aim)
        focal_px = _random_focal_px(draws, width, height)
        small = View(
            eye, rotation, _intrinsics(width // REDUCED, height // REDUCED, focal_px / REDUCED)
        )
        if _is_good(depth_of(small), rule, aim):
            return View(eye, rotation, _intrinsics(width, height, focal_px))
    return None


def _is_inside(scene: Scene, eye: Array) -> bool:
    x0, x1, y0, y1 = scene.room
    is_on_floor = x0 + 0.05 < eye[0] < x1 - 0.05 and y0 + 0.05 < eye[1] < y1 - 0.05
    return bool(is_on_floor and 0.08 < eye[2] < scene.ceiling_m - 0.06)


def _deviation(draws: Draws, rule: CameraRule, aim: Aim) -> Array:
    """Return a rotation of the camera about its forward, down and right axes."""
    any_roll = 0.35 if rule.is_close and aim.elevation > 0.9 else 0.0
    roll = draws.angle() if draws.coin(0.05) else draws.normal() * math.radians(6)
    if draws.coin(any_roll):
        roll = draws.angle()
    pitch, yaw = draws.normal(size=2) * math.radians(2.5)
    return (turn('z', roll) @ turn('y', yaw) @ turn('x', pitch))[:3, :3]


def _random_focal_px(draws: Draws, width: int, height: int) -> float:
    low, high = (math.tan(math.radians(angle / 2)) for angle in HFOV_DEG)
    focal_px = width / 2 / draws.log_between(low, high)
    return max(focal_px, 0.6 * height) if width < 256 else focal_px


def _intrinsics(width: int, height: int, focal_px: float) -> Intrinsics:
    centre = (width - 1) / 2, (height - 1) / 2
    return Intrinsics(focal_px, focal_px, *centre, width, height)


def _is_good(depth_m: Array, rule: CameraRule, aim: Aim) -> bool:
    if np.isfinite(depth_m).mean() < LEAST_KNOWN:
        return False
    if np.nanpercentile(depth_m, 1) < CLEAR_M[0 if rule.is_close else 1]:
        return False
    if rule.is_close:
        h, w = depth_m.shape[0] // 3, depth_m.shape[1] // 3
        centre_m = depth_m[h:-h, w:-w]
        if not 0.6 * aim.distance_m < _median(centre_m) < 1.5 * aim.distance_m:
            return False
    low, high = rule.median_m
    return low <= _median(depth_m) <= high


def _median(depth_m: Array) -> float:
    known = depth_m[np.isfinite(depth_m)]
    return float(np.median(known)) if known.size else math.inf
