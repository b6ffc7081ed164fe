"""Bring pictures to one size and keep the camera's numbers true; knows no ROS."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.geometry.calibration_file import Calibration
from zoedepth_ros.geometry.intrinsics import CameraError, Intrinsics


@dataclass(frozen=True, slots=True)
class Fit:
    """Hold how a picture is cut and resized: first the cut, then the factors."""

    left_px: int
    """Columns cut off at the left [px]."""

    top_px: int
    """Rows cut off at the top [px]."""

    cut_width: int
    """Width that is kept [px]."""

    cut_height: int
    """Height that is kept [px]."""

    width: int
    """Width of the result [px]."""

    height: int
    """Height of the result [px]."""


def fit_to(picture_width: int, picture_height: int, *, width: int, height: int) -> Fit:
    """Plan how a picture becomes `width` x `height`, where 0 is free and keeps the proportions.

    With both given the middle is cut out, never stretched.
    """
    if width and height:
        cut_width = min(picture_width, max(1, round(picture_height * width / height)))
        cut_height = min(picture_height, max(1, round(picture_width * height / width)))
    else:
        cut_width, cut_height = picture_width, picture_height
        factor = width / picture_width if width else height / picture_height if height else 1.0
        width = width or max(1, round(factor * picture_width))
        height = height or max(1, round(factor * picture_height))
    left, top = (picture_width - cut_width) // 2, (picture_height - cut_height) // 2
    return Fit(left, top, cut_width, cut_height, width, height)


def fit_picture(rgb: NDArray[np.uint8], fit: Fit) -> NDArray[np.uint8]:
    """Cut and resize a picture (H, W, 3)."""
    cut = rgb[fit.top_px :, fit.left_px :][: fit.cut_height, : fit.cut_width]
    if cut.shape[:2] == (fit.height, fit.width):
        return np.ascontiguousarray(cut)
    shrinks = fit.width < fit.cut_width
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return cv2.resize(cut, (fit.width, fit.height), interpolation=method)


def calibration_from_hfov(width: int, height: int, hfov_rad: float) -> Calibration:
    """Make a camera without distortion; raises CameraError for an impossible angle."""
    return calibration_of(Intrinsics.from_hfov(width, height, hfov_rad))


def calibration_of(camera: Intrinsics) -> Calibration:
    """Make the calibration of a camera without distortion."""
    k = camera.matrix()
    p = np.hstack([k, np.zeros((3, 1))])
    flat = tuple(k.ravel().tolist()), tuple(p.ravel().tolist())
    return Calibration(camera.width, camera.height, *flat)


def scaled_to(calibration: Calibration, width: int, height: int) -> Calibration:
    """Give the calibration of the same picture resized; CameraError unless by one factor."""
    if (width, height) == (calibration.width, calibration.height):
        return calibration
    factor_x, factor_y = width / calibration.width, height / calibration.height
    if abs(factor_x - factor_y) * max(calibration.width, calibration.height) > 1.0:
        raise CameraError(
            f'the picture is {width} x {height}, the calibration is for '
            f'{calibration.width} x {calibration.height}: expected one factor for both sides'
        )
    whole = Fit(0, 0, calibration.width, calibration.height, width, height)
    return fit_calibration(calibration, whole)


def fit_calibration(calibration: Calibration, fit: Fit) -> Calibration:
    """Give the calibration of the picture that `fit` makes.

    Convention: pixel centres at integers, so a factor f takes column u to f (u + 0.5) - 0.5.
    """
    factor_x, factor_y = fit.width / fit.cut_width, fit.height / fit.cut_height
    move = np.array(
        [
            [factor_x, 0.0, factor_x * (0.5 - fit.left_px) - 0.5],
            [0.0, factor_y, factor_y * (0.5 - fit.top_px) - 0.5],
            [0.0, 0.0, 1.0],
        ]
    )
    k = move @ np.reshape(calibration.k, (3, 3))
    p = move @ np.reshape(calibration.p, (3, 4))
    return replace(
        calibration,
        width=fit.width,
        height=fit.height,
        k=tuple(k.ravel().tolist()),
        p=tuple(p.ravel().tolist()),
    )
