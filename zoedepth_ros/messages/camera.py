"""What CameraInfo messages mean, and the camera that they describe, kept until that changes.

Knows no message class, and so serves recordings too: `info` is anything with the fields of
sensor_msgs/CameraInfo.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.geometry.camera import Camera
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

MOST_RECENT = 64
"""Messages of camera_info that are kept to find the one of an image."""

PATIENCE_S = 0.05
"""Longest time to wait for the camera_info of an image while camera_info changes [s]."""

OTHER_STAMP = (
    'the calibration in camera_info changes, but some images have no camera_info with the same '
    'stamp: these images use the newest camera_info'
)

UNUSABLE = 'unusable camera_info'

_SAME_FIELDS = 'k', 'd', 'p', 'r', 'distortion_model', 'width', 'height', 'binning_x', 'binning_y'
"""Fields of CameraInfo that CalibrationFields has too."""

COMPRESSED = '/compressed'
"""End of the name of a topic of compressed images."""


def camera_info_topic(image_topic: str) -> str:
    """Return the topic of camera_info in the namespace of an image topic."""
    return f'{image_topic.removesuffix(COMPRESSED).rpartition("/")[0]}/camera_info'


class CameraUnknown(ValueError):  # noqa: N818
    """Raised when pixels have no rays; `reason` is the short form that is counted."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class CalibratedCamera(Camera):
    """Hold the camera of images, how it is known, and the CameraInfo of their depth."""

    def __init__(
        self,
        model: CameraModel,
        info: Any,
        reading: Rectification | None = None,
        notices: tuple[str, ...] = (),
    ) -> None:
        """info: CameraInfo at the size of the images, header to be set.

        reading: how camera_info was read; None for an assumed field of view.  notices: what is
        doubtful about camera_info, in words.
        """
        super().__init__(model)
        self.reading, self.notices = reading, notices
        self.assumed = reading is None
        """Whether it is a field of view and no calibration."""
        self.content: object = None
        """All that matters of the CameraInfo it was made of, to compare."""
        self._info = info

    @property
    def remarks(self) -> tuple[str, ...]:
        """Everything that a person should know about it, in words."""
        return (*(() if self.reading is None else (self.reading.text,)), *self.notices)

    def info(self, header: Any) -> Any:
        """Return the CameraInfo with this header; valid until the next call."""
        self._info.header = header
        return self._info


class _Info(NamedTuple):
    """Hold a CameraInfo and all that matters of it, to compare."""

    msg: Any
    content: object


class CameraTracker:
    """Keep the recent camera_info of a topic and the camera of the latest image."""

    def __init__(self, image_topic: str, make_info: Callable[..., Any]) -> None:
        """image_topic: its words count for `rectified` auto.

        make_info: makes a CameraInfo of fields by name.
        """
        self.image_topic, self._make_info = image_topic, make_info
        self._newest = _Info(None, None)
        self._recent: dict[tuple[int, int], _Info] = {}
        self._missed: tuple[int, int] | None = None  # stamp of the latest image without its own
        self._has_stamps_of_images = False
        self._arrived = threading.Condition()
        self._key: object = None
        self._camera: CalibratedCamera | CameraUnknown = CameraUnknown('', '')

    def set_info(self, msg: Any, *, is_newest: bool = True) -> None:
        """Add a CameraInfo; may be called from another thread.

        is_newest: whether images without a camera_info of their stamp get it from now on.
        """
        stamp, info = _stamp(msg.header), _Info(msg, _content(msg))
        with self._arrived:
            self._recent[stamp] = info
            if len(self._recent) > MOST_RECENT:
                del self._recent[next(iter(self._recent))]
            if is_newest:
                self._newest = info
            self._has_stamps_of_images |= stamp == self._missed
            self._arrived.notify_all()

    def lacks(self, header: Any, wait_s: float = 0.0) -> bool:
        """Return whether the camera_info of an image is still to come, and likely another one.

        It is where camera_info changes and has had the stamps of images before.  wait_s: longest
        time to wait for it then.
        """
        stamp = _stamp(header)
        with self._arrived:
            if stamp not in self._recent:
                self._missed = stamp
                changes = len({info.content for info in self._recent.values()}) > 1
                if not (self._has_stamps_of_images and changes):
                    return False
                if not self._arrived.wait_for(lambda: stamp in self._recent, wait_s):
                    return True
            self._has_stamps_of_images = True
            return False

    def is_outdated(self, camera: CalibratedCamera, header: Any) -> bool:
        """Return whether another camera_info has come for an image than its camera is of."""
        own = self._recent.get(_stamp(header))
        return not camera.assumed and own is not None and own.content != camera.content

    @property
    def image_bytes(self) -> int:
        """Size of a colour image of 8 bits by camera_info [bytes]; 0 without one."""
        msg = self._newest.msg
        return 0 if msg is None else 3 * msg.height * msg.width

    @property
    def has_info(self) -> bool:
        """Whether there is any camera_info yet."""
        return self._newest.msg is not None

    def camera(
        self,
        height: int,
        width: int,
        header: Any = None,
        *,
        rectified: str,
        hfov_rad: float,
        wait_s: float = 0.0,
    ) -> CalibratedCamera:
        """Return the camera of images of this size.

        header: the image's, whose stamp selects the camera_info; the newest without one of this
        stamp.  rectified: see `choose_rectification`.  hfov_rad: assumed where camera_info is
        missing or cannot be used; 0.0 for none, which raises CameraUnknown.  wait_s: see `lacks`.
        """
        info, doubts = self._newest, list[str]()
        if header is not None:
            doubts += [OTHER_STAMP] * self.lacks(header, wait_s)
            info = self._recent.get(_stamp(header), info)
        if header is not None and info.msg is not None:
            doubts += filter(None, [_other_frame(info.msg.header.frame_id, header.frame_id)])
        key = (info.content, height, width, hfov_rad, rectified, *doubts)
        if key != self._key:
            self._key = key
            try:
                self._camera = self._make(info.msg, height, width, rectified, hfov_rad)
                self._camera.content = info.content
                if not self._camera.assumed:
                    self._camera.notices += tuple(doubts)
            except CameraUnknown as error:
                self._camera = error.with_traceback(None)
        if isinstance(self._camera, CameraUnknown):
            raise self._camera
        return self._camera

    def _make(
        self, msg: Any, height: int, width: int, rectified: str, hfov_rad: float
    ) -> CalibratedCamera:
        """Return the camera of a CameraInfo, None for none, or that of a field of view."""
        try:
            return _calibrated(msg, self.image_topic, height, width, rectified)
        except CameraUnknown as error:
            if hfov_rad <= 0.0:
                raise
            assumed = Intrinsics.from_hfov(width, height, hfov_rad)
            notices = (str(error),) if error.reason == UNUSABLE else ()
            info = self._make_info(**undistorted_fields(assumed))
            return CalibratedCamera(CameraModel(assumed), info, notices=notices)


def seconds(stamp: Any) -> float:
    """Return a stamp in seconds."""
    return float(stamp.sec) + 1e-9 * float(stamp.nanosec)


def _stamp(header: Any) -> tuple[int, int]:
    stamp = header.stamp
    return stamp.sec, stamp.nanosec


def _other_frame(of_info: str, of_image: str) -> str:
    """Return why camera_info may be of another camera than the images; '' if it is of theirs."""
    if not of_info or not of_image or of_info.lstrip('/') == of_image.lstrip('/'):
        return ''
    return (
        f"the frame_id of camera_info is '{of_info}' and that of the images '{of_image}': "
        'does camera_info belong to another camera?'
    )


def _content(msg: Any) -> object:
    """Return all that matters of a CameraInfo in a form that compares and is quick to make."""
    roi = msg.roi
    return (
        (msg.height, msg.width, msg.distortion_model, msg.binning_x, msg.binning_y),
        (bytes(memoryview(msg.k)), bytes(memoryview(msg.r)), bytes(memoryview(msg.p))),
        (tuple(msg.d), roi.x_offset, roi.y_offset, roi.height, roi.width, roi.do_rectify),
    )


def _calibrated(
    info: Any, image_topic: str, height: int, width: int, rectified: str
) -> CalibratedCamera:
    if info is None:
        raise CameraUnknown('no camera_info', 'there is no camera_info')
    if info.k[0] == 0.0:
        raise CameraUnknown(
            'uncalibrated camera', 'camera_info is of an uncalibrated camera (K[0] is 0)'
        )
    reading = choose_rectification(rectified, image_topic, k=info.k, d=info.d, p=info.p)
    same = {name: getattr(info, name) for name in _SAME_FIELDS}
    fields = CalibrationFields(**same, rectified=reading.rectified, roi=_roi(info))
    try:
        model = camera_from_calibration(fields, height=height, width=width)
        at_size = _at_size(info, height, width)
    except CameraError as error:
        raise CameraUnknown(UNUSABLE, f'camera_info cannot be used: {error}') from None
    return CalibratedCamera(model, at_size, reading, calibration_warnings(model, fields))


def _roi(info: Any) -> Roi:
    roi = info.roi
    return Roi(roi.x_offset, roi.y_offset, roi.width, roi.height)


def _at_size(info: Any, height: int, width: int) -> Any:
    """Copy a CameraInfo as that of images of this size, without their region of interest.

    One that describes such images stays as it is; `do_rectify` always does.  Raises CameraError.
    """
    found = copy.copy(info)
    seen = (
        (info.roi.height or info.height) // max(1, info.binning_y),
        (info.roi.width or info.width) // max(1, info.binning_x),
    )
    if seen == (height, width):
        return found
    p = np.array(info.p, np.float64).reshape(3, 4)
    if p[0, 0] != 0.0:
        flat = _projection_at(p, info, height, width)
        # A stereo baseline in pixels scales along.
        p[:2, 3] *= flat.fx_px / p[0, 0], flat.fy_px / p[1, 1]
        p[:, :3] = flat.matrix()
    k = np.array(info.k, np.float64).reshape(3, 3)
    found.k, found.p = _projection_at(k, info, height, width).matrix().ravel(), p.ravel()
    found.height, found.width, found.binning_x, found.binning_y = height, width, 0, 0
    whole = {'x_offset': 0, 'y_offset': 0, 'height': 0, 'width': 0}
    found.roi = type(info.roi)(**whole, do_rectify=info.roi.do_rectify)
    return found


def _projection_at(matrix: NDArray[np.float64], info: Any, height: int, width: int) -> Intrinsics:
    binning = info.binning_x, info.binning_y
    seen = read_out(matrix, info.width, info.height, binning, _roi(info))
    return seen.scaled_to(width, height)


def undistorted_fields(intrinsics: Intrinsics) -> dict[str, Any]:
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
