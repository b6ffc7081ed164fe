"""The cameras the heads learnt with, and two ways to make another camera like them.

A network judges distance by apparent size, so the focal length of its training pictures is baked
into its metres. `focal_factor` puts a camera's own focal length into the depth; `CanonicalWarp`
shows the network the picture that the training camera would have taken from the same place.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.geometry.intrinsics import CameraModel, Intrinsics
from zoedepth_ros.geometry.rays import project, rays


@dataclass(frozen=True, slots=True)
class TrainingCamera:
    """Hold the camera that took a head's training pictures."""

    intrinsics: Intrinsics
    """The projection of those pictures; they are then squashed to the network's size."""

    source: str
    """Where the numbers are from."""


TRAINING_CAMERAS = {
    'indoor': TrainingCamera(
        Intrinsics(518.86, 519.47, 324.58, 252.74, 640, 480),
        'NYU Depth V2, colour camera: toolbox, camera_params.m (fx_rgb, fy_rgb, cx_rgb, cy_rgb)',
    ),
    'outdoor': TrainingCamera(
        Intrinsics(721.54, 721.54, 596.56, 149.85, 1216, 352),
        'KITTI raw 2011_09_26: calib_cam_to_cam.txt, P_rect_02, less the 13 columns and 23 rows '
        "that the benchmark's crop takes off at the left and above",
    ),
}
"""Head -> camera of its training pictures."""


RANGE_M = {'indoor': 10.0, 'outdoor': 80.0}
"""Head -> farthest depth of its training data [m]: what it says beyond was never checked."""

AUTO, OFF, SCALE, WARP = CORRECTIONS = ('auto', 'off', 'scale', 'warp')
"""What may be done about a focal length that is not the training's."""

NOWHERE_PX = 1e5


def correction_in_use(asked: str, training_hfov_rad: float, *, camera_known: bool) -> str:
    """Give what is done when one of CORRECTIONS is asked for: 'off', 'scale' or 'warp'.

    'auto' scales where it is sure to be right: the training camera has a name of its own
    (training_hfov_rad above 0.0) and the picture's camera is known.
    """
    if asked != AUTO:
        return asked
    return SCALE if training_hfov_rad > 0.0 and camera_known else OFF


def training_camera(head: str, training_hfov_rad: float = 0.0) -> Intrinsics:
    """Give the camera a head learnt with.

    training_hfov_rad: for weights of other pictures, their horizontal field of view at 4 to 3.
    """
    if training_hfov_rad > 0.0:
        return Intrinsics.from_hfov(640, 480, training_hfov_rad)
    return TRAINING_CAMERAS[head].intrinsics


def focal_factor(camera: Intrinsics, head: str, *, training_hfov_rad: float = 0.0) -> float:
    """Give the factor on depth for a camera whose focal length is not the training's.

    The same image through twice the focal length shows things twice as far away.  Images are
    resized to the network's size, ignoring the aspect ratio, so what counts is the focal length in
    image heights: where things stand on the ground and how tall they are tells their distance.
    docs/camera_scale.md has the measurement against widths and means of both.
    """
    training = training_camera(head, training_hfov_rad)
    return (camera.fy_px / camera.height) / (training.fy_px / training.height)


def training_view(head: str, width: int, *, training_hfov_rad: float = 0.0) -> Intrinsics:
    """Give the training camera for pictures `width` columns wide, its axis in the middle.

    The real principal points lie a few pixels beside the middle; a network learns no such thing
    from pictures that are mirrored half of the time.
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
    """Show a head the picture its training camera would have taken, and bring depth back.

    Both cameras stand in one place and look along one axis, so depth along z is the same number
    in both, and lens distortion is gone in the network's picture.

    Convention: pixel centres at integers; NaN where the training camera does not look.
    """

    def __init__(
        self,
        camera: CameraModel,
        head: str,
        *,
        width: int | None = None,
        training_hfov_rad: float = 0.0,
    ) -> None:
        """Compute both maps; once per camera and head.

        width: columns of the view; by default the picture's own.
        """
        inner = camera.intrinsics
        self.view = training_view(
            head, inner.width if width is None else width, training_hfov_rad=training_hfov_rad
        )
        there = rays(CameraModel(self.view))  # (h, w, 2) of the view
        self._to_view = _places(project(there, camera))
        back = rays(camera)  # (H, W, 2) of the picture
        self._to_picture = _places(project(back, CameraModel(self.view)))
        inside = _inside(self._to_picture, self.view)
        self._outside = ~inside
        self.seen_share = float(inside.mean())
        """Share of the picture's pixels that get depth."""

    def picture(self, rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Give the view's picture (h, w, 3); black where the camera does not look.

        rgb: (H, W, 3).  A view with fewer pixels than the picture is filtered first, so that
        nothing flickers.
        """
        shrink = self._shrink()
        if shrink > 1.5:
            rgb = cv2.GaussianBlur(rgb, (0, 0), 0.4 * shrink)
        return cv2.remap(rgb, self._to_view, None, cv2.INTER_LINEAR, borderValue=(0, 0, 0))

    def depth(self, view_depth_m: NDArray[np.float32]) -> NDArray[np.float32]:
        """Bring a map along z from the view (h, w) back to the picture (H, W) [m].

        Between pixels inverse depth is interpolated, which is exact on planes.  Raises ValueError
        for a map that is not of the view's size.
        """
        if view_depth_m.shape != (self.view.height, self.view.width):
            expected = (self.view.height, self.view.width)
            raise ValueError(f'expected depth of the view {expected}, got {view_depth_m.shape}')
        with np.errstate(divide='ignore'):
            inverse = np.float32(1.0) / view_depth_m
            back = cv2.remap(
                inverse, self._to_picture, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
            )
            depth_m = np.float32(1.0) / back
        depth_m[self._outside] = np.nan
        return depth_m

    def values(self, view_values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Bring any other map, such as the uncertainty, back to the picture (H, W)."""
        back = cv2.remap(
            view_values, self._to_picture, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        back[self._outside] = np.nan
        return back

    def _shrink(self) -> float:
        """Give the columns of the picture per column of the view, in the middle."""
        row = self._to_view[self.view.height // 2, :, 0]
        return float(np.abs(np.diff(row[len(row) // 2 - 1 : len(row) // 2 + 1])).max())


def _places(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Put what has no pixel far outside, where cv2.remap takes it for the border."""
    return np.nan_to_num(pixels, nan=NOWHERE_PX).clip(-2.0 - NOWHERE_PX, NOWHERE_PX)


def _inside(places: NDArray[np.float32], view: Intrinsics) -> NDArray[np.bool_]:
    """Mark places (…, 2) within half a pixel of the outermost pixel centres."""
    limits = np.array((view.width - 0.5, view.height - 0.5), np.float32)
    return np.all((places >= -0.5) & (places <= limits), axis=-1)
