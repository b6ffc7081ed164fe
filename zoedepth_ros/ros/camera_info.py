"""What the fields of a CameraInfo mean; knows no message class, and so serves recordings too.

`info` is anything with the fields of sensor_msgs/CameraInfo.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from zoedepth_ros.geometry.intrinsics import (
    CameraModel,
    Intrinsics,
    Roi,
    camera_from_calibration,
)


def is_calibrated(info: Any) -> bool:
    """Tell whether there is a calibration: K[0] is 0 where there is none."""
    return info is not None and bool(info.k[0] != 0.0)


def camera_model(info: Any, height: int, width: int, *, rectified: bool) -> CameraModel:
    """Make the camera of pictures of this size; CameraError says why there is none.

    rectified: take P, not K and D.
    """
    roi = info.roi
    return camera_from_calibration(
        k=info.k,
        d=info.d,
        p=info.p,
        distortion_model=info.distortion_model,
        width=info.width,
        height=info.height,
        image_width=width,
        image_height=height,
        rectified=rectified,
        binning_x=info.binning_x,
        binning_y=info.binning_y,
        roi=Roi(roi.x_offset, roi.y_offset, roi.width, roi.height),
    )


def fields_at(info: Any, height: int, width: int) -> dict[str, Any]:
    """Give the fields that differ in the CameraInfo of pictures of this size.

    Empty when it describes such pictures as it is; otherwise the region of interest has to be
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
        flat = camera_model(info, height, width, rectified=True).intrinsics
        # A stereo baseline in pixels scales along.
        p[:2, 3] *= flat.fx_px / p[0, 0], flat.fy_px / p[1, 1]
        p[:, :3] = flat.matrix()
    return {
        'height': height,
        'width': width,
        'k': camera_model(info, height, width, rectified=False).intrinsics.matrix().ravel(),
        'p': p.ravel(),
        'binning_x': 0,
        'binning_y': 0,
    }


def fields_of(intrinsics: Intrinsics) -> dict[str, Any]:
    """Give the fields of the CameraInfo of a camera without distortion, that are not 0."""
    return {
        'height': intrinsics.height,
        'width': intrinsics.width,
        'distortion_model': 'plumb_bob',
        'd': np.zeros(5),
        'k': intrinsics.matrix().ravel(),
        'r': np.eye(3).ravel(),
        'p': np.column_stack((intrinsics.matrix(), np.zeros(3))).ravel(),
    }
