"""Everything that needs the camera's intrinsics: clouds, ground segmentation, scans."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.geometry.filters import (
    decimate,
    depth_for_points,
    mask_beyond,
    stride_slice,
    widest_ramp_px,
)
from zoedepth_ros.geometry.ground import GroundFit, Up
from zoedepth_ros.geometry.points import depth_to_points, pack_points
from zoedepth_ros.geometry.scan import level_rotation
from zoedepth_ros.geometry.sky import FAR_M
from zoedepth_ros.inference.result import CloudRequest
from zoedepth_ros.pipeline import outputs
from zoedepth_ros.pipeline.cliff_detector import CliffDetector
from zoedepth_ros.pipeline.ground_segmentation import CLOUDS, SCALE, SCAN, GroundSegmentation
from zoedepth_ros.pipeline.outputs import STD, XYZ, Buffers, Cloud, Omission, Output, Scan
from zoedepth_ros.pipeline.request import FrameContext, RateLimiter, Request
from zoedepth_ros.pipeline.resumable import Resumable
from zoedepth_ros.pipeline.scaling import Scaling
from zoedepth_ros.pipeline.settings import PipelineSettings
from zoedepth_ros.pipeline.temporal_filter import TemporalFilter

CALIBRATION_RATE_HZ = 2.0
MOST_OF = 0.9  # of scan.range_max: a smaller measured range is worth a notice
NO_GROUND = 'no ground'
NO_GROUND_MESSAGE = (
    "no ground plane is visible, so the clouds depth/points/* and a scan with scan.mode 'height' "
    'are not published; set camera.height to define the ground plane with the angles of '
    'camera.base_frame, or of camera.pitch and camera.roll'
)

Map = NDArray[np.float32]


class Clouds(Resumable):
    """Make clouds and scans of one camera's images."""

    KEPT = ('ground_segmentation', '_temporal', '_calibration', '_cliffs')

    def __init__(self, scaling: Scaling, buffers: Buffers) -> None:
        """scaling: receives what is measured of the scale.  buffers: memory for POINTS."""
        self.ground_segmentation = GroundSegmentation()
        self.scan_notice = ''
        """Why no beam of the scan has a range, or is +Inf, in words; '' if they can."""
        self._scaling, self._buffers = scaling, buffers
        self._calibration = RateLimiter(CALIBRATION_RATE_HZ)
        self._cliffs = CliffDetector()
        self._temporal: dict[str, TemporalFilter] = {}

    def follow(self, request: Request, depth_m: Map, head: str) -> None:
        """Give this image's depth to the temporal filters, each at the rate of its output.

        So what a cloud leaves out does not depend on the subscribers of depth, which is faster.
        """
        due = request.due
        if not request.settings.filter_temporal:
            self._temporal.clear()
            return
        for name, is_due in ((outputs.POINTS, due.cloud_due), (outputs.SCAN, due.depth_due)):
            if is_due:
                check = self._temporal.setdefault(name, TemporalFilter())
                check.take(depth_m, head, request.now_s)

    def up_for_sky(self, context: FrameContext) -> tuple[Up, GroundFit | None]:
        """Return the up direction in an image whose sky is not known yet, and the ground fit.

        Without a ground plane that of TF or the parameters.  The plane is fitted whatever is
        requested, and not kept, because depth/image depends on it.
        """
        at = context.request.settings
        if at.camera_pitch_tolerance_rad <= 0.0:
            return self.ground_segmentation.expected_up(at), None
        few_m = self._for_points(context, (at.cloud_decimation, at.cloud_decimation))
        points_m = self._points(few_m, context, FAR_M[context.result.head])
        fit = self.ground_segmentation.fit(points_m, at)
        found = fit.trusted or fit.other
        return self.ground_segmentation.expected_up(at) if found is None else found.up, fit

    def make(self, context: FrameContext) -> Iterator[Output]:
        """Yield every cloud and scan that is due."""
        due, at = context.request.due, context.request.settings
        scan, calibrate = outputs.SCAN in due.depth, self._calibrates(context)
        by_height = scan and at.scan_mode == 'height'
        if not (due.clouds or scan or calibrate):
            return
        step = at.cloud_decimation
        segments, cloud = due.clouds & outputs.SEGMENTS, outputs.POINTS in due.clouds
        needs_points = bool(segments) or calibrate or by_height  # as an array, on the CPU
        packed = self._packed_on_device(context) if cloud and not needs_points else None
        rows_m = self._for_points(context, (step, 1)) if by_height else None
        if packed is not None:
            yield Cloud(packed, _fields(at.cloud_color))
        elif cloud or needs_points:
            if rows_m is None:
                few_m = self._for_points(context, (step, step))
            else:
                few_m = rows_m[:, stride_slice(step)].copy()
            if needs_points:
                points_m = self._points(few_m, context, context.measured_to_m)
                fit = context.fit or self.ground_segmentation.fit(points_m, at)
            if calibrate:
                self._observe(fit, context)
            dropped = self._dropped(outputs.POINTS, (step, step))
            if dropped is not None:
                few_m[dropped] = np.nan
            if cloud:
                yield self._cloud(few_m, context)
            if segments:
                if dropped is not None:
                    points_m[dropped] = np.nan
                yield from self._segments(segments, points_m, few_m, fit, context)
        if rows_m is not None and (dropped := self._dropped(outputs.SCAN, (step, 1))) is not None:
            rows_m[dropped] = np.nan
        try:
            if rows_m is not None:
                yield self._scan_by_height(rows_m, fit, context)
            elif scan:
                yield self._scan_by_rows(context)
        except ValueError as error:
            yield Omission('no scan', str(error))

    def _for_points(
        self, context: FrameContext, steps: tuple[int, int] = (1, 1), rows: slice = slice(None)
    ) -> Map:
        """Return depth of every n-th row and column as `geometry.filters` defines it.

        rows: of these alone.
        """
        at = context.request.settings
        return depth_for_points(
            context.depth_m[rows],
            min_m=at.depth_min_m,
            edges=at.filter_edge,
            network_width=context.network_width,
            steps=steps,
        )

    def _dropped(
        self, name: str, steps: tuple[int, int], rows: slice = slice(None)
    ) -> NDArray[np.bool_] | None:
        """Return the pixels that the previous image does not confirm; None for none."""
        check = self._temporal.get(name)
        return None if check is None else check.unconfirmed(steps, rows)

    def _packed_on_device(self, context: FrameContext) -> Map | None:
        """Return the points of the cloud, (h, w, 4) or (n, 4); None where the CPU makes them.

        They are those of `_for_points`, without those of `_dropped`, and `_cloud`.
        """
        if context.result.pack_cloud is None or context.std_m is not None:
            return None
        at = context.request.settings
        step = at.cloud_decimation
        request = CloudRequest(
            rays=context.camera.rays(step),
            stride=step,
            factor=context.factor,
            min_depth_m=at.depth_min_m,
            max_depth_m=context.shown_to_m,
            edges=at.filter_edge,
            network_width=context.network_width,
            color=at.cloud_color,
            organized=at.cloud_organized,
            sky=context.sky,
            unknown=np.isnan(context.depth_m) if at.filter_max_uncertainty_m > 0.0 else None,
            suppressed=self._dropped(outputs.POINTS, (step, step)),
        )
        packed = context.result.pack_cloud(request)
        if packed is None or packed.ndim == 2:
            return packed
        points = self._buffers.array(outputs.POINTS, packed.shape, np.float32)
        np.copyto(points, packed)
        return points

    def _calibrates(self, context: FrameContext) -> bool:
        at = context.request.settings
        by_height = at.scale_source == 'height' and at.camera_height_m > 0.0
        return by_height and self._calibration.is_due(context.request.now_s)

    def _points(self, depth_m: Map, context: FrameContext, limit_m: float) -> Map:
        """Return the points (h, w, 3) of depth at cloud.decimation, NaN beyond a limit."""
        rays = context.camera.rays(context.request.settings.cloud_decimation)
        return depth_to_points(mask_beyond(depth_m, limit_m), rays)

    def _observe(self, fit: GroundFit, context: FrameContext) -> None:
        """Use the height of the ground plane to estimate the scale."""
        at, now_s = context.request.settings, context.request.now_s
        self._calibration.take(now_s)
        self.ground_segmentation.take(fit, at, now_s, SCALE)
        self._scaling.observe_ground(fit.trusted, at, now_s)

    def _segments(
        self,
        names: frozenset[str],
        points_m: Map,
        depth_m: Map,
        fit: GroundFit,
        context: FrameContext,
    ) -> Iterator[Output]:
        """Yield ground, obstacles, free rays and edges of the floor."""
        at = context.request.settings
        ground = self.ground_segmentation.take(fit, at, context.request.now_s, CLOUDS)
        if ground is None:
            yield self._no_ground()
            return
        if outputs.CLIFFS in names:
            edges_m = self._cliffs.points(context, points_m, ground)
            yield Cloud(edges_m, XYZ, outputs.CLIFFS)
        if names == {outputs.CLIFFS}:
            return
        rays = context.camera.rays(at.cloud_decimation)
        seen_m = None
        if outputs.CLEARING in names:
            seen_m = mask_beyond(
                decimate(context.seen_m, at.cloud_decimation), context.measured_to_m
            )
        segments = self.ground_segmentation.segments(
            points_m, depth_m, rays, at, ground, context.measured_to_m, context.std_m, seen_m
        )
        parts = (outputs.GROUND, outputs.OBSTACLES, outputs.CLEARING)
        for name, part_m in zip(parts, segments, strict=True):
            if name in names:
                yield Cloud(part_m, (*XYZ, STD)[: part_m.shape[1]], name)

    def _no_ground(self) -> Omission:
        return Omission(NO_GROUND, self.ground_segmentation.notice or NO_GROUND_MESSAGE)

    def _scan_by_height(self, depth_m: Map, fit: GroundFit, context: FrameContext) -> Output:
        """Return a scan of depth (H / decimation, W): rows are decimated, columns are beams."""
        at = context.request.settings
        ground = self.ground_segmentation.take(fit, at, context.request.now_s, SCAN)
        if ground is None:
            return self._no_ground()
        rays = context.camera.rays(at.cloud_decimation, 1)
        beams = self.ground_segmentation.height_scan(rays, ground.up)
        ranges_m = beams.ranges(
            depth_m,
            ground.height_m,
            low_m=at.obstacles_min_height_m,
            high_m=at.obstacles_max_height_m,
            range_min_m=at.depth_min_m,
            range_max_m=at.scan_range_max_m,
            measured_to_m=context.measured_to_m,
            doubtful_m=_doubtful(depth_m, context, (at.cloud_decimation, 1)),
        )
        return self._scan(beams, ranges_m, context)

    def _cloud(self, depth_m: Map, context: FrameContext) -> Cloud:
        """Pack the points of depth (h, w) with their colours."""
        at = context.request.settings
        step, color = at.cloud_decimation, at.cloud_color
        rgb = decimate(context.request.rgb, step) if color else None
        rays, shape = context.camera.rays(step), (*depth_m.shape, 4)
        if at.cloud_organized and context.std_m is None:
            points = self._buffers.array(outputs.POINTS, shape, np.float32)
        else:
            points = np.empty(shape, np.float32)
        pack_points(depth_m, rays, rgb, points, limit_m=context.shown_to_m)
        if context.std_m is not None:
            return self._with_std(points, context.std_m, at)
        if at.cloud_organized:
            return Cloud(points, _fields(color))
        known = np.isfinite(points[..., 2])
        whole = points.view(np.complex128)[..., 0]  # one number per point moves faster than four
        return Cloud(whole[known].view(np.float32).reshape(-1, 4), _fields(color))

    def _with_std(self, packed: Map, std_m: Map, at: PipelineSettings) -> Cloud:
        """Return the cloud of points (h, w, 4) with their standard deviation (h, w) appended."""
        fields = *_fields(at.cloud_color), STD
        if not at.cloud_organized:
            return Cloud(np.dstack((packed, std_m))[np.isfinite(packed[..., 2])], fields)
        points = self._buffers.array(outputs.POINTS, (*std_m.shape, 5), np.float32)
        points[..., :4], points[..., 4] = packed, std_m
        return Cloud(points, fields)

    def _scan_by_rows(self, context: FrameContext) -> Scan:
        """Return a scan of a band of rows; no more rows than needed are filtered."""
        at = context.request.settings
        up = self.ground_segmentation.expected_up(at)
        band = context.camera.band(at.scan_rows, up)
        margin_px = widest_ramp_px(context.depth_m.shape[1]) + 1
        top, rows = 0, slice(None)
        if not band.turns:
            top = max(0, band.first_row - margin_px)
            rows = slice(top, band.first_row + len(band.columns) + margin_px)
        strip_m = self._for_points(context, rows=rows)
        if (dropped := self._dropped(outputs.SCAN, (1, 1), rows)) is not None:
            strip_m[dropped] = np.nan
        ranges_m = replace(band, first_row=band.first_row - top).ranges(
            np.rot90(strip_m, band.turns),
            range_min_m=at.depth_min_m,
            range_max_m=at.scan_range_max_m,
            measured_to_m=context.measured_to_m,
            doubtful_m=np.rot90(_doubtful(strip_m, context, (1, 1), rows), band.turns),
        )
        return self._scan(band, ranges_m, context)

    def _scan(self, beams: Any, ranges_m: Map, context: FrameContext) -> Scan:
        at, measured_to_m = context.request.settings, context.measured_to_m
        longest = f'scan.range_max is {at.scan_range_max_m:.3g} m, but'
        self.scan_notice = ''
        if at.scan_range_max_m <= at.depth_min_m:
            self.scan_notice = (
                f'{longest} depth.min is {at.depth_min_m:.3g} m: no beam has a range'
            )
        elif measured_to_m < MOST_OF * at.scan_range_max_m:
            self.scan_notice = (
                f"{longest} depth is measured to {measured_to_m:.3g} m (depth.max or the head's "
                'range): beams that meet nothing up to there are NaN, not +Inf'
            )
        up = self.ground_segmentation.expected_up(at)
        level_rotation(up)  # raises ValueError if the scan has no frame
        return Scan(beams, ranges_m, at.depth_min_m, at.scan_range_max_m, up)


def _fields(color: bool) -> tuple[str, ...]:
    """Return the names of the four numbers of a point of `points.pack_points`."""
    return *XYZ, 'rgb' if color else ''


def _doubtful(
    depth_m: Map, context: FrameContext, steps: tuple[int, int], rows: slice = slice(None)
) -> Map:
    """Return the depth of pixels (h, w) that filters have made unknown, NaN at the others.

    depth_m: filtered, of every n-th row and column.
    """
    seen_m = context.seen_m[rows][stride_slice(steps[0]), stride_slice(steps[1])]
    return np.where(np.isnan(depth_m), seen_m, np.float32(np.nan))
