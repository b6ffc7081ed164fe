"""Published scores of the released models, with their sources."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

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
    scores: Mapping[str, float]
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
