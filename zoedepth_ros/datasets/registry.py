"""Data sets by name."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from types import MappingProxyType

from zoedepth_ros.datasets.dataset import DepthDataset
from zoedepth_ros.datasets.folder import Folder
from zoedepth_ros.datasets.nyu_kitti import Kitti, Nyu
from zoedepth_ros.datasets.zero_shot_indoor import DimlIndoor, Diode, HyperSim, Ibims, SunRgbd
from zoedepth_ros.datasets.zero_shot_outdoor import Ddad, DimlOutdoor, VirtualKitti2


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetOptions:
    """Location and options of a data set; options that do not apply to it are refused."""

    root: Path | str
    """Folder of the data set."""
    split: str = 'test'
    """'train' or 'test'; only NYU, KITTI and vKITTI2 have a training part."""
    split_list: Path | str | None = None
    """Official list of NYU or KITTI, or a written split of vKITTI2."""
    skip_damaged: bool = False
    """Skip missing and damaged files when iterating, instead of raising an error."""
    domain: str = ''
    """'indoor' or 'outdoor', for a folder."""
    steps_per_m: float = DepthDataset.steps_per_m
    """Value of the 16-bit PNGs of a folder at one metre."""

    def __post_init__(self) -> None:
        if self.split not in ('train', 'test'):
            raise ValueError(f"split must be 'train' or 'test', got {self.split!r}")
        if not (math.isfinite(self.steps_per_m) and self.steps_per_m > 0.0):
            raise ValueError(
                f'steps_per_m (depth values per metre) must be above 0, got {self.steps_per_m}'
            )


DATASETS: Mapping[str, tuple[Callable[..., DepthDataset], tuple[str, ...]]] = MappingProxyType(
    {
        'nyu': (Nyu, ('split_list', 'split')),
        'kitti': (Kitti, ('split_list', 'split')),
        'sunrgbd': (SunRgbd, ()),
        'ibims': (Ibims, ()),
        'diode_indoor': (partial(Diode, domain='indoor'), ()),
        'diode_outdoor': (partial(Diode, domain='outdoor'), ()),
        'hypersim_test': (HyperSim, ()),
        'vkitti2': (VirtualKitti2, ('split_list', 'split')),
        'ddad': (Ddad, ()),
        'diml_indoor': (DimlIndoor, ()),
        'diml_outdoor': (DimlOutdoor, ()),
        'folder': (Folder, ('domain', 'steps_per_m')),
    }
)
"""Name -> the class, and its options besides root and skip_damaged."""


def with_option(option: str) -> tuple[str, ...]:
    """Return the names of the data sets that have an option."""
    return tuple(name for name, (_, options) in DATASETS.items() if option in options)


def open_dataset(name: str, options: DatasetOptions) -> DepthDataset:
    """Open a data set by name.

    Raises ValueError for an unknown name or an option that does not apply; DatasetError for
    missing files.
    """
    if name not in DATASETS:
        raise ValueError(f'unknown data set {name!r}: expected one of {", ".join(DATASETS)}')
    training = (*with_option('split'), 'folder')  # a folder has no splits
    if options.split == 'train' and name not in training:
        raise ValueError(
            f'the data set {name} cannot be used for training, only {", ".join(training)}'
        )
    kind, own = DATASETS[name]
    for field in fields(options):
        having = with_option(field.name)
        is_given = getattr(options, field.name) != field.default
        if is_given and having and field.name not in (*own, 'split'):
            raise ValueError(
                f'{name} has no option {field.name.replace("_", " ")}, which is only for '
                f'{", ".join(having)}'
            )
    values = {option: getattr(options, option) for option in (*own, 'skip_damaged')}
    return kind(options.root, **values)
