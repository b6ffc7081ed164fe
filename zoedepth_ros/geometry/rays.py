"""Ray directions of pixels, and projection of directions to pixels."""

from __future__ import annotations

import math
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.geometry.intrinsics import EQUIDISTANT, UNDISTORTED, CameraModel

Numbers = NDArray[np.float64]

MAX_OFF_AXIS_RAD = math.radians(80.0)
"""Rays farther off the axis are NaN: the distance of their points far exceeds the depth."""

MAX_ERROR_PX = 0.1  # largest reprojection error of a valid ray
FINE_PX = 1e-3  # reprojection error at which the iteration stops
ITERATIONS = 30
SAMPLES = 4096  # of the radial distortion curve
TINY = 1e-12
SPIKE = 0.02  # relative distance of a pole and a zero that cancel


def rays(camera: CameraModel) -> NDArray[np.float32]:
    """Return x/z and y/z of every pixel, (H, W, 2); slow with distortion, so cache the result.

    Convention: pixel centres at integers, x right, y down, z forward.  NaN if the distortion
    cannot be inverted, and more than 80 degrees off the axis.
    """
    width, height = float(camera.intrinsics.width), float(camera.intrinsics.height)
    columns, rows = np.arange(width), np.arange(height)
    return rays_at(np.stack(np.meshgrid(columns, rows), axis=-1), camera).astype(np.float32)


def ray_cosines(directions: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return z of the unit vectors of rays (H, W, 2), x/z and y/z: (H, W)."""
    squares = np.einsum('...i,...i->...', directions, directions)
    return (np.float32(1.0) / np.sqrt(np.float32(1.0) + squares)).astype(np.float32)


def rays_at(pixels: Numbers, camera: CameraModel) -> Numbers:
    """Return x/z and y/z of pixels (…, 2) column and row, as `rays` does."""
    k = camera.intrinsics
    return _undistort((pixels - (k.cx_px, k.cy_px)) / (k.fx_px, k.fy_px), camera)


def project(directions: NDArray[np.float32], camera: CameraModel) -> NDArray[np.float32]:
    """Project directions to pixels, (…, 2) column and row; the inverse of `rays`.

    directions: (…, 2) x/z and y/z.  Directions beyond `farthest_rad` become NaN, because some
    distortion models fold them back into the image.
    """
    k = camera.intrinsics
    wanted = directions.astype(np.float64)
    with np.errstate(all='ignore'):
        pixels = _distort(wanted, camera) * (k.fx_px, k.fy_px) + (k.cx_px, k.cy_px)
        pixels[~_within(wanted, camera)] = np.nan
    return pixels.astype(np.float32)


@lru_cache(maxsize=64)
def farthest_rad(camera: CameraModel) -> float:
    """Return the largest valid angle off the axis [rad].

    Up to this angle the radius in the image grows with the angle, so the projection is unique.
    """
    d = camera.distortion
    if camera.distortion_model == UNDISTORTED:
        return MAX_OFF_AXIS_RAD
    if camera.distortion_model == EQUIDISTANT:  # t + k1 t^3 + ... in s = t^2
        growth = np.poly1d([9 * d[3], 7 * d[2], 5 * d[1], 3 * d[0], 1.0])
    else:  # r n(s) / m(s) in s = r^2; nor beyond a pole
        n, m = _radial(d)
        s = np.poly1d([1.0, 0.0])
        growth = ((n + 2 * s * n.deriv()) * m - 2 * s * n * m.deriv()) * m
    roots = growth.roots
    ends = np.sqrt(roots.real[(np.abs(roots.imag) < 1e-9) & (roots.real > 0.0)])
    if camera.distortion_model != EQUIDISTANT:
        ends = np.arctan(ends)
    return float(min((MAX_OFF_AXIS_RAD, *ends)))


def _within(directions: Numbers, camera: CameraModel) -> NDArray[np.bool_]:
    """Mark the directions (…, 2) within `farthest_rad`; False for NaN."""
    return np.square(directions).sum(axis=-1) <= math.tan(farthest_rad(camera)) ** 2


def _undistort(wanted: Numbers, camera: CameraModel) -> Numbers:
    """Return the undistorted x/z and y/z of distorted ones, (…, 2); NaN if there are none."""
    found = wanted
    if camera.distortion_model != UNDISTORTED:
        with np.errstate(all='ignore'):  # poles and overflows become NaN
            found = _inverted(wanted.reshape(-1, 2), camera).reshape(wanted.shape)
    found[~_within(found, camera)] = np.nan
    return found


def _inverted(wanted: Numbers, camera: CameraModel) -> Numbers:
    """Invert the distortion of `wanted` (n, 2) iteratively; NaN where that fails.

    Each iteration interpolates the inverse of the radial part and corrects by the residual.
    """
    per_px = 1.0 / max(camera.intrinsics.fx_px, camera.intrinsics.fy_px)
    angles = np.linspace(0.0, farthest_rad(camera), SAMPLES, endpoint=False)  # maybe a pole
    radii = _radius(angles, camera)
    aim, found, error_px = wanted.copy(), np.empty_like(wanted), np.full(len(wanted), np.inf)
    todo = np.flatnonzero(np.isfinite(wanted).all(axis=-1))
    for _ in range(ITERATIONS):
        found[todo] = _undistort_radial(aim[todo], radii, angles)
        missed = wanted[todo] - _distort(found[todo], camera)
        aim[todo] += missed
        error_px[todo] = np.abs(missed).max(axis=-1) / per_px
        near = np.square(aim[todo]).sum(axis=-1) < (1.1 * radii[-1]) ** 2  # else out of reach
        todo = todo[near & (error_px[todo] > FINE_PX)]
        if not len(todo):
            break
    found[~(error_px < MAX_ERROR_PX)] = np.nan
    return found


def _radius(angles: Numbers, camera: CameraModel) -> Numbers:
    """Return the radius in the image of angles off the axis, in focal lengths."""
    if camera.distortion_model == EQUIDISTANT:
        return angles * np.polyval([*camera.distortion[::-1], 1.0], np.square(angles))
    n, m = _radial(camera.distortion)
    tangents = np.tan(angles)
    return tangents * n(np.square(tangents)) / m(np.square(tangents))


def _undistort_radial(aim: Numbers, radii: Numbers, angles: Numbers) -> Numbers:
    """Invert the radial part by interpolation between `radii` (n,), ascending, and `angles`."""
    radius = np.sqrt(np.square(aim).sum(axis=-1))
    length = np.tan(np.interp(radius, radii, angles))
    return aim * (length / np.maximum(radius, TINY))[..., None]


def _distort(directions: Numbers, camera: CameraModel) -> Numbers:
    """Apply the lens distortion to x/z and y/z (…, 2), in focal lengths and without checks."""
    if camera.distortion_model == UNDISTORTED or not directions.size:  # OpenCV refuses none
        return directions
    if camera.distortion_model == EQUIDISTANT:
        radius = np.sqrt(np.square(directions).sum(axis=-1))
        radii = _radius(np.arctan(radius), camera)
        return directions * (radii / np.maximum(radius, TINY))[..., None]
    points = np.concatenate((directions, np.ones_like(directions[..., :1])), axis=-1)
    flat = points.reshape(-1, 1, 3)
    none = np.zeros(3)
    distorted = cv2.projectPoints(flat, none, none, np.eye(3), np.array(camera.distortion))[0]
    return distorted.reshape(directions.shape)


def _radial(d: tuple[float, ...]) -> tuple[np.poly1d, np.poly1d]:
    """Return numerator and denominator of the radial factor in s = r^2, D in OpenCV's order.

    An overfitted calibration, such as that of OAK cameras, may have a pole next to a zero within
    the image: a spike of one pixel.  Such pairs are removed.
    """
    k1, k2, _, _, k3, k4, k5, k6 = (*d[:8], *(0.0,) * (8 - len(d)))
    zeros = list(np.poly1d([k3, k2, k1, 1.0]).roots)
    poles = list(np.poly1d([k6, k5, k4, 1.0]).roots)
    for pole in tuple(poles):
        nearby = [zero for zero in zeros if abs(zero - pole) < SPIKE * abs(pole)]
        if pole.real > 0.0 and nearby:
            zeros.remove(nearby[0])
            poles.remove(pole)
    return _polynomial(zeros), _polynomial(poles)


def _polynomial(roots: list[complex]) -> np.poly1d:
    """Return the real polynomial with these roots and the value 1 at 0."""
    product = np.poly1d([1.0])
    for root in roots:
        product *= np.poly1d([-1.0 / root, 1.0])
    return np.poly1d(np.real(product.coeffs))
