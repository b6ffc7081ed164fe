"""From one prediction to the messages somebody waits for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rclpy.time import Time

from zoedepth_ros.geometry.canonical import RANGE_M
from zoedepth_ros.geometry.points import decimate, depth_to_points
from zoedepth_ros.inference.head_policy import HeadPolicy
from zoedepth_ros.inference.result import DepthResult
from zoedepth_ros.msg import Domain
from zoedepth_ros.output.color import depth_to_bgr

from .camera import Camera
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
        self._range_m = np.inf  # what the head in use was taught
        self.references: References | None = None
        """Another sensor to compare distances with, when scale.source names one."""
        self.network_width = 512
        """Columns the network sees [px]; the fewer, the wider its edges."""

    def make(
        self,
        plan: Plan,
        header: Any,
        rgb: NDArray[np.uint8],
        result: DepthResult,
        camera: Camera | None,
        settings: NodeSettings,
        now_s: float,
    ) -> Iterator[Topic]:
        """Give (topic, message) for everything in the plan, depth first.

        camera: None leaves out what needs one.  now_s: the node's clock when the picture came
        [s].  A message is valid until the next frame.
        """
        factor = np.float32(self._scaling.factor(result, rgb, camera, settings, now_s))
        scaled = factor != 1.0
        depth_m = result.depth_m * factor if scaled else result.depth_m
        uncertainty_m = result.uncertainty_m * factor if scaled else result.uncertainty_m
        depth_m = gated(depth_m, uncertainty_m, settings)
        if camera is not None and settings.filter_sky and result.head == OUTDOOR:
            up = self.surroundings.up(settings)
            seen_m = result.depth_m * factor  # without the gate: what is uncertain may be sky
            depth_m = sky_removed(depth_m, seen_m, result.head, camera.rays(), up, rgb)
        topics = plan.depth_topics
        if 'depth/image' in topics:
            yield 'depth/image', self._depth(header, depth_m, settings)
        if 'depth/uncertainty' in topics:
            np.copyto(self._uncertainty.pixels(*depth_m.shape), uncertainty_m)
            yield 'depth/uncertainty', self._uncertainty.message(header)
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
        rgb: NDArray[np.uint8],
        depth_m: NDArray[np.float32],
        camera: Camera,
        settings: NodeSettings,
        now_s: float,
    ) -> Iterator[Topic]:
        """Give what needs a camera: clouds and scan."""
        scan, calibrate = 'scan' in plan.depth_topics, self._calibrates(settings, now_s)
        by_height = scan and settings.scan_mode == 'height'
        if not (plan.needs_points or scan or calibrate):
            return
        for_points_m = depth_for_points(depth_m, settings, self.network_width, self._range_m)
        if calibrate and self.references is not None:
            self._calibration.take(now_s)
            ratios = self.references.ratios(header, for_points_m, camera)
            self._scaling.observe_ratios(ratios, now_s)
            calibrate = False
        if plan.needs_points or calibrate or by_height:
            step = settings.cloud_decimation
            few_m = np.ascontiguousarray(decimate(for_points_m, step))
            points_m = depth_to_points(few_m, camera.rays(step))
            if plan.split_topics or calibrate or by_height:
                self._look(points_m, settings, now_s, calibrate=calibrate)
            if plan.cloud:
                yield 'depth/points', self._cloud(header, points_m, decimate(rgb, step), settings)
            if plan.split_topics:
                rays = camera.rays(step)
                yield from self._split(plan, header, points_m, few_m, rays, settings)
        if by_height:
            yield from self._scan_by_height(header, for_points_m, camera, settings)
        elif scan:
            yield 'scan', _scan(header, for_points_m, camera, settings)

    def _calibrates(self, settings: NodeSettings, now_s: float) -> bool:
        by_height = settings.scale_source == 'height' and settings.camera_height_m > 0.0
        return (by_height or self.references is not None) and self._calibration.is_due(now_s)

    def _look(
        self, points_m: NDArray[np.float32], at: NodeSettings, now_s: float, *, calibrate: bool
    ) -> None:
        """Find the ground, and what it says about the scale."""
        found = self.surroundings.look(points_m, at, now_s)
        if calibrate:
            self._calibration.take(now_s)
            self._scaling.observe_ground(found, at, now_s)

    def _split(
        self,
        plan: Plan,
        header: Any,
        points_m: NDArray[np.float32],
        depth_m: NDArray[np.float32],
        rays: NDArray[np.float32],
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
                yield topic, self._parts.dense(header, part_m[None], None)

    def _scan_by_height(
        self,
        header: Any,
        depth_m: NDArray[np.float32],
        camera: Camera,
        at: NodeSettings,
    ) -> Iterator[Topic]:
        ground = self.surroundings.ground
        if ground is None:
            self._drop(NO_GROUND, NO_GROUND_MESSAGE)
            return
        step = at.cloud_decimation  # of rows only: every column stays a beam
        scan = self.surroundings.scan(camera.rays(step, 1), at)
        limits_m = (at.depth_min_m, at.scan_range_max_m)
        ranges_m = scan.ranges(
            np.ascontiguousarray(depth_m[step // 2 :: step]),
            ground.height_m,
            low_m=at.obstacles_ground_m,
            high_m=at.obstacles_top_m,
            range_min_m=limits_m[0],
            range_max_m=limits_m[1],
        )
        yield 'scan', _in_frame(laser_scan(header, scan, ranges_m, limits_m), at.scan_frame_id)

    def _depth(self, header: Any, depth_m: NDArray[np.float32], at: NodeSettings) -> Any:
        writer = self._images[at.depth_encoding]
        write_depth(writer, depth_m, min_m=at.depth_min_m, max_m=at.depth_max_m)
        return writer.message(header)

    def _cloud(
        self,
        header: Any,
        points_m: NDArray[np.float32],
        rgb: NDArray[np.uint8],
        at: NodeSettings,
    ) -> Any:
        writer = self._clouds[at.cloud_color]
        fill = writer.organized if at.cloud_organized else writer.dense
        return fill(header, points_m, rgb if at.cloud_color else None)


def _scan(
    header: Any, depth_m: NDArray[np.float32], camera: Camera, settings: NodeSettings
) -> Any:
    limits_m = (settings.depth_min_m, settings.scan_range_max_m)
    band = camera.band(settings.scan_rows)
    ranges_m = band.ranges(depth_m, range_min_m=limits_m[0], range_max_m=limits_m[1])
    return _in_frame(laser_scan(header, band, ranges_m, limits_m), settings.scan_frame_id)


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
