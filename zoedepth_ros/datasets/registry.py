"""Data sets by name."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
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
    apply_mask: bool = False
    """Apply DIODE's validity mask, which the paper's protocol does not."""
    domain: str = ''
    """'indoor' or 'outdoor', for a folder."""
    steps_per_m: float = 1000.0
    """Value of the 16-bit PNGs of a folder at one metre."""

    def __post_init__(self) -> None:
        if self.split not in ('train', 'test'):
            raise ValueError(f"split must be 'train' or 'test', got {self.split!r}")
        if not (math.isfinite(self.steps_per_m) and self.steps_per_m > 0.0):
            raise ValueError(f'steps_per_m must be above 0, got {self.steps_per_m}')


Opener = Callable[[DatasetOptions], DepthDataset]

DATASETS: Mapping[str, Opener] = MappingProxyType(
    {
        'nyu': lambda o: Nyu(o.root, o.split_list, split=o.split, skip_damaged=o.skip_damaged),
        'kitti': lambda o: Kitti(o.root, o.split_list, split=o.split, skip_damaged=o.skip_damaged),
        'sunrgbd': lambda o: SunRgbd(o.root, skip_damaged=o.skip_damaged),
        'ibims': lambda o: Ibims(o.root, skip_damaged=o.skip_damaged),
        'diode_indoor': lambda o: _diode(o, 'indoor'),
        'diode_outdoor': lambda o: _diode(o, 'outdoor'),
        'hypersim_test': lambda o: HyperSim(o.root, skip_damaged=o.skip_damaged),
        'vkitti2': lambda o: VirtualKitti2(
            o.root, o.split_list, split=o.split, skip_damaged=o.skip_damaged
        ),
        'ddad': lambda o: Ddad(o.root, skip_damaged=o.skip_damaged),
        'diml_indoor': lambda o: DimlIndoor(o.root, skip_damaged=o.skip_damaged),
        'diml_outdoor': lambda o: DimlOutdoor(o.root, skip_damaged=o.skip_damaged),
        'folder': lambda o: _folder(o),
    }
)
"""Name -> function that opens it."""

WITH_SPLIT_LIST = ('nyu', 'kitti', 'vkitti2')
"""Data sets with a split list."""

WITH_MASK = ('diode_indoor', 'diode_outdoor')
"""Data sets with an optional mask."""

WITH_TRAINING_PART = ('nyu', 'kitti', 'vkitti2', 'folder')
"""Data sets with split='train'; a folder has no splits."""


def open_dataset(name: str, options: DatasetOptions) -> DepthDataset:
    """Open a data set by name.

    Raises ValueError for an unknown name or an option that does not apply; DatasetError for
    missing files.
    """
    if name not in DATASETS:
        raise ValueError(f'no data set {name!r}; there are {", ".join(DATASETS)}')
    if options.split == 'train' and name not in WITH_TRAINING_PART:
        raise ValueError(f'{name} has no training part here; {", ".join(WITH_TRAINING_PART)} have')
    if options.split_list is not None and name not in WITH_SPLIT_LIST:
        raise ValueError(f'{name} has no split list; {", ".join(WITH_SPLIT_LIST)} have')
    if options.apply_mask and name not in WITH_MASK:
        raise ValueError(f'apply_mask is for DIODE, not for {name}')
    return DATASETS[name](options)


def _diode(options: DatasetOptions, domain: str) -> DepthDataset:
    return Diode(
        options.root,
        domain=domain,
        apply_mask=options.apply_mask,
        skip_damaged=options.skip_damaged,
    )


def _folder(options: DatasetOptions) -> DepthDataset:
    if options.domain not in ('indoor', 'outdoor'):
        raise ValueError(f"a folder needs domain 'indoor' or 'outdoor', got {options.domain!r}")
    return Folder(
        options.root,
        domain=options.domain,
        steps_per_m=options.steps_per_m,
        skip_damaged=options.skip_damaged,
    )
