"""Bring pictures to one size and keep the camera's numbers true; knows no ROS."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.errors import quoted
from zoedepth_ros.files import parse_yaml, read_text
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


@dataclass(frozen=True, slots=True)
class Calibration:
    """Hold what CameraInfo holds, for one picture size."""

    width: int
    """Columns [px]."""

    height: int
    """Rows [px]."""

    k: tuple[float, ...]
    """9 numbers of the camera matrix, row by row [px]."""

    p: tuple[float, ...]
    """12 numbers of the projection matrix, row by row [px]."""

    r: tuple[float, ...] = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
    """9 numbers of the rectification, row by row."""

    d: tuple[float, ...] = (0.0, 0.0, 0.0, 0.0, 0.0)
    """Coefficients of the distortion model."""

    distortion_model: str = 'plumb_bob'
    """Name as in sensor_msgs/distortion_models."""


def calibration_from_hfov(width: int, height: int, hfov_rad: float) -> Calibration:
    """Make a camera without distortion; raises CameraError for an impossible angle."""
    return calibration_of(Intrinsics.from_hfov(width, height, hfov_rad))


def calibration_of(camera: Intrinsics) -> Calibration:
    """Make the calibration of a camera without distortion."""
    k = camera.matrix()
    p = np.hstack([k, np.zeros((3, 1))])
    flat = tuple(k.ravel().tolist()), tuple(p.ravel().tolist())
    return Calibration(camera.width, camera.height, *flat)


def read_calibration(path: Path) -> Calibration:
    """Read a file as camera_calibration writes it.

    Raises CameraError naming the file and what is wrong with it.
    """
    try:
        content = parse_yaml(read_text(path))
    except (OSError, ValueError) as error:
        raise CameraError(f'calibration file {path}: {error}') from None
    if not isinstance(content, dict):
        raise CameraError(f'calibration file {path}: expected the keys of camera_calibration')
    try:
        k = _numbers(content, 'camera_matrix', 9)
        return Calibration(
            width=int(content['image_width']),
            height=int(content['image_height']),
            k=k,
            p=_numbers(content, 'projection_matrix', 12),
            r=_numbers(content, 'rectification_matrix', 9),
            d=_numbers(content, 'distortion_coefficients', None),
            distortion_model=str(content['distortion_model']),
        )
    except KeyError as error:
        raise CameraError(f'calibration file {path}: {error} is missing') from None
    except (TypeError, ValueError) as error:
        raise CameraError(f'calibration file {path}: {error}') from None


def _numbers(content: dict[str, Any], key: str, count: int | None) -> tuple[float, ...]:
    numbers = tuple(float(number) for number in content[key]['data'])
    if not all(np.isfinite(numbers)) or (count is not None and len(numbers) != count):
        expected = 'finite numbers' if count is None else f'{count} finite numbers'
        raise ValueError(f'{key} must hold {expected}, got {quoted(list(numbers))}')
    return numbers


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
