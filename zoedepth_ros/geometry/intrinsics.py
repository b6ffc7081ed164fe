"""Pinhole intrinsics, and the camera model for a calibration and an image size.

Convention: pixel centres are at integers, so the image spans -0.5 to width - 0.5; x right, y down,
z forward (REP 103).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
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
"""Distortion model -> numbers of coefficients that OpenCV accepts.

OpenCV computes the first two with one function and one order of coefficients.
"""


LARGEST_COEFFICIENT = 1e6
"""Overfitted rational polynomials have coefficients in the hundreds."""


class CameraError(ValueError):
    """An unusable calibration; the message states the reason."""


class Roi(NamedTuple):
    """Region of interest of the sensor, in full-resolution pixels (REP 104)."""

    x_offset: int = 0
    y_offset: int = 0
    width: int = 0
    height: int = 0


MAX_TANGENT = 1e4
"""Largest tangent of a ray to the optical axis, and largest focal length in image sides."""

IMPOSSIBLE_NARROW_DEG, IMPOSSIBLE_WIDE_DEG, IMPOSSIBLE_FISHEYE_DEG = 0.5, 175.0, 360.0
"""Limits of the field of view; a calibration beyond them is refused."""


@dataclass(frozen=True, slots=True)
class Intrinsics:
    """A pinhole projection u = fx x/z + cx, v = fy y/z + cy for one image size."""

    fx_px: float
    """Horizontal focal length [px]."""

    fy_px: float
    """Vertical focal length [px]."""

    cx_px: float
    """Column of the principal point [px], 0 in the middle of the first column."""

    cy_px: float
    """Row of the principal point [px], 0 in the middle of the first row."""

    width: int
    """Columns of the image [px]."""

    height: int
    """Rows of the image [px]."""

    def __post_init__(self) -> None:
        numbers = (self.fx_px, self.fy_px, self.cx_px, self.cy_px)
        if not all(map(math.isfinite, numbers)) or min(self.fx_px, self.fy_px) <= 0.0:
            raise CameraError(
                f'fx, fy, cx and cy must be finite, and fx and fy positive, got {numbers} px'
            )
        if self.width < 1 or self.height < 1:
            raise CameraError(
                f'image width and height must be positive, got {self.width} x {self.height} px'
            )
        for focal_px, center_px, side_px in (
            (self.fx_px, self.cx_px, self.width),
            (self.fy_px, self.cy_px, self.height),
        ):
            steepest = (abs(center_px) + side_px) / focal_px
            if steepest > MAX_TANGENT or focal_px / side_px > MAX_TANGENT:
                raise CameraError(
                    f'a focal length of {focal_px:.3g} px with the principal point at '
                    f'{center_px:.3g} px is impossible for an image of {side_px} px'
                )

    @classmethod
    def from_hfov(cls, width: int, height: int, hfov_rad: float) -> Intrinsics:
        """Create intrinsics with square pixels and a centred principal point.

        hfov_rad: horizontal field of view between the image edges [rad].  Raises CameraError for
        an angle outside (0, pi).
        """
        if not 0.0 < hfov_rad < math.pi:
            raise CameraError(f'the field of view must be between 0 and pi rad, got {hfov_rad}')
        focal_px = 0.5 * width / math.tan(0.5 * hfov_rad)
        return cls(focal_px, focal_px, 0.5 * (width - 1), 0.5 * (height - 1), width, height)

    @property
    def hfov_rad(self) -> float:
        """The angle between the left and the right edge of the image [rad]."""
        left = (self.cx_px + 0.5) / self.fx_px
        right = (self.width - 0.5 - self.cx_px) / self.fx_px
        return math.atan(left) + math.atan(right)

    def matrix(self) -> NDArray[np.float64]:
        """Return K (3, 3) [px]."""
        return np.array(
            [[self.fx_px, 0.0, self.cx_px], [0.0, self.fy_px, self.cy_px], [0.0, 0.0, 1.0]]
        )

    def scaled_to(self, width: int, height: int) -> Intrinsics:
        """Return the intrinsics for the same image, resized.

        The image edges (-0.5) stay in place, so the principal point is scaled about them.  Raises
        CameraError if width and height are not scaled by the same factor.
        """
        if (width, height) == (self.width, self.height):
            return self
        factor_x, factor_y = width / self.width, height / self.height
        rounding = max(self.width + self.height, width + height)  # of a pixel in each side
        if abs(width * self.height - height * self.width) > rounding:
            raise CameraError(
                f'the image is {width} x {height} px, the calibration is for {self.width} x '
                f'{self.height} px: expected the same aspect ratio'
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
    """Pinhole intrinsics and lens distortion; hashable, as a key for caches."""

    intrinsics: Intrinsics
    """The projection, at the image's size."""

    distortion_model: str = UNDISTORTED
    """'none' or a model name of CameraInfo."""

    distortion: tuple[float, ...] = ()
    """Coefficients of the model in OpenCV's order, independent of the image size."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationFields:
    """The fields of a CameraInfo that define its camera, and which projection applies."""

    k: Sequence[float]
    """9 numbers of K, row by row [px]."""

    d: Sequence[float]
    """Coefficients of the distortion model."""

    p: Sequence[float]
    """12 numbers of P, row by row [px]; empty for none.  The translation column (second camera of
    a stereo pair) is ignored."""

    distortion_model: str
    """Name of the distortion model, in any spelling of DISTORTION_NAMES."""

    width: int
    """Columns of the full image [px]."""

    height: int
    """Rows of the full image [px]."""

    rectified: bool = False
    """True for rectified images (P), False for raw images (K and D)."""

    binning_x: int = 0
    """Number of sensor columns per image column; 0 means 1."""

    binning_y: int = 0
    """Number of sensor rows per image row; 0 means 1."""

    roi: Roi | tuple[int, int, int, int] = (0, 0, 0, 0)
    """Region of interest, as (x_offset, y_offset, width, height); all zero is the full image."""

    r: Sequence[float] = ()
    """9 numbers of R, row by row, which is checked but not used; empty for none."""

    def projection(self) -> tuple[str, NDArray[np.float64]]:
        """Return the name and the matrix of the projection: 'K' (3, 3) or 'P' (3, 4).

        Rectified images use P, unless it is empty: drivers of lenses without distortion often fill
        K alone.  Raises CameraError for an invalid matrix.
        """
        if self.rectified and len(self.p) > 0 and (any(self.p) or any(self.d)):
            return 'P', _matrix(self.p, 12, 'P')
        return 'K', _matrix(self.k, 9, 'K')

    def full_image(self) -> Intrinsics:
        """Return the projection before region of interest and binning."""
        _, m = self.projection()
        values = float(m[0, 0]), float(m[1, 1]), float(m[0, 2]), float(m[1, 2])
        return Intrinsics(*values, self.width, self.height)

    def read_out(self) -> Intrinsics:
        """Return the projection after region of interest and binning."""
        _, matrix = self.projection()
        binning = self.binning_x, self.binning_y
        return read_out(matrix, self.width, self.height, binning, Roi(*self.roi))


def camera_from_calibration(fields: CalibrationFields, *, height: int, width: int) -> CameraModel:
    """Return the camera model for images of this size [px].

    Raises CameraError for a calibration that is invalid or does not fit the size.
    """
    name, _ = fields.projection()
    lens = _distortion(fields.distortion_model, fields.d) if name == 'K' else (UNDISTORTED, ())
    if min(fields.width, fields.height) < 1:
        raise CameraError(
            f'width and height of the calibration are {fields.width} x {fields.height}: expected '
            'the size of the images that the calibration was made with, such as the size of '
            f'these images ({width} x {height} px)'
        )
    refuse_impossible(fields.full_image(), lens[0], name)
    return CameraModel(fields.read_out().scaled_to(width, height), *lens)


def axes(full: Intrinsics, lens: str) -> Iterator[tuple[str, float, float, int, float]]:
    """Yield what checks of the x and the y axis of a projection need.

    Each has its name, the focal length, the principal point and the side of the image [px], and
    the field of view [degrees] with a centred principal point.  lens: distortion model; its
    coefficients are neglected.
    """
    for name, focal_px, center_px, side_px in (
        ('x', full.fx_px, full.cx_px, full.width),
        ('y', full.fy_px, full.cy_px, full.height),
    ):
        half = 0.5 * side_px / focal_px
        angle_rad = 2.0 * (half if lens == EQUIDISTANT else math.atan(half))
        yield name, focal_px, center_px, side_px, math.degrees(angle_rad)


def refuse_impossible(full: Intrinsics, lens: str, name: str) -> None:
    """Raise CameraError if the projection of a full image is impossible for a camera."""
    widest_deg = IMPOSSIBLE_FISHEYE_DEG if lens == EQUIDISTANT else IMPOSSIBLE_WIDE_DEG
    for axis, focal_px, center_px, side_px, angle_deg in axes(full, lens):
        if not IMPOSSIBLE_NARROW_DEG <= angle_deg <= widest_deg:
            raise CameraError(
                f'{name} is impossible: f{axis} = {focal_px:.4g} px is a field of view of '
                f'{angle_deg:.4g} degrees over {side_px} px, expected '
                f'{IMPOSSIBLE_NARROW_DEG:g} to {widest_deg:g}'
            )
        if not -0.5 < center_px < side_px - 0.5:
            raise CameraError(
                f'{name} does not fit this image: the principal point c{axis} = {center_px:.4g} '
                f'px is outside the {side_px} px of the image (for a crop of a larger image set '
                'roi)'
            )


def _matrix(numbers: Sequence[float], count: int, name: str) -> NDArray[np.float64]:
    """Check the numbers of K or P and return them as (3, 3) or (3, 4)."""
    if len(numbers) != count:
        raise CameraError(f'{name} must have {count} numbers, got {len(numbers)}')
    matrix = np.array([float(number) for number in numbers]).reshape(3, -1)
    if not np.isfinite(matrix).all():
        raise CameraError(f'{name} must be finite, got {matrix.ravel().tolist()}')
    if matrix[0, 0] == 0:
        raise CameraError(f'the camera is not calibrated: {name}[0], the focal length, is 0')
    if matrix[2, :2].any():
        raise CameraError(
            f'the last row of {name} must begin with 0 0, got {matrix[2].tolist()}: are its rows '
            'and columns interchanged?'
        )
    return matrix


def known_distortion(model: str) -> str | None:
    """Return the sensor_msgs name of a distortion model in any known spelling, or None."""
    return DISTORTION_NAMES.get(plain_distortion(model))


def plain_distortion(model: str) -> str:
    """Return the name of a distortion model in lower case with underscores."""
    return re.sub('[ -]+', '_', model.strip().lower())


def _distortion(model: str, d: Sequence[float]) -> tuple[str, tuple[float, ...]]:
    """Check the distortion coefficients; all zero means no distortion for every model.

    image_geometry does the same, and drivers mark rectified fisheye images this way.
    """
    # Numbers of uninitialised memory, such as 7e-310, overflow the computation of roots.
    coefficients = tuple(0.0 if abs(number) < 1e-30 else float(number) for number in d)
    name = known_distortion(model)
    if not any(coefficients):
        return UNDISTORTED, ()
    if not all(math.isfinite(number) for number in coefficients):
        raise CameraError(f'D must be finite, got {list(coefficients)}')
    if max(abs(number) for number in coefficients) > LARGEST_COEFFICIENT:
        raise CameraError(
            f'D has values that are too large for a lens, got {list(coefficients)}: expected at '
            f'most {LARGEST_COEFFICIENT:g}'
        )
    if name is None:
        known = ', '.join(COEFFICIENT_COUNTS)
        raise CameraError(f'unknown distortion model {model!r}: expected one of {known}')
    counts = COEFFICIENT_COUNTS[name]
    while len(coefficients) not in counts and coefficients[-1] == 0.0:  # filled up by a driver
        coefficients = coefficients[:-1]
    if len(coefficients) not in counts:
        expected = ' or '.join(str(count) for count in counts)
        raise CameraError(f'D of {name} must have {expected} numbers, got {len(d)}')
    return name, coefficients


def read_out(
    matrix: NDArray[np.float64], width: int, height: int, binning: tuple[int, int], roi: Roi
) -> Intrinsics:
    """Apply the ROI, then the binning (REP 104) to a full-resolution K or P.

    PARITY: the principal point becomes (c - offset) / binning, without half pixels, as in
    image_geometry's PinholeCameraModel.fromCameraInfo (test_intrinsics.py).
    """
    bin_x, bin_y = max(1, binning[0]), max(1, binning[1])
    roi_width = (roi.width or width - roi.x_offset) // bin_x
    roi_height = (roi.height or height - roi.y_offset) // bin_y
    if roi.x_offset + roi.width > width or roi.y_offset + roi.height > height:
        raise CameraError(
            f'the region of interest (roi) of the calibration, x_offset {roi.x_offset}, y_offset '
            f'{roi.y_offset}, width {roi.width}, height {roi.height}, exceeds the {width} x '
            f'{height} px of the calibration'
        )
    return Intrinsics(
        matrix[0, 0] / bin_x,
        matrix[1, 1] / bin_y,
        (matrix[0, 2] - roi.x_offset) / bin_x,
        (matrix[1, 2] - roi.y_offset) / bin_y,
        roi_width,
        roi_height,
    )


def assumed_camera(shape: tuple[int, ...], hfov_rad: float) -> CameraModel | None:
    """Return the pinhole camera of an image (H, W, …) with this field of view; None for 0.0."""
    return CameraModel(Intrinsics.from_hfov(shape[1], shape[0], hfov_rad)) if hfov_rad else None
