"""The camera that camera_info describes, kept until that changes."""

from __future__ import annotations

from typing import Any

from sensor_msgs.msg import CameraInfo

from zoedepth_ros.geometry.camera import Camera
from zoedepth_ros.messages.camera_info import CameraUnknown, KnownCamera, known_camera
from zoedepth_ros.pipeline.settings import PipelineSettings


class CalibratedCamera(Camera):
    """Hold a camera with the CameraInfo of its depth image."""

    def __init__(self, known: KnownCamera, info: Any) -> None:
        """known: the camera, and where it is known from.  info: CameraInfo without a header."""
        super().__init__(known.model)
        self.known = known
        self._info = info

    def info(self, header: Any) -> Any:
        """Return the CameraInfo with this header; valid until the next call."""
        self._info.header = header
        return self._info


class CameraKeeper:
    """Keep the newest camera_info and the camera it makes."""

    def __init__(self, image_topic: str) -> None:
        """image_topic: its name counts for camera.rectified auto."""
        self._image_topic = image_topic
        self._msg: Any = None
        self._key: object = None
        self._camera: CalibratedCamera | CameraUnknown | None = None

    def set_info(self, msg: Any) -> None:
        """Take a new CameraInfo; may be called from another thread."""
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

    def camera(self, height: int, width: int, settings: PipelineSettings) -> CalibratedCamera:
        """Give the camera for pictures of this size.

        Raises CameraUnknown when there is no usable camera_info and no field of view to assume.
        """
        msg, hfov_rad = self._msg, settings.camera_hfov_rad
        choice = settings.camera_rectified
        key = (_content(msg), height, width, hfov_rad, choice)
        if key != self._key:
            self._key = key
            try:
                self._camera = self._make(msg, height, width, hfov_rad, choice)
            except CameraUnknown as error:
                self._camera = error
        if not isinstance(self._camera, CalibratedCamera):
            assert self._camera is not None
            raise self._camera
        return self._camera

    def _make(
        self, msg: Any, height: int, width: int, hfov_rad: float, choice: str
    ) -> CalibratedCamera:
        topic = self._image_topic
        try:
            known = known_camera(msg, topic, height, width, rectified=choice, hfov_rad=hfov_rad)
        except CameraUnknown as error:
            hint = 'depth without points; set camera.hfov to guess'
            raise CameraUnknown(error.reason, f'{error}: {hint}') from None
        if known.assumed:
            return CalibratedCamera(known, CameraInfo(**known.changes))
        return CalibratedCamera(known, _info_with(msg, known.changes))


def _info_with(msg: Any, changes: dict[str, Any]) -> Any:
    """Copy a CameraInfo, with the fields that differ for the depth image's size."""
    info = CameraInfo(
        height=msg.height,
        width=msg.width,
        distortion_model=msg.distortion_model,
        d=msg.d,
        k=msg.k,
        r=msg.r,
        p=msg.p,
        binning_x=msg.binning_x,
        binning_y=msg.binning_y,
        roi=msg.roi,
    )
    for name, value in changes.items():
        setattr(info, name, value)
    if changes:
        info.roi = type(msg.roi)(do_rectify=msg.roi.do_rectify)
    return info


def _content(msg: Any) -> object:
    """Give all that matters of a CameraInfo in a form that compares and is quick to make."""
    if msg is None:
        return None
    roi = msg.roi
    return (
        (msg.height, msg.width, msg.distortion_model, msg.binning_x, msg.binning_y),
        (bytes(memoryview(msg.k)), bytes(memoryview(msg.r)), bytes(memoryview(msg.p))),
        (tuple(msg.d), roi.x_offset, roi.y_offset, roi.height, roi.width, roi.do_rectify),
    )
