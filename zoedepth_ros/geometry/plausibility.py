"""Warnings about calibrations that are valid but implausible.

`camera_from_calibration` refuses impossible ones.  Projections are compared with the full image,
before region of interest and binning (REP 104).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from zoedepth_ros.geometry.field_of_view import NARROWEST_DEG, WIDEST_DEG
from zoedepth_ros.geometry.intrinsics import (
    EQUIDISTANT,
    UNDISTORTED,
    CalibrationFields,
    CameraModel,
    Intrinsics,
    axes,
    known_distortion,
)
from zoedepth_ros.geometry.rays import rays_at

WIDE_FISHEYE_DEG = 250.0
"""Largest plausible field of view of fisheye lenses; `field_of_view` has those of other lenses."""

OFF_CENTER = 0.2
"""Largest plausible distance of the principal point from the centre, as a share of the side."""

UNEQUAL_FOCAL = 1.5  # ratio of fx and fy
SAME, SIMILAR, REMOTE = 1.25, 1.9, 5.0
"""Largest plausible ratio of the focal lengths in P and K: undistorted, distorted, fisheye."""

LARGEST_TANGENTIAL = 0.02
LEAST_RAYS, LEAST_RAYS_FISHEYE = 0.8, 0.3  # share of the image
GRID = 24  # samples along each side


def calibration_warnings(camera: CameraModel, fields: CalibrationFields) -> tuple[str, ...]:
    """Return warnings about a calibration; () for a plausible one.

    camera: the result of `camera_from_calibration` for the same fields.
    """
    name, _ = fields.projection()
    found = (
        *_of_projection(fields.full_image(), camera.distortion_model, name),
        *_of_k_against_p(fields, name),
        *_of_distortion(fields.d, fields.distortion_model, camera, name),
        *_of_size(camera.intrinsics, fields.read_out()),
    )
    return tuple(f'camera_info: {text}' for text in found)


def _of_projection(full: Intrinsics, lens: str, name: str) -> Iterator[str]:
    """Check the field of view, the principal point and the aspect ratio of pixels."""
    widest_deg = WIDE_FISHEYE_DEG if lens == EQUIDISTANT else WIDEST_DEG
    for axis in axes(full, lens):
        if not NARROWEST_DEG <= axis.angle_deg <= widest_deg:
            yield (
                f'f{axis.name} = {axis.focal_px:.4g} px in {name} is an unusual field of view, '
                f'{axis.angle_deg:.3g} degrees over {axis.side_px} px: does it belong to this '
                'camera?'
            )
        if abs(axis.center_px - 0.5 * (axis.side_px - 1)) > OFF_CENTER * axis.side_px:
            yield (
                f'the principal point c{axis.name} = {axis.center_px:.4g} px in {name} is far '
                f'from the centre of {axis.side_px} px: was it calibrated at another image size?'
            )
    ratio = full.fx_px / full.fy_px
    if not 1.0 / UNEQUAL_FOCAL < ratio < UNEQUAL_FOCAL:
        yield (
            f'fx = {full.fx_px:.4g} and fy = {full.fy_px:.4g} px in {name} mean pixels that are '
            'not square'
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


def _of_distortion(
    d: Sequence[float], model: str, camera: CameraModel, name: str
) -> Iterator[str]:
    """Check the values of the coefficients and the share of the image that they can undistort."""
    lens = camera.distortion_model
    if name == 'K' and known_distortion(model) == EQUIDISTANT and len(d) and not any(d):
        yield (
            f"all coefficients D of the model '{model}' are 0: images are treated as undistorted, "
            'not as those of an ideal fisheye lens'
        )
    if lens == UNDISTORTED:
        return
    if not model.strip():
        yield f'D has {len(d)} numbers but distortion_model is empty: plumb_bob is assumed'
    if lens != EQUIDISTANT and max(abs(number) for number in d[2:4]) > LARGEST_TANGENTIAL:
        yield (
            f'the tangential coefficients {d[2]:.3g} and {d[3]:.3g} in D are too large for a '
            f"lens: do they belong to another model than '{model}' (equidistant)?"
        )
    inner = camera.intrinsics
    columns = np.linspace(0.0, inner.width - 1.0, GRID)
    rows = np.linspace(0.0, inner.height - 1.0, GRID)
    pixels = np.stack(np.meshgrid(columns, rows), axis=-1)
    share = float(np.isfinite(rays_at(pixels, camera)[..., 0]).mean())
    if share < (LEAST_RAYS_FISHEYE if lens == EQUIDISTANT else LEAST_RAYS):
        yield (
            f'the distortion ({lens}) can be inverted in {share:.0%} of the image only, the rest '
            'has no points: does D belong to this camera?'
        )


def _of_size(used: Intrinsics, calibrated: Intrinsics) -> Iterator[str]:
    if (used.width, used.height) != (calibrated.width, calibrated.height):
        yield (
            f'it is for {calibrated.width} x {calibrated.height} px and the images are '
            f'{used.width} x {used.height} px: they are treated as the full image, resized'
        )
