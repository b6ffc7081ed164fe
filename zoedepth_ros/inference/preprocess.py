"""Resize images to network inputs, and network maps back to the image size."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

Size = tuple[int, int]
"""(height, width) [px]."""

PREPROCESSINGS = ('metric', 'official')


@dataclass(frozen=True, slots=True)
class MetricPreprocessing:
    """Resize to the network's size, ignoring the aspect ratio, as in training and evaluation.

    This keeps the metric scale, because no padding changes the apparent field of view.
    """

    image_size: Size
    """Size of the network input [px]."""

    antialias: bool = False
    """How images are resized; see ModelConfig."""

    def network_size(self, height: int, width: int) -> Size:
        """Return the network's own size."""
        return self.image_size

    def to_network(self, image: Tensor) -> Tensor:
        """Resize images (B, 3, H, W) with values 0 to 1 to the network's size and normalise."""
        return normalise(_resize(image, self.image_size, self.antialias))

    def to_image_size(self, maps: Tensor, height: int, width: int) -> Tensor:
        """Resize maps (B, n, h, w) of the network to (B, n, height, width) as the image."""
        return _resize(maps, (height, width), self.antialias)


@dataclass(frozen=True, slots=True)
class OfficialPreprocessing:
    """Preprocess as the released `infer`: reflect padding, kept aspect ratio, bicubic maps.

    Depth is smoother at the image border, but the padding changes the metric scale (ZoeDepth issue
    111: RMSE on NYU 0.375 m with padding, 0.27 m without).
    """

    image_size: Size
    """Target size of the network input [px]."""

    size_multiple: int
    """Both sides of the network input are multiples of this number [px]."""

    def network_size(self, height: int, width: int) -> Size:
        """Apply the size rule to the padded image."""
        rows, columns = padding(height, width)
        padded = (height + 2 * rows, width + 2 * columns)
        return fit(padded, self.image_size, self.size_multiple)

    def to_network(self, image: Tensor) -> Tensor:
        """Pad, resize and normalise images (B, 3, H, W) with values 0 to 1."""
        rows, columns = padding(image.shape[-2], image.shape[-1])
        padded = F.pad(image, (columns, columns, rows, rows), mode='reflect')
        return normalise(_resize(padded, self.network_size(*image.shape[-2:])))

    def to_image_size(self, maps: Tensor, height: int, width: int) -> Tensor:
        """Resize maps (B, n, h, w) to the padded image and remove the padding.

        PARITY: bicubic interpolation may overshoot, even below zero, as in the original
        (test_predictor.py compares the positive values).
        """
        rows, columns = padding(height, width)
        padded = (height + 2 * rows, width + 2 * columns)
        if maps.shape[-2:] != padded:
            maps = F.interpolate(maps, padded, mode='bicubic', align_corners=False)
        return maps[:, :, rows : rows + height, columns : columns + width]


Preprocessing: TypeAlias = MetricPreprocessing | OfficialPreprocessing


def make_preprocessing(
    name: str, image_size: Size, size_multiple: int, *, antialias: bool = False
) -> Preprocessing:
    """Return the preprocessing of this name.

    antialias: of 'metric'; 'official' has none.  Raises ValueError for an unknown name.
    """
    if name == 'metric':
        return MetricPreprocessing(image_size, antialias)
    if name == 'official':
        return OfficialPreprocessing(image_size, size_multiple)
    raise ValueError(f'unknown preprocessing {name!r}: expected one of {PREPROCESSINGS}')


def fit(size: Size, target: Size, multiple: int) -> Size:
    """Scale a size by the factor of the side that changes least, to multiples.

    Source: the "minimal" rule of MiDaS.  Sides are rounded half to even, to at least one multiple
    (the original may return 0).
    """
    height_scale, width_scale = target[0] / size[0], target[1] / size[1]
    by_width = abs(1 - width_scale) < abs(1 - height_scale)
    scale = width_scale if by_width else height_scale
    height, width = (max(1, int(np.round(scale * side / multiple))) for side in size)
    return height * multiple, width * multiple


def padding(height: int, width: int) -> Size:
    """Return the (rows, columns) of reflect padding on each side: floor(3 sqrt(n / 2)).

    PARITY: the original fails for sides below 5 px, which are shorter than their padding; here the
    padding is one pixel less than the side (test_preprocess.py).
    """
    rows, columns = (min(int(math.sqrt(side / 2) * 3), side - 1) for side in (height, width))
    return rows, columns


def normalise(image: Tensor) -> Tensor:
    """Map 0..1 of any shape to -1..1 (not ImageNet's mean and standard deviation)."""
    return (image - 0.5) / 0.5


def _resize(maps: Tensor, size: Size, antialias: bool = False) -> Tensor:
    """Resize bilinearly.

    antialias: with half-pixel centres, low-pass filtered where that shrinks.  PARITY: otherwise
    with align_corners=True, as the released networks were trained (test_preprocess.py).
    """
    if maps.shape[-2:] == size:
        return maps
    if not antialias:
        return F.interpolate(maps, size, mode='bilinear', align_corners=True)
    shrinks = size[0] < maps.shape[-2] or size[1] < maps.shape[-1]
    return F.interpolate(maps, size, mode='bilinear', align_corners=False, antialias=shrinks)


def to_tensor(image: np.ndarray, device: torch.device) -> Tensor:
    """Return an image (H, W, 3), of any strides, as float (1, 3, H, W) with values 0 to 1.

    image: uint8, or float32 with values 0 to 1.
    """
    packed = np.require(image, requirements=['C', 'W'])  # torch takes no negative strides
    return from_pixels(torch.from_numpy(packed).to(device))


def from_pixels(pixels: Tensor) -> Tensor:
    """Return (H, W, 3) or (B, H, W, 3), uint8 or float32 of 0 to 1, as float (B, 3, H, W)."""
    planes = (pixels if pixels.ndim == 4 else pixels[None]).movedim(-1, -3)
    # In another memory layout convolutions round differently.
    scaled = planes.to(torch.float32, memory_format=torch.contiguous_format)
    return scaled / 255 if pixels.dtype == torch.uint8 else scaled
