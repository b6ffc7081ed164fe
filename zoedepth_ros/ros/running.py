"""Run one small node until it ends or is stopped, with an exit code; shared by the tools."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Sequence
from typing import Any

import rclpy
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.logging import get_logger
from rclpy.node import Node


class Finished(Exception):  # noqa: N818, an end is no error
    """Leave the node: raised by a callback whose work is done."""

    def __init__(self, exit_code: int = 0) -> None:
        super().__init__(exit_code)
        self.exit_code = exit_code


def run_node(
    make_node: Callable[[], Node],
    *,
    name: str,
    errors: tuple[type[Exception], ...],
    args: Sequence[str] | None = None,
) -> int:
    """Make a node, spin it, and give the exit code of the process.

    Ctrl-C and SIGTERM are a clean end.  errors: what `make_node` or a callback raises for a person
    to read; they become one line and exit code 1.
    """
    rclpy.init(args=list(sys.argv if args is None else args))
    node: Any = None
    # Made now: a signal while the node is made would leave half an executor behind.
    executor = SingleThreadedExecutor()
    try:
        node = make_node()
        rclpy.spin(node, executor)
    except (KeyboardInterrupt, ExternalShutdownException):
        return 0
    except Finished as finished:
        return finished.exit_code
    except errors as error:
        get_logger(name).fatal(str(error))
        return 1
    except RuntimeError:  # rclpy's, from a context that a signal has just shut down
        if rclpy.ok():
            raise
        return 0
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # launch passes a second one on
        if node is not None:
            node.close()
            node.destroy_node()
        if rclpy.ok():
            rclpy.shutdown()
    return 0
