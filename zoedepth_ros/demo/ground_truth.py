"""Depth beside ground truth: scores of single images, collected from messages. No rclpy."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.demo.frame_sets import StampSynchronizer
from zoedepth_ros.demo.trajectory_summary import (
    RouterOutput,
    Score,
    ScoredFrame,
    TrajectorySummary,
)
from zoedepth_ros.evaluation.metrics import compute_metrics
from zoedepth_ros.inference.result import MIN_DEPTH_M
from zoedepth_ros.messages.images import ImageReader, depth_from_image

IMAGE, DEPTH, DOMAIN = 'image', 'depth/image', 'domain'
TRUE_DEPTH, TRUE_DOMAIN = 'ground_truth/depth', 'ground_truth/domain'
_MAX_INCOMPLETE = 60

MAX_DEPTH_M = {'indoor': 10.0, 'outdoor': 80.0}
"""Largest true depth that is scored [m], as in the evaluation's protocols of these domains."""


class GroundTruthCollector:
    """Fill a summary from messages as they arrive."""

    def __init__(self) -> None:
        """Start without messages."""
        self.summary = TrajectorySummary()
        self._synchronizer = StampSynchronizer(
            (IMAGE, DEPTH, TRUE_DEPTH, TRUE_DOMAIN), _MAX_INCOMPLETE
        )
        self._span_ns: tuple[int, int] | None = None

    def covers(self, stamp_ns: int) -> bool:
        """Tell whether a stamp is within the trajectory, even if its ground truth was lost."""
        return self._span_ns is not None and self._span_ns[0] <= stamp_ns <= self._span_ns[1]

    def add(self, topic: str, stamp_ns: int, msg: Any) -> None:
        """Add a message of any topic; raises ValueError for an invalid one."""
        if topic == DOMAIN:
            self.summary.router_outputs.append(
                RouterOutput(1e-9 * stamp_ns, msg.head, float(msg.outdoor_probability))
            )
        elif topic == TRUE_DOMAIN:
            first_ns, last_ns = self._span_ns or (stamp_ns, stamp_ns)
            self._span_ns = min(first_ns, stamp_ns), max(last_ns, stamp_ns)
            self.summary.domains.append((1e-9 * stamp_ns, msg.head))
        if topic not in (IMAGE, DEPTH, TRUE_DEPTH, TRUE_DOMAIN):
            return
        messages = self._synchronizer.add(topic, stamp_ns, msg)
        if messages is None:
            return
        true_m = depth_from_image(messages[TRUE_DEPTH])
        depth_m = depth_from_image(messages[DEPTH])
        domain = messages[TRUE_DOMAIN].head
        scores = score(depth_m, true_m, domain)
        rgb = ImageReader().rgb(messages[IMAGE])
        self.summary.add(ScoredFrame(1e-9 * stamp_ns, rgb, true_m, depth_m, domain, scores))


def score(depth_m: NDArray[np.float32], true_m: NDArray[np.float32], domain: str) -> Score:
    """Score depth (H, W) [m] against ground truth (H, W) [m] of a domain.

    +Inf counts as the far end of the range, -Inf as its near end; NaN is not counted.  Raises
    ValueError for different sizes or an unknown domain.
    """
    if domain not in MAX_DEPTH_M:
        raise ValueError(f'domain must be one of {", ".join(MAX_DEPTH_M)}, got {domain!r}')
    if depth_m.shape != true_m.shape:
        raise ValueError(
            f'expected depth and ground truth of one size, got {depth_m.shape} and '
            f'{true_m.shape} (height, width)'
        )
    counted = np.isfinite(in_range(true_m, domain))
    known = counted & ~np.isnan(depth_m)
    if not known.any():
        return Score(np.nan, np.nan, 0.0 if counted.any() else np.nan)
    limits_m = np.float32(MIN_DEPTH_M), np.float32(MAX_DEPTH_M[domain])
    metrics = compute_metrics(true_m[known], np.clip(depth_m[known], *limits_m))
    return Score(metrics.abs_rel, metrics.delta1, float(known.sum() / counted.sum()))


def in_range(true_m: NDArray[np.float32], domain: str) -> NDArray[np.float32]:
    """Return the ground truth (H, W) [m] with NaN for pixels that are not scored."""
    counted = (true_m > MIN_DEPTH_M) & (true_m < MAX_DEPTH_M[domain])
    return np.where(counted, true_m, np.float32(np.nan))
