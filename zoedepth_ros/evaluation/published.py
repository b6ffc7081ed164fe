"""Published scores of the released models, and relative improvement (RI) as in the paper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

from zoedepth_ros.evaluation.metrics import HIGHER_IS_BETTER, METRICS
from zoedepth_ros.files import parse_json
from zoedepth_ros.media.sample import DOMAINS

Scores = Mapping[str, float]
"""Name of a metric -> score."""

PAPER = 'Bhat et al., ZoeDepth, arXiv:2302.12288'
"""The paper."""
RELEASE = 'https://github.com/isl-org/ZoeDepth/releases (AbsRel)'
"""The page the weights are released on; its AbsRel equal the paper's."""
TABLE_1 = f'{PAPER}, table 1; {RELEASE}'
TABLES_2_AND_6 = f'{PAPER}, tables 2 and 6'
ZERO_SHOT = f'{PAPER}, zero-shot tables; {RELEASE}'


class PublishedScores(NamedTuple):
    """Scores of one model on one data set, as printed."""

    source: str
    """Where they are printed."""
    model: str
    """Preset with those weights."""
    dataset: str
    """Name of the data set, as in the registry."""
    scores: Scores
    """Name of a metric -> score; only those that are printed."""


def _row(source: str, model: str, dataset: str, metrics: str, *scores: float) -> PublishedScores:
    named = zip(metrics.split(), scores, strict=True)
    return PublishedScores(source, model, dataset, dict(named))


_SIX = 'delta1 delta2 delta3 abs_rel rmse log_10'
_THREE = 'delta1 abs_rel rmse'

PUBLISHED: tuple[PublishedScores, ...] = (
    _row(TABLE_1, 'ZoeD_M12_N', 'nyu', _SIX, 0.955, 0.995, 0.999, 0.075, 0.270, 0.032),
    _row(TABLE_1, 'ZoeD_M12_NK', 'nyu', _SIX, 0.953, 0.995, 0.999, 0.077, 0.277, 0.033),
    # the paper has no row of ZoeD_M12_K on KITTI
    _row(TABLES_2_AND_6, 'ZoeD_M12_NK', 'kitti', 'abs_rel rmse', 0.057, 2.362),
    _row(ZERO_SHOT, 'ZoeD_M12_N', 'sunrgbd', _THREE, 0.864, 0.119, 0.346),
    _row(ZERO_SHOT, 'ZoeD_M12_NK', 'sunrgbd', _THREE, 0.856, 0.123, 0.356),
    _row(ZERO_SHOT, 'ZoeD_M12_N', 'ibims', _THREE, 0.658, 0.169, 0.711),
    _row(ZERO_SHOT, 'ZoeD_M12_NK', 'ibims', _THREE, 0.615, 0.186, 0.777),
    _row(ZERO_SHOT, 'ZoeD_M12_N', 'diode_indoor', _THREE, 0.376, 0.327, 1.588),
    _row(ZERO_SHOT, 'ZoeD_M12_NK', 'diode_indoor', _THREE, 0.386, 0.331, 1.598),
    _row(ZERO_SHOT, 'ZoeD_M12_N', 'hypersim_test', _THREE, 0.292, 0.410, 5.771),
    _row(ZERO_SHOT, 'ZoeD_M12_NK', 'hypersim_test', _THREE, 0.274, 0.419, 5.830),
    _row(ZERO_SHOT, 'ZoeD_M12_K', 'vkitti2', _THREE, 0.864, 0.100, 4.974),
    _row(ZERO_SHOT, 'ZoeD_M12_NK', 'vkitti2', _THREE, 0.850, 0.105, 5.095),
    _row(ZERO_SHOT, 'ZoeD_M12_K', 'ddad', _THREE, 0.835, 0.129, 7.108),
    _row(ZERO_SHOT, 'ZoeD_M12_NK', 'ddad', _THREE, 0.824, 0.138, 7.225),
    _row(ZERO_SHOT, 'ZoeD_M12_K', 'diml_outdoor', _THREE, 0.003, 1.921, 6.978),
    _row(ZERO_SHOT, 'ZoeD_M12_NK', 'diml_outdoor', _THREE, 0.292, 0.641, 3.610),
    _row(ZERO_SHOT, 'ZoeD_M12_K', 'diode_outdoor', _THREE, 0.269, 0.852, 6.898),
    _row(ZERO_SHOT, 'ZoeD_M12_NK', 'diode_outdoor', _THREE, 0.208, 0.757, 7.569),
)
"""All rows."""


def published_for(dataset: str) -> tuple[PublishedScores, ...]:
    """Return the published rows of a data set; none for data of your own."""
    return tuple(row for row in PUBLISHED if row.dataset == dataset)


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
            'no data set has scores in both inputs: the scores to compare are for '
            f'{", ".join(targets)}, the reference scores for {", ".join(references)}'
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
