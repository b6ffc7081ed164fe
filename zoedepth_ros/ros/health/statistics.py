"""Counts, rates, stage times and ages of one camera's images."""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Iterable

import numpy as np

STAGES = ('wait', 'decode', 'preprocess', 'network', 'postprocess', 'publish')
STREAMS = ('input', 'depth', 'cloud', 'router')
AGE, BATCH = 'age', 'batch'
"""Age of depth when it is published [ms]; images per run of the network."""

RATE_WINDOW_S = 5.0
"""Length of the past that counts for a rate [s]."""

RECENT = 256
"""Number of values that count for a median, percentile or mean."""


def rate_hz(times_s: deque[float], now_s: float) -> float:
    """Return events per second: intervals over the time they span; 0.0 once they stop.

    times_s: of the events, on a clock that never goes back; those before the window are removed.
    """
    while times_s and times_s[0] < now_s - RATE_WINDOW_S:
        times_s.popleft()
    if len(times_s) < 2:
        return len(times_s) / RATE_WINDOW_S
    intervals = len(times_s) - 1
    span_s = times_s[-1] - times_s[0]
    # The rate of a stream that stopped falls: the time since the last event counts once it is
    # longer than the usual interval.
    stale_s = max(0.0, now_s - times_s[-1] - 2.0 * span_s / intervals)
    return intervals / max(span_s + stale_s, 1e-9)


class Statistics:
    """Count images and drops; measure rates, stages and ages. For both threads."""

    def __init__(self, warn_every_s: float = 5.0) -> None:
        """warn_every_s: shortest time between two warnings of the same kind."""
        self._warn_every_s = warn_every_s
        self._lock = threading.Lock()
        self.reset()

    def reset(self) -> None:
        """Reset everything; not while images are processed."""
        self.received = 0
        """Images that arrived."""
        self._last_input_s = -math.inf
        self.published = 0
        """Images that became depth and were published."""
        self.clock_jumps = 0
        """How often the clock jumped back."""
        self._drops: dict[str, int] = {}
        self._warned_s: dict[str, float] = {}
        self._times_s = {name: deque[float](maxlen=8192) for name in STREAMS}
        self._values = {name: deque[float](maxlen=RECENT) for name in (*STAGES, AGE, BATCH)}

    def note_received(self) -> None:
        """Count an image that arrived."""
        now_s = time.monotonic()
        with self._lock:
            self.received += 1
            self._last_input_s = now_s
            self._times_s['input'].append(now_s)

    def note_stages(self, **seconds: float) -> None:
        """Add durations of stages of an image; NaN is unknown."""
        with self._lock:
            for name, duration_s in seconds.items():
                if math.isfinite(duration_s):
                    self._values[name].append(1e3 * duration_s)

    def note_run(self, took_ms: float, preprocess_ms: float, batch: int) -> None:
        """Count a run of the network on so many images; NaN is unknown."""
        before_ms = preprocess_ms if math.isfinite(preprocess_ms) else 0.0
        self.note_stages(preprocess=1e-3 * preprocess_ms, network=1e-3 * (took_ms - before_ms))
        with self._lock:
            self._values[BATCH].append(batch)

    def note_outputs(self, age_s: float | None, streams: Iterable[str] = ()) -> None:
        """Count the outputs of an image.

        age_s: time from its stamp to the publication of its depth; None if it became none.
        streams: of 'depth', 'cloud' and 'router', those it had an output of.
        """
        now_s = time.monotonic()
        with self._lock:
            for stream in streams:
                self._times_s[stream].append(now_s)
            if age_s is not None:
                self.published += 1
                self._values[AGE].append(1e3 * age_s)

    def note_drop(self, reason: str) -> bool:
        """Count an image that was dropped; returns whether it is time to warn about it again."""
        with self._lock:
            self._drops[reason] = self._drops.get(reason, 0) + 1
            return self._may_warn(reason)

    def note_clock_jump(self) -> bool:
        """Count a jump of the clock; returns whether it is time to warn about it again."""
        with self._lock:
            self.clock_jumps += 1
            return self._may_warn('clock jump')

    def _may_warn(self, about: str) -> bool:
        now_s = time.monotonic()
        warned_s = self._warned_s.get(about)
        if warned_s is not None and now_s - warned_s < self._warn_every_s:
            return False
        self._warned_s[about] = now_s
        return True

    def no_input_s(self, since_s: float) -> float:
        """Return the time since the last image, or since `since_s` on time.monotonic."""
        return time.monotonic() - max(self._last_input_s, since_s)

    def drops(self) -> dict[str, int]:
        """Return the dropped images by reason."""
        with self._lock:
            return dict(self._drops)

    def rate_hz(self, stream: str) -> float:
        """Return the present rate of 'input', 'depth', 'cloud' or 'router'."""
        with self._lock:
            return rate_hz(self._times_s[stream], time.monotonic())

    def last(self, name: str) -> float:
        """Return the newest duration of a stage [ms], AGE or BATCH; NaN before the first."""
        with self._lock:
            return self._values[name][-1] if self._values[name] else math.nan

    def mean(self, name: str) -> float:
        """Return the mean of the recent values; NaN before the first."""
        with self._lock:
            values = self._values[name]
            return sum(values) / len(values) if values else math.nan

    def median_and_p95(self, name: str) -> tuple[float, float]:
        """Return both of the recent values; NaN before the first."""
        with self._lock:
            values = list(self._values[name])
        if not values:
            return math.nan, math.nan
        median, p95 = np.percentile(values, (50, 95))
        return float(median), float(p95)
