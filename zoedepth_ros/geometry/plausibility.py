"""What is legal in a calibration, but most probably a mistake.

What cannot be of a camera at all is refused by `camera_from_calibration`.  Projections are
compared with the full image, before region of interest and binning (REP 104).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from zoedepth_ros.geometry.intrinsics import (
    EQUIDISTANT,
    UNDISTORTED,
    CameraModel,
    Intrinsics,
    Roi,
    field_of_view_deg,
    full_image,
    known_distortion,
    projection_used,
)
from zoedepth_ros.geometry.rays import rays_at

NARROW_DEG, WIDE_DEG, WIDE_FISHEYE_DEG = 5.0, 150.0, 250.0
"""Fields of view beyond these are doubtful."""

OFF_CENTER = 0.2
"""A distance of the optical axis from the middle that is doubtful, as a share of the side."""

UNEQUAL_FOCAL = 1.5  # fx against fy
SAME, SIMILAR, REMOTE = (
    1.25,
    1.9,
    5.0,
)  # focal lengths in P against K: no distortion, some, fisheye
LARGEST_TANGENTIAL = 0.02
LEAST_RAYS, LEAST_RAYS_FISHEYE = 0.8, 0.3  # share of the image
GRID = 24  # samples along each side


def doubts(
    camera: CameraModel,
    *,
    k: Sequence[float],
    d: Sequence[float],
    p: Sequence[float],
    distortion_model: str,
    width: int,
    height: int,
    rectified: bool,
    binning_x: int = 0,
    binning_y: int = 0,
    roi: Roi | tuple[int, int, int, int] = (0, 0, 0, 0),
) -> tuple[str, ...]:
    """Give what is doubtful about a calibration, in words; nothing when all is well.

    camera: what `camera_from_calibration` made of the same numbers.
    """
    name, matrix = projection_used(k=k, d=d, p=p, rectified=rectified)
    full, part = full_image(matrix, width, height), Roi(*roi)
    read_out = (
        (part.width or width - part.x_offset) // max(1, binning_x),
        (part.height or height - part.y_offset) // max(1, binning_y),
    )
    found = (
        *_of_projection(full, camera.distortion_model, name),
        *_of_k_against_p(k, p, d, distortion_model, name),
        *_of_distortion(d, distortion_model, camera, name),
        *_of_size(camera.intrinsics, read_out),
    )
    return tuple(f'camera_info: {text}' for text in found)


def _of_projection(full: Intrinsics, lens: str, name: str) -> Iterator[str]:
    """Doubt the field of view, the optical axis and the shape of pixels."""
    widest_deg = WIDE_FISHEYE_DEG if lens == EQUIDISTANT else WIDE_DEG
    for axis, focal_px, center_px, side_px in (
        ('x', full.fx_px, full.cx_px, full.width),
        ('y', full.fy_px, full.cy_px, full.height),
    ):
        angle_deg = field_of_view_deg(focal_px, side_px, lens)
        if not NARROW_DEG <= angle_deg <= widest_deg:
            yield (
                f'f{axis} = {focal_px:.4g} px in {name} is an unusual field of view, '
                f'{angle_deg:.3g} degrees over {side_px} px: is it of this camera?'
            )
        if abs(center_px - 0.5 * (side_px - 1)) > OFF_CENTER * side_px:
            yield (
                f'the optical axis c{axis} = {center_px:.4g} px in {name} is far from the middle '
                f'of {side_px} px: is it of images of another size?'
            )
    ratio = full.fx_px / full.fy_px
    if not 1.0 / UNEQUAL_FOCAL < ratio < UNEQUAL_FOCAL:
        yield (
            f'fx = {full.fx_px:.4g} and fy = {full.fy_px:.4g} px in {name} are of pixels that are '
            'not square'
        )


def _of_k_against_p(
    k: Sequence[float], p: Sequence[float], d: Sequence[float], model: str, name: str
) -> Iterator[str]:
    """Doubt the one of K and P that is used where the other is of another camera."""
    if len(k) != 9 or len(p) != 12 or not (k[0] and k[4] and p[0] and p[5]):
        return
    fisheye = known_distortion(model) == EQUIDISTANT
    largest = (REMOTE if fisheye else SIMILAR) if any(d) else SAME
    if not all(1.0 / largest < ratio < largest for ratio in (p[0] / k[0], p[5] / k[4])):
        yield (
            f'the focal lengths in K ({k[0]:.4g}, {k[4]:.4g} px) and P ({p[0]:.4g}, {p[5]:.4g} '
            f'px) are of different cameras; {name} is used'
        )


def _of_distortion(
    d: Sequence[float], model: str, camera: CameraModel, name: str
) -> Iterator[str]:
    """Doubt the coefficients, by their values and by what they leave of the image."""
    lens = camera.distortion_model
    if name == 'K' and known_distortion(model) == EQUIDISTANT and len(d) and not any(d):
        yield (
            f"D of the model '{model}' is all 0: taken as an image without distortion, not as one "
            'through an ideal fisheye lens'
        )
    if lens == UNDISTORTED:
        return
    if not model.strip():
        yield f'D has {len(d)} numbers and no distortion model: plumb_bob is taken'
    if lens != EQUIDISTANT and max(abs(number) for number in d[2:4]) > LARGEST_TANGENTIAL:
        yield (
            f'the tangential coefficients {d[2]:.3g} and {d[3]:.3g} in D are too large for a '
            f"lens: are they of another model than '{model}' (equidistant)?"
        )
    inner = camera.intrinsics
    columns = np.linspace(0.0, inner.width - 1.0, GRID)
    rows = np.linspace(0.0, inner.height - 1.0, GRID)
    pixels = np.stack(np.meshgrid(columns, rows), axis=-1)
    share = float(np.isfinite(rays_at(pixels, camera)[..., 0]).mean())
    if share < (LEAST_RAYS_FISHEYE if lens == EQUIDISTANT else LEAST_RAYS):
        yield (
            f'the distortion ({lens}) can be inverted in {share:.0%} of the image only, the rest '
            'has no points: is D of this camera?'
        )


def _of_size(inner: Intrinsics, read_out: tuple[int, int]) -> Iterator[str]:
    if (inner.width, inner.height) != read_out:
        yield (
            f'it is of {read_out[0]} x {read_out[1]} px and the images are {inner.width} x '
            f'{inner.height} px: taken as the whole image resized'
        )
