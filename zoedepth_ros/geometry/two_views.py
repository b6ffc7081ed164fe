"""Depth of points that two images with a known motion between them share."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]

ITERATIONS = 5
ROTATION_RAD, ROTATION_RAD_PER_M = 1e-3, 0.01
"""Standard deviation of a measured rotation, and its growth with the distance travelled."""

DIRECTION_RAD = 0.03
"""Standard deviation of the direction of a measured translation [rad]."""


@dataclass(frozen=True, slots=True)
class CameraPose:
    """The pose of an optical frame in a fixed frame."""

    rotation: Numbers
    """Columns are the camera's right, down and forward in the fixed frame, (3, 3)."""

    position_m: Numbers
    """Position in the fixed frame [m], (3,)."""

    def to_fixed(self, points_m: NDArray[np.floating]) -> Numbers:
        """Return points (n, 3) of this frame in the fixed frame [m]."""
        return points_m @ self.rotation.T + self.position_m

    def from_fixed(self, points_m: NDArray[np.floating]) -> Numbers:
        """Return points (n, 3) of the fixed frame in this frame [m]."""
        return (points_m - self.position_m) @ self.rotation


@dataclass(frozen=True, slots=True)
class Motion:
    """Motion of a camera: a point x of the first image is `rotation @ x + translation_m` now."""

    rotation: Numbers
    """(3, 3)."""

    translation_m: Numbers
    """(3,)."""

    @classmethod
    def between(cls, first: CameraPose, now: CameraPose) -> Motion:
        """Return the motion between two poses."""
        back = now.rotation.T
        return cls(back @ first.rotation, back @ (first.position_m - now.position_m))

    def parallax_rad(self, first: Numbers, now: Numbers) -> Numbers:
        """Return the angles between unit rays (n, 3) to the same points, without the rotation."""
        across = np.linalg.norm(np.cross(first @ self.rotation.T, now), axis=1)
        return np.arcsin(np.minimum(across, 1.0))

    def epipolar_rad(self, first: Numbers, now: Numbers) -> Numbers:
        """Return the signed angles between rays and the epipolar planes of the others, (n,)."""
        plane = np.cross(self.translation_m, first @ self.rotation.T)
        plane /= np.maximum(np.linalg.norm(plane, axis=1, keepdims=True), 1e-9)
        return (now * plane).sum(axis=1)

    def depths_m(self, first: Numbers, now: Numbers) -> tuple[Numbers, Numbers]:
        """Return depth along z [m] in both images, (n,) each; NaN without parallax."""
        ahead = first @ self.rotation.T
        across = np.cross(ahead, now)
        size = np.square(across).sum(axis=1)
        with np.errstate(divide='ignore', invalid='ignore'):
            far = (np.cross(now, self.translation_m) * across).sum(axis=1) / size
            near = (np.cross(ahead, self.translation_m) * across).sum(axis=1) / size
        return far * first[:, 2], near * now[:, 2]

    def refined(self, first: Numbers, now: Numbers, ray_error_rad: float) -> Motion:
        """Return the motion that also fits rays (n, 3) to the same points; its length is kept.

        Corrects rotation and direction of the translation by the epipolar geometry, within the
        errors of odometry.  Rays that do not fit lose their weight.  ray_error_rad: standard
        deviation of a ray.
        """
        length_m = float(np.linalg.norm(self.translation_m))
        if length_m <= 0.0:
            return self
        rotation_rad = ROTATION_RAD + ROTATION_RAD_PER_M * length_m
        prior = np.diag([*[rotation_rad**-2] * 3, *[DIRECTION_RAD**-2] * 3])
        total, motion = np.zeros(6), self
        for _ in range(ITERATIONS):
            error = motion.epipolar_rad(first, now)
            ahead, along = first @ motion.rotation.T, motion.translation_m / length_m
            plane = np.cross(along, ahead)
            size = np.maximum(np.linalg.norm(plane, axis=1, keepdims=True), 1e-2)
            change = np.hstack((np.cross(ahead, np.cross(now, along)), np.cross(ahead, now)))
            change /= size
            weight = 1.0 / (ray_error_rad**2 + np.square(error))  # Cauchy
            normal = (change * weight[:, None]).T @ change + prior
            step = np.linalg.solve(normal, -(change * weight[:, None]).T @ error - prior @ total)
            total += step
            turn = cv2.Rodrigues(step[:3])[0]
            along = along + step[3:]
            motion = Motion(
                turn @ motion.rotation, length_m * along / float(np.linalg.norm(along))
            )
        return motion


def turn_rad(rotation: Numbers) -> float:
    """Return the angle of a rotation (3, 3) [rad]."""
    return math.acos(min(1.0, max(-1.0, 0.5 * (float(np.trace(rotation)) - 1.0))))
