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

IMPOSSIBLE_NARROW_DEG, IMPOSSIBLE_WIDE_DEG, IMPOSSIBLE_FISHEYE_DEG = 0.5, 175.0, 360.0
"""No calibration of a camera has a field of view beyond these."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationFields:
    """Hold the fields of a CameraInfo that make its camera, and which projection is read."""

    k: Sequence[float]
    """9 numbers of K, row by row [px]."""

    d: Sequence[float]
    """Coefficients of the distortion model."""

    p: Sequence[float]
    """12 numbers of P, row by row [px], whose translation column (the second camera of a stereo
    pair) is left out; empty for none."""

    distortion_model: str
    """As drivers spell it."""

    width: int
    """Columns of the full image [px]."""

    height: int
    """Rows of the full image [px]."""

    rectified: bool
    """Whether images are rectified and take P; raw ones take K and D."""

    binning_x: int = 0
    """Columns in one; 0 is 1."""

    binning_y: int = 0
    """Rows in one; 0 is 1."""

    roi: Roi | tuple[int, int, int, int] = (0, 0, 0, 0)
    """Part of the full image that was read out; empty is all."""

    def projection(self) -> tuple[str, NDArray[np.float64]]:
        """Give 'K' or 'P' and its matrix, (3, 3) or (3, 4): what images are read with.

        Rectified images take P where it is there; drivers of lenses without distortion often fill
        K alone.  Raises CameraError for a matrix that is none.
        """
        if self.rectified and len(self.p) > 0 and (any(self.p) or any(self.d)):
            return 'P', _matrix(self.p, 12, 'P')
        return 'K', _matrix(self.k, 9, 'K')

    def full_image(self) -> Intrinsics:
        """Give the projection before region of interest and binning."""
        _, m = self.projection()
        values = float(m[0, 0]), float(m[1, 1]), float(m[0, 2]), float(m[1, 2])
        return Intrinsics(*values, self.width, self.height)

    def read_out(self) -> Intrinsics:
        """Give the projection of what is read out of the full image."""
        _, matrix = self.projection()
        binning = self.binning_x, self.binning_y
        return read_out(matrix, self.width, self.height, binning, Roi(*self.roi))


def camera_from_calibration(fields: CalibrationFields, *, height: int, width: int) -> CameraModel:
    """Make the camera of images of this size; raises CameraError saying what is wrong."""
    name, _ = fields.projection()
    lens = _distortion(fields.distortion_model, fields.d) if name == 'K' else (UNDISTORTED, ())
    if min(fields.width, fields.height) < 1:
        raise CameraError(
            f'width and height of the calibration are {fields.width} x {fields.height}: its size '
            f'must be positive, as of the images it was made with (here {width} x {height})'
        )
    _refuse_impossible(fields.full_image(), lens[0], name)
    return CameraModel(fields.read_out().scaled_to(width, height), *lens)


def field_of_view_deg(focal_px: float, side_px: int, lens: str) -> float:
    """Give the angle between opposite edges of an image with its axis in the middle [degrees].

    lens: distortion model; the coefficients do not count.
    """
    half = 0.5 * side_px / focal_px
    return math.degrees(2.0 * (half if lens == EQUIDISTANT else math.atan(half)))


class Axis(NamedTuple):
    """Hold one axis of an image's projection."""

    name: str
    """'x' or 'y'."""

    focal_px: float
    """Focal length [px]."""

    center_px: float
    """Principal point [px]."""

    side_px: int
    """Columns or rows [px]."""

    angle_deg: float
    """Field of view, see `field_of_view_deg` [degrees]."""


def axes(full: Intrinsics, lens: str) -> tuple[Axis, Axis]:
    """Give both axes of a projection, to be checked alike."""
    horizontal = 'x', full.fx_px, full.cx_px, full.width
    vertical = 'y', full.fy_px, full.cy_px, full.height
    return (
        Axis(*horizontal, field_of_view_deg(full.fx_px, full.width, lens)),
        Axis(*vertical, field_of_view_deg(full.fy_px, full.height, lens)),
    )


def _refuse_impossible(full: Intrinsics, lens: str, name: str) -> None:
    """Raise CameraError where the projection of a full image cannot be of a camera."""
    widest_deg = IMPOSSIBLE_FISHEYE_DEG if lens == EQUIDISTANT else IMPOSSIBLE_WIDE_DEG
    for axis in axes(full, lens):
        if not IMPOSSIBLE_NARROW_DEG <= axis.angle_deg <= widest_deg:
            raise CameraError(
                f'{name} is not of a camera: f{axis.name} = {axis.focal_px:.4g} px is a field of '
                f'view of {axis.angle_deg:.4g} degrees over {axis.side_px} px, expected '
                f'{IMPOSSIBLE_NARROW_DEG:g} to {widest_deg:g}'
            )
        if not -0.5 < axis.center_px < axis.side_px - 0.5:
            raise CameraError(
                f'{name} is not of this image: its optical axis c{axis.name} = '
                f'{axis.center_px:.4g} px is outside the {axis.side_px} px (a part of a larger '
                'image is described by roi)'
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
