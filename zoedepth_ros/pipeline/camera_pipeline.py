"""From one prediction to the messages somebody waits for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rclpy.time import Time

from zoedepth_ros.geometry.sky import sky_mask, with_infinite_sky
from zoedepth_ros.geometry.workspace import Workspace
from zoedepth_ros.inference.result import DepthResult
from zoedepth_ros.media.color import depth_to_bgr
from zoedepth_ros.messages.compressed import (
    COLOR_TOPIC,
    DEPTH_TOPIC,
    compressed_color,
    compressed_depth,
)
from zoedepth_ros.msg import Domain
from zoedepth_ros.pipeline.head_policy import HeadPolicy
from zoedepth_ros.ros.camera import Camera
from zoedepth_ros.ros.in_space import InSpace, Topic
from zoedepth_ros.ros.messages import ImageWriter, write_bgr, write_depth
from zoedepth_ros.ros.parameters import NodeSettings
from zoedepth_ros.ros.postprocess import gated
from zoedepth_ros.ros.scaling import Scaling
from zoedepth_ros.ros.schedule import Plan
from zoedepth_ros.ros.transforms import Frames
from zoedepth_ros.ros.view import View

COLOR_RANGE_M = {'indoor': (0.3, 10.0), 'outdoor': (1.0, 80.0)}
"""Head -> nearest and farthest distance of the colours; fixed, so that nothing flickers."""

OUTDOOR = 'outdoor'

Map = NDArray[np.float32]
Picture = NDArray[np.uint8]


class Outputs:
    """Make messages, kept and written in place from frame to frame."""

    def __init__(self, scaling: Scaling, drop: Callable[[str, str], None]) -> None:
        """scaling: what depth is multiplied by.  drop: told what cannot be made, and why."""
        self.space = InSpace(scaling, drop)
        """What needs a camera."""
        self._scaling = scaling
        self._images = {name: ImageWriter(name) for name in ('32FC1', '16UC1', 'bgr8')}
        self._uncertainty = ImageWriter('32FC1')
        self._scratch = Workspace()
        self.frames: Frames | None = None
        """Whom to ask where up is, when camera.base_frame names a level frame."""
        self.lacks_up = False
        """Whether TF did not know where up is for the last picture."""

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
        view = None
        if camera is not None:
            view = View(
                header=header,
                rgb=rgb,
                depth_m=depth_m,
                head=result.head,
                factor=float(factor),
                sky=None,
                on_device=result.on_device,
                camera=camera,
                settings=settings,
                now_s=now_s,
            )
            view = self._with_sky(seen_m, view)
            depth_m = view.depth_m
        topics = plan.depth_topics
        if topics & {'depth/image', DEPTH_TOPIC}:
            depth = self._depth(header, depth_m, settings)
        if 'depth/image' in topics:
            yield 'depth/image', depth
        if 'depth/uncertainty' in topics:
            np.copyto(self._uncertainty.pixels(*depth_m.shape), uncertainty_m)
            yield 'depth/uncertainty', self._uncertainty.message(header)
        self.space.follow(plan, depth_m, result.head, settings, now_s)
        if view is not None:
            yield from self.space.make(plan, view)
        if topics & {'depth/color', COLOR_TOPIC}:
            bgr = depth_to_bgr(depth_m, *COLOR_RANGE_M[result.head])
        if 'depth/color' in topics:
            write_bgr(self._images['bgr8'], bgr)
            yield 'depth/color', self._images['bgr8'].message(header)
        # Last, because compressing takes time.
        if COLOR_TOPIC in topics:
            quality = settings.color_jpeg_quality
            yield COLOR_TOPIC, compressed_color(header, bgr, jpeg_quality=quality)
        if DEPTH_TOPIC in topics:
            yield DEPTH_TOPIC, self._compressed_depth(header, depth_m.shape, settings)

    def _lent(self, name: str, like: Map) -> Map:
        return self._scratch.array(name, like.shape)

    def _with_sky(self, seen_m: Map, view: View) -> View:
        """Mark sky in depth without the gate, for what is uncertain may be sky."""
        if not view.settings.filter_sky or view.head != OUTDOOR:
            return view
        up, fit = self.space.up_for_sky(view)
        rays, scratch = view.camera.rays(), self._scratch
        mask = sky_mask(seen_m, OUTDOOR, rays=rays, up=up, rgb=view.rgb, workspace=scratch)
        if not mask.any():
            return replace(view, fit=fit)
        return replace(
            view, depth_m=with_infinite_sky(view.depth_m, mask, scratch), sky=mask, fit=fit
        )

    def _ask_up(self, frame_id: str, at: NodeSettings) -> None:
        """Ask TF where up is for this picture; without an answer camera.pitch holds."""
        asked = self.frames is not None and bool(at.camera_base_frame)
        told = self.frames.up(at.camera_base_frame, frame_id) if asked and self.frames else None
        self.space.surroundings.told_up = told
        self.lacks_up = asked and told is None

    def _depth(self, header: Any, depth_m: Map, at: NodeSettings) -> Any:
        writer = self._images[at.depth_encoding]
        write_depth(writer, depth_m, min_m=at.depth_min_m, max_m=at.depth_max_m)
        return writer.message(header)

    def _compressed_depth(self, header: Any, shape: tuple[int, ...], at: NodeSettings) -> Any:
        height, width = shape
        return compressed_depth(
            header,
            self._images[at.depth_encoding].pixels(height, width),
            max_m=at.compressed_depth_max_m,
            quantization=at.compressed_depth_quantization,
            png_level=at.compressed_depth_png_level,
        )


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
