"""What the fields of a CameraInfo mean; knows no message class, and so serves recordings too.

`info` is anything with the fields of sensor_msgs/CameraInfo.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.geometry.intrinsics import (
    CalibrationFields,
    CameraError,
    CameraModel,
    Intrinsics,
    Roi,
    camera_from_calibration,
    read_out,
)
from zoedepth_ros.geometry.plausibility import calibration_warnings
from zoedepth_ros.geometry.rectification import Rectification, choose_rectification


class CameraUnknown(ValueError):  # noqa: N818
    """Raised when pixels have no rays; `reason` is the short form that is counted."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


UNUSABLE = 'unusable camera_info'


class KnownCamera(NamedTuple):
    """Hold the camera of images, and where it is known from."""

    model: CameraModel
    """At the size of the images."""

    changes: dict[str, Any]
    """Fields of its CameraInfo that differ from those of camera_info, see `fields_at`."""

    reading: Rectification | None = None
    """How camera_info was read; None for an assumed field of view."""

    notices: tuple[str, ...] = ()
    """What is doubtful about camera_info, in words."""

    @property
    def assumed(self) -> bool:
        """Whether it is a field of view and no calibration."""
        return self.reading is None

    @property
    def remarks(self) -> tuple[str, ...]:
        """Everything that a person should know about it, in words."""
        return (*(() if self.reading is None else (self.reading.text,)), *self.notices)


def known_camera(
    info: Any, image_topic: str, height: int, width: int, *, rectified: str, hfov_rad: float
) -> KnownCamera:
    """Make the camera of images of this size, for the node and the commands alike.

    info: None when none has come.  rectified: see `choose_rectification`.  hfov_rad: assumed where
    camera_info is missing or cannot be used; 0.0 for none.  Raises CameraUnknown.
    """
    try:
        return _calibrated_camera(info, image_topic, height, width, rectified)
    except CameraUnknown as error:
        if hfov_rad <= 0.0:
            raise
        assumed = Intrinsics.from_hfov(width, height, hfov_rad)
        notices = (str(error),) if error.reason == UNUSABLE else ()
        return KnownCamera(CameraModel(assumed), fields_of(assumed), notices=notices)


def _calibrated_camera(
    info: Any, image_topic: str, height: int, width: int, rectified: str
) -> KnownCamera:
    if info is None:
        raise CameraUnknown('no camera_info', 'no camera_info')
    if info.k[0] == 0.0:
        raise CameraUnknown(
            'uncalibrated camera', 'camera_info is of an uncalibrated camera (K[0] is 0)'
        )
    reading = choose_rectification(rectified, image_topic, k=info.k, d=info.d, p=info.p)
    fields = CalibrationFields(
        k=info.k,
        d=info.d,
        p=info.p,
        distortion_model=info.distortion_model,
        width=info.width,
        height=info.height,
        rectified=reading.rectified,
        binning_x=info.binning_x,
        binning_y=info.binning_y,
        roi=_roi(info),
        r=info.r,
    )
    try:
        model = camera_from_calibration(fields, height=height, width=width)
        changes = fields_at(info, height, width)
    except CameraError as error:
        raise CameraUnknown(UNUSABLE, f'camera_info cannot be used: {error}') from None
    return KnownCamera(model, changes, reading, calibration_warnings(model, fields))


def _roi(info: Any) -> Roi:
    roi = info.roi
    return Roi(roi.x_offset, roi.y_offset, roi.width, roi.height)


def fields_at(info: Any, height: int, width: int) -> dict[str, Any]:
    """Return the fields that differ in the CameraInfo of images of this size.

    Empty when it describes such images as it is; otherwise the region of interest has to be
    taken out as well, `do_rectify` stays.  Raises CameraError as `camera_model` does.
    """
    seen = (
        (info.roi.height or info.height) // max(1, info.binning_y),
        (info.roi.width or info.width) // max(1, info.binning_x),
    )
    if seen == (height, width):
        return {}
    p = np.array(info.p, np.float64).reshape(3, 4)
    if p[0, 0] != 0.0:
        flat = _projection_at(p, info, height, width)
        # A stereo baseline in pixels scales along.
        p[:2, 3] *= flat.fx_px / p[0, 0], flat.fy_px / p[1, 1]
        p[:, :3] = flat.matrix()
    k = np.array(info.k, np.float64).reshape(3, 3)
    return {
        'height': height,
        'width': width,
        'k': _projection_at(k, info, height, width).matrix().ravel(),
        'p': p.ravel(),
        'binning_x': 0,
        'binning_y': 0,
    }


def _projection_at(matrix: NDArray[np.float64], info: Any, height: int, width: int) -> Intrinsics:
    binning = info.binning_x, info.binning_y
    seen = read_out(matrix, info.width, info.height, binning, _roi(info))
    return seen.scaled_to(width, height)


def fields_of(intrinsics: Intrinsics) -> dict[str, Any]:
    """Return the fields of the CameraInfo of a camera without distortion, that are not 0."""
    return {
        'height': intrinsics.height,
        'width': intrinsics.width,
        'distortion_model': 'plumb_bob',
        'd': np.zeros(5),
        'k': intrinsics.matrix().ravel(),
        'r': np.eye(3).ravel(),
        'p': np.column_stack((intrinsics.matrix(), np.zeros(3))).ravel(),
    }
