"""Statistics of the messages of one topic, and status messages, as plain values for a report."""

from __future__ import annotations

from typing import Any

import numpy as np
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, PointCloud2

from zoedepth_ros.msg import Status
from zoedepth_ros.ros.health.status import STATES

_MAX_LISTED = 4


class TopicStatistics:
    """Count the messages of one topic and measure their latency."""

    def __init__(self) -> None:
        """Start without messages."""
        self.count = 0
        self._first_s = self._last_s = 0.0
        self._latencies_ms: list[float] = []
        self._properties: dict[str, list[Any]] = {}

    def add(self, arrived_s: float, latency_ms: float, msg: Any) -> None:
        """Count a message; latency_ms: from its stamp to its arrival."""
        if self.count == 0:
            self._first_s = arrived_s
        self._last_s = arrived_s
        self.count += 1
        self._latencies_ms.append(latency_ms)
        for name, value in _properties(msg).items():
            values = self._properties.setdefault(name, [])
            if value not in values:
                values.append(value)

    @property
    def rate_hz(self) -> float:
        """Number of intervals over their total time [Hz]; 0 for fewer than two messages."""
        span_s = self._last_s - self._first_s
        return (self.count - 1) / span_s if self.count > 1 and span_s > 0.0 else 0.0

    @property
    def median_ms(self) -> float:
        """Median latency [ms]; NaN before the first message."""
        return self._percentile_ms(50.0)

    def summary(self) -> dict[str, Any]:
        """Return the statistics as plain values."""
        summary: dict[str, Any] = {'messages': self.count, 'rate_hz': round(self.rate_hz, 2)}
        summary |= {name: _abbreviated(values) for name, values in self._properties.items()}
        summary['latency_ms'] = {
            'median': round(self.median_ms, 2),
            'p95': round(self._percentile_ms(95.0), 2),
        }
        return summary

    def _percentile_ms(self, percent: float) -> float:
        if not self._latencies_ms:
            return float('nan')
        return float(np.percentile(self._latencies_ms, percent))


def _abbreviated(values: list[Any]) -> Any:
    """Return one value as it is, a few as a list, many integers as a range."""
    if len(values) == 1:
        return values[0]
    is_range = len(values) > _MAX_LISTED and all(isinstance(value, int) for value in values)
    return f'{min(values)} to {max(values)}' if is_range else values


def _properties(msg: Any) -> dict[str, Any]:
    """Return encoding, size and frame_id of a message."""
    found: dict[str, Any] = {}
    if isinstance(msg, Image):
        found['encoding'] = msg.encoding
    elif isinstance(msg, CompressedImage):
        found['encoding'] = msg.format
    elif isinstance(msg, PointCloud2):
        found['encoding'] = ', '.join(f'{field.name}@{field.offset}' for field in msg.fields)
        found['is_dense'] = bool(msg.is_dense)
    if isinstance(msg, (Image, CameraInfo, PointCloud2)):
        found['width'], found['height'] = msg.width, msg.height
    found['frame_id'] = msg.header.frame_id
    return found


_PLAIN = ('model', 'weights', 'weights_warning', 'device', 'precision', 'head', 'received',
          'published')  # fmt: skip


def status_values(status: Status) -> dict[str, Any]:
    """Return a status message as plain values."""

    def seconds(median: float, p95: float) -> dict[str, float]:
        return {'median': round(median, 5), 'p95': round(p95, 5)}

    return {
        'state': STATES[status.state][0],
        **{name: getattr(status, name) for name in _PLAIN},
        'network_size': [status.network_height, status.network_width],
        'drops': {drop.reason: drop.count for drop in status.drops},
        'stages_s': {stage.name: seconds(stage.median, stage.p95) for stage in status.stages},
        'depth_age_s': seconds(status.depth_age_median, status.depth_age_p95),
        'memory_bytes': status.memory,
    }
