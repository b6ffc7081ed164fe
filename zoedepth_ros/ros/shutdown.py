"""The end of a node's process: soon after it was told to stop, whatever hangs."""

from __future__ import annotations

import faulthandler
import os
import sys
import threading
import time
from collections.abc import Callable
from typing import NoReturn

from rclpy.context import Context

END_WITHIN_S = 1.5
STUCK_AFTER_S = 4.0
"""A launch file sends SIGTERM after five seconds and then SIGKILL, which leaves DDS's memory."""


def end(code: int) -> NoReturn:
    """Leave at once.

    An inference thread inside the network cannot be joined in time, and DDS's own threads are now
    and then not done with an ordinary exit.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def end_when_told(context: Context, take_apart: Callable[[], bool]) -> None:
    """Start a thread that ends the process END_WITHIN_S after a signal shut the context down.

    take_apart: frees what would outlive the process, such as shared memory of DDS; gives False
    when the main thread does that already, which then ends the process as well.
    """

    def watch() -> None:
        while context.ok():
            time.sleep(0.1)
        time.sleep(END_WITHIN_S)
        end_by_force_if_stuck()
        try:
            is_done = take_apart()
        except Exception:  # of entities that the stuck main thread has only half made
            is_done = True
        if is_done:
            end(0)

    threading.Thread(target=watch, name='end-when-told', daemon=True).start()


def end_by_force_if_stuck() -> None:
    """Give the rest STUCK_AFTER_S; then every thread's stack goes to stderr, and the code is 1.

    Works without the interpreter's lock, which Fast DDS holds while it deletes a participant.
    """
    faulthandler.dump_traceback_later(STUCK_AFTER_S, exit=True)
