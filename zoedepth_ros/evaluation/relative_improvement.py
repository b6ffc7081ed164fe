"""Relative improvement (RI) of one model over another on several data sets, as in the paper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean

from zoedepth_ros.evaluation.metrics import HIGHER_IS_BETTER, METRICS
from zoedepth_ros.evaluation.published import PUBLISHED
from zoedepth_ros.files import parse_json
from zoedepth_ros.media.sample import DOMAINS

Scores = Mapping[str, float]
"""Name of a metric -> score."""


def improvements(target: Scores, reference: Scores) -> dict[str, float]:
    """Return metric -> RI of the metrics that both have, in the order of the tables.

    (r - t) / r of target t and reference r if lower is better, (t - r) / r if higher is better.
    Raises ValueError for a reference of 0.
    """
    found = {}
    for name in (name for name in METRICS if name in target and name in reference):
        if reference[name] == 0:
            raise ValueError(
                f'the relative improvement of {name} is undefined, because the reference score '
                'is 0'
            )
        gain = target[name] - reference[name]
        found[name] = (gain if name in HIGHER_IS_BETTER else -gain) / reference[name]
    return found


def improvement_table(targets: Mapping[str, Scores], references: Mapping[str, Scores]) -> str:
    """Return a table in per cent: a row per shared data set, and the means mRI_theta and mRI_D.

    targets, references: data set -> scores.  Raises ValueError where they share nothing.
    """
    rows = {
        name: improvements(scores, references[name])
        for name, scores in targets.items()
        if name in references
    }
    rows = {
        name: {**gains, 'mRI_theta': fmean(gains.values())}
        for name, gains in rows.items()
        if gains
    }
    if not rows:
        raise ValueError(
            'no data set has scores in both inputs: the scores to judge are of '
            f'{", ".join(targets)} and the reference scores of {", ".join(references)}'
        )
    columns = [name for name in METRICS if any(name in gains for gains in rows.values())]
    rows['mRI_D'] = {m: fmean(g[m] for g in rows.values() if m in g) for m in columns}
    columns.append('mRI_theta')
    width = max(map(len, rows))
    lines = [f'{"":<{width}}' + ''.join(f'{name:>10}' for name in columns)]
    for label, numbers in rows.items():
        cells = (f'{numbers[n]:>+10.1%}' if n in numbers else f'{"-":>10}' for n in columns)
        lines.append(f'{label:<{width}}' + ''.join(cells))
    return '\n'.join(lines)


def read_scores(sources: Sequence[str]) -> dict[str, Scores]:
    """Read data set -> scores from JSON files of `zoedepth evaluate` or a model's published rows.

    Raises ValueError for anything else, or for two files of one data set.
    """
    models = sorted({row.model for row in PUBLISHED})
    if len(sources) == 1 and sources[0] in models:
        return {row.dataset: row.scores for row in PUBLISHED if row.model == sources[0]}
    found: dict[str, Scores] = {}
    for source in sources:
        path = Path(source).expanduser()
        if not path.is_file():
            expected = f'a JSON file of `zoedepth evaluate`, or one of {", ".join(models)}'
            raise ValueError(f'{source}: no such file; expected {expected}')
        for dataset, scores in _scores_in(path).items():
            if dataset in found:
                raise ValueError(f'{source}: scores of {dataset} were given twice')
            found[dataset] = scores
    return found


def _scores_in(path: Path) -> dict[str, Scores]:
    try:
        report = parse_json(path.read_text('utf-8'))
        if 'metrics' in report:
            tables = {str(report['dataset']): report['metrics']}
        else:
            tables = {f'synthetic_{d}': report[d] for d in DOMAINS if d in report}
        found: dict[str, Scores] = {
            dataset: {name: float(x) for name, x in table.items() if x is not None}
            for dataset, table in tables.items()
        }
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f'{path} is not a report of `zoedepth evaluate` ({error!r})') from error
    if not found:
        raise ValueError(f'{path} is not a report of `zoedepth evaluate`: there are no scores')
    return found
