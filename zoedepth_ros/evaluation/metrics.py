"""The metrics of the paper, for one image and as a mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Metrics:
    """Metrics of predicted depth d against ground truth g."""

    delta1: float
    """Share of pixels with max(g/d, d/g) < 1.25."""
    delta2: float
    """Share of pixels with max(g/d, d/g) < 1.25^2."""
    delta3: float
    """Share of pixels with max(g/d, d/g) < 1.25^3."""
    abs_rel: float
    """Mean of |g - d| / g."""
    sq_rel: float
    """Mean of (g - d)^2 / g [m]."""
    rmse: float
    """Root of the mean of (g - d)^2 [m]."""
    rmse_log: float
    """Root of the mean of (ln g - ln d)^2."""
    log_10: float
    """Mean of |log10 g - log10 d|."""
    silog: float
    """100 times the standard deviation of ln d - ln g."""


METRICS = tuple(field.name for field in fields(Metrics))
"""Names of the scores, in the order of the tables."""

HIGHER_IS_BETTER = frozenset({'delta1', 'delta2', 'delta3'})
"""Metrics for which higher is better; for all others lower is better."""


@np.errstate(divide='ignore', invalid='ignore', over='ignore')
def compute_metrics(ground_truth_m: NDArray, prediction_m: NDArray) -> Metrics:
    """Compute the metrics over pixels of one image.

    Both arguments in [m] with equal shapes; a prediction of 0 makes the logarithmic metrics
    infinite or NaN.  Ground truth is above 0, predictions are at least 0, and neither is empty.
    Computed in float64, except for the ratio of the deltas.
    """
    # PARITY: in the precision of the inputs, as the official code: for g = 1.25 d the last bit
    # decides (test_the_thresholds_are_strict_in_the_precision_of_the_depth)
    ratio = np.maximum(ground_truth_m / prediction_m, prediction_m / ground_truth_m)
    g, d = ground_truth_m.astype(np.float64), prediction_m.astype(np.float64)
    error_m = g - d
    log_error = np.log(d) - np.log(g)
    return Metrics(
        delta1=float(np.mean(ratio < 1.25)),
        delta2=float(np.mean(ratio < 1.25**2)),
        delta3=float(np.mean(ratio < 1.25**3)),
        abs_rel=float(np.mean(np.abs(error_m) / g)),
        sq_rel=float(np.mean(error_m**2 / g)),
        rmse=float(np.sqrt(np.mean(error_m**2))),
        rmse_log=float(np.sqrt(np.mean(log_error**2))),
        log_10=float(np.mean(np.abs(log_error)) / np.log(10.0)),
        silog=float(np.std(log_error) * 100.0),
    )


def mean_metrics(metrics: Sequence[Metrics]) -> Metrics:
    """Return the mean over one image or more, not weighted by their numbers of valid pixels."""
    return Metrics(*(float(np.mean([getattr(m, name) for m in metrics])) for name in METRICS))
