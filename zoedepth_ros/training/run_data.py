"""Open the data sets of a run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from torch.utils.data import Subset

from zoedepth_ros.datasets.registry import DatasetOptions, open_dataset
from zoedepth_ros.media.sample import Sample
from zoedepth_ros.synthetic.photographs import textures_in
from zoedepth_ros.synthetic.scene import render_scene
from zoedepth_ros.synthetic.varied import varied_scene
from zoedepth_ros.training.config import DomainConfig
from zoedepth_ros.training.examples import Samples


@dataclass(frozen=True, slots=True)
class TrainingScenes:
    """Synthetic scenes with consecutive seeds, rendered on access."""

    config: DomainConfig
    """Domain, cameras and textures; scenes of varied cameras have about as many pixels."""
    seed: int
    """Seed of the first scene."""
    count: int
    """Number of scenes."""
    height: int
    """Height [px]."""
    width: int
    """Width [px]."""

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Sample:
        seed = self.seed + index
        domain, folder = self.config.domain, self.config.textures
        if self.config.varied_cameras:
            textures = textures_in(Path(folder).expanduser()) if folder else None
            return varied_scene(domain, seed, self.height * self.width, textures)
        return render_scene(domain, seed, self.height, self.width)


def open_images(
    domain: DomainConfig, image_size: tuple[int, int], split: Literal['train', 'test']
) -> Samples:
    """Open the training or the validation part of a domain.

    image_size: default size of synthetic scenes [px].  Raises ValueError for an unknown data set,
    DatasetError for missing files.
    """
    training = split == 'train'
    count = domain.images if training else domain.validation_images
    if domain.dataset == 'synthetic':
        seed = domain.seed if training else domain.validation_seed
        height, width = domain.render_height or image_size[0], domain.render_width or image_size[1]
        return TrainingScenes(domain, seed, count, height, width)
    split_list = domain.split_list if training else domain.validation_split_list
    options = DatasetOptions(
        root=domain.root if training else domain.validation_root or domain.root,
        split=split,
        split_list=split_list or None,
        domain=domain.domain if domain.dataset == 'folder' else '',
        steps_per_m=domain.steps_per_m,
    )
    images = open_dataset(domain.dataset, options)
    return Subset(images, range(min(count or len(images), len(images))))  # type: ignore[arg-type]
