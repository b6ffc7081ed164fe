"""Relative improvement (RI) of one model over another on several data sets, as in the paper."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from zoedepth_ros.evaluation.metrics import HIGHER_IS_BETTER, METRICS
from zoedepth_ros.evaluation.published import PUBLISHED, published_by
from zoedepth_ros.media.sample import DOMAINS

Scores = Mapping[str, float]
"""Name of a metric -> score."""


def relative_improvement(metric: str, target: float, reference: float) -> float:
    """Return the RI of a target t over a reference r; positive if the target is better.

    (r - t) / r if lower is better, (t - r) / r if higher is better.  Raises ValueError for an
    unknown metric or a reference of 0.
    """
    if metric not in METRICS:
        raise ValueError(f'no metric {metric!r}; there are {", ".join(METRICS)}')
    if reference == 0:
        raise ValueError(f'relative improvement over a {metric} of 0 is undefined')
    gain = target - reference if metric in HIGHER_IS_BETTER else reference - target
    return gain / reference


def improvements(target: Scores, reference: Scores) -> dict[str, float]:
    """Return metric -> RI of the metrics that both have, in the order of the tables."""
    return {
        metric: relative_improvement(metric, target[metric], reference[metric])
        for metric in METRICS
        if metric in target and metric in reference
    }


@dataclass(frozen=True, slots=True)
class ModelComparison:
    """Relative improvement of a target over a reference; positive if the target is better."""

    by_dataset: Mapping[str, Mapping[str, float]]
    """Data set -> metric -> RI."""

    @property
    def mean_over_metrics(self) -> dict[str, float]:
        """Data set -> mRI_theta."""
        return {name: fmean(gains.values()) for name, gains in self.by_dataset.items()}

    @property
    def mean_over_datasets(self) -> dict[str, float]:
        """Metric -> mRI_D, over the data sets that both have the metric for."""
        columns = {m: [g[m] for g in self.by_dataset.values() if m in g] for m in METRICS}
        return {metric: fmean(gains) for metric, gains in columns.items() if gains}

    def as_dict(self) -> dict[str, object]:
        """Return all values for JSON."""
        return {
            'relative_improvement': {name: dict(gains) for name, gains in self.by_dataset.items()},
            'mRI_theta': self.mean_over_metrics,
            'mRI_D': self.mean_over_datasets,
        }

    def as_table(self) -> str:
        """Return a table with a row per data set and a row of means, in per cent."""
        means = self.mean_over_metrics
        rows = {
            name: {**gains, 'mRI_theta': means[name]} for name, gains in self.by_dataset.items()
        }
        rows['mRI_D'] = self.mean_over_datasets
        names = [*self.mean_over_datasets, 'mRI_theta']
        width = max(map(len, rows))
        lines = [f'{"":<{width}}' + ''.join(f'{name:>10}' for name in names)]
        for label, numbers in rows.items():
            cells = (f'{numbers[n]:>+10.1%}' if n in numbers else f'{"-":>10}' for n in names)
            lines.append(f'{label:<{width}}' + ''.join(cells))
        return '\n'.join(lines)


def compare(targets: Mapping[str, Scores], references: Mapping[str, Scores]) -> ModelComparison:
    """Compare on the data sets and metrics that both have.

    targets, references: data set -> scores. Raises: ValueError where they share nothing.
    """
    shared = {
        name: improvements(scores, references[name])
        for name, scores in targets.items()
        if name in references
    }
    shared = {name: gains for name, gains in shared.items() if gains}
    if not shared:
        raise ValueError(
            f'nothing to compare: scores of {", ".join(targets)} over {", ".join(references)}'
        )
    return ModelComparison(shared)


def read_scores(sources: Sequence[str]) -> dict[str, Scores]:
    """Read data set -> scores from JSON files of `zoedepth evaluate` or a model's published rows.

    Raises: ValueError for anything else, or for two files of one data set.
    """
    models = sorted({row.model for row in PUBLISHED})
    if len(sources) == 1 and sources[0] in models:
        return dict(published_by(sources[0]))
    found: dict[str, Scores] = {}
    for source in sources:
        path = Path(source).expanduser()
        if not path.is_file():
            expected = f'a JSON file of `zoedepth evaluate`, or one of {", ".join(models)}'
            raise ValueError(f'{source}: no such file; expected {expected}')
        for dataset, scores in _scores_in(path).items():
            if dataset in found:
                raise ValueError(f'{source}: scores of {dataset} came twice')
            found[dataset] = scores
    return found


def _scores_in(path: Path) -> dict[str, Scores]:
    try:
        report = json.loads(path.read_text('utf-8'))
        if 'metrics' in report:
            return {report['dataset']: _known(report['metrics'])}
        by_domain = {f'synthetic_{d}': _known(report[d]) for d in DOMAINS if d in report}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f'{path}: not a report of `zoedepth evaluate` ({error!r})') from error
    if not by_domain:
        raise ValueError(f'{path}: not a report of `zoedepth evaluate`: no scores')
    return by_domain


def _known(scores: Mapping[str, float | None]) -> Scores:
    return {name: score for name, score in scores.items() if score is not None}
