"""The direction in which every pixel looks."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.geometry.intrinsics import UNDISTORTED, CameraModel

CRITERIA = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 100, 1e-9)
MAX_REPROJECTION_PX = 0.1  # a ray that misses its own pixel by more was not found


def rays(camera: CameraModel) -> NDArray[np.float32]:
    """Give x/z and y/z for every pixel, (H, W, 2); slow with distortion, so keep the result.

    Convention: pixel centres at integers, x right, y down, z forward.  NaN where the distortion
    cannot be inverted: outside the model's range, and 90 degrees or more off the axis.
    """
    if camera.distortion_model != UNDISTORTED:
        return _undistorted(camera)
    inner = camera.intrinsics
    x = (np.arange(inner.width) - inner.cx_px) / inner.fx_px
    y = (np.arange(inner.height) - inner.cy_px) / inner.fy_px
    return np.stack(np.meshgrid(x, y), axis=-1).astype(np.float32)  # (H, W, 2)


def project(directions: NDArray[np.float32], camera: CameraModel) -> NDArray[np.float32]:
    """Give the pixel that sees each direction, (…, 2) column and row; the inverse of `rays`.

    directions: (…, 2) x/z and y/z.  NaN where the lens maps no pixel there: some models fold
    directions from far outside back into the picture, so what does not come back is left out.
    """
    wanted = directions.reshape(-1, 1, 2).astype(np.float64)
    if camera.distortion_model == UNDISTORTED:
        k = camera.intrinsics
        pixels = wanted * (k.fx_px, k.fy_px) + (k.cx_px, k.cy_px)
    else:
        with np.errstate(all='ignore'):
            pixels = _distort(wanted, camera)
            again = _undistort(pixels, camera)
            limit = MAX_REPROJECTION_PX / camera.intrinsics.fx_px
            reach = 1.0 + np.square(wanted).sum(axis=-1)  # a pixel is more tangent far off axis
            pixels[~(np.abs(again - wanted).max(axis=-1) < limit * reach)] = np.nan
    return pixels.reshape(directions.shape).astype(np.float32)


def _undistorted(camera: CameraModel) -> NDArray[np.float32]:
    """Invert the distortion numerically and keep what projects back to its own pixel."""
    inner = camera.intrinsics
    columns, rows = np.meshgrid(np.arange(inner.width), np.arange(inner.height))
    pixels = np.stack((columns, rows), axis=-1).reshape(-1, 1, 2).astype(np.float64)
    with np.errstate(all='ignore'):
        found = _undistort(pixels, camera)
        missed = ~(np.abs(_distort(found, camera) - pixels).max(axis=-1) < MAX_REPROJECTION_PX)
    found[missed] = np.nan
    return found.reshape(inner.height, inner.width, 2).astype(np.float32)


def _undistort(pixels: NDArray[np.float64], camera: CameraModel) -> NDArray[np.float64]:
    """Give x/z and y/z of pixels (n, 1, 2), unchecked."""
    k, d = camera.intrinsics.matrix(), np.array(camera.distortion)
    if camera.distortion_model == 'equidistant':
        return cv2.fisheye.undistortPoints(pixels, k, d)
    return cv2.undistortPointsIter(pixels, k, d, None, None, CRITERIA)


def _distort(directions: NDArray[np.float64], camera: CameraModel) -> NDArray[np.float64]:
    """Give the pixels of x/z and y/z (n, 1, 2), unchecked."""
    k, d = camera.intrinsics.matrix(), np.array(camera.distortion)
    if camera.distortion_model == 'equidistant':
        return cv2.fisheye.distortPoints(directions, k, d)
    points = np.concatenate((directions, np.ones_like(directions[..., :1])), axis=-1)
    return cv2.projectPoints(points, np.zeros(3), np.zeros(3), k, d)[0]
