"""Numbers about the stream, gathered by both threads and read once a second."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from zoedepth_ros.pipeline.rates import RateMeter, Window

STAGES = ('wait', 'decode', 'preprocess', 'network', 'postprocess', 'publish')
STREAMS = ('input', 'depth', 'cloud', 'router')


class Statistics:
    """Count frames and drops, measure rates, stages and ages."""

    def __init__(self, warn_every_s: float = 5.0) -> None:
        """warn_every_s: how often the same kind of drop may be logged."""
        self._warn_every_s = warn_every_s
        self._lock = threading.Lock()
        self.reset()

    def reset(self) -> None:
        """Begin anew; not while frames are worked on."""
        self._received = 0
        self._last_input_s = -math.inf
        self._published = 0
        self._clock_jumps = 0
        self._drops: dict[str, int] = {}
        self._warned_s: dict[str, float] = {}
        self.rates = {name: RateMeter() for name in STREAMS}
        self.stages_ms = {name: Window() for name in STAGES}
        self.age_ms = Window()
        self.batch = Window()

    def note_received(self) -> None:
        """Count a picture that came in."""
        now_s = time.monotonic()
        with self._lock:
            self._received += 1
            self._last_input_s = now_s
        self.rates['input'].add(now_s)

    def note_published(self, age_s: float) -> None:
        """Count a picture that became depth; age_s: from its stamp to now."""
        with self._lock:
            self._published += 1
        self.age_ms.add(1e3 * age_s)

    def note_drop(self, reason: str) -> bool:
        """Count what was not published; tells whether it is time to warn about it again."""
        with self._lock:
            self._drops[reason] = self._drops.get(reason, 0) + 1
            return self._may_warn(reason)

    def note_clock_jump(self) -> bool:
        """Count that the clock jumped back; tells whether it is time to warn about it again."""
        with self._lock:
            self._clock_jumps += 1
            return self._may_warn('clock jump')

    def _may_warn(self, about: str) -> bool:
        now_s = time.monotonic()
        warned_s = self._warned_s.get(about)
        if warned_s is not None and now_s - warned_s < self._warn_every_s:
            return False
        self._warned_s[about] = now_s
        return True

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Measure the time spent inside."""
        start_s = time.monotonic()
        yield
        self.stages_ms[name].add(1e3 * (time.monotonic() - start_s))

    def silence_s(self, since_s: float) -> float:
        """Give the time since the last picture, or since `since_s` on time.monotonic."""
        return time.monotonic() - max(self._last_input_s, since_s)

    @property
    def received(self) -> int:
        """How many pictures came in."""
        return self._received

    @property
    def published(self) -> int:
        """How many pictures became depth and were published."""
        return self._published

    @property
    def clock_jumps(self) -> int:
        """How often the clock jumped back."""
        return self._clock_jumps

    def drops(self) -> dict[str, int]:
        """Give the drops by reason."""
        with self._lock:
            return dict(self._drops)

    def rate_hz(self, stream: str) -> float:
        """Give the rate of 'input', 'depth', 'cloud' or 'router' lately."""
        return self.rates[stream].rate_hz(time.monotonic())
