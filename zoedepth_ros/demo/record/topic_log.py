"""What came in on one topic, in numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

_MOST_LISTED = 4


class TopicLog:
    """Count the messages of one topic and how late they were."""

    def __init__(self) -> None:
        """Start empty."""
        self.count = 0
        self._first_s = 0.0
        self._last_s = 0.0
        self._latencies_ms: list[float] = []
        self._facts: dict[str, list[Any]] = {}

    def note(self, arrived_s: float, latency_ms: float | None, facts: Mapping[str, Any]) -> None:
        """Count a message; latency_ms: from its stamp to now, None without a stamp.

        facts: such as encoding and frame_id; every different value is kept.
        """
        if self.count == 0:
            self._first_s = arrived_s
        self._last_s = arrived_s
        self.count += 1
        if latency_ms is not None:
            self._latencies_ms.append(latency_ms)
        for name, value in facts.items():
            seen = self._facts.setdefault(name, [])
            if value not in seen:
                seen.append(value)

    @property
    def rate_hz(self) -> float:
        """Intervals over the time they span [Hz]; 0 for fewer than two messages."""
        span_s = self._last_s - self._first_s
        return (self.count - 1) / span_s if self.count > 1 and span_s > 0.0 else 0.0

    @property
    def median_ms(self) -> float:
        """Median latency [ms]; NaN before the first stamped message."""
        return self._percentile_ms(50.0)

    def summary(self) -> dict[str, Any]:
        """Give everything as plain values for a report."""
        summary: dict[str, Any] = {'messages': self.count, 'rate_hz': round(self.rate_hz, 2)}
        for name, seen in self._facts.items():
            summary[name] = _in_short(seen)
        if self._latencies_ms:
            summary['latency_ms'] = {
                'median': round(self.median_ms, 2),
                'p95': round(self._percentile_ms(95.0), 2),
            }
        return summary

    def _percentile_ms(self, percent: float) -> float:
        if not self._latencies_ms:
            return float('nan')
        return float(np.percentile(self._latencies_ms, percent))


def _in_short(seen: list[Any]) -> Any:
    """Give one value as it is, a few as a list, many numbers as a range."""
    if len(seen) == 1:
        return seen[0]
    is_range = len(seen) > _MOST_LISTED and all(isinstance(value, int) for value in seen)
    return f'{min(seen)} to {max(seen)}' if is_range else seen
