"""Wait for events in tests; the time limit is only a safety net."""

from __future__ import annotations

import sys
import threading
import time
import traceback
from collections.abc import Callable

PATIENCE_S = 180.0
"""Safety net for everything that tests wait for [s]: never an expectation."""


def wait_until(
    condition: Callable[[], object],
    message: Callable[[], str] = lambda: 'nothing came',
    period_s: float = 0.01,
) -> None:
    """Return as soon as the condition holds; fail with the message after PATIENCE_S.

    What every thread of this process is doing then is printed, for the report of the failed test.

    condition: called every `period_s`; it may do something each time, such as publish again.
    """
    end_s = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > end_s:
            _print_threads()
            raise AssertionError(message())
        time.sleep(period_s)


def _print_threads() -> None:
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    for identity, frame in sys._current_frames().items():
        stack = ''.join(traceback.format_stack(frame))
        sys.stdout.write(f'thread {names.get(identity, identity)}:\n{stack}\n')
