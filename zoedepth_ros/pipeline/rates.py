"""When something is due, and how often it happened."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping
from typing import Any

import numpy as np

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


class RateMeter:
    """Measure the present rate of events."""

    def __init__(self, window_s: float = 5.0) -> None:
        """Look back over `window_s`."""
        self._window_s = window_s
        self._times_s: deque[float] = deque(maxlen=8192)
        self._lock = threading.Lock()

    def add(self, now_s: float) -> None:
        """Count one event; now_s on a clock that never goes back."""
        with self._lock:
            self._times_s.append(now_s)

    def rate_hz(self, now_s: float) -> float:
        """Give events per second: intervals over the time they span; 0.0 once they stop."""
        with self._lock:
            while self._times_s and self._times_s[0] < now_s - self._window_s:
                self._times_s.popleft()
            if len(self._times_s) < 2:
                return len(self._times_s) / self._window_s
            intervals = len(self._times_s) - 1
            span_s = self._times_s[-1] - self._times_s[0]
            # A stream that stopped must sink: the time since the last event counts once it is
            # longer than the usual interval.
            silence_s = max(0.0, now_s - self._times_s[-1] - 2.0 * span_s / intervals)
            return intervals / max(span_s + silence_s, 1e-9)


class Window:
    """Keep the last values of one quantity and give median and 95th percentile."""

    def __init__(self, size: int = 256) -> None:
        """Keep `size` values."""
        self._values: deque[float] = deque(maxlen=size)
        self._lock = threading.Lock()

    def add(self, value: float) -> None:
        """Note one value."""
        with self._lock:
            self._values.append(value)

    @property
    def last(self) -> float:
        """The newest value; NaN before the first."""
        with self._lock:
            return self._values[-1] if self._values else float('nan')

    def median_and_p95(self) -> tuple[float, float]:
        """Give both; NaN before the first value."""
        with self._lock:
            values = list(self._values)
        if not values:
            return float('nan'), float('nan')
        median, p95 = np.percentile(values, (50, 95))
        return float(median), float(p95)

    def mean(self) -> float:
        """Give the mean; NaN before the first value."""
        with self._lock:
            return sum(self._values) / len(self._values) if self._values else float('nan')
