"""Run one node until it finishes or is stopped, and end its process in time."""

from __future__ import annotations

import faulthandler
import gc
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, NoReturn, cast

import rclpy
from rclpy.context import Context
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.logging import get_logger
from rclpy.node import Node

from zoedepth_ros.errors import in_one_line
from zoedepth_ros.terminal import print_anything

_SETTLE_S = 0.3
"""Fast DDS crashes now and then if a node that failed at once is destroyed while others are just
discovering it."""


END_WITHIN_S = 1.5
STUCK_AFTER_S = 4.0
"""A launch file sends SIGTERM after five seconds and then SIGKILL, which leaves DDS's memory."""


class Finished(Exception):  # noqa: N818, an end is no error
    """Raised by a callback to end the node: its work is done."""

    def __init__(self, exit_code: int = 0) -> None:
        super().__init__(exit_code)
        self.exit_code = exit_code


class _Executor(SingleThreadedExecutor):
    """rclpy's; its end reads this attribute, which a signal during construction leaves unset."""

    _sigint_gc: Any = None


def run_node(
    make_node: Callable[[], Node],
    *,
    name: str,
    errors: tuple[type[Exception], ...],
    args: Sequence[str] | None = None,
    leave_at_any_time: bool = False,
) -> int:
    """Make a node, spin it, and return the exit code of the process, to be passed to `end`.

    Ctrl-C and SIGTERM give exit code 0.  errors: exceptions of `make_node` and callbacks that are
    meant for the user; they become one line in the log and exit code 1.  leave_at_any_time:
    nothing is lost if work that takes long after a signal is abandoned or fails.  A node's
    `close` is called first, if it has one.
    """
    print_anything()
    # rclpy's own handler shuts the context down, which ends spin. Without Python's, which raises
    # wherever the program is, the second SIGINT that a launch file passes on breaks no clean-up.
    signalled: list[int] = []  # an Event's lock would block if a signal came while it is held
    signal.signal(signal.SIGINT, lambda number, frame: signalled.append(number))
    try:
        rclpy.init(args=list(sys.argv if args is None else args))
    except RuntimeError as error:  # rclpy's errors of rcl, which have no public name
        get_logger(name).fatal(f'ROS 2 cannot start: {in_one_line(error)}')
        return 1
    if signalled:  # perhaps before rclpy's handler was there
        rclpy.try_shutdown()
        return 0
    node: Any = None
    is_taken = threading.Lock()  # by the thread that destroys the node; never released

    def destroy() -> bool:
        if not is_taken.acquire(blocking=False):
            return False
        if node is not None:
            node.destroy_node()
            return True
        for each in _half_made():
            _destroy_parts(each)
        return True

    if leave_at_any_time:
        end_after_signal(rclpy.get_default_context(), destroy)
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
            return 0  # stopped in the middle of something, which then failed
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
        if not destroy():
            threading.Event().wait()  # the other thread ends the process
        rclpy.try_shutdown()
    return 0


def _destroy_parts(node: Any) -> None:
    """Free the parts of a node whose constructor has failed or not returned.

    Each of these calls fails at parts that do not exist; the last one ends the DDS participant.
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
    """Return nodes whose constructor has not returned; they have a DDS participant already."""
    return [each for each in gc.get_objects() if isinstance(each, Node)]


def end(code: int) -> NoReturn:
    """End the process at once.

    An inference thread inside the network cannot be joined in time, and DDS's own threads are now
    and then not done with an ordinary exit.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def end_after_signal(context: Context, destroy: Callable[[], bool]) -> None:
    """Start a thread that ends the process END_WITHIN_S after a signal has shut the context down.

    destroy: frees what would outlive the process, such as shared memory of DDS; returns False
    if the main thread is doing that already, which then ends the process as well.
    """

    def watch() -> None:
        while context.ok():
            time.sleep(0.1)
        time.sleep(END_WITHIN_S)
        end_by_force_if_stuck()
        try:
            is_done = destroy()
        except Exception:  # of entities that the blocked main thread has only partly made
            is_done = True
        if is_done:
            end(0)

    threading.Thread(target=watch, name='end-after-signal', daemon=True).start()


def end_by_force_if_stuck() -> None:
    """End the process after STUCK_AFTER_S with every thread's stack on stderr and exit code 1.

    Works without the interpreter's lock, which Fast DDS holds while it deletes a participant.
    """
    faulthandler.dump_traceback_later(STUCK_AFTER_S, exit=True)
