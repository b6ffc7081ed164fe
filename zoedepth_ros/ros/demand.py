"""When a node subscribes to its camera: while an output has a subscriber, and a moment longer."""

from __future__ import annotations

from collections.abc import Callable

HOLD_S = 2.0
"""A subscriber that comes back within this time, as a tool that is started again, finds the
subscription to the camera still there [s]."""


class Demand:
    """Tell whether the camera is needed, without flapping."""

    def __init__(self, clock_s: Callable[[], float], hold_s: float = HOLD_S) -> None:
        """clock_s: a clock that never jumps back [s].  hold_s: how much longer [s]."""
        self._clock_s, self._hold_s = clock_s, hold_s
        self._last_s: float | None = None

    def update(self, *, is_needed: bool) -> bool:
        """Take whether an output needs the camera now; gives whether to be subscribed to it."""
        now_s = self._clock_s()
        if is_needed:
            self._last_s = now_s
        return self._last_s is not None and now_s - self._last_s <= self._hold_s

    def drop(self) -> None:
        """End the demand at once."""
        self._last_s = None
