"""Log frames to Rerun."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.geometry.camera import Camera
from zoedepth_ros.geometry.filters import TUNED_WIDTH_PX, decimate, depth_for_points, mask_beyond
from zoedepth_ros.geometry.intrinsics import CameraModel, Intrinsics
from zoedepth_ros.geometry.points import pack_points, unpack_rgb
from zoedepth_ros.media.color import COLOR_RANGE_M
from zoedepth_ros.pipeline.settings import PipelineSettings
from zoedepth_ros.viewing.frame import ViewFrame
from zoedepth_ros.viewing.viewer import ViewingError, blueprint, open_viewer

APPLICATION = 'zoedepth'
MAX_SIDE_PX = 1280
"""Longer images are shown smaller [px]."""

MAX_POINTS = 100_000
"""Points shown of one image, unless cloud.decimation is configured."""

_UNTIL_1970_IS_MEANT_S = 1e8  # a time that is larger is a date
_JPEG_QUALITY = 90
_INERTIA = 0.8  # of the colours' limits, from frame to frame


def require_rerun() -> None:
    """Raise ViewingError naming what to install when Rerun is missing."""
    if find_spec('rerun') is None:
        raise ViewingError(
            'viewing needs Rerun: pip install "zoedepth_ros[view]" (or pip install rerun-sdk)'
        )


class RerunLog:
    """Own one Rerun recording."""

    def __init__(
        self,
        *,
        about: str,
        hfov_rad: float,
        settings: PipelineSettings | None = None,
        max_points: int = MAX_POINTS,
    ) -> None:
        """about: text shown beside the views.  hfov_rad: assumed for images without a camera.

        settings: for the points of recorded depth.  max_points: larger clouds are decimated
        further; 0 shows all points.
        """
        require_rerun()
        import rerun as rr

        self._rr = rr
        self._stream = rr.RecordingStream(APPLICATION)
        self._hfov_rad = hfov_rad
        self._settings = PipelineSettings() if settings is None else settings
        self._max_points = max_points
        self._camera_of_rays: Camera | None = None
        self._head, self._count = '', 0
        self._limits_m: dict[str, NDArray[np.float64]] = {}
        self._about = about

    def save(self, path: Path) -> None:
        """Write everything that is logged to a file."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._stream.save(path, default_blueprint=blueprint())
        self._begin()

    def spawn(self) -> None:
        """Show everything that is logged in the viewer's window."""
        self._stream.connect_grpc(open_viewer(), default_blueprint=blueprint())
        self._begin()

    def close(self) -> None:
        """End the recording."""
        with contextlib.suppress(RuntimeError):  # `flush` tells that the viewer is gone
            self._stream.flush()
        self._stream.disconnect()

    def flush(self) -> None:
        """Write and send what is buffered; raises ViewingError without a receiver."""
        try:
            self._stream.flush()
        except RuntimeError as error:
            raise ViewingError(f'the viewer was closed: {error}') from None

    def _begin(self) -> None:
        rr, log = self._rr, self._stream.log
        log('/', rr.ViewCoordinates.RDF, static=True)  # x right, y down, z forward (REP 103)
        self._say(self._about)
        for name, color in (('indoor', [230, 140, 40]), ('outdoor', [60, 150, 230])):
            style = rr.SeriesLines(names=name, colors=color, widths=2)
            log(f'router/{name}', style, static=True)

    def _say(self, text: str) -> None:
        document = self._rr.TextDocument(text, media_type='text/markdown')
        self._stream.log('about', document, static=True)

    def log(self, frame: ViewFrame) -> None:
        """Show one frame."""
        if frame.about:
            self._say(f'{self._about}\n\n{frame.about}')
        self._set_time(frame)
        step = _step(frame)
        camera = self._camera(frame)
        if frame.rgb is not None and camera is not None:
            self._log_image(frame.rgb, camera.intrinsics, step)
        if frame.depth_m is not None:
            head = frame.head or self._head  # recorded depth has no head, its router output has
            self._log_map('depth', frame.depth_m, step, COLOR_RANGE_M.get(head))
        if frame.uncertainty_m is not None:
            self._log_map('uncertainty', frame.uncertainty_m, step, None)
        if frame.depth_m is not None and camera is not None:
            self._log_points(frame, camera)
        for head, share in frame.router_probabilities.items():
            if math.isfinite(share):
                self._stream.log(f'router/{head}', self._rr.Scalars(share))
        if frame.head and frame.head != self._head:
            self._head = frame.head
            self._stream.log('head', self._rr.TextLog(f'{frame.name}: head {frame.head}'))

    def _set_time(self, frame: ViewFrame) -> None:
        self._stream.set_time('frame', sequence=self._count)
        self._count += frame.depth_m is not None
        if frame.time_s > _UNTIL_1970_IS_MEANT_S:
            self._stream.set_time('time', timestamp=frame.time_s)
        else:
            self._stream.set_time('time', duration=frame.time_s)

    def _camera(self, frame: ViewFrame) -> CameraModel | None:
        shape = next((a.shape for a in (frame.depth_m, frame.rgb) if a is not None), None)
        if frame.camera is not None or shape is None:
            return frame.camera
        return CameraModel(Intrinsics.from_hfov(shape[1], shape[0], self._hfov_rad))

    def _log_image(self, rgb: NDArray[np.uint8], camera: Intrinsics, step: int) -> None:
        rr = self._rr
        height, width = rgb.shape[:2]
        shown = (max(1, width // step), max(1, height // step))
        if step > 1:
            rgb = cv2.resize(rgb, shown, interpolation=cv2.INTER_AREA)
        scale = np.diag([shown[0] / width, shown[1] / height, 1.0])
        pinhole = rr.Pinhole(
            image_from_camera=scale @ camera.matrix(),
            resolution=shown,
            camera_xyz=rr.ViewCoordinates.RDF,
            image_plane_distance=0.5,
        )
        self._stream.log('camera', pinhole)
        self._stream.log('camera/image', rr.Image(rgb).compress(jpeg_quality=_JPEG_QUALITY))

    def _log_map(
        self,
        name: str,
        values_m: NDArray[np.float32],
        step: int,
        limits_m: tuple[float, float] | None,
    ) -> None:
        rr = self._rr
        shown = np.ascontiguousarray(decimate(values_m, step))
        limits_m = limits_m or self._followed(name, shown)
        colormap = 'Spectral' if name == 'depth' else 'Magma'
        image = rr.DepthImage(shown, meter=1.0, colormap=colormap, depth_range=limits_m)
        self._stream.log(name, image)

    def _followed(self, name: str, values_m: NDArray[np.float32]) -> tuple[float, float]:
        """Return limits for the colours that follow the values without flicker."""
        known_m = values_m[np.isfinite(values_m)]
        if known_m.size:
            found_m = np.percentile(known_m, (1.0, 99.0))
            last_m = self._limits_m.get(name, found_m)
            self._limits_m[name] = _INERTIA * last_m + (1.0 - _INERTIA) * found_m
        low_m, high_m = (float(limit) for limit in self._limits_m.get(name, (0.0, 1.0)))
        return low_m, max(high_m, low_m + 1e-3)

    def _log_points(self, frame: ViewFrame, camera: CameraModel) -> None:
        points = self._points(frame, camera) if frame.points is None else frame.points
        step = self._settings.cloud_decimation
        n_points = points.size // points.shape[-1]
        if 0 < self._max_points < n_points and points.ndim == 3:
            further = math.ceil(math.sqrt(n_points / self._max_points))
            points, step = decimate(points, further), step * further
        points = points.reshape(-1, points.shape[-1])
        points = np.ascontiguousarray(points[np.isfinite(points[:, 2])])
        has_color = frame.rgb is not None and self._settings.cloud_color
        radii = 0.6 * step / camera.intrinsics.fx_px * points[:, 2]
        colors = unpack_rgb(points) if has_color else None
        self._stream.log('points', self._rr.Points3D(points[:, :3], colors=colors, radii=radii))

    def _points(self, frame: ViewFrame, camera: CameraModel) -> NDArray[np.float32]:
        """Return the points of recorded depth, (h, w, 4), limited and filtered by the settings."""
        assert frame.depth_m is not None
        at = self._settings
        step = at.cloud_decimation
        if self._camera_of_rays is None or self._camera_of_rays.model != camera:
            self._camera_of_rays = Camera(camera)
        depth_m = depth_for_points(
            frame.depth_m,
            min_m=at.depth_min_m,
            edges=at.filter_edge,
            network_width=frame.network_width or TUNED_WIDTH_PX,
            steps=(step, step),
        )
        depth_m = mask_beyond(depth_m, at.cloud_max_range_m or math.inf)
        points = np.empty((*depth_m.shape, 4), np.float32)
        rgb = None if frame.rgb is None else decimate(frame.rgb, step)
        pack_points(depth_m, self._camera_of_rays.rays(step), rgb, points)
        return points


def run_log(
    frames: Any, log: RerunLog, predict: Callable[[ViewFrame], ViewFrame], limit: int = 0
) -> int:
    """Show every frame, at most `limit` (0 is all); return how many.

    predict: adds the depth to a frame that has none.
    """
    count = 0
    for frame in frames:
        if frame.rgb is not None and frame.depth_m is None:
            frame = predict(frame)
        log.log(frame)
        count += frame.depth_m is not None
        if limit and count >= limit:
            break
    return count


def _step(frame: ViewFrame) -> int:
    arrays = (frame.depth_m, frame.rgb, frame.uncertainty_m)
    longest = max((max(a.shape[:2]) for a in arrays if a is not None), default=1)
    return max(1, math.ceil(longest / MAX_SIDE_PX))
