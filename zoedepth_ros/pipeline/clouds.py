"""What needs a camera: clouds, scans, and what stands around."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.geometry.filters import widest_ramp_px
from zoedepth_ros.geometry.ground import GroundFit
from zoedepth_ros.geometry.points import decimate, depth_to_points, stride_slice
from zoedepth_ros.geometry.ranges import mask_beyond
from zoedepth_ros.geometry.sky import FAR_M
from zoedepth_ros.geometry.workspace import Workspace
from zoedepth_ros.inference.on_device import CloudRequest
from zoedepth_ros.pipeline.rates import RateLimiter
from zoedepth_ros.pipeline.temporal_filter import TemporalCheck
from zoedepth_ros.ros.messages import CloudWriter, laser_scan
from zoedepth_ros.ros.parameters import NodeSettings
from zoedepth_ros.ros.postprocess import depth_for_points, shown_to_m
from zoedepth_ros.ros.references import References
from zoedepth_ros.ros.scaling import Scaling
from zoedepth_ros.ros.scan_frame import ScanFrame
from zoedepth_ros.ros.schedule import Plan
from zoedepth_ros.ros.surroundings import CLOUDS, SCALE, SCAN, Surroundings, Up
from zoedepth_ros.ros.view import View

CALIBRATION_RATE_HZ = 2.0
MOST_OF = 0.9  # of scan.range_max: what is measured no farther is worth a notice
NO_GROUND = 'no ground'
NO_GROUND_MESSAGE = (
    'no ground plane in view: no obstacles and no scan by height; set camera.height and '
    'camera.pitch to go without one'
)

Topic = tuple[str, Any]
Map = NDArray[np.float32]


class InSpace:
    """Make clouds and scans, kept and written in place from frame to frame."""

    def __init__(self, scaling: Scaling, drop: Callable[[str, str], None]) -> None:
        """scaling: told what is seen of the scale.  drop: told what cannot be made, and why."""
        self.surroundings = Surroundings()
        self.scan_frame = ScanFrame()
        self._scaling, self._drop = scaling, drop
        self._clouds = {color: CloudWriter(color=color) for color in (True, False)}
        self._parts = CloudWriter(color=False)
        self._calibration = RateLimiter(CALIBRATION_RATE_HZ)
        self._scratch = Workspace()
        self._temporal: dict[str, TemporalCheck] = {}
        self.short_scan = ''
        """Why beams of the scan are NaN that could be +Inf, in words; '' where none are."""
        self.references: References | None = None
        """Another sensor to compare distances with, when scale.source names one."""
        self.network_width = 512
        """Columns the network sees [px]; the fewer, the wider its edges."""

    def follow(self, plan: Plan, depth_m: Map, head: str, at: NodeSettings, now_s: float) -> None:
        """Show the temporal checks this image's depth, each at the rate of what it is for.

        So what a cloud leaves out does not depend on who subscribes to depth, which is faster.
        """
        if not at.filter_temporal:
            self._temporal.clear()
            return
        for topic, due in (('depth/points', plan.cloud_due), ('scan', plan.depth_due)):
            if due:
                check = self._temporal.setdefault(topic, TemporalCheck())
                check.take(depth_m, head, now_s)

    def up_for_sky(self, view: View) -> tuple[Up, GroundFit | None]:
        """Give where up is in this image, whose sky is not known yet, and what its floor says.

        Without a floor as TF or the parameters say.  It is looked for whoever subscribes, and not
        kept, for depth/image depends on it.
        """
        at = view.settings
        if at.camera_pitch_tolerance_rad <= 0.0:
            return self.surroundings.expected_up(at), None
        few_m = self._for_points(view, (at.cloud_decimation, at.cloud_decimation))
        fit = self.surroundings.fit(self._points(few_m, view, FAR_M[view.head]), at)
        found = fit.trusted or fit.other
        return self.surroundings.expected_up(at) if found is None else found.up, fit

    def make(self, plan: Plan, view: View) -> Iterator[Topic]:
        """Give (topic, message) for every cloud and scan in the plan."""
        settings = view.settings
        scan, calibrate = 'scan' in plan.depth_topics, self._calibrates(view)
        by_height = scan and settings.scan_mode == 'height'
        if not (plan.needs_points or scan or calibrate):
            return
        step = settings.cloud_decimation
        if calibrate and self.references is not None:
            self._calibration.take(view.now_s)
            compared_m = mask_beyond(self._for_points(view), view.measured_to_m, self._scratch)
            ratios = self.references.ratios(view.header, compared_m, view.camera)
            self._scaling.observe_ratios(ratios, view.now_s)
            calibrate = False
        looks = bool(plan.split_topics) or calibrate or by_height  # at points, on the CPU
        packed = self._packed_on_device(view) if plan.cloud and not looks else None
        rows_m = self._for_points(view, (step, 1)) if by_height else None
        if packed is not None:
            yield 'depth/points', self._writer(settings).packed(view.header, packed)
        elif plan.cloud or looks:
            if rows_m is None:
                few_m = self._for_points(view, (step, step))
            else:
                few_m = rows_m[:, stride_slice(step)].copy()
            if looks:
                points_m = self._points(few_m, view, view.measured_to_m)
                seen = view.fit
                fit = self.surroundings.fit(points_m, settings) if seen is None else seen
            if calibrate:
                self._observe(fit, view)
            held = self._held('depth/points', (step, step))
            self._leave_out(few_m, held)
            if plan.cloud:
                yield 'depth/points', self._cloud(few_m, view)
            if plan.split_topics:
                if held is not None:
                    points_m[held] = np.nan
                yield from self._split(plan, points_m, few_m, fit, view)
        if rows_m is not None:
            self._leave_out(rows_m, self._held('scan', (step, 1)))
            yield from self._scan_by_height(rows_m, fit, view)
        elif scan:
            yield from self._scan(view)

    def _for_points(
        self, view: View, steps: tuple[int, int] = (1, 1), rows: slice = slice(None)
    ) -> Map:
        """Give depth of every n-th row and column as `geometry.ranges` reads it.

        rows: of these alone.  Valid until the next call.
        """
        return depth_for_points(
            view.depth_m[rows],
            view.settings,
            self.network_width,
            steps=steps,
            scratch=self._scratch,
        )

    def _held(
        self, topic: str, steps: tuple[int, int], rows: slice = slice(None)
    ) -> NDArray[np.bool_] | None:
        check = self._temporal.get(topic)
        return None if check is None else check.held(steps, rows)

    def _leave_out(self, depth_m: Map, held: NDArray[np.bool_] | None) -> None:
        if held is not None:
            self._scratch.put(depth_m, held, np.nan)

    def _packed_on_device(self, view: View) -> Map | None:
        """Give the points of the cloud, (h, w, 4) or (n, 4); None where the CPU is to make them.

        What is asked for is what `_for_points`, `_held` and `_cloud` do.
        """
        if view.on_device is None:
            return None
        at, step = view.settings, view.settings.cloud_decimation
        request = CloudRequest(
            rays=view.camera.rays(step),
            step=step,
            factor=view.factor,
            nearest_m=at.depth_min_m,
            farthest_m=shown_to_m(at, view.range_m),
            max_uncertainty_m=at.filter_max_uncertainty_m,
            edges=at.filter_edge,
            network_width=self.network_width,
            color=at.cloud_color,
            organized=at.cloud_organized,
            sky=view.sky,
            held=self._held('depth/points', (step, step)),
        )
        return view.on_device.pack_cloud(request)

    def _calibrates(self, view: View) -> bool:
        at = view.settings
        by_height = at.scale_source == 'height' and at.camera_height_m > 0.0
        return (by_height or self.references is not None) and self._calibration.is_due(view.now_s)

    def _points(self, depth_m: Map, view: View, limit_m: float) -> Map:
        """Give the points (h, w, 3) of depth at cloud.decimation, NaN beyond a limit."""
        rays = view.camera.rays(view.settings.cloud_decimation)
        return depth_to_points(mask_beyond(depth_m, limit_m, self._scratch), rays)

    def _observe(self, fit: GroundFit, view: View) -> None:
        """Take what the ground says about the scale."""
        self._calibration.take(view.now_s)
        self.surroundings.take(fit, view.settings, view.now_s, SCALE)
        self._scaling.observe_ground(fit.trusted, view.settings, view.now_s)

    def _split(
        self, plan: Plan, points_m: Map, depth_m: Map, fit: GroundFit, view: View
    ) -> Iterator[Topic]:
        """Give ground, obstacles and free rays, as clouds of one row."""
        at = view.settings
        ground = self.surroundings.take(fit, at, view.now_s, CLOUDS)
        if ground is None:
            self._drop(NO_GROUND, self.surroundings.notice(at) or NO_GROUND_MESSAGE)
            return
        rays = view.camera.rays(at.cloud_decimation)
        limit_m = view.measured_to_m
        clouds = self.surroundings.clouds(points_m, depth_m, rays, at, ground, limit_m)
        for name, part_m in zip(clouds._fields, clouds, strict=True):
            topic = f'depth/points/{name}'
            if topic in plan.split_topics:
                yield topic, self._parts.points(view.header, part_m)

    def _scan_by_height(self, depth_m: Map, fit: GroundFit, view: View) -> Iterator[Topic]:
        """Give a scan of depth (H / decimation, W): of rows alone, for every column is a beam."""
        at = view.settings
        ground = self.surroundings.take(fit, at, view.now_s, SCAN)
        if ground is None:
            self._drop(NO_GROUND, self.surroundings.notice(at) or NO_GROUND_MESSAGE)
            return
        scan = self.surroundings.scan(view.camera.rays(at.cloud_decimation, 1), ground.up)
        limits_m = (at.depth_min_m, at.scan_range_max_m)
        ranges_m = scan.ranges(
            depth_m,
            ground.height_m,
            low_m=at.obstacles_min_height_m,
            high_m=at.obstacles_max_height_m,
            range_min_m=limits_m[0],
            range_max_m=limits_m[1],
            measured_to_m=view.measured_to_m,
        )
        yield from self._in_frame(laser_scan(view.header, scan, ranges_m, limits_m), view)

    def _writer(self, at: NodeSettings) -> CloudWriter:
        return self._clouds[at.cloud_color]

    def _cloud(self, depth_m: Map, view: View) -> Any:
        at = view.settings
        writer, step = self._writer(at), at.cloud_decimation
        fill = writer.organized if at.cloud_organized else writer.dense
        shown_m = mask_beyond(depth_m, shown_to_m(at, view.range_m), self._scratch)
        return fill(view.header, shown_m, view.camera.rays(step), decimate(view.rgb, step))

    def _scan(self, view: View) -> Iterator[Topic]:
        """Give a scan of a band of rows, of which no more than needed is filtered."""
        at = view.settings
        band = view.camera.band(at.scan_rows, self.surroundings.expected_up(at))
        margin_px = widest_ramp_px(view.depth_m.shape[1]) + 1
        top = max(0, band.first_row - margin_px)
        rows = slice(top, band.first_row + len(band.columns) + margin_px)
        limits_m = (at.depth_min_m, at.scan_range_max_m)
        strip_m = self._for_points(view, rows=rows)
        self._leave_out(strip_m, self._held('scan', (1, 1), rows))
        ranges_m = replace(band, first_row=band.first_row - top).ranges(
            strip_m,
            range_min_m=limits_m[0],
            range_max_m=limits_m[1],
            measured_to_m=view.measured_to_m,
        )
        yield from self._in_frame(laser_scan(view.header, band, ranges_m, limits_m), view)

    def _in_frame(self, msg: Any, view: View) -> Iterator[Topic]:
        """Give a scan, and before it where its frame is, if that is news."""
        at = view.settings
        self.short_scan = (
            f'scan.range_max is {msg.range_max:.3g} m, but depth is measured to '
            f"{view.measured_to_m:.3g} m (depth.max, the head's range): beams that meet nothing "
            'before are NaN, not +Inf'
            if view.measured_to_m < MOST_OF * msg.range_max
            else ''
        )
        yield from self.scan_frame.place(msg, self.surroundings.expected_up(at), at)
        yield 'scan', msg
