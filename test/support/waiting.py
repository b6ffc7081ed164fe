"""Wait for events in tests; the time limit is only a safety net."""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE_S = 180.0
"""Safety net for everything that tests wait for [s]: never an expectation."""


def wait_until(
    condition: Callable[[], object],
    message: Callable[[], str] = lambda: 'nothing came',
    period_s: float = 0.01,
) -> None:
    """Return as soon as the condition holds; fail with the message after PATIENCE_S.

    condition: called every `period_s`; it may do something each time, such as publish again.
    """
    end_s = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > end_s:
            raise AssertionError(message())
        time.sleep(period_s)
