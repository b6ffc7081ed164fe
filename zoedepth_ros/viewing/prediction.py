"""Depth for moments that have none."""

from __future__ import annotations

from collections.abc import Callable

from zoedepth_ros.inference.head_policy import HeadPolicy
from zoedepth_ros.inference.result import AUTO, DepthPredictor
from zoedepth_ros.viewing.frame import ViewFrame


def adder(predictor: DepthPredictor, head: str = AUTO) -> Callable[[ViewFrame], ViewFrame]:
    """Give a function that adds depth.

    head: 'auto' follows the router, with inertia within one source (a video, a recording) and
    anew for each picture that stands alone.  The router is always asked: it is shown.
    """
    policies: dict[str, HeadPolicy] = {}

    def add(frame: ViewFrame) -> ViewFrame:
        assert frame.rgb is not None
        policy = policies.get(frame.name)
        chosen = head if head != AUTO or policy is None else policy.head
        result = predictor(frame.rgb, chosen, route=True)
        if policy is None:
            policies.clear()
            policy = policies[frame.name] = HeadPolicy(predictor.heads, head)
        policy.update(result.router_probabilities, frame.time_s)
        return frame.with_depth(result, predictor.network_size(*frame.rgb.shape[:2])[1])

    return add
