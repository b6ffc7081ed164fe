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


def _undistorted(camera: CameraModel) -> NDArray[np.float32]:
    """Invert the distortion numerically and keep what projects back to its own pixel."""
    inner, k = camera.intrinsics, camera.intrinsics.matrix()
    d = np.array(camera.distortion)
    columns, rows = np.meshgrid(np.arange(inner.width), np.arange(inner.height))
    pixels = np.stack((columns, rows), axis=-1).reshape(-1, 1, 2).astype(np.float64)
    with np.errstate(all='ignore'):
        if camera.distortion_model == 'equidistant':
            found = cv2.fisheye.undistortPoints(pixels, k, d)
            back = cv2.fisheye.distortPoints(found, k, d)
        else:
            found = cv2.undistortPointsIter(pixels, k, d, None, None, CRITERIA)
            points = np.concatenate((found, np.ones_like(found[..., :1])), axis=-1)
            back = cv2.projectPoints(points, np.zeros(3), np.zeros(3), k, d)[0]
        missed = ~(np.abs(back - pixels).max(axis=-1) < MAX_REPROJECTION_PX)
    found[missed] = np.nan
    return found.reshape(inner.height, inner.width, 2).astype(np.float32)
