"""Open the data sets of a run."""

from __future__ import annotations

from dataclasses import dataclass

from zoedepth_ros.datasets.registry import DatasetOptions, open_dataset
from zoedepth_ros.media.sample import Sample
from zoedepth_ros.synthetic.scene import render_scene
from zoedepth_ros.synthetic.varied import varied_scene
from zoedepth_ros.training.config import DomainConfig
from zoedepth_ros.training.examples import Samples


@dataclass(frozen=True, slots=True)
class TrainingScenes:
    """Synthetic scenes with consecutive seeds, rendered on access."""

    domain: str
    """'indoor' or 'outdoor'."""
    seed: int
    """Seed of the first scene."""
    count: int
    """Number of scenes."""
    height: int
    """Height [px]."""
    width: int
    """Width [px]."""
    varied_cameras: bool = False
    """Whether each scene has a random camera, with about as many pixels."""

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Sample:
        if not 0 <= index < self.count:
            raise IndexError(index)
        seed = self.seed + index
        if self.varied_cameras:
            return varied_scene(self.domain, seed, self.height * self.width)
        return render_scene(self.domain, seed, self.height, self.width)


class FirstOf:
    """The first images of a data set."""

    def __init__(self, dataset: Samples, count: int) -> None:
        self._dataset = dataset
        self._count = min(count, len(dataset)) if count else len(dataset)

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> Sample:
        if not 0 <= index < self._count:
            raise IndexError(index)
        return self._dataset[index]


def training_source(domain: DomainConfig, image_size: tuple[int, int]) -> Samples:
    """Open the training part of a domain.

    image_size: default size of synthetic scenes [px].  Raises ValueError for an unknown data set,
    DatasetError for missing files.
    """
    if domain.dataset == 'synthetic':
        return _scenes(domain, image_size, domain.seed, domain.images)
    options = DatasetOptions(
        root=domain.root,
        split='train',
        split_list=domain.split_list or None,
        domain=domain.domain if domain.dataset == 'folder' else '',
        steps_per_m=domain.steps_per_m,
    )
    return FirstOf(open_dataset(domain.dataset, options), domain.images)


def validation_source(domain: DomainConfig, image_size: tuple[int, int]) -> Samples:
    """Open the validation part of a domain; as training_source."""
    if domain.dataset == 'synthetic':
        return _scenes(domain, image_size, domain.validation_seed, domain.validation_images)
    options = DatasetOptions(
        root=domain.validation_root or domain.root,
        split='test',
        split_list=domain.validation_split_list or None,
        domain=domain.domain if domain.dataset == 'folder' else '',
        steps_per_m=domain.steps_per_m,
    )
    return FirstOf(open_dataset(domain.dataset, options), domain.validation_images)


def _scenes(domain: DomainConfig, image_size: tuple[int, int], seed: int, count: int) -> Samples:
    height, width = domain.render_height or image_size[0], domain.render_width or image_size[1]
    return TrainingScenes(domain.domain, seed, count, height, width, domain.varied_cameras)
