"""Hold depth against truth: one picture, and its score."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.evaluation.metrics import compute_metrics

DOMAINS = ('indoor', 'outdoor')
MIN_DEPTH_M = 1e-3
MAX_DEPTH_M = {'indoor': 10.0, 'outdoor': 80.0}
"""Farthest true depth that counts [m], as in the evaluation's protocols of these domains."""


@dataclass(frozen=True, slots=True)
class Score:
    """How wrong one depth map is, over the pixels that have truth in range and a measurement."""

    abs_rel: float
    """Mean of |truth - depth| / truth; NaN without pixels."""

    delta1: float
    """Share of pixels that are within a factor of 1.25 of the truth; NaN without pixels."""

    measured: float
    """Share of the pixels with truth in range whose depth is known; NaN without truth."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture, its truth, and what was measured."""

    time_s: float
    """Its stamp [s], on any clock."""

    rgb: NDArray[np.uint8]
    """(H, W, 3)."""

    truth_m: NDArray[np.float32]
    """(H, W) [m]; NaN without truth."""

    depth_m: NDArray[np.float32]
    """(H, W) [m]; NaN unknown, infinite out of range."""

    domain: str
    """The true one."""

    score: Score
    """How wrong the depth is."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the router said of one picture."""

    time_s: float
    """The picture's stamp [s]."""

    head: str
    """The head in use."""

    outdoor: float
    """Probability of outdoors; NaN for a model without a router."""


def score(depth_m: NDArray[np.float32], truth_m: NDArray[np.float32], domain: str) -> Score:
    """Score depth (H, W) [m] against truth (H, W) [m] of a domain.

    +Inf counts as the far end of the range, -Inf as its near end, NaN not at all.  Raises
    ValueError for different sizes or an unknown domain.
    """
    if domain not in MAX_DEPTH_M:
        raise ValueError(f'domain must be one of {", ".join(DOMAINS)}, got {domain!r}')
    if depth_m.shape != truth_m.shape:
        raise ValueError(f'depth {depth_m.shape} and truth {truth_m.shape} differ in size')
    has_truth = np.isfinite(in_range(truth_m, domain))
    known = has_truth & ~np.isnan(depth_m)
    if not known.any():
        return Score(np.nan, np.nan, 0.0 if has_truth.any() else np.nan)
    limits_m = np.float32(MIN_DEPTH_M), np.float32(MAX_DEPTH_M[domain])
    metrics = compute_metrics(truth_m[known], np.clip(depth_m[known], *limits_m))
    return Score(metrics.abs_rel, metrics.delta1, float(known.sum() / has_truth.sum()))


def in_range(truth_m: NDArray[np.float32], domain: str) -> NDArray[np.float32]:
    """Give the truth (H, W) [m] with NaN where it does not count."""
    counts = (truth_m > MIN_DEPTH_M) & (truth_m < MAX_DEPTH_M[domain])
    return np.where(counts, truth_m, np.float32(np.nan))
