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


class RateMeter:
    """Measure the present rate of events."""

    def __init__(self, window_s: float = 5.0) -> None:
        """window_s: length of the past that counts."""
        self._window_s = window_s
        self._times_s: deque[float] = deque(maxlen=8192)
        self._lock = threading.Lock()

    def add(self, now_s: float) -> None:
        """Count one event; now_s on a clock that never goes back."""
        with self._lock:
            self._times_s.append(now_s)

    def rate_hz(self, now_s: float) -> float:
        """Return events per second: intervals over the time they span; 0.0 once they stop."""
        with self._lock:
            while self._times_s and self._times_s[0] < now_s - self._window_s:
                self._times_s.popleft()
            if len(self._times_s) < 2:
                return len(self._times_s) / self._window_s
            intervals = len(self._times_s) - 1
            span_s = self._times_s[-1] - self._times_s[0]
            # The rate of a stream that stopped falls: the time since the last event counts once
            # it is longer than the usual interval.
            stale_s = max(0.0, now_s - self._times_s[-1] - 2.0 * span_s / intervals)
            return intervals / max(span_s + stale_s, 1e-9)


class Window:
    """Median and 95th percentile of the last values of one quantity."""

    def __init__(self, size: int = 256) -> None:
        """size: number of values kept."""
        self._values: deque[float] = deque(maxlen=size)
        self._lock = threading.Lock()

    def add(self, value: float) -> None:
        """Add one value."""
        with self._lock:
            self._values.append(value)

    @property
    def last(self) -> float:
        """The newest value; NaN before the first."""
        with self._lock:
            return self._values[-1] if self._values else float('nan')

    def median_and_p95(self) -> tuple[float, float]:
        """Return both; NaN before the first value."""
        with self._lock:
            values = list(self._values)
        if not values:
            return float('nan'), float('nan')
        median, p95 = np.percentile(values, (50, 95))
        return float(median), float(p95)

    def mean(self) -> float:
        """Return the mean; NaN before the first value."""
        with self._lock:
            return sum(self._values) / len(self._values) if self._values else float('nan')


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
        self.rates = {name: RateMeter() for name in STREAMS}
        self.stages_ms = {name: Window() for name in STAGES}
        self.age_ms = Window()
        self.batch = Window()

    def note_received(self) -> None:
        """Count an image that arrived."""
        now_s = time.monotonic()
        with self._lock:
            self.received += 1
            self._last_input_s = now_s
        self.rates['input'].add(now_s)

    def note_stages(self, **seconds: float) -> None:
        """Add durations of stages of an image; NaN is unknown."""
        for name, duration_s in seconds.items():
            if math.isfinite(duration_s):
                self.stages_ms[name].add(1e3 * duration_s)

    def note_run(self, took_ms: float, preprocess_ms: float, batch: int) -> None:
        """Count a run of the network on so many images; NaN is unknown."""
        before_ms = preprocess_ms if math.isfinite(preprocess_ms) else 0.0
        self.note_stages(preprocess=1e-3 * preprocess_ms, network=1e-3 * (took_ms - before_ms))
        self.batch.add(batch)

    def note_outputs(self, age_s: float | None, streams: Iterable[str] = ()) -> None:
        """Count the outputs of an image.

        age_s: time from its stamp to the publication of its depth; None if it became none.
        streams: of 'depth', 'cloud' and 'router', those it had an output of.
        """
        now_s = time.monotonic()
        for stream in streams:
            self.rates[stream].add(now_s)
        if age_s is not None:
            with self._lock:
                self.published += 1
            self.age_ms.add(1e3 * age_s)

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
        return self.rates[stream].rate_hz(time.monotonic())
