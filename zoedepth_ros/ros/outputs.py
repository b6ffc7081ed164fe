"""From one prediction to the messages somebody waits for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rclpy.time import Time

from zoedepth_ros.geometry.canonical import RANGE_M
from zoedepth_ros.geometry.filters import widest_ramp_px
from zoedepth_ros.geometry.points import decimate, depth_to_points, every
from zoedepth_ros.geometry.scratch import Scratch
from zoedepth_ros.geometry.temporal import TemporalCheck
from zoedepth_ros.inference.head_policy import HeadPolicy
from zoedepth_ros.inference.result import DepthResult
from zoedepth_ros.msg import Domain
from zoedepth_ros.output.color import depth_to_bgr

from .camera import Camera
from .frames import Frames
from .messages import CloudWriter, ImageWriter, laser_scan, write_bgr, write_depth
from .parameters import NodeSettings
from .postprocess import depth_for_points, gated, sky_removed
from .rates import RateLimiter
from .references import References
from .scaling import Scaling
from .schedule import Plan
from .surroundings import Surroundings

COLOR_RANGE_M = {'indoor': (0.3, 10.0), 'outdoor': (1.0, 80.0)}
"""Head -> nearest and farthest distance of the colours; fixed, so that nothing flickers."""

OUTDOOR = 'outdoor'
CALIBRATION_RATE_HZ = 2.0
NO_GROUND = 'no ground'
NO_GROUND_MESSAGE = (
    'no ground plane in view: no obstacles and no scan by height; set camera.height and '
    'camera.pitch to go without one'
)

Topic = tuple[str, Any]
Map = NDArray[np.float32]
Picture = NDArray[np.uint8]


class Outputs:
    """Make messages, kept and written in place from frame to frame."""

    def __init__(self, scaling: Scaling, drop: Callable[[str, str], None]) -> None:
        """scaling: what depth is multiplied by.  drop: told what cannot be made, and why."""
        self.surroundings = Surroundings()
        self._scaling, self._drop = scaling, drop
        self._images = {name: ImageWriter(name) for name in ('32FC1', '16UC1', 'bgr8')}
        self._uncertainty = ImageWriter('32FC1')
        self._clouds = {color: CloudWriter(color=color) for color in (True, False)}
        self._parts = CloudWriter(color=False)
        self._calibration = RateLimiter(CALIBRATION_RATE_HZ)
        self._scratch = Scratch()
        self._temporal: TemporalCheck | None = None
        self._range_m = np.inf  # what the head in use was taught
        self.references: References | None = None
        """Another sensor to compare distances with, when scale.source names one."""
        self.frames: Frames | None = None
        """Whom to ask where up is, when camera.base_frame names a level frame."""
        self.lacks_up = False
        """Whether TF did not know where up is for the last picture."""
        self.network_width = 512
        """Columns the network sees [px]; the fewer, the wider its edges."""

    def make(
        self,
        plan: Plan,
        header: Any,
        rgb: Picture,
        result: DepthResult,
        camera: Camera | None,
        settings: NodeSettings,
        now_s: float,
    ) -> Iterator[Topic]:
        """Give (topic, message) for everything in the plan, depth first.

        camera: None leaves out what needs one.  now_s: the node's clock when the picture came
        [s].  A message is valid until the next frame.
        """
        self._ask_up(header.frame_id, settings)
        factor = np.float32(self._scaling.factor(result, rgb, camera, settings, now_s))
        seen_m, uncertainty_m = result.depth_m, result.uncertainty_m
        if factor != 1.0:
            seen_m = np.multiply(seen_m, factor, out=self._lent('scaled', seen_m))
            uncertainty_m = np.multiply(
                uncertainty_m, factor, out=self._lent('scaled uncertainty', seen_m)
            )
        depth_m = gated(seen_m, uncertainty_m, settings, self._scratch)
        if camera is not None and settings.filter_sky and result.head == OUTDOOR:
            up = self.surroundings.up(settings)  # without the gate: what is uncertain may be sky
            depth_m = sky_removed(
                depth_m, seen_m, result.head, camera.rays(), up, rgb, self._scratch
            )
        topics = plan.depth_topics
        if 'depth/image' in topics:
            yield 'depth/image', self._depth(header, depth_m, settings)
        if 'depth/uncertainty' in topics:
            np.copyto(self._uncertainty.pixels(*depth_m.shape), uncertainty_m)
            yield 'depth/uncertainty', self._uncertainty.message(header)
        self._follow(depth_m, result.head, settings, now_s)
        if camera is not None:
            self._range_m = float(factor) * RANGE_M[result.head]
            yield from self._in_space(plan, header, rgb, depth_m, camera, settings, now_s)
        if 'depth/color' in topics:
            write_bgr(self._images['bgr8'], depth_to_bgr(depth_m, *COLOR_RANGE_M[result.head]))
            yield 'depth/color', self._images['bgr8'].message(header)

    def _in_space(
        self,
        plan: Plan,
        header: Any,
        rgb: Picture,
        depth_m: Map,
        camera: Camera,
        settings: NodeSettings,
        now_s: float,
    ) -> Iterator[Topic]:
        """Give what needs a camera: clouds and scan."""
        scan, calibrate = 'scan' in plan.depth_topics, self._calibrates(settings, now_s)
        by_height = scan and settings.scan_mode == 'height'
        if not (plan.needs_points or scan or calibrate):
            return
        step = settings.cloud_decimation
        if calibrate and self.references is not None:
            self._calibration.take(now_s)
            ratios = self.references.ratios(header, self._for_points(depth_m, settings), camera)
            self._scaling.observe_ratios(ratios, now_s)
            calibrate = False
        rows_m = self._for_points(depth_m, settings, (step, 1)) if by_height else None
        if plan.needs_points or calibrate or by_height:
            if rows_m is None:
                few_m = self._for_points(depth_m, settings, (step, step))
            else:
                few_m = np.ascontiguousarray(rows_m[:, every(step)])
            if plan.cloud:
                yield 'depth/points', self._cloud(header, few_m, camera.rays(step), rgb, settings)
            if plan.split_topics or calibrate or by_height:
                points_m = depth_to_points(few_m, camera.rays(step))
                self._look(points_m, settings, now_s, calibrate=calibrate)
            if plan.split_topics:
                rays = camera.rays(step)
                yield from self._split(plan, header, points_m, few_m, rays, settings)
        if rows_m is not None:
            yield from self._scan_by_height(header, rows_m, camera, settings)
        elif scan:
            yield 'scan', self._scan(header, depth_m, camera, settings)

    def _lent(self, name: str, like: Map) -> Map:
        return self._scratch.array(name, like.shape)

    def _for_points(
        self,
        depth_m: Map,
        at: NodeSettings,
        steps: tuple[int, int] = (1, 1),
        rows: slice = slice(None),
    ) -> Map:
        """Give filtered depth of every n-th row and column; valid until the next call.

        rows: those of the picture that depth_m holds.
        """
        held = self._temporal.held(steps, rows) if self._temporal is not None else None
        return depth_for_points(
            depth_m,
            at,
            self.network_width,
            self._range_m,
            steps=steps,
            held=held,
            scratch=self._scratch,
        )

    def _calibrates(self, settings: NodeSettings, now_s: float) -> bool:
        by_height = settings.scale_source == 'height' and settings.camera_height_m > 0.0
        return (by_height or self.references is not None) and self._calibration.is_due(now_s)

    def _follow(self, depth_m: Map, head: str, at: NodeSettings, now_s: float) -> None:
        """Show the temporal check this picture's depth, if there is such a check."""
        if not at.filter_temporal:
            self._temporal = None
            return
        self._temporal = TemporalCheck() if self._temporal is None else self._temporal
        self._temporal.take(depth_m, head, now_s)

    def _ask_up(self, frame_id: str, at: NodeSettings) -> None:
        """Ask TF where up is for this picture; without an answer camera.pitch holds."""
        asked = self.frames is not None and bool(at.camera_base_frame)
        told = self.frames.up(at.camera_base_frame, frame_id) if asked and self.frames else None
        self.surroundings.told_up = told
        self.lacks_up = asked and told is None

    def _look(self, points_m: Map, at: NodeSettings, now_s: float, *, calibrate: bool) -> None:
        """Find the ground, and what it says about the scale."""
        found = self.surroundings.look(points_m, at, now_s)
        if calibrate:
            self._calibration.take(now_s)
            self._scaling.observe_ground(found, at, now_s)

    def _split(
        self,
        plan: Plan,
        header: Any,
        points_m: Map,
        depth_m: Map,
        rays: Map,
        at: NodeSettings,
    ) -> Iterator[Topic]:
        """Give ground, obstacles and free rays, as clouds of one row."""
        clouds = self.surroundings.clouds(points_m, depth_m, rays, at)
        if clouds is None:
            self._drop(NO_GROUND, NO_GROUND_MESSAGE)
            return
        for name, part_m in zip(clouds._fields, clouds, strict=True):
            topic = f'depth/points/{name}'
            if topic in plan.split_topics:
                yield topic, self._parts.points(header, part_m)

    def _scan_by_height(
        self,
        header: Any,
        depth_m: Map,
        camera: Camera,
        at: NodeSettings,
    ) -> Iterator[Topic]:
        """Give a scan of depth (H / decimation, W): of rows alone, for every column is a beam."""
        ground = self.surroundings.ground
        if ground is None:
            self._drop(NO_GROUND, NO_GROUND_MESSAGE)
            return
        scan = self.surroundings.scan(camera.rays(at.cloud_decimation, 1), at)
        limits_m = (at.depth_min_m, at.scan_range_max_m)
        ranges_m = scan.ranges(
            depth_m,
            ground.height_m,
            low_m=at.obstacles_ground_m,
            high_m=at.obstacles_top_m,
            range_min_m=limits_m[0],
            range_max_m=limits_m[1],
        )
        yield 'scan', _in_frame(laser_scan(header, scan, ranges_m, limits_m), at.scan_frame_id)

    def _depth(self, header: Any, depth_m: Map, at: NodeSettings) -> Any:
        writer = self._images[at.depth_encoding]
        write_depth(writer, depth_m, min_m=at.depth_min_m, max_m=at.depth_max_m)
        return writer.message(header)

    def _cloud(self, header: Any, depth_m: Map, rays: Map, rgb: Picture, at: NodeSettings) -> Any:
        writer = self._clouds[at.cloud_color]
        fill = writer.organized if at.cloud_organized else writer.dense
        return fill(header, depth_m, rays, decimate(rgb, at.cloud_decimation))

    def _scan(self, header: Any, depth_m: Map, camera: Camera, at: NodeSettings) -> Any:
        """Make a scan of a band of rows, of which no more than needed is filtered."""
        band = camera.band(at.scan_rows)
        margin_px = widest_ramp_px(depth_m.shape[1]) + 1
        top = max(0, band.first_row - margin_px)
        rows = slice(top, band.first_row + len(band.columns) + margin_px)
        strip_m = depth_m[rows]
        limits_m = (at.depth_min_m, at.scan_range_max_m)
        ranges_m = replace(band, first_row=band.first_row - top).ranges(
            self._for_points(strip_m, at, rows=rows),
            range_min_m=limits_m[0],
            range_max_m=limits_m[1],
        )
        return _in_frame(laser_scan(header, band, ranges_m, limits_m), at.scan_frame_id)


def _in_frame(msg: Any, frame_id: str) -> Any:
    """Give a message another frame, unless that is empty."""
    if frame_id:
        msg.header = type(msg.header)(stamp=msg.header.stamp, frame_id=frame_id)
    return msg


def domain(
    header: Any, policy: HeadPolicy, probabilities: dict[str, float], *, forced: bool
) -> Any:
    """Make the Domain message of the frame the router looked at."""
    switch_ns = int(1e9 * max(0.0, policy.last_switch_s or 0.0))
    return Domain(
        header=header,
        head=policy.head,
        indoor_probability=probabilities.get('indoor', float('nan')),
        outdoor_probability=probabilities.get('outdoor', float('nan')),
        forced=forced,
        last_switch=Time(nanoseconds=switch_ns).to_msg(),
    )
