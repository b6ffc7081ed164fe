"""Fit the map from the spread of the bins to the standard deviation of depth, for each head."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.evaluation.evaluate import (
    EvaluationData,
    Watch,
    camera_factor,
    predict_sample,
    unwatched,
)
from zoedepth_ros.evaluation.protocol import protocol_of
from zoedepth_ros.evaluation.uncertainty import valid_pixels
from zoedepth_ros.inference.result import AUTO, DepthPredictor
from zoedepth_ros.inference.uncertainty import UncertaintyMap, content_of

PIXELS_PER_IMAGE = 2000
ONE_STD = 0.6827
_TOLERANCES = 0.03, 0.02
"""By how much 68 % and 95 % may be missed; where errors are not normal, both equally."""

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class FittedMap:
    """A map, and what it gives on the data of its fit."""

    map: UncertaintyMap
    dataset: str
    n_images: int
    within_1_std: float
    """Share of pixels within one standard deviation."""
    within_1_96_std: float


def fit_map(
    predictor: DepthPredictor,
    dataset: EvaluationData,
    head: str,
    *,
    limit: int | None = None,
    watch: Watch = unwatched,
) -> FittedMap:
    """Fit the map of a head to all images, or the first `limit`, with equal weights.

    Depth is corrected for the camera of each image where it is known, and not averaged with that
    of mirrored images, as in the node.  watch: iterates over samples, for example with a progress
    bar.  Raises ValueError without a valid pixel, and DatasetError.
    """
    parts: list[Array] = []
    protocol = protocol_of(dataset.name, dataset.domain)
    n_all = len(dataset) if limit is None else min(limit, len(dataset))
    for sample in watch(islice(dataset, limit), n_all):
        result = predict_sample(predictor, dataset, sample, head=head, flip=False)
        found = valid_pixels(result, sample.depth_m, protocol)
        if found is None:
            continue
        chosen = np.linspace(0, len(found[0]) - 1, PIXELS_PER_IMAGE).astype(int)
        depth_m, spread_m, true_m = (values[chosen].astype(np.float64) for values in found)
        true_m /= camera_factor(predictor, sample, AUTO) or 1.0
        parts.append(np.stack((depth_m, spread_m, np.abs(true_m - depth_m))))
    if not parts:
        raise ValueError(
            f'{dataset.name}: no image has a pixel with ground truth, which the fit of the '
            'standard deviation needs'
        )
    depth_m, spread_m, error_m = np.concatenate(parts, axis=1)
    fitted = fit(depth_m, spread_m, error_m)
    ratio = error_m / fitted.std_m(depth_m, spread_m)
    within = (round(float(np.mean(ratio <= width)), 4) for width in (1.0, 1.96))
    return FittedMap(fitted, dataset.name, len(parts), *within)


def fitted_content(
    found: Mapping[str, FittedMap], older: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return the content of a file with the maps of these heads.

    older: content of a file, whose other heads are kept.
    """
    content = content_of(
        {head: one.map for head, one in found.items()},
        {
            head: {k: v for k, v in asdict(one).items() if k != 'map'}
            for head, one in found.items()
        },
    )
    for key in ('fitted', 'heads'):
        content[key] = {**(older or {}).get(key, {}), **content[key]}
    return content


def fit(depth_m: Array, spread_m: Array, error_m: Array) -> UncertaintyMap:
    """Fit a map to depth, spread of the bins and absolute errors (n,) [m].

    The exponents maximise the likelihood of normal errors; the factor balances the coverage of
    one and of 1.96 standard deviations; the widths are those of 68 % and 95 %.  Raises ValueError
    for errors of 0 alone.
    """
    if not error_m.any():
        raise ValueError(
            'depth equals the ground truth in all pixels, so there is no error to fit the '
            'standard deviation to'
        )
    low, high = (float(limit) for limit in np.quantile(spread_m / depth_m, (0.01, 0.99)))
    low = max(low, 1e-6)
    high = max(low, high)
    relative = np.log(np.clip(spread_m / depth_m, low, high))
    features = np.stack((np.ones_like(depth_m), np.log(depth_m), relative), axis=1)
    start = np.array((0.5 * np.log(np.mean((error_m / depth_m) ** 2)), 1.0, 0.0))
    weights = _most_likely(features, error_m, start)
    exponents = np.clip(weights[1:], -4.0, 4.0)
    ratio = np.sort(error_m / np.exp(features[:, 1:] @ exponents))
    factor = _balanced(ratio)
    widths = np.quantile(ratio / factor, (0.68, 0.95))
    values = (factor, *exponents, low, high, *widths)
    return UncertaintyMap(*(float(f'{value:.5g}') for value in values))


def _most_likely(features: Array, error_m: Array, weights: Array) -> Array:
    """Maximise the likelihood of normal errors with log std = features @ weights, by Newton."""
    for _ in range(100):
        squares = np.minimum((error_m * np.exp(-(features @ weights))) ** 2, 1e4)
        curvature = features.T @ (features * (2.0 * squares)[:, None])
        slope = features.T @ (1.0 - squares)
        step = np.clip(np.linalg.lstsq(curvature, slope, rcond=1e-9)[0], -0.5, 0.5)
        weights = weights - step
        if np.abs(step).max() < 1e-6:
            break
    return weights


def _balanced(ratio: Array) -> float:
    """Return the factor for sorted ratios of error to std without one (n,)."""

    def excess(factor: float) -> float:
        inside = np.searchsorted(ratio, (factor, 1.96 * factor), side='right') / len(ratio)
        return float((inside[0] - ONE_STD) / _TOLERANCES[0] + (inside[1] - 0.95) / _TOLERANCES[1])

    low, high = 0.1 * float(np.quantile(ratio, 0.5)) + 1e-9, float(ratio[-1]) + 1e-6
    for _ in range(60):  # bisection of the logarithm
        middle = float(np.sqrt(low * high))
        low, high = (middle, high) if excess(middle) < 0.0 else (low, middle)
    return high
