"""Coverage and sparsification error of the standard deviation of depth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.evaluation.protocol import EvaluationProtocol, resize_prediction
from zoedepth_ros.inference.result import DepthResult
from zoedepth_ros.inference.uncertainty import UncertaintyMap, UncertaintyMaps

LEVELS = np.arange(1, 100) / 100
"""Nominal probabilities at which coverage is measured."""
WIDTHS = np.array([NormalDist().inv_cdf(0.5 + 0.5 * level) for level in LEVELS])
"""Half width of the interval of each level of a normal distribution, in standard deviations."""
REMOVED = np.arange(50) / 50
"""Shares of the most uncertain pixels that sparsification removes."""

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class UncertaintyScore:
    """How well the standard deviation of one image describes its errors, or the mean of images."""

    coverage: Array
    """(99,) share of pixels whose error is within the interval of each of LEVELS."""
    by_std: Array
    """(50,) mean error without the most uncertain REMOVED pixels, over the mean error of all."""
    oracle: Array
    """(50,) the same without the pixels that have the largest errors."""
    intervals: Array
    """(4,) share of pixels within the intervals of 68 % and 95 % of the map, within one and within
    1.96 standard deviations."""

    @property
    def ause(self) -> float:
        """Area between `by_std` and `oracle`: 0 is perfect."""
        return float(np.mean(self.by_std - self.oracle))

    @property
    def ause_random(self) -> float:
        """The same area for an order of pixels that knows nothing."""
        return float(np.mean(1.0 - self.oracle))

    def as_dict(self) -> dict[str, float]:
        """Return the scores for JSON."""
        names = ('interval_68', 'interval_95', 'within_1_std', 'within_1.96_std')
        shares = dict(zip(names, map(float, self.intervals), strict=True))
        return {**shares, 'ause': self.ause, 'ause_random': self.ause_random}


def compute_score(
    error_m: Array, std_m: Array, widths: tuple[float, float] = (WIDTHS[67], WIDTHS[94])
) -> UncertaintyScore:
    """Score standard deviations (n,) of the absolute errors (n,) of one image [m].

    widths: of the intervals of 68 % and 95 %, in standard deviations; of normal errors by default.
    AUSE as in Ilg et al., Uncertainty Estimates and Multi-Hypotheses Networks, ECCV 2018.
    """
    with np.errstate(divide='ignore', invalid='ignore'):
        ratio = np.sort(np.nan_to_num(error_m / std_m, nan=0.0, posinf=np.inf))
    coverage, intervals = (
        np.searchsorted(ratio, limits, side='right') / len(ratio)
        for limits in (WIDTHS, np.array((*widths, 1.0, 1.96)))
    )
    by_std = _sparsified(error_m[np.argsort(std_m, kind='stable')])
    return UncertaintyScore(coverage, by_std, _sparsified(np.sort(error_m)), intervals)


def _sparsified(error_m: Array) -> Array:
    """Return the mean of the first pixels over that of all, with REMOVED ones left out."""
    means = np.cumsum(error_m, dtype=np.float64) / np.arange(1, len(error_m) + 1)
    kept = np.ceil(len(error_m) * (1.0 - REMOVED) - 1e-9).astype(int)
    return means[kept - 1] / means[-1] if means[-1] > 0.0 else np.zeros(len(REMOVED))


def mean_score(scores: Sequence[UncertaintyScore]) -> UncertaintyScore:
    """Return the mean over images with equal weights."""
    names = ('coverage', 'by_std', 'oracle', 'intervals')
    return UncertaintyScore(*(np.mean([getattr(s, name) for s in scores], 0) for name in names))


def score_image(
    result: DepthResult,
    factor: float,
    maps: UncertaintyMaps,
    depth_m: NDArray[np.float32],
    protocol: EvaluationProtocol,
) -> UncertaintyScore | None:
    """Score the uncertainty of an image; None without a valid pixel.

    result: at the network's size.  factor: on its depth.  depth_m: ground truth (H, W).
    """
    found = valid_pixels(result, depth_m, protocol)
    if found is None:
        return None
    predicted_m, spread_m, true_m = found
    fitted = maps.get(result.head, UncertaintyMap(1.0))
    std_m = fitted.std_m(predicted_m, spread_m)
    widths = fitted.width_68, fitted.width_95
    return compute_score(np.abs(true_m - predicted_m * factor), std_m * factor, widths)


def valid_pixels(
    result: DepthResult, depth_m: NDArray[np.float32], protocol: EvaluationProtocol
) -> tuple[Array, Array, Array] | None:
    """Return depth, spread of the bins and ground truth of the valid pixels (n,), or None."""
    predicted_m = resize_prediction(result.depth_m, *depth_m.shape)
    spread_m = resize_prediction(result.uncertainty_m, *depth_m.shape)
    valid = protocol.valid(depth_m) & np.isfinite(predicted_m) & np.isfinite(spread_m)
    return (predicted_m[valid], spread_m[valid], depth_m[valid]) if valid.any() else None
