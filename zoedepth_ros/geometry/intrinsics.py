"""Pinhole cameras: what a calibration says about a picture of a certain size.

Convention: pixel centres lie at integers, so that the picture spans -0.5 to width - 0.5; x right,
y down, z forward (REP 103).
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

UNDISTORTED = 'none'
PLUMB_BOB, RATIONAL_POLYNOMIAL, EQUIDISTANT = 'plumb_bob', 'rational_polynomial', 'equidistant'
DISTORTION_NAMES = {
    **dict.fromkeys(('plumb_bob', 'radtan', 'radial_tangential', 'brown_conrady'), PLUMB_BOB),
    # PARITY: RealSense's inverse and modified models are plumb_bob to its ROS driver too.
    **dict.fromkeys(('inverse_brown_conrady', 'modified_brown_conrady'), PLUMB_BOB),
    **dict.fromkeys(('rational_polynomial', 'rational'), RATIONAL_POLYNOMIAL),
    **dict.fromkeys(('equidistant', 'equi', 'fisheye'), EQUIDISTANT),
    **dict.fromkeys(('kannala_brandt', 'kannala_brandt4'), EQUIDISTANT),
    '': PLUMB_BOB,  # as camera_calibration_parsers reads a file without a name
}
"""Distortion model of a CameraInfo, as drivers spell it -> its name in sensor_msgs."""

COEFFICIENT_COUNTS = {
    PLUMB_BOB: (4, 5, 8, 12, 14),
    RATIONAL_POLYNOMIAL: (4, 5, 8, 12, 14),
    EQUIDISTANT: (4,),
}
"""Distortion model -> the numbers of coefficients that OpenCV takes for it.

The first two are one function of OpenCV's, whose coefficients are in one order.
"""


LARGEST_COEFFICIENT = 1e6
"""Overfitted calibrations of rational polynomials have hundreds."""


class CameraError(ValueError):
    """Say why a calibration cannot be used."""


class Roi(NamedTuple):
    """Hold the part of the sensor that was read out, in full-resolution pixels (REP 104)."""

    x_offset: int = 0
    y_offset: int = 0
    width: int = 0
    height: int = 0


MAX_TANGENT = 1e4
"""Rays steeper than this against the axis, and focal lengths of more pictures, are errors."""

NARROWEST_DEG, WIDEST_DEG, WIDEST_FISHEYE_DEG = 0.5, 175.0, 360.0
"""No calibration of a camera has another field of view."""


@dataclass(frozen=True, slots=True)
class Intrinsics:
    """Hold a pinhole projection u = fx x/z + cx, v = fy y/z + cy for one picture size."""

    fx_px: float
    """Horizontal focal length [px]."""

    fy_px: float
    """Vertical focal length [px]."""

    cx_px: float
    """Column of the principal point [px], 0 in the middle of the first column."""

    cy_px: float
    """Row of the principal point [px], 0 in the middle of the first row."""

    width: int
    """Columns of the picture [px]."""

    height: int
    """Rows of the picture [px]."""

    def __post_init__(self) -> None:
        numbers = (self.fx_px, self.fy_px, self.cx_px, self.cy_px)
        if not all(math.isfinite(number) for number in numbers):
            raise CameraError(f'focal lengths and principal point must be finite, got {numbers}')
        if self.fx_px <= 0 or self.fy_px <= 0:
            raise CameraError(
                f'focal lengths must be positive, got {self.fx_px} and {self.fy_px} px'
            )
        if self.width < 1 or self.height < 1:
            raise CameraError(
                f'the picture size must be positive, got {self.width} x {self.height}'
            )
        for focal_px, center_px, side_px in (
            (self.fx_px, self.cx_px, self.width),
            (self.fy_px, self.cy_px, self.height),
        ):
            steepest = (abs(center_px) + side_px) / focal_px
            if steepest > MAX_TANGENT or focal_px / side_px > MAX_TANGENT:
                raise CameraError(
                    f'a focal length of {focal_px:.3g} px with the axis at {center_px:.3g} px is '
                    f'none of a picture of {side_px} px'
                )

    @classmethod
    def from_hfov(cls, width: int, height: int, hfov_rad: float) -> Intrinsics:
        """Make square pixels whose picture spans `hfov_rad` from edge to edge, axis in the middle.

        Raises CameraError for an angle outside (0, pi).
        """
        if not 0.0 < hfov_rad < math.pi:
            raise CameraError(f'the field of view must be between 0 and pi rad, got {hfov_rad}')
        focal_px = 0.5 * width / math.tan(0.5 * hfov_rad)
        return cls(focal_px, focal_px, 0.5 * (width - 1), 0.5 * (height - 1), width, height)

    @property
    def hfov_rad(self) -> float:
        """The angle between the left and the right edge of the picture [rad]."""
        left = (self.cx_px + 0.5) / self.fx_px
        right = (self.width - 0.5 - self.cx_px) / self.fx_px
        return math.atan(left) + math.atan(right)

    def matrix(self) -> NDArray[np.float64]:
        """Give K (3, 3) [px]."""
        return np.array(
            [[self.fx_px, 0.0, self.cx_px], [0.0, self.fy_px, self.cy_px], [0.0, 0.0, 1.0]]
        )

    def scaled_to(self, width: int, height: int) -> Intrinsics:
        """Give the intrinsics of the same picture resized to another size.

        Resizing keeps the edges of the picture in place, so the principal point moves by half
        pixels.  Raises CameraError when the two sides ask for different factors.
        """
        if (width, height) == (self.width, self.height):
            return self
        factor_x, factor_y = width / self.width, height / self.height
        if abs(factor_x - factor_y) * max(self.width, self.height) > 1.0:  # more than rounding
            raise CameraError(
                f'the picture is {width} x {height}, the calibration is for '
                f'{self.width} x {self.height}: expected one factor for both sides'
            )
        return Intrinsics(
            self.fx_px * factor_x,
            self.fy_px * factor_y,
            (self.cx_px + 0.5) * factor_x - 0.5,
            (self.cy_px + 0.5) * factor_y - 0.5,
            width,
            height,
        )


@dataclass(frozen=True, slots=True)
class CameraModel:
    """Hold a pinhole projection and what the lens does to it; hashable, so a key for caches."""

    intrinsics: Intrinsics
    """The projection, at the picture's size."""

    distortion_model: str = UNDISTORTED
    """'none' or a model name of CameraInfo."""

    distortion: tuple[float, ...] = ()
    """The coefficients of the model, in OpenCV's order; they do not depend on the size."""


def camera_from_calibration(
    *,
    k: Sequence[float],
    d: Sequence[float],
    p: Sequence[float],
    distortion_model: str,
    width: int,
    height: int,
    image_width: int,
    image_height: int,
    rectified: bool,
    binning_x: int = 0,
    binning_y: int = 0,
    roi: Roi | tuple[int, int, int, int] = (0, 0, 0, 0),
) -> CameraModel:
    """Read the fields of a CameraInfo for a picture of size image_width x image_height.

    k: 9, p: 12 numbers, row by row.  Rectified pictures take P, whose translation column (the
    second camera of a stereo pair) is left out, raw ones K and D.  binning 0 is 1 and an empty ROI
    the whole picture.  Raises CameraError saying what is wrong.
    """
    name, matrix = projection_used(k=k, d=d, p=p, rectified=rectified)
    lens = _distortion(distortion_model, d) if name == 'K' else (UNDISTORTED, ())
    if min(width, height) < 1:
        raise CameraError(
            f'width and height of the calibration are {width} x {height}: its size must be '
            f'positive, as of the images it was made with (here {image_width} x {image_height})'
        )
    _refuse_impossible(full_image(matrix, width, height), lens[0], name)
    seen = read_out(matrix, width, height, (binning_x, binning_y), Roi(*roi))
    return CameraModel(seen.scaled_to(image_width, image_height), *lens)


def projection_used(
    *, k: Sequence[float], d: Sequence[float], p: Sequence[float], rectified: bool
) -> tuple[str, NDArray[np.float64]]:
    """Give 'K' or 'P' and its matrix, (3, 3) or (3, 4): what images are read with.

    Rectified images take P where it is there; drivers of lenses without distortion often fill K
    alone.  Raises CameraError for a matrix that is none.
    """
    if rectified and len(p) > 0 and (any(p) or any(d)):
        return 'P', _matrix(p, 12, 'P')
    return 'K', _matrix(k, 9, 'K')


def full_image(matrix: NDArray[np.float64], width: int, height: int) -> Intrinsics:
    """Give the projection of the full image, before region of interest and binning."""
    fx_px, fy_px = float(matrix[0, 0]), float(matrix[1, 1])
    return Intrinsics(fx_px, fy_px, float(matrix[0, 2]), float(matrix[1, 2]), width, height)


def field_of_view_deg(focal_px: float, side_px: int, lens: str) -> float:
    """Give the angle between opposite edges of an image with its axis in the middle [degrees].

    lens: distortion model; the coefficients do not count.
    """
    half = 0.5 * side_px / focal_px
    return math.degrees(2.0 * (half if lens == EQUIDISTANT else math.atan(half)))


def _refuse_impossible(full: Intrinsics, lens: str, name: str) -> None:
    """Raise CameraError where the projection of a full image cannot be of a camera."""
    widest_deg = WIDEST_FISHEYE_DEG if lens == EQUIDISTANT else WIDEST_DEG
    for axis, focal_px, center_px, side_px in (
        ('x', full.fx_px, full.cx_px, full.width),
        ('y', full.fy_px, full.cy_px, full.height),
    ):
        angle_deg = field_of_view_deg(focal_px, side_px, lens)
        if not NARROWEST_DEG <= angle_deg <= widest_deg:
            raise CameraError(
                f'{name} is not of a camera: f{axis} = {focal_px:.4g} px is a field of view of '
                f'{angle_deg:.4g} degrees over {side_px} px, expected {NARROWEST_DEG:g} to '
                f'{widest_deg:g}'
            )
        if not -0.5 < center_px < side_px - 0.5:
            raise CameraError(
                f'{name} is not of this image: its optical axis c{axis} = {center_px:.4g} px is '
                f'outside the {side_px} px (a part of a larger image is described by roi)'
            )


def _matrix(numbers: Sequence[float], count: int, name: str) -> NDArray[np.float64]:
    """Check the numbers of K or P and give them as (3, 3) or (3, 4)."""
    if len(numbers) != count:
        raise CameraError(f'{name} must have {count} numbers, got {len(numbers)}')
    matrix = np.array([float(number) for number in numbers]).reshape(3, -1)
    if not np.isfinite(matrix).all():
        raise CameraError(f'{name} must be finite, got {matrix.ravel().tolist()}')
    if matrix[0, 0] == 0:
        raise CameraError(f'the camera is not calibrated: {name}[0] is 0')
    if matrix[2, :2].any():
        raise CameraError(
            f'the last row of {name} must begin with 0 0, got {matrix[2].tolist()}: are its rows '
            'and columns interchanged?'
        )
    return matrix


def known_distortion(model: str) -> str | None:
    """Give the name in sensor_msgs of a distortion model as drivers spell it; None if unknown."""
    return DISTORTION_NAMES.get(re.sub('[ -]+', '_', model.strip().lower()))


def _distortion(model: str, d: Sequence[float]) -> tuple[str, tuple[float, ...]]:
    """Check the distortion coefficients; all zero is no distortion, whatever the model's name.

    So does image_geometry read it, and so drivers mark rectified images of fisheye lenses.
    """
    coefficients = tuple(float(number) for number in d)
    name = known_distortion(model)
    if not any(coefficients):
        return UNDISTORTED, ()
    if not all(math.isfinite(number) for number in coefficients):
        raise CameraError(f'D must be finite, got {list(coefficients)}')
    if max(abs(number) for number in coefficients) > LARGEST_COEFFICIENT:
        raise CameraError(f'D is not of a lens, got {list(coefficients)}')
    if name is None:
        known = ', '.join(COEFFICIENT_COUNTS)
        raise CameraError(f'unknown distortion model {model!r}: expected one of {known}')
    counts = COEFFICIENT_COUNTS[name]
    if len(coefficients) not in counts:
        expected = ' or '.join(str(count) for count in counts)
        raise CameraError(f'D of {name} must have {expected} numbers, got {len(coefficients)}')
    return name, coefficients


def read_out(
    matrix: NDArray[np.float64], width: int, height: int, binning: tuple[int, int], roi: Roi
) -> Intrinsics:
    """Apply first the ROI, then the binning (REP 104) to a full-resolution K or P.

    PARITY: the principal point becomes (c - offset) / binning, without half pixels, as in
    image_geometry's PinholeCameraModel.fromCameraInfo, which calibrations are used with.
    """
    bin_x, bin_y = max(1, binning[0]), max(1, binning[1])
    seen_width = (roi.width or width - roi.x_offset) // bin_x
    seen_height = (roi.height or height - roi.y_offset) // bin_y
    if roi.x_offset + roi.width > width or roi.y_offset + roi.height > height:
        raise CameraError(f'the region of interest {tuple(roi)} leaves the {width} x {height} px')
    return Intrinsics(
        matrix[0, 0] / bin_x,
        matrix[1, 1] / bin_y,
        (matrix[0, 2] - roi.x_offset) / bin_x,
        (matrix[1, 2] - roi.y_offset) / bin_y,
        seen_width,
        seen_height,
    )


def assumed_camera(shape: tuple[int, ...], hfov_rad: float) -> CameraModel | None:
    """Give the pinhole camera of pictures (H, W, …) of a field of view; None for 0.0."""
    return CameraModel(Intrinsics.from_hfov(shape[1], shape[0], hfov_rad)) if hfov_rad else None
