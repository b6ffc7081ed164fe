"""Depth for moments that have none."""

from __future__ import annotations

from collections.abc import Callable

from zoedepth_ros.geometry.intrinsics import assumed_camera
from zoedepth_ros.inference.result import AUTO, DepthPredictor
from zoedepth_ros.pipeline.focal_correction import ThroughCamera
from zoedepth_ros.pipeline.head_policy import HeadPolicy
from zoedepth_ros.viewing.frame import ViewFrame


def adder(
    predictor: DepthPredictor, head: str = AUTO, *, hfov_rad: float = 0.0
) -> Callable[[ViewFrame], ViewFrame]:
    """Give a function that adds depth.

    head: 'auto' follows the router, with inertia within one source (a video, a recording) and
    anew for each picture that stands alone.  The router is always asked: it is shown.  hfov_rad:
    of pictures that come without a camera; 0.0 for unknown.
    """
    look = ThroughCamera(predictor)
    policies: dict[str, HeadPolicy] = {}

    def add(frame: ViewFrame) -> ViewFrame:
        assert frame.rgb is not None
        policy = policies.get(frame.name)
        chosen = head if head != AUTO or policy is None else policy.head
        camera = frame.camera or assumed_camera(frame.rgb.shape, hfov_rad)
        result = look(frame.rgb, camera, chosen)
        if policy is None:
            policies.clear()
            policy = policies[frame.name] = HeadPolicy(predictor.heads, head)
        policy.update(result.router_probabilities, frame.time_s)
        return frame.with_depth(result, predictor.network_size(*frame.rgb.shape[:2])[1])

    return add
