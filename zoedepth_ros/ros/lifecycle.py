"""Lifecycle transitions: report why they fail, refuse those that the state does not allow."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from lifecycle_msgs.msg import State
from lifecycle_msgs.srv import ChangeState, GetState
from rclpy.lifecycle import LifecycleState, TransitionCallbackReturn
from rclpy.node import Node

from zoedepth_ros.errors import describe

Transition = Callable[[Any, LifecycleState], TransitionCallbackReturn]


def reported(
    on_exception: TransitionCallbackReturn,
) -> Callable[[Transition], Transition]:
    """Log what a transition raises, keep it as `failure`, and return `on_exception`.

    rclpy itself logs nothing (ros2/rclpy#1696).  FAILURE returns to the previous state; ERROR
    leads through on_error to unconfigured.
    """

    def decorate(transition: Transition) -> Transition:
        @wraps(transition)
        def run(node: Any, state: LifecycleState) -> TransitionCallbackReturn:
            try:
                return transition(node, state)
            except Exception as error:
                node.failure = f'{transition.__name__[3:]} failed: {describe(error)}'
                if node.context.ok():  # else a signal has stopped the node in the middle of it
                    node.get_logger().error(node.failure)
                return on_exception

        return run

    return decorate


def refuse_invalid_transitions(node: Node) -> None:
    """Respond success=False to a transition that the present state does not allow.

    rclpy up to 7.1 (Humble, Jazzy) raises rcl's error out of the service's callback, which ends
    the process; later releases respond like this themselves.
    """
    for service in node.services:
        if service.srv_type is ChangeState:
            service.callback = _refusing(node, service.callback)


def _refusing(node: Node, change_state: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(change_state)
    def run(request: ChangeState.Request, response: ChangeState.Response) -> ChangeState.Response:
        try:
            return change_state(request, response)
        except RuntimeError as error:  # rclpy's RCLError, which has no public name
            name = request.transition.label or request.transition.id
            state = current_state(node).label
            node.get_logger().error(f'transition {name} failed in state {state}: {error}')
            response.success = False
            return response

    return run


def current_state(node: Node) -> State:
    """Return the lifecycle state of a node, from its own service."""
    service = next(service for service in node.services if service.srv_type is GetState)
    return service.callback(GetState.Request(), GetState.Response()).current_state
