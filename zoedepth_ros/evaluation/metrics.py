"""The scores of the paper's tables, of one picture and their mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Metrics:
    """Scores of predicted depth d against true depth g, over the pixels of one picture or more."""

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

    def as_dict(self) -> dict[str, float]:
        """Return name -> score."""
        return {name: getattr(self, name) for name in METRICS}


METRICS = tuple(field.name for field in fields(Metrics))
"""Names of the scores, in the order of the tables."""

HIGHER_IS_BETTER = frozenset({'delta1', 'delta2', 'delta3'})
"""The scores of which more is better; of all others less is."""


def compute_metrics(truth_m: NDArray, prediction_m: NDArray) -> Metrics:
    """Score the pixels of one picture.

    Both [m], of one shape, the truth above 0; a prediction of 0 makes the logarithmic scores
    infinite or NaN. Raises ValueError for other input or none at all. Computed in float64, but for
    the ratio of the deltas.
    """
    _check(truth_m, prediction_m)
    with np.errstate(divide='ignore', invalid='ignore', over='ignore'):
        return _compute(truth_m, prediction_m)


def _compute(truth_m: NDArray, prediction_m: NDArray) -> Metrics:
    # PARITY: in the inputs' own precision, as the official code: where g is exactly 1.25 d, the
    # last bit decides (test_the_thresholds_are_strict_in_the_precision_of_the_depth)
    ratio = np.maximum(truth_m / prediction_m, prediction_m / truth_m)
    g, d = truth_m.astype(np.float64), prediction_m.astype(np.float64)
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
    """Return the unweighted mean over pictures, whatever their numbers of valid pixels.

    Raises: ValueError for none.
    """
    if not metrics:
        raise ValueError('no picture to take the mean of')
    return Metrics(*(float(np.mean([getattr(m, name) for m in metrics])) for name in METRICS))


def _check(truth_m: NDArray, prediction_m: NDArray) -> None:
    if truth_m.shape != prediction_m.shape or truth_m.size == 0:
        shapes = f'{truth_m.shape} and {prediction_m.shape}'
        raise ValueError(f'expected truth and prediction of one shape, not empty; got {shapes}')
    if not (np.all(truth_m > 0) and np.all(prediction_m >= 0)):
        raise ValueError('expected true depth above 0 m and predictions of 0 m or more')
