"""The direction in which every pixel looks."""

from __future__ import annotations

import math
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.geometry.intrinsics import EQUIDISTANT, UNDISTORTED, CameraModel

Numbers = NDArray[np.float64]

MAX_OFF_AXIS_RAD = math.radians(80.0)
"""Rays farther off the axis are unknown: their points are many times as far away as deep."""

MAX_ERROR_PX = 0.1  # a ray that misses its own pixel by more was not found
FINE_PX = 1e-3  # no need to be nearer
STEPS = 30
SAMPLES = 4096  # of the lens curve
TINY = 1e-12
SPIKE = 0.02  # distance of a pole from a zero, relative to it, that makes them a spike


def rays(camera: CameraModel) -> NDArray[np.float32]:
    """Give x/z and y/z for every pixel, (H, W, 2); slow with distortion, so keep the result.

    Convention: pixel centres at integers, x right, y down, z forward.  NaN where there is none:
    where the distortion cannot be inverted, and more than 80 degrees off the axis.
    """
    inner = camera.intrinsics
    x = (np.arange(inner.width) - inner.cx_px) / inner.fx_px
    y = (np.arange(inner.height) - inner.cy_px) / inner.fy_px
    directions = np.stack(np.meshgrid(x, y), axis=-1)  # (H, W, 2)
    return _undistort(directions, camera).astype(np.float32)


def rays_at(pixels: Numbers, camera: CameraModel) -> Numbers:
    """Give x/z and y/z of pixels (…, 2) column and row, as `rays` does."""
    k = camera.intrinsics
    return _undistort((pixels - (k.cx_px, k.cy_px)) / (k.fx_px, k.fy_px), camera)


def project(directions: NDArray[np.float32], camera: CameraModel) -> NDArray[np.float32]:
    """Give the pixel that sees each direction, (…, 2) column and row; the inverse of `rays`.

    directions: (…, 2) x/z and y/z.  NaN where the lens maps no pixel there: some models fold
    directions from far outside back into the image, so what is beyond `farthest_rad` is left out.
    """
    k = camera.intrinsics
    wanted = directions.astype(np.float64)
    with np.errstate(all='ignore'):
        pixels = _distort(wanted, camera) * (k.fx_px, k.fy_px) + (k.cx_px, k.cy_px)
        pixels[~_within(wanted, camera)] = np.nan
    return pixels.astype(np.float32)


@lru_cache(maxsize=64)
def farthest_rad(camera: CameraModel) -> float:
    """Give the largest usable angle off the axis [rad].

    Up to there the distance from the principal point grows with the angle, so that no two
    directions share a pixel.
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
    """Mark the directions (…, 2) that are usable; false for NaN."""
    return np.square(directions).sum(axis=-1) <= math.tan(farthest_rad(camera)) ** 2


def _undistort(wanted: Numbers, camera: CameraModel) -> Numbers:
    """Give the x/z and y/z that the lens maps to `wanted` (…, 2), NaN where none is found."""
    found = wanted
    if camera.distortion_model != UNDISTORTED:
        with np.errstate(all='ignore'):  # of poles and overflows come rays that are left out
            found = _inverted(wanted.reshape(-1, 2), camera).reshape(wanted.shape)
    found[~_within(found, camera)] = np.nan
    return found


def _inverted(wanted: Numbers, camera: CameraModel) -> Numbers:
    """Invert the distortion of `wanted` (n, 2); NaN where that fails.

    The inverse of the radial part is interpolated, and corrected for the rest step by step.
    """
    per_px = 1.0 / max(camera.intrinsics.fx_px, camera.intrinsics.fy_px)
    angles = np.linspace(0.0, farthest_rad(camera), SAMPLES)
    bent = _bent(angles, camera)
    aim, found, error_px = wanted.copy(), np.empty_like(wanted), np.full(len(wanted), np.inf)
    todo = np.flatnonzero(np.isfinite(wanted).all(axis=-1))
    for _ in range(STEPS):
        found[todo] = _unbent(aim[todo], bent, angles)
        missed = wanted[todo] - _distort(found[todo], camera)
        aim[todo] += missed
        error_px[todo] = np.abs(missed).max(axis=-1) / per_px
        near = np.square(aim[todo]).sum(axis=-1) < (1.1 * bent[-1]) ** 2  # else out of reach
        todo = todo[near & (error_px[todo] > FINE_PX)]
        if not len(todo):
            break
    found[~(error_px < MAX_ERROR_PX)] = np.nan
    return found


def _bent(angles: Numbers, camera: CameraModel) -> Numbers:
    """Give the distance from the principal point, per focal length, of angles off the axis."""
    if camera.distortion_model == EQUIDISTANT:
        return angles * np.polyval([*camera.distortion[::-1], 1.0], np.square(angles))
    n, m = _radial(camera.distortion)
    tangents = np.tan(angles)
    return tangents * n(np.square(tangents)) / m(np.square(tangents))


def _unbent(aim: Numbers, bent: Numbers, angles: Numbers) -> Numbers:
    """Invert the radial part alone: interpolate between `bent` (n,), which grows, and `angles`."""
    radius = np.sqrt(np.square(aim).sum(axis=-1))
    length = np.tan(np.interp(radius, bent, angles))
    return aim * (length / np.maximum(radius, TINY))[..., None]


def _distort(directions: Numbers, camera: CameraModel) -> Numbers:
    """Give what the lens makes of x/z and y/z (…, 2), unchecked and still per focal length."""
    if camera.distortion_model == UNDISTORTED:
        return directions
    if camera.distortion_model == EQUIDISTANT:
        radius = np.sqrt(np.square(directions).sum(axis=-1))
        bent = _bent(np.arctan(radius), camera)
        return directions * (bent / np.maximum(radius, TINY))[..., None]
    points = np.concatenate((directions, np.ones_like(directions[..., :1])), axis=-1)
    flat = points.reshape(-1, 1, 3)
    none = np.zeros(3)
    seen = cv2.projectPoints(flat, none, none, np.eye(3), np.array(camera.distortion))[0]
    return seen.reshape(directions.shape)


def _radial(d: tuple[float, ...]) -> tuple[np.poly1d, np.poly1d]:
    """Give numerator and denominator of the radial factor in s = r^2, D in OpenCV's order.

    A calibration with too many coefficients may have a pole in the image with a zero beside it,
    as those of OAK cameras do: a spike a pixel wide.  Such pairs are left out.
    """
    k1, k2, _, _, k3, k4, k5, k6 = (*d[:8], *(0.0,) * (8 - len(d)))
    zeros = list(np.poly1d([k3, k2, k1, 1.0]).roots)
    poles = list(np.poly1d([k6, k5, k4, 1.0]).roots)
    for pole in tuple(poles):
        beside = [zero for zero in zeros if abs(zero - pole) < SPIKE * abs(pole)]
        if pole.real > 0.0 and beside:
            zeros.remove(beside[0])
            poles.remove(pole)
    return _polynomial(zeros), _polynomial(poles)


def _polynomial(roots: list[complex]) -> np.poly1d:
    """Give the real polynomial of these roots that is 1 at 0."""
    product = np.poly1d([1.0])
    for root in roots:
        product *= np.poly1d([-1.0 / root, 1.0])
    return np.poly1d(np.real(product.coeffs))
