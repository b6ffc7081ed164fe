"""Limit the rate of outputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# How much too early is still in time, in periods: 10 Hz out of a camera of 10 Hz with a jitter of
# some milliseconds must be 10 Hz.
_SLACK = 0.2


class RateLimiter:
    """Limit a rate, whatever the clock does.

    Deadlines follow a grid, so that 20 Hz out of a 30 Hz camera is 20 on average and not 15.
    """

    def __init__(self, rate_hz: float = 0.0) -> None:
        """rate_hz: 0.0 sets no limit."""
        self._rate_hz = rate_hz
        self._next_s: float | None = None

    def set_rate(self, rate_hz: float) -> None:
        """Change the rate; the first deadline of the new rate is now."""
        if rate_hz != self._rate_hz:
            self._rate_hz = rate_hz
            self._next_s = None

    def is_due(self, now_s: float) -> bool:
        """Return whether it is time; changes nothing."""
        if self._rate_hz <= 0.0 or self._next_s is None:
            return True
        jumped_back = now_s < self._next_s - 2.0 / self._rate_hz
        return jumped_back or now_s >= self._next_s - _SLACK / self._rate_hz

    def take(self, now_s: float) -> None:
        """Record that it was done now, which sets the next deadline."""
        if self._rate_hz <= 0.0:
            return
        period_s = 1.0 / self._rate_hz
        on_grid = self._next_s is not None and (
            self._next_s - _SLACK * period_s <= now_s < self._next_s + period_s
        )
        self._next_s = (self._next_s if on_grid and self._next_s is not None else now_s) + period_s

    def state(self) -> dict[str, Any]:
        """Return rate and deadline as plain values."""
        return {'rate_hz': self._rate_hz, 'next_s': self._next_s}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from what `state` returned."""
        self._rate_hz, self._next_s = state['rate_hz'], state['next_s']
