"""The camera that camera_info describes, kept until that changes."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable
from typing import Any, NamedTuple

from zoedepth_ros.geometry.camera import Camera
from zoedepth_ros.messages.camera_info import CameraUnknown, KnownCamera, known_camera


class CalibratedCamera(Camera):
    """Hold a camera with the CameraInfo of its depth image."""

    def __init__(self, known: KnownCamera, info: Any, content: object) -> None:
        """known: the camera, and where it is known from.  info: CameraInfo, header to be set.

        content: all that matters of the CameraInfo it was made of, to compare.
        """
        super().__init__(known.model)
        self.known, self.content = known, content
        self._info = info

    def info(self, header: Any) -> Any:
        """Return the CameraInfo with this header; valid until the next call."""
        self._info.header = header
        return self._info


MOST_RECENT = 64
"""Messages of camera_info that are kept to find the one of an image."""

PATIENCE_S = 0.05
"""Longest time to wait for the camera_info of an image while camera_info changes [s]."""

OTHER_STAMP = (
    'camera_info changes, and none has come with the stamp of some images: these get the newest '
    'before them'
)


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

    def lacks(self, header: Any) -> bool:
        """Return whether the camera_info of an image is still to come, and likely another one.

        It is where camera_info changes and has had the stamps of images before.
        """
        stamp = _stamp(header)
        with self._arrived:
            if stamp in self._recent:
                self._has_stamps_of_images = True
                return False
            self._missed = stamp
            return self._has_stamps_of_images and (
                len({info.content for info in self._recent.values()}) > 1
            )

    def wait(self, header: Any, timeout_s: float = PATIENCE_S) -> None:
        """Wait for the camera_info that an image `lacks`."""
        if self.lacks(header):
            with self._arrived:
                self._arrived.wait_for(lambda: _stamp(header) in self._recent, timeout_s)

    def is_outdated(self, camera: CalibratedCamera, header: Any) -> bool:
        """Return whether another camera_info has come for an image than its camera is of."""
        own = self._recent.get(_stamp(header))
        return not camera.known.assumed and own is not None and own.content != camera.content

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
        self, height: int, width: int, header: Any = None, *, rectified: str, hfov_rad: float
    ) -> CalibratedCamera:
        """Return the camera of images of this size; see `known_camera`.

        header: the image's, whose stamp selects the camera_info; the newest without one of this
        stamp.  Raises CameraUnknown when there is no usable camera_info and no field of view to
        assume.
        """
        info, doubts = self._newest, list[str]()
        if header is not None:
            doubts += [OTHER_STAMP] * self.lacks(header)
            info = self._recent.get(_stamp(header), info)
        msg = info.msg
        if header is not None and msg is not None:
            doubts += filter(None, [_other_frame(msg.header.frame_id, header.frame_id)])
        key = (info.content, height, width, hfov_rad, rectified, *doubts)
        if key != self._key:
            self._key = key
            try:
                known = known_camera(
                    msg, self.image_topic, height, width, rectified=rectified, hfov_rad=hfov_rad
                )
                if not known.assumed:
                    known = known._replace(notices=(*known.notices, *doubts))
                self._camera = CalibratedCamera(known, self._info(msg, known), info.content)
            except CameraUnknown as error:
                self._camera = error.with_traceback(None)
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
    roi = msg.roi
    return (
        (msg.height, msg.width, msg.distortion_model, msg.binning_x, msg.binning_y),
        (bytes(memoryview(msg.k)), bytes(memoryview(msg.r)), bytes(memoryview(msg.p))),
        (tuple(msg.d), roi.x_offset, roi.y_offset, roi.height, roi.width, roi.do_rectify),
    )
