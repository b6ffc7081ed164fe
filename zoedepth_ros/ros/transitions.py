"""Lifecycle transitions that say why they fail."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from rclpy.lifecycle import LifecycleState, TransitionCallbackReturn

from .errors import describe

Transition = Callable[[Any, LifecycleState], TransitionCallbackReturn]


def reported(transition: Transition) -> Transition:
    """Log what a transition raises, keep it as `failure`, and fail.

    rclpy itself is silent (ros2/rclpy#1696).
    """

    @wraps(transition)
    def run(node: Any, state: LifecycleState) -> TransitionCallbackReturn:
        try:
            return transition(node, state)
        except Exception as error:
            node.failure = f'{transition.__name__[3:]} failed: {describe(error)}'
            node.get_logger().error(node.failure)
            return TransitionCallbackReturn.FAILURE

    return run
