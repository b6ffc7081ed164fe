"""Samples of the data sets to what a network is trained on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple, Protocol

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

from zoedepth_ros.geometry.canonical import focal_factor
from zoedepth_ros.media.sample import Sample
from zoedepth_ros.training.augmentation import PLAIN_TABLE, augmented
from zoedepth_ros.training.config import AugmentationConfig, DomainConfig
from zoedepth_ros.training.mixed_batches import Draw, ShareOfBatches


class Source(Protocol):
    """Samples by number."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Sample: ...


class Example(NamedTuple):
    """One picture, or with a leading batch dimension several of one domain."""

    image: Tensor
    """Normalised picture (3, h, w) at network size."""
    truth_m: Tensor
    """True depth (1, H, W) at the size of the data set [m]; 1 where unknown.

    With a training camera, the depth at which that camera would have to be for this picture.
    """
    mask: Tensor
    """Where depth is known and in range, (1, H, W)."""
    head: Tensor
    """Index of the image's head among the network's, (): the router's label."""
    focal_factor: Tensor
    """What brings depth back to the picture's own camera, (); 1 without a training camera."""


class TrainingPictures(Dataset[Example]):
    """The pictures of all domains, augmented anew at every draw; the same for the same draw."""

    def __init__(
        self,
        sources: Sequence[Source],
        domains: Sequence[DomainConfig],
        image_size: tuple[int, int],
        head_names: Sequence[str],
        augmentation: AugmentationConfig,
        seed: int,
        training_hfov_deg: float = 0.0,
    ) -> None:
        self._sources = sources
        self._domains = domains
        self._image_size = image_size
        self._head_names = head_names
        self._augmentation = augmentation
        self._seed = seed
        self._training_hfov_deg = training_hfov_deg

    def __getitem__(self, draw: Draw) -> Example:
        """Return a picture, resized to network size by squashing."""
        domain = self._domains[draw.domain]
        sample = self._sources[draw.domain][draw.picture]
        rng = np.random.default_rng((self._seed, *draw))
        picture, depth_m = augmented(
            sample.rgb, sample.depth_m, rng, self._augmentation, domain.brightness
        )
        factor = depth_factor(sample, self._training_hfov_deg)
        head = self._head_names.index(domain.domain)
        return example(picture, depth_m, factor, head, domain, self._image_size)


def depth_factor(sample: Sample, training_hfov_deg: float) -> float:
    """Return depth through the picture's camera over depth through the training camera.

    training_hfov_deg: 0 for a network that learns metres from whatever camera there is.
    Raises ValueError for a picture without a camera where one is needed.
    """
    if training_hfov_deg == 0.0:
        return 1.0
    if sample.camera is None:
        raise ValueError(
            f'{sample.name}: training_hfov_deg needs the camera of every picture; this has none'
        )
    hfov_rad = math.radians(training_hfov_deg)
    return focal_factor(sample.camera, sample.domain, training_hfov_rad=hfov_rad)


def validation_example(
    sample: Sample,
    head: int,
    domain: DomainConfig,
    image_size: tuple[int, int],
    training_hfov_deg: float = 0.0,
) -> Example:
    """Return a picture as it is, resized to network size by squashing."""
    picture = PLAIN_TABLE[sample.rgb, np.arange(3)]
    factor = depth_factor(sample, training_hfov_deg)
    return example(picture, sample.depth_m, factor, head, domain, image_size)


def example(
    picture: NDArray[np.float32],
    depth_m: NDArray[np.float32],
    factor: float,
    head: int,
    domain: DomainConfig,
    image_size: tuple[int, int],
) -> Example:
    """Turn a picture (H, W, 3) in [0, 1] and its depth (H, W) [m] into tensors."""
    image = torch.from_numpy(picture).permute(2, 0, 1)
    if image.shape[1:] != image_size:
        image = F.interpolate(image[None], image_size, mode='bilinear', align_corners=True)[0]
    if domain.varied_cameras and depth_m.shape != image_size:  # a batch has one size
        depth_m = cv2.resize(depth_m, image_size[::-1], interpolation=cv2.INTER_NEAREST)
    truth_m = torch.from_numpy(np.ascontiguousarray(depth_m))[None]
    mask = (truth_m > domain.min_depth_m) & (truth_m < domain.max_depth_m)
    known_m = torch.where(mask, truth_m / factor, 1.0)
    factor_of_all = torch.tensor(factor, dtype=torch.float32)
    return Example((image - 0.5) / 0.5, known_m, mask, torch.tensor(head), factor_of_all)


def batches(
    pictures: TrainingPictures, share: ShareOfBatches, workers: int
) -> DataLoader[Example]:
    """Return a loader of one process' batches, read ahead by `workers` processes."""
    return DataLoader(
        pictures,
        batch_sampler=share,
        num_workers=workers,
        worker_init_fn=_one_thread if workers else None,
        prefetch_factor=4 if workers else None,
        multiprocessing_context='spawn' if workers else None,
    )


def _one_thread(_: int) -> None:
    cv2.setNumThreads(0)
