"""Warnings about calibrations that are valid but implausible.

`camera_from_calibration` refuses impossible ones.  Projections are compared with the full image,
before region of interest and binning (REP 104).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.geometry.field_of_view import NARROWEST_DEG, WIDEST_DEG
from zoedepth_ros.geometry.intrinsics import (
    EQUIDISTANT,
    UNDISTORTED,
    CalibrationFields,
    CameraModel,
    Intrinsics,
    axes,
    known_distortion,
    plain_distortion,
)
from zoedepth_ros.geometry.rays import rays_at

WIDE_FISHEYE_DEG = 250.0
"""Largest plausible field of view of fisheye lenses; `field_of_view` has those of other lenses."""

OFF_CENTER = 0.12
"""Largest plausible distance of the principal point from the centre, as a share of the side; 16:9
cut out of 4:3, without a region of interest, moves it by 0.167, 4:3 for 16:9 by 0.125."""

UNEQUAL_FOCAL = 1.105
"""Largest plausible ratio of fx and fy: analogue video has pixels of up to 1.1, and 16:9 squeezed
into 16:10 has 1.11, into 4:3 1.33."""
SAME, SIMILAR, REMOTE = 1.25, 1.9, 5.0
"""Largest plausible ratio of the focal lengths in P and K: undistorted, distorted, fisheye."""

OTHER_SIZE, ALIKE = 0.1, 0.03
"""Least shift of a principal point that is the centre of another image size, as a share of the
centre, and largest difference of both axes."""
LEAST_SKEW = 0.005  # of fx
ROTATION_ERROR = 0.01  # of the elements of R times its transpose
INTERCHANGED, OBLONG = 0.01, 1.1  # share of a side; least ratio of the sides

NO_DISTORTION = frozenset({
    *('none', 'pinhole', 'perspective', 'rectilinear', 'undistorted', 'no_distortion', 'ideal'),
})  # fmt: skip
OTHER_DIRECTION = frozenset({'inverse_brown_conrady', 'modified_brown_conrady'})
LARGEST_TANGENTIAL = 0.02
LEAST_RADIAL, LARGEST_HIGHER = 0.1, 0.005  # k1 and the last two of plumb_bob's first four numbers
LEAST_SPREAD = 0.6  # tangent of a ray, relative to that without distortion
LEAST_RAYS, LEAST_RAYS_FISHEYE = 0.8, 0.3  # share of the image
GRID = 24  # samples along each side


def calibration_warnings(camera: CameraModel, fields: CalibrationFields) -> tuple[str, ...]:
    """Return warnings about a calibration; () for a plausible one.

    camera: the result of `camera_from_calibration` for the same fields.
    """
    name, matrix = fields.projection()
    found = (
        *_of_matrix(matrix, name),
        *_of_projection(fields.full_image(), camera.distortion_model, name),
        *_of_k_against_p(fields, name),
        *_of_distortion(fields, camera, name),
        *_of_rotation(fields.r),
        *_of_size(camera.intrinsics, fields.read_out()),
    )
    return tuple(f'camera_info: {text}' for text in found)


def _of_matrix(matrix: NDArray[np.float64], name: str) -> Iterator[str]:
    """Check the elements that no projection uses."""
    used = np.zeros(matrix.shape, bool)
    used[[0, 0, 1, 1], [0, 2, 1, 2]] = used[:, 3:] = True
    used[0, 1] = abs(matrix[0, 1]) < LEAST_SKEW * abs(matrix[0, 0])
    if (matrix != np.eye(*matrix.shape))[~used].any():
        yield (
            f'{name} is not of the form [fx 0 cx; 0 fy cy; 0 0 1], got '
            f'{matrix[:, :3].tolist()}: only fx, fy, cx and cy are used'
        )


def _of_center(full: Intrinsics, name: str) -> str:
    """Describe a principal point that belongs to another image; '' for one of this image."""
    cx_px, cy_px, width, height = full.cx_px, full.cy_px, full.width, full.height
    x, y = 2.0 * cx_px / max(1, width - 1), 2.0 * cy_px / max(1, height - 1)
    where = f'the principal point cx = {cx_px:.4g}, cy = {cy_px:.4g} px in {name}'
    if abs(x - 1.0) > OTHER_SIZE and abs(x - y) < ALIKE * x:
        return (
            f'{where} is the centre of an image of about {x * width:.0f} x {y * height:.0f} px, '
            f'not of {width} x {height} px: was the camera calibrated at another image size?'
        )
    oblong = max(width, height) > OBLONG * min(width, height)
    near_x = abs(cx_px - 0.5 * (height - 1)) < INTERCHANGED * width
    if oblong and near_x and abs(cy_px - 0.5 * (width - 1)) < INTERCHANGED * height:
        return (
            f'{where} is the centre of an image of {height} x {width} px (width x height), but '
            f'the image has {width} x {height} px: are cx and cy interchanged?'
        )
    return ''


def _of_projection(full: Intrinsics, lens: str, name: str) -> Iterator[str]:
    """Check the field of view, the principal point and the aspect ratio of pixels."""
    widest_deg = WIDE_FISHEYE_DEG if lens == EQUIDISTANT else WIDEST_DEG
    of_another = _of_center(full, name)
    if of_another:
        yield of_another
    for axis, focal_px, center_px, side_px, angle_deg in axes(full, lens):
        if not NARROWEST_DEG <= angle_deg <= widest_deg:
            yield (
                f'f{axis} = {focal_px:.4g} px in {name} is an unusual field of view, '
                f'{angle_deg:.3g} degrees over {side_px} px: does the calibration belong to this '
                'camera?'
            )
        off_px = abs(center_px - 0.5 * (side_px - 1))
        if not of_another and off_px > OFF_CENTER * side_px:
            yield (
                f'the principal point c{axis} = {center_px:.4g} px in {name} is far from the '
                f'centre of the {side_px} px: was the camera calibrated at another image size?'
            )
    ratio = full.fx_px / full.fy_px
    if not 1.0 / UNEQUAL_FOCAL < ratio < UNEQUAL_FOCAL:
        yield (
            f'fx = {full.fx_px:.4g} and fy = {full.fy_px:.4g} px in {name} mean that '
            'pixels are not square: was the image size changed after the calibration?'
        )


def _of_k_against_p(fields: CalibrationFields, name: str) -> Iterator[str]:
    """Check that K and P belong to the same camera."""
    k, p = fields.k, fields.p
    if len(k) != 9 or len(p) != 12 or not (k[0] and k[4] and p[0] and p[5]):
        return
    fisheye = known_distortion(fields.distortion_model) == EQUIDISTANT
    largest = (REMOTE if fisheye else SIMILAR) if any(fields.d) else SAME
    if not all(1.0 / largest < ratio < largest for ratio in (p[0] / k[0], p[5] / k[4])):
        yield (
            f'the focal lengths in K ({k[0]:.4g}, {k[4]:.4g} px) and P ({p[0]:.4g}, {p[5]:.4g} '
            f'px) belong to different cameras; {name} is used'
        )


def _of_distortion(fields: CalibrationFields, camera: CameraModel, name: str) -> Iterator[str]:
    """Check the values of the coefficients and the share of the image that they can undistort."""
    lens, d, model = camera.distortion_model, fields.d, fields.distortion_model
    may_be_raw = name == 'K' or fields.k[0] == fields.p[0]
    if may_be_raw and known_distortion(model) == EQUIDISTANT and len(d) and not any(d):
        yield (
            f"all coefficients D of the model '{model}' are 0: images are treated as undistorted, "
            'not as those of an ideal fisheye lens'
        )
    named = plain_distortion(model)
    if may_be_raw and known_distortion(model) is None and named not in NO_DISTORTION:
        yield (
            f"the distortion model '{model}' is not known and D is 0: images are treated as "
            'undistorted'
        )
    if lens == UNDISTORTED:
        return
    if named in OTHER_DIRECTION:
        yield (
            f"D of the model '{model}' is used as that of plumb_bob, as RealSense's ROS driver "
            'publishes it, but librealsense defines this model differently: points away from '
            'the centre of the image may be wrong'
        )
    if not model.strip():
        yield f'D has {len(d)} numbers but distortion_model is empty: plumb_bob is assumed'
    if lens != EQUIDISTANT and max(abs(number) for number in d[2:4]) > LARGEST_TANGENTIAL:
        yield (
            f'the tangential coefficients {d[2]:.3g} and {d[3]:.3g} in D are too large for a '
            f"lens: do they belong to another distortion model than '{model}', such as "
            'equidistant?'
        )
    if lens == EQUIDISTANT and abs(d[0]) > LEAST_RADIAL and max(map(abs, d[2:])) < LARGEST_HIGHER:
        yield (
            'the last two numbers of D are as small as tangential coefficients of plumb_bob: do '
            f"they belong to another distortion model than '{model}'?"
        )
    inner = camera.intrinsics
    columns = np.linspace(0.0, inner.width - 1.0, GRID)
    rows = np.linspace(0.0, inner.height - 1.0, GRID)
    pixels = np.stack(np.meshgrid(columns, rows), axis=-1)
    rays = rays_at(pixels, camera)
    share = float(np.isfinite(rays[..., 0]).mean())
    if share < (LEAST_RAYS_FISHEYE if lens == EQUIDISTANT else LEAST_RAYS):
        yield (
            f'the distortion ({lens}) can be inverted in {share:.0%} of the image only, and the '
            'rest of the image gives no points: does D belong to this camera?'
        )
    straight = np.linalg.norm(rays_at(pixels, CameraModel(inner)), axis=-1)
    spread = float(np.nanmin(np.linalg.norm(rays, axis=-1) / straight, initial=np.inf))
    if lens != EQUIDISTANT and spread < LEAST_SPREAD:
        yield (
            f'the distortion ({lens}) makes the field of view narrower by up to '
            f'{1.0 - spread:.0%} (tangent of the angle to the optical axis): does D belong to '
            'this camera?'
        )


def _of_rotation(r: Sequence[float]) -> Iterator[str]:
    """Check R; zeros are left where a driver fills nothing in."""
    if len(r) != 9 or not any(r):
        return
    matrix = np.asarray(r, np.float64).reshape(3, 3)
    if np.isfinite(matrix).all():
        error = float(np.abs(matrix @ matrix.T - np.eye(3)).max())
        if error <= ROTATION_ERROR and np.linalg.det(matrix) > 0.0:
            return
    yield (
        f'R is not a rotation, got {matrix.tolist()}: R is not used here, but check the '
        'rest of the calibration'
    )


def _of_size(used: Intrinsics, calibrated: Intrinsics) -> Iterator[str]:
    if (used.width, used.height) != (calibrated.width, calibrated.height):
        yield (
            f'the calibration is for {calibrated.width} x {calibrated.height} px and the '
            f'images have {used.width} x {used.height} px: the images are treated as the '
            'full image, resized'
        )
