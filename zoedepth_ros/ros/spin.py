"""Run one node until it ends or is stopped, with an exit code; for the depth node and tools."""

from __future__ import annotations

import gc
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, cast

import rclpy
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.logging import get_logger
from rclpy.node import Node

from zoedepth_ros.errors import in_one_line
from zoedepth_ros.ros.shutdown import end_by_force_if_stuck, end_when_told
from zoedepth_ros.terminal import print_anything

_SETTLE_S = 0.3
"""Fast DDS crashes now and then when a node that has failed at once is taken apart while others
are only being told of it."""


class Finished(Exception):  # noqa: N818, an end is no error
    """Leave the node: raised by a callback whose work is done."""

    def __init__(self, exit_code: int = 0) -> None:
        super().__init__(exit_code)
        self.exit_code = exit_code


class _Executor(SingleThreadedExecutor):
    """rclpy's; a signal while it is made leaves only a half, whose end looks for this."""

    _sigint_gc: Any = None


def run_node(
    make_node: Callable[[], Node],
    *,
    name: str,
    errors: tuple[type[Exception], ...],
    args: Sequence[str] | None = None,
    leave_at_any_time: bool = False,
) -> int:
    """Make a node, spin it, and give the exit code of the process, which is to `end` with it.

    Ctrl-C and SIGTERM are a clean end.  errors: what `make_node` or a callback raises for a person
    to read; they become one line and exit code 1.  leave_at_any_time: nothing is lost when what
    goes on for long after a signal is left, or fails.  `close` of a node is called first, where it
    has one.
    """
    print_anything()
    # rclpy's own handler shuts the context down, which ends spin. Without Python's, which raises
    # wherever the program is, the second SIGINT that a launch file passes on breaks no clean-up.
    told = threading.Event()
    signal.signal(signal.SIGINT, lambda number, frame: told.set())
    rclpy.init(args=list(sys.argv if args is None else args))
    if told.is_set():  # perhaps before rclpy's handler was there
        rclpy.try_shutdown()
        return 0
    node: Any = None
    is_taken = threading.Lock()  # by the thread that takes the node apart; never released

    def take_apart() -> bool:
        if not is_taken.acquire(blocking=False):
            return False
        if node is not None:
            node.destroy_node()
            return True
        for each in _half_made():
            _take_half_apart(each)
        return True

    if leave_at_any_time:
        end_when_told(rclpy.get_default_context(), take_apart)
    try:
        executor = _Executor()
        node = make_node()
        rclpy.spin(node, executor)
    except ExternalShutdownException:
        return 0
    except Finished as finished:
        return finished.exit_code
    except Exception as error:
        is_for_people = isinstance(error, errors)
        if not rclpy.ok() and (leave_at_any_time or not is_for_people):
            return 0  # told to stop in the middle of something, which then failed somehow
        if not is_for_people:
            raise
        get_logger(name).fatal(in_one_line(error))
        return 1
    finally:
        if hasattr(node, 'close'):
            node.close()
        end_by_force_if_stuck()
        if node is None:
            time.sleep(_SETTLE_S)
        if not take_apart():
            threading.Event().wait()  # the other thread ends the process
        rclpy.try_shutdown()
    return 0


def _take_half_apart(node: Any) -> None:
    """Free what there is of a node whose constructor has failed or not come back.

    Each way fails at what was not made yet; a participant of DDS ends with the last of them.
    """
    ways: tuple[Callable[[], Any], ...] = (
        lambda: node.destroy_node(),
        lambda: cast(Any, Node).destroy_node(node),
        lambda: node._state_machine.destroy_when_not_in_use(),
        lambda: node.handle.destroy_when_not_in_use(),
    )
    for way in ways:
        with suppress(Exception):
            way()


def _half_made() -> list[Node]:
    """Give the node whose constructor has not come back; it has a participant of DDS already."""
    return [each for each in gc.get_objects() if isinstance(each, Node)]
