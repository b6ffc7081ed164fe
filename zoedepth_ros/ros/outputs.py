"""From one prediction to the messages somebody waits for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rclpy.time import Time

from zoedepth_ros.geometry.points import decimate, depth_to_points
from zoedepth_ros.inference.head_policy import HeadPolicy
from zoedepth_ros.inference.result import DepthResult
from zoedepth_ros.msg import Domain
from zoedepth_ros.output.color import depth_to_bgr

from .camera import Camera
from .messages import CloudWriter, ImageWriter, laser_scan, write_bgr, write_depth
from .parameters import NodeSettings
from .postprocess import depth_for_points, focal_factor, gated
from .schedule import Plan

COLOR_RANGE_M = {'indoor': (0.3, 10.0), 'outdoor': (1.0, 80.0)}
"""Head -> nearest and farthest distance of the colours; fixed, so that nothing flickers."""

Topic = tuple[str, Any]


class Outputs:
    """Make messages, kept and written in place from frame to frame."""

    def __init__(self) -> None:
        self._images = {name: ImageWriter(name) for name in ('32FC1', '16UC1', 'bgr8')}
        self._uncertainty = ImageWriter('32FC1')
        self._clouds = {color: CloudWriter(color=color) for color in (True, False)}

    def make(
        self,
        plan: Plan,
        header: Any,
        rgb: NDArray[np.uint8],
        result: DepthResult,
        camera: Camera | None,
        settings: NodeSettings,
    ) -> Iterator[Topic]:
        """Give (topic, message) for everything in the plan, depth first.

        camera: None leaves out what needs one.  A message is valid until the next frame.
        """
        factor = np.float32(settings.depth_scale)
        if camera is not None and settings.focal_correction == 'scale':
            factor *= np.float32(focal_factor(camera.model.intrinsics, result.head))
        scaled = factor != 1.0
        depth_m = result.depth_m * factor if scaled else result.depth_m
        uncertainty_m = result.uncertainty_m * factor if scaled else result.uncertainty_m
        depth_m = gated(depth_m, uncertainty_m, settings)
        topics = plan.depth_topics
        if 'depth/image' in topics:
            yield 'depth/image', self._depth(header, depth_m, settings)
        if 'depth/uncertainty' in topics:
            np.copyto(self._uncertainty.pixels(*depth_m.shape), uncertainty_m)
            yield 'depth/uncertainty', self._uncertainty.message(header)
        if camera is not None and (plan.cloud or 'scan' in topics):
            for_points_m = depth_for_points(depth_m, settings)
            if plan.cloud:
                yield 'depth/points', self._cloud(header, for_points_m, rgb, camera, settings)
            if 'scan' in topics:
                yield 'scan', _scan(header, for_points_m, camera, settings)
        if 'depth/color' in topics:
            write_bgr(self._images['bgr8'], depth_to_bgr(depth_m, *COLOR_RANGE_M[result.head]))
            yield 'depth/color', self._images['bgr8'].message(header)

    def _depth(self, header: Any, depth_m: NDArray[np.float32], at: NodeSettings) -> Any:
        writer = self._images[at.depth_encoding]
        write_depth(writer, depth_m, min_m=at.depth_min_m, max_m=at.depth_max_m)
        return writer.message(header)

    def _cloud(
        self,
        header: Any,
        depth_m: NDArray[np.float32],
        rgb: NDArray[np.uint8],
        camera: Camera,
        at: NodeSettings,
    ) -> Any:
        step = at.cloud_decimation
        depth_m = np.ascontiguousarray(decimate(depth_m, step))
        points_m = depth_to_points(depth_m, camera.rays(step))
        writer = self._clouds[at.cloud_color]
        fill = writer.organized if at.cloud_organized else writer.dense
        return fill(header, points_m, decimate(rgb, step) if at.cloud_color else None)


def _scan(
    header: Any, depth_m: NDArray[np.float32], camera: Camera, settings: NodeSettings
) -> Any:
    limits_m = (settings.depth_min_m, settings.scan_range_max_m)
    band = camera.band(settings.scan_rows)
    ranges_m = band.ranges(depth_m, range_min_m=limits_m[0], range_max_m=limits_m[1])
    msg = laser_scan(header, band, ranges_m, limits_m)
    if settings.scan_frame_id:
        msg.header = type(header)(stamp=header.stamp, frame_id=settings.scan_frame_id)
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
