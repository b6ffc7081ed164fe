"""Relative improvement of one model over another, as the paper's tables state it."""

from __future__ import annotations

from collections.abc import Mapping

from zoedepth_ros.evaluation.metrics import HIGHER_IS_BETTER, METRICS

Scores = Mapping[str, float]
"""Name of a metric -> score."""


def relative_improvement(metric: str, target: float, reference: float) -> float:
    """Return RI of a target over a reference: above 0 where the target is better.

    (r - t) / r where lower is better, (t - r) / r where higher is. Raises: ValueError for an
    unknown metric or a reference of 0.
    """
    if metric not in METRICS:
        raise ValueError(f'no metric {metric!r}; there are {", ".join(METRICS)}')
    if reference == 0:
        raise ValueError(f'relative improvement over a {metric} of 0 is undefined')
    gain = target - reference if metric in HIGHER_IS_BETTER else reference - target
    return gain / reference


def mean_over_datasets(
    metric: str, targets: Mapping[str, Scores], references: Mapping[str, Scores]
) -> float:
    """Return mRI_D: the mean RI of one metric over the data sets that both have it for.

    targets, references: data set -> scores. Raises: ValueError where they share none.
    """
    gains = [
        relative_improvement(metric, targets[name][metric], references[name][metric])
        for name in targets
        if metric in targets[name] and metric in references.get(name, {})
    ]
    if not gains:
        raise ValueError(f'target and reference share no data set with {metric}')
    return sum(gains) / len(gains)


def mean_over_metrics(target: Scores, reference: Scores) -> float:
    """Return mRI_theta: the mean RI on one data set over the metrics that both have.

    Raises: ValueError where they share none.
    """
    gains = [
        relative_improvement(metric, target[metric], reference[metric])
        for metric in METRICS
        if metric in target and metric in reference
    ]
    if not gains:
        raise ValueError('target and reference share no metric')
    return sum(gains) / len(gains)
