"""The camera that a recording's camera_info describes, at the size of its pictures."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.bags.cdr import CAMERA_INFO, REGION_OF_INTEREST, make
from zoedepth_ros.geometry.intrinsics import Intrinsics
from zoedepth_ros.geometry.points import decimate
from zoedepth_ros.geometry.rays import rays
from zoedepth_ros.geometry.rectification import AUTO
from zoedepth_ros.messages.camera_info import CameraUnknown, KnownCamera, fields_of, known_camera


class Camera:
    """Hold one camera at one picture size, with what is expensive to compute."""

    def __init__(self, known: KnownCamera, info: Any) -> None:
        """info: CameraInfo of the depth image; its header is another's."""
        self.known, self.model = known, known.model
        self._info = info
        self._rays: dict[int, NDArray[np.float32]] = {}

    def info(self, header: Any) -> Any:
        """Give the CameraInfo with this header."""
        return replace(self._info, header=header)

    def rays(self, step: int) -> NDArray[np.float32]:
        """Give x/z and y/z of every `step`-th pixel, (H, W, 2)."""
        if step not in self._rays:
            self._rays[step] = np.ascontiguousarray(decimate(rays(self.model), step))
        return self._rays[step]


class CameraTracker:
    """Know the camera of the next picture; made anew only when camera_info changes."""

    def __init__(self, image_topic: str, *, rectified: str = AUTO, hfov_rad: float = 0.0) -> None:
        """image_topic: its name counts for rectified 'auto', the node's camera.rectified.

        hfov_rad: assumed without a usable calibration; 0 for none.
        """
        self._topic, self._choice, self._hfov_rad = image_topic, rectified, hfov_rad
        self._info: Any = None
        self._key: object = None
        self._cameras: dict[tuple[int, int], Camera | None] = {}
        self.trouble = CameraUnknown('no camera_info', 'no camera_info')
        """Why the last picture had no camera."""

    def set_info(self, info: Any) -> None:
        """Take a CameraInfo."""
        key = repr(replace(info, header=None))
        if key != self._key:
            self._info, self._key = info, key
            self._cameras.clear()

    def camera(self, height: int, width: int) -> Camera | None:
        """Give the camera for pictures of this size; None, and `trouble`, when it is unknown."""
        if (height, width) not in self._cameras:
            self._cameras[height, width] = self._make(height, width)
        return self._cameras[height, width]

    def _make(self, height: int, width: int) -> Camera | None:
        info, choice = self._info, self._choice
        try:
            known = known_camera(
                info, self._topic, height, width, rectified=choice, hfov_rad=self._hfov_rad
            )
        except CameraUnknown as error:
            self.trouble = error
            return None
        if known.assumed:
            return Camera(known, info_from_intrinsics(known.model.intrinsics))
        return Camera(known, _info_with(info, known.changes))


def info_from_intrinsics(intrinsics: Intrinsics) -> Any:
    """Make the CameraInfo of a camera without distortion; without header."""
    roi = _no_roi(do_rectify=False)
    fields = fields_of(intrinsics)
    return make(CAMERA_INFO, header=None, binning_x=0, binning_y=0, roi=roi, **fields)


def _info_with(info: Any, changes: dict[str, Any]) -> Any:
    """Give a CameraInfo with the fields that differ for the picture's size."""
    if not changes:
        return info
    return replace(info, roi=_no_roi(do_rectify=info.roi.do_rectify), **changes)


def _no_roi(*, do_rectify: bool) -> Any:
    return make(
        REGION_OF_INTEREST, x_offset=0, y_offset=0, height=0, width=0, do_rectify=do_rectify
    )
