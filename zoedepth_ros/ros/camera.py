"""What camera_info says about the pictures, kept until it changes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import CameraInfo

from zoedepth_ros.geometry.canonical import CanonicalWarp
from zoedepth_ros.geometry.intrinsics import CameraModel
from zoedepth_ros.geometry.rays import rays
from zoedepth_ros.geometry.scan import BandScan
from zoedepth_ros.messages.camera_info import CameraUnknown, KnownCamera, known_camera
from zoedepth_ros.ros.parameters import NodeSettings

SAME_UP = 3e-3  # rad: a scan is prepared anew when up has moved by more


class Camera:
    """Hold one camera at one picture size, with what is expensive to compute."""

    def __init__(self, model: CameraModel, info: Any, known: KnownCamera | None = None) -> None:
        """info: the CameraInfo of the depth image, whose header is set for each frame.

        known: where the model is from.
        """
        self.model = model
        self.known = KnownCamera(model, {}) if known is None else known
        self._info = info
        self._rays: NDArray[np.float32] | None = None
        self._decimated: dict[tuple[int, int], NDArray[np.float32]] = {}
        self._warps: dict[tuple[str, float], CanonicalWarp] = {}
        self._band: tuple[tuple[int, ...], BandScan] | None = None

    def info(self, header: Any) -> Any:
        """Give the CameraInfo with this header; valid until the next call."""
        self._info.header = header
        return self._info

    def rays(self, step: int = 1, column_step: int | None = None) -> NDArray[np.float32]:
        """Give x/z and y/z of every `step`-th pixel, (H, W, 2).

        column_step: that of the columns, where it is another.
        """
        steps = step, step if column_step is None else column_step
        if steps not in self._decimated:
            if len(self._decimated) > 4:  # settings have changed: do not keep them all
                self._decimated.clear()
            self._decimated[steps] = np.ascontiguousarray(
                self._all_rays()[steps[0] // 2 :: steps[0], steps[1] // 2 :: steps[1]]
            )
        return self._decimated[steps]

    def warp(self, head: str, training_hfov_rad: float) -> CanonicalWarp:
        """Give the maps to the training camera of a head and back."""
        key = head, training_hfov_rad
        if key not in self._warps:
            self._warps[key] = CanonicalWarp(self.model, head, training_hfov_rad=training_hfov_rad)
        return self._warps[key]

    def _all_rays(self) -> NDArray[np.float32]:
        if self._rays is None:
            self._rays = rays(self.model)
        return self._rays

    def band(self, rows: int, up: tuple[float, float, float]) -> BandScan:
        """Give the lookup of a scan from a band of rows, kept while up stays."""
        key = rows, *(round(part / SAME_UP) for part in up)
        if self._band is None or self._band[0] != key:
            self._band = key, BandScan.from_rays(self._all_rays(), band_rows=rows, up=up)
        return self._band[1]


class CameraKeeper:
    """Keep the newest camera_info and the camera it makes."""

    def __init__(self, image_topic: str) -> None:
        """image_topic: its name counts for camera.rectified auto."""
        self._image_topic = image_topic
        self._msg: Any = None
        self._key: object = None
        self._camera: Camera | CameraUnknown | None = None

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

    def camera(self, height: int, width: int, settings: NodeSettings) -> Camera:
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
        if not isinstance(self._camera, Camera):
            assert self._camera is not None
            raise self._camera
        return self._camera

    def _make(self, msg: Any, height: int, width: int, hfov_rad: float, choice: str) -> Camera:
        topic = self._image_topic
        try:
            known = known_camera(msg, topic, height, width, rectified=choice, hfov_rad=hfov_rad)
        except CameraUnknown as error:
            hint = 'depth without points; set camera.hfov to guess'
            raise CameraUnknown(error.reason, f'{error}: {hint}') from None
        if known.assumed:
            return Camera(known.model, CameraInfo(**known.changes), known)
        return Camera(known.model, _info_with(msg, known.changes), known)


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
