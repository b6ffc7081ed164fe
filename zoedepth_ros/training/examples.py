"""Convert samples of data sets to training examples, and augment them as ZoeDepth's code."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset, default_collate

from zoedepth_ros.geometry.canonical import focal_factor
from zoedepth_ros.inference.preprocess import MetricPreprocessing
from zoedepth_ros.media.sample import Sample
from zoedepth_ros.training.config import AugmentationConfig, DomainConfig, Range
from zoedepth_ros.training.mixed_batches import Draw, ShareOfBatches


class Samples(Protocol):
    """A sequence of samples."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Sample: ...


class Example(NamedTuple):
    """One image, or several of one domain with a leading batch dimension."""

    image: Tensor
    """Normalised image (3, h, w) at network size."""
    ground_truth_m: Tensor
    """Ground truth (1, H, W) [m]; 1 where unknown.

    It has the size of the data set, or network size in a batch of images of several sizes.  With a
    training camera, depth is divided by the focal factor of the image.
    """
    mask: Tensor
    """Pixels with known depth in range, (1, H, W)."""
    head: Tensor
    """Index of the image's head in the network, (): the label of the router."""
    focal_factor: Tensor
    """Factor that corrects depth for the camera of the image, (); 1 without a training camera."""


@dataclass(frozen=True, eq=False)
class TrainingImages(Dataset[Example]):
    """The images of all domains with augmentation that is a function of the draw."""

    sources: Sequence[Samples]
    domains: Sequence[DomainConfig]
    preprocessing: MetricPreprocessing
    head_names: Sequence[str]
    augmentation: AugmentationConfig
    seed: int
    training_hfov_deg: float = 0.0

    def __getitem__(self, draw: Draw) -> Example:
        """Return an image, resized to network size, ignoring the aspect ratio."""
        domain = self.domains[draw.domain]
        sample = self.sources[draw.domain][draw.image]
        rng = np.random.default_rng((self.seed, *draw))
        pixels, depth_m = augmented(
            sample.rgb, sample.depth_m, rng, self.augmentation, domain.brightness
        )
        factor = depth_factor(sample, self.training_hfov_deg)
        head = self.head_names.index(domain.domain)
        return example(pixels, depth_m, factor, head, domain, self.preprocessing)

    def __getitems__(self, draws: Sequence[Draw]) -> Example | Exception:
        """Return a batch, or its error: a DataLoader changes errors that its processes raise."""
        try:
            examples = [self[draw] for draw in draws]
            if len({one.mask.shape for one in examples}) > 1:
                examples = [at_network_size(one) for one in examples]
        except (ValueError, OSError) as error:
            return error
        return Example(*default_collate(examples))


def at_network_size(one: Example) -> Example:
    """Resize ground truth and mask to network size, as a batch needs tensors of one size."""
    size = one.image.shape[-2:]
    maps = one.ground_truth_m, one.mask.float()
    ground_truth_m, mask = (
        F.interpolate(each[None], size, mode='nearest-exact')[0] for each in maps
    )
    return one._replace(ground_truth_m=ground_truth_m, mask=mask > 0)


def depth_factor(sample: Sample, training_hfov_deg: float) -> float:
    """Return the focal factor of an image.

    training_hfov_deg: 0 for a network without a training camera.  Raises ValueError for an image
    without a camera otherwise.
    """
    if training_hfov_deg == 0.0:
        return 1.0
    if sample.camera is None:
        raise ValueError(
            f'{sample.name}: training_hfov_deg needs the camera intrinsics of every image, but '
            'this image has none (for the data set folder write camera.json); training_hfov_deg '
            'is set by the recipe or by its initial weights'
        )
    hfov_rad = math.radians(training_hfov_deg)
    return focal_factor(sample.camera, sample.domain, training_hfov_rad=hfov_rad)


def validation_example(
    sample: Sample,
    head: int,
    domain: DomainConfig,
    preprocessing: MetricPreprocessing,
    training_hfov_deg: float = 0.0,
) -> Example:
    """Return an image as it is, resized to network size, ignoring the aspect ratio."""
    pixels = IDENTITY_TABLE[sample.rgb, np.arange(3)]
    factor = depth_factor(sample, training_hfov_deg)
    return example(pixels, sample.depth_m, factor, head, domain, preprocessing)


def example(
    pixels: NDArray[np.float32],
    depth_m: NDArray[np.float32],
    factor: float,
    head: int,
    domain: DomainConfig,
    preprocessing: MetricPreprocessing,
) -> Example:
    """Convert an image (H, W, 3) in [0, 1] and its depth (H, W) [m] to tensors."""
    image = preprocessing.to_network(torch.from_numpy(pixels).permute(2, 0, 1)[None])[0]
    ground_truth_m = torch.from_numpy(np.ascontiguousarray(depth_m))[None]
    mask = (ground_truth_m > domain.min_depth_m) & (ground_truth_m < domain.max_depth_m)
    known_m = torch.where(mask, ground_truth_m / factor, 1.0)
    factor_of_all = torch.tensor(factor, dtype=torch.float32)
    return Example(image, known_m, mask, torch.tensor(head), factor_of_all)


def batches(images: TrainingImages, share: ShareOfBatches, workers: int) -> Iterator[Example]:
    """Yield one process' batches, prefetched by `workers` processes.

    Raises ValueError for images of several sizes in a batch, and DatasetError.
    """
    loader = DataLoader(
        images,
        batch_sampler=share,
        num_workers=workers,
        collate_fn=_as_is,
        worker_init_fn=_one_thread if workers else None,
        prefetch_factor=4 if workers else None,
        multiprocessing_context='spawn' if workers else None,
    )
    for batch in loader:
        if isinstance(batch, Exception):
            raise batch
        yield batch


def _as_is(batch: Any) -> Any:
    return batch


def _one_thread(_: int) -> None:
    cv2.setNumThreads(0)


def rotated(
    rgb: NDArray[np.uint8], depth_m: NDArray[np.float32], angle_deg: float
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Rotate both counter-clockwise about the centre; uncovered pixels are black and NaN.

    Convention: pixel centres at integers, so the centre is ((W - 1) / 2, (H - 1) / 2).
    """
    height, width = depth_m.shape
    turn = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), angle_deg, 1.0)
    rotated_rgb = cv2.warpAffine(rgb, turn, (width, height), flags=cv2.INTER_LINEAR)
    depth = cv2.warpAffine(
        depth_m, turn, (width, height), flags=cv2.INTER_NEAREST, borderValue=float('nan')
    )
    return rotated_rgb, depth


def color_table(
    rng: np.random.Generator, config: AugmentationConfig, brightness: Range
) -> NDArray[np.float32]:
    """Return a random lookup table of gamma, brightness and colour, (256, 3)."""
    values = (np.arange(256) / 255.0) ** rng.uniform(*config.gamma)
    factors = rng.uniform(*brightness) * rng.uniform(*config.color, size=3)
    return np.clip(values[:, None] * factors, 0.0, 1.0).astype(np.float32)


IDENTITY_TABLE = np.repeat(
    np.arange(256, dtype=np.float32)[:, None] / np.float32(255.0), 3, axis=1
)
"""Lookup table that keeps colours."""


def augmented(
    rgb: NDArray[np.uint8],
    depth_m: NDArray[np.float32],
    rng: np.random.Generator,
    config: AugmentationConfig,
    brightness: Range,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Rotate, mirror and recolour: image (H, W, 3) in [0, 1] and depth (H, W) [m]."""
    angle_deg = rng.uniform(-config.rotation_deg, config.rotation_deg)
    mirrored = rng.random() < config.flip_probability
    recoloured = rng.random() < config.color_probability
    if config.rotation_deg > 0:
        rgb, depth_m = rotated(rgb, depth_m, angle_deg)
    if mirrored:
        rgb, depth_m = rgb[:, ::-1], depth_m[:, ::-1]
    table = color_table(rng, config, brightness) if recoloured else IDENTITY_TABLE
    image = table[rgb, np.arange(3)]
    if recoloured:
        image = camera_effects(image, rng, config)
    return image, np.ascontiguousarray(depth_m)


def camera_effects(
    image: NDArray[np.float32], rng: np.random.Generator, config: AugmentationConfig
) -> NDArray[np.float32]:
    """Apply random effects of cameras to an image (H, W, 3) in [0, 1]: colours to compression."""
    height, width = image.shape[:2]
    saturation, contrast = rng.uniform(*config.saturation), rng.uniform(*config.contrast)
    vignette, blur_px = rng.uniform(*config.vignette), rng.uniform(*config.blur_px)
    noise, quality = rng.uniform(*config.noise), rng.uniform(*config.jpeg_quality)
    if saturation != 1.0:
        grey = (image @ np.array((0.299, 0.587, 0.114), np.float32))[..., None]
        image = grey + np.float32(saturation) * (image - grey)
    if contrast != 1.0:
        mean = image.mean()
        image = mean + np.float32(contrast) * (image - mean)
    if vignette > 0.0:
        rows, columns = np.linspace(-1, 1, height), np.linspace(-1, 1, width)
        radius2 = 0.5 * (rows[:, None] ** 2 + columns**2)
        image = image * (1.0 - vignette * radius2).astype(np.float32)[..., None]
    if blur_px > 0.3:
        image = cv2.GaussianBlur(image, (0, 0), blur_px)
    if noise > 0.0:
        image = image + rng.normal(0.0, noise, image.shape).astype(np.float32)
    image = np.clip(image, 0.0, 1.0)
    if quality >= 100.0:
        return image
    _, code = cv2.imencode(
        '.jpg', np.rint(255.0 * image).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, int(quality)]
    )
    return IDENTITY_TABLE[cv2.imdecode(code, cv2.IMREAD_COLOR), np.arange(3)]
