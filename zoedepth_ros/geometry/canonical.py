"""Correct depth for a camera whose focal length differs from the training camera's.

A network infers distance from apparent size, so its metric depth depends on the focal length of
its training images. `focal_factor` scales the depth; `CanonicalWarp` resamples the image to the
view of the training camera.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.geometry.intrinsics import CameraModel, Intrinsics
from zoedepth_ros.geometry.rays import project, rays

TRAINING_CAMERAS = {
    # NYU Depth V2, colour camera: toolbox, camera_params.m (fx_rgb, fy_rgb, cx_rgb, cy_rgb).
    'indoor': Intrinsics(518.86, 519.47, 324.58, 252.74, 640, 480),
    # KITTI raw 2011_09_26: calib_cam_to_cam.txt, P_rect_02, less the 13 columns and 23 rows that
    # the benchmark's crop takes off at the left and above.
    'outdoor': Intrinsics(721.54, 721.54, 596.56, 149.85, 1216, 352),
}
"""Head -> camera of its training images, before they are resized to the network's size."""

RANGE_M = {'indoor': 10.0, 'outdoor': 80.0}
"""Head -> largest depth in its training data [m]; larger predictions are unverified."""

AUTO, OFF, SCALE, WARP = 'auto', 'off', 'scale', 'warp'
"""Corrections for a focal length that differs from the training camera's."""

OUTSIDE_PX = 1e5

FULL_RATIO = 1.4
"""A ratio of the focal length to the training camera's up to this is corrected completely."""


def training_camera(head: str, training_hfov_rad: float = 0.0) -> Intrinsics:
    """Return the intrinsics of the training camera of a head.

    training_hfov_rad: horizontal field of view of the training images at an aspect ratio of 4:3,
    for weights with training data of their own; 0.0 for the released weights.
    """
    if training_hfov_rad > 0.0:
        return Intrinsics.from_hfov(640, 480, training_hfov_rad)
    return TRAINING_CAMERAS[head]


def focal_factor(
    camera: Intrinsics, head: str, *, training_hfov_rad: float = 0.0, exponent: float = 1.0
) -> float:
    """Return the factor on depth for a camera with another focal length than the training camera.

    At twice the focal length, the same image shows objects at twice the distance.  Images are
    resized to the network's size, ignoring the aspect ratio.  The focal length is compared in
    units of the image height, because vertical cues (contact with the ground, object height)
    determine the distance; docs/camera_scale.md compares this with the image width and with means
    of both.

    exponent: of the part of the ratio of both focal lengths that is above FULL_RATIO.  1.0 where
    the depth of the network follows the apparent size; less where, for such narrow fields of view,
    it falls back to the usual depth of such images.  Short focal lengths are corrected completely:
    a wide view shows more of a scene, and the depth follows it.
    """
    training = training_camera(head, training_hfov_rad)
    ratio = (camera.fy_px / camera.height) / (training.fy_px / training.height)
    within = min(ratio, FULL_RATIO)
    return float(within * (ratio / within) ** exponent)


def training_view(head: str, width: int, *, training_hfov_rad: float = 0.0) -> Intrinsics:
    """Return the training camera scaled to `width` columns, with a centred principal point.

    The calibrated principal points are a few pixels off the centre.  The network cannot learn
    this offset, because half of its training images are mirrored.
    """
    training = training_camera(head, training_hfov_rad)
    factor = width / training.width
    height = max(1, round(training.height * factor))
    return Intrinsics(
        training.fx_px * factor,
        training.fy_px * factor,
        0.5 * (width - 1),
        0.5 * (height - 1),
        width,
        height,
    )


class CanonicalWarp:
    """Resample an image to the view of the training camera, and the depth back to the image.

    Both cameras share their origin and optical axis, so depth along z is equal in both.  The view
    has no lens distortion.

    Convention: pixel centres are at integers; pixels outside the view are NaN.
    """

    def __init__(self, camera: CameraModel, head: str, *, training_hfov_rad: float = 0.0) -> None:
        """Compute the lookup maps of both directions; the view is as wide as the image."""
        inner = camera.intrinsics
        self.view = training_view(head, inner.width, training_hfov_rad=training_hfov_rad)
        view_rays = rays(CameraModel(self.view))  # (h, w, 2)
        self._to_view = _remap_coordinates(project(view_rays, camera))
        image_rays = rays(camera)  # (H, W, 2)
        self._to_image = _remap_coordinates(project(image_rays, CameraModel(self.view)))
        self._outside = ~_inside(self._to_image, self.view)

    def image(self, rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Resample an image (H, W, 3) to the view (h, w, 3); black outside the image.

        The image is low-pass filtered first if the view has fewer pixels, against aliasing.
        """
        shrink = self._shrink()
        if shrink > 1.5:
            rgb = cv2.GaussianBlur(rgb, (0, 0), 0.4 * shrink)
        return cv2.remap(rgb, self._to_view, None, cv2.INTER_LINEAR, borderValue=(0, 0, 0))

    def depth(self, view_depth_m: NDArray[np.float32]) -> NDArray[np.float32]:
        """Resample depth along z from the view (h, w) to the image (H, W) [m].

        The inverse depth is interpolated, which is exact on planes.
        """
        with np.errstate(divide='ignore'):
            return np.float32(1.0) / self.values(np.float32(1.0) / view_depth_m)

    def values(self, view_values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Resample any other map, such as the uncertainty, from the view to the image (H, W)."""
        back = cv2.remap(
            view_values, self._to_image, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        back[self._outside] = np.nan
        return back

    def _shrink(self) -> float:
        """Return the number of image columns per view column at the centre."""
        row = self._to_view[self.view.height // 2, :, 0]
        middle = row[max(0, len(row) // 2 - 1) : len(row) // 2 + 1]
        return float(np.abs(np.diff(middle)).max(initial=0.0))


def _remap_coordinates(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Move NaN far outside the image, which cv2.remap treats as border."""
    return np.nan_to_num(pixels, nan=OUTSIDE_PX).clip(-2.0 - OUTSIDE_PX, OUTSIDE_PX)


def _inside(pixels: NDArray[np.float32], view: Intrinsics) -> NDArray[np.bool_]:
    """Mark coordinates (…, 2) within half a pixel of the outermost pixel centres."""
    limits = np.array((view.width - 0.5, view.height - 0.5), np.float32)
    return np.all((pixels >= -0.5) & (pixels <= limits), axis=-1)
