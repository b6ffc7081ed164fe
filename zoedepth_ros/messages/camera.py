"""The camera that camera_info describes, kept until that changes."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from zoedepth_ros.geometry.camera import Camera
from zoedepth_ros.messages.camera_info import CameraUnknown, KnownCamera, known_camera


class CalibratedCamera(Camera):
    """Hold a camera with the CameraInfo of its depth image."""

    def __init__(self, known: KnownCamera, info: Any) -> None:
        """known: the camera, and where it is known from.  info: CameraInfo, header to be set."""
        super().__init__(known.model)
        self.known = known
        self._info = info

    def info(self, header: Any) -> Any:
        """Return the CameraInfo with this header; valid until the next call."""
        self._info.header = header
        return self._info


MOST_RECENT = 64
"""Messages of camera_info that are kept to find the one of an image."""


class CameraTracker:
    """Keep the recent camera_info of a topic and the camera of the latest image."""

    def __init__(self, image_topic: str, make_info: Callable[..., Any], *, hint: str = '') -> None:
        """image_topic: its words count for `rectified` auto.

        make_info: makes a CameraInfo of fields by name.  hint: end of the errors, what to do.
        """
        self.image_topic, self._make_info, self._hint = image_topic, make_info, hint
        self._msg: Any = None
        self._recent: dict[tuple[int, int], Any] = {}
        self._key: object = None
        self._camera: CalibratedCamera | CameraUnknown = CameraUnknown('', '')

    def set_info(self, msg: Any) -> None:
        """Add a CameraInfo; may be called from another thread."""
        self._recent[_stamp(msg.header)] = msg
        if len(self._recent) > MOST_RECENT:
            del self._recent[next(iter(self._recent))]
        self._msg = msg

    @property
    def image_bytes(self) -> int:
        """Size of a colour image of 8 bits by camera_info [bytes]; 0 without one."""
        msg = self._msg
        return 0 if msg is None else 3 * msg.height * msg.width

    @property
    def has_info(self) -> bool:
        """Whether there is any camera_info yet."""
        return self._msg is not None

    def camera(
        self, height: int, width: int, header: Any = None, *, rectified: str, hfov_rad: float
    ) -> CalibratedCamera:
        """Return the camera of images of this size; see `known_camera`.

        header: the image's, whose stamp selects the camera_info; the newest without one of this
        stamp.  Raises CameraUnknown when there is no usable camera_info and no field of view to
        assume.
        """
        msg, doubt = self._msg, ''
        if header is not None and msg is not None:
            msg = self._recent.get(_stamp(header), msg)
            doubt = _other_frame(msg.header.frame_id, header.frame_id)
        key = (_content(msg), height, width, hfov_rad, rectified, doubt)
        if key != self._key:
            self._key = key
            try:
                known = known_camera(
                    msg, self.image_topic, height, width, rectified=rectified, hfov_rad=hfov_rad
                )
                if doubt and not known.assumed:
                    known = known._replace(notices=(*known.notices, doubt))
                self._camera = CalibratedCamera(known, self._info(msg, known))
            except CameraUnknown as error:
                self._camera = CameraUnknown(error.reason, f'{error}{self._hint}')
        if isinstance(self._camera, CameraUnknown):
            raise self._camera
        return self._camera

    def _info(self, msg: Any, known: KnownCamera) -> Any:
        """Copy a CameraInfo, with the fields that differ for the depth image's size."""
        if known.assumed:
            return self._make_info(**known.changes)
        info = copy.copy(msg)
        for name, value in known.changes.items():
            setattr(info, name, value)
        if known.changes:
            whole = {'x_offset': 0, 'y_offset': 0, 'height': 0, 'width': 0}
            info.roi = type(msg.roi)(**whole, do_rectify=msg.roi.do_rectify)
        return info


def _stamp(header: Any) -> tuple[int, int]:
    return header.stamp.sec, header.stamp.nanosec


def _other_frame(of_info: str, of_image: str) -> str:
    """Return why camera_info may be of another camera than the images; '' if it is of theirs."""
    if not of_info or not of_image or of_info.lstrip('/') == of_image.lstrip('/'):
        return ''
    return (
        f"camera_info: its frame_id is '{of_info}', that of the images '{of_image}': is it of "
        'another camera?'
    )


def _content(msg: Any) -> object:
    """Return all that matters of a CameraInfo in a form that compares and is quick to make."""
    if msg is None:
        return None
    roi = msg.roi
    return (
        (msg.height, msg.width, msg.distortion_model, msg.binning_x, msg.binning_y),
        (bytes(memoryview(msg.k)), bytes(memoryview(msg.r)), bytes(memoryview(msg.p))),
        (tuple(msg.d), roi.x_offset, roi.y_offset, roi.height, roi.width, roi.do_rectify),
    )
