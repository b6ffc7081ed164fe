"""From a picture to what the network sees, and the way back for its maps."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

Size = tuple[int, int]
"""(height, width) [px]."""

PREPROCESSINGS = ('metric', 'official')


class Preprocessing(Protocol):
    """Bring pictures of any size into the network and maps back to the picture's size."""

    def network_size(self, height: int, width: int) -> Size:
        """Give the size inside the network of a picture of this size."""
        ...

    def to_network(self, picture: Tensor) -> Tensor:
        """Give the normalised image (B, 3, h, w) of a picture (B, 3, H, W) with values 0 to 1."""
        ...

    def to_picture(self, maps: Tensor, height: int, width: int) -> Tensor:
        """Bring maps (B, C, h, w) of the network to the size of the picture: (B, C, H, W)."""
        ...


@dataclass(frozen=True, slots=True)
class MetricPreprocessing:
    """Squash the picture to the size the network was trained at, as training and evaluation did.

    This keeps the metric scale: no padding changes the apparent field of view.
    """

    image_size: Size
    """Size inside the network [px], whatever the picture's."""

    def network_size(self, height: int, width: int) -> Size:
        """Give the network's own size."""
        return self.image_size

    def to_network(self, picture: Tensor) -> Tensor:
        """Squash (B, 3, H, W) to the network's size and normalise."""
        return normalise(_stretch(picture, self.image_size))

    def to_picture(self, maps: Tensor, height: int, width: int) -> Tensor:
        """Stretch (B, n, h, w) to (B, n, height, width) bilinearly, corners on corners."""
        return _stretch(maps, (height, width))


@dataclass(frozen=True, slots=True)
class OfficialPreprocessing:
    """Do as the released `infer`: reflect padding, aspect ratio kept, bicubic way back.

    Calmer at the picture's edges, but the padding makes the metric scale wrong (ZoeDepth issue
    111: RMSE on NYU 0.375 m with it, 0.27 m without).
    """

    image_size: Size
    """Size inside the network [px] that the size rule starts from."""

    size_multiple: int
    """Number [px] that both sides inside the network are multiples of."""

    def network_size(self, height: int, width: int) -> Size:
        """Apply the size rule to the padded picture."""
        rows, columns = padding(height, width)
        padded = (height + 2 * rows, width + 2 * columns)
        return fit(padded, self.image_size, self.size_multiple)

    def to_network(self, picture: Tensor) -> Tensor:
        """Pad, resize and normalise."""
        rows, columns = padding(picture.shape[-2], picture.shape[-1])
        padded = F.pad(picture, (columns, columns, rows, rows), mode='reflect')
        return normalise(_stretch(padded, self.network_size(*picture.shape[-2:])))

    def to_picture(self, maps: Tensor, height: int, width: int) -> Tensor:
        """Resize to the padded picture and cut the padding off.

        PARITY: bicubic interpolation may overshoot, even below zero, as the original's does
        (test_predictor.py compares with it where it is positive).
        """
        rows, columns = padding(height, width)
        padded = (height + 2 * rows, width + 2 * columns)
        if maps.shape[-2:] != padded:
            maps = F.interpolate(maps, padded, mode='bicubic', align_corners=False)
        return maps[:, :, rows : rows + height, columns : columns + width]


def make_preprocessing(name: str, image_size: Size, size_multiple: int) -> Preprocessing:
    """Give the preprocessing of this name.

    Raises ValueError for an unknown name and for sides that are no multiples of size_multiple.
    """
    for side, length in zip(('height', 'width'), image_size, strict=True):
        if length < size_multiple or length % size_multiple:
            raise ValueError(
                f'the network {side} must be a positive multiple of {size_multiple}, got {length}'
            )
    if name == 'metric':
        return MetricPreprocessing(image_size)
    if name == 'official':
        return OfficialPreprocessing(image_size, size_multiple)
    raise ValueError(f'unknown preprocessing {name!r}: expected one of {PREPROCESSINGS}')


def fit(size: Size, target: Size, multiple: int) -> Size:
    """Scale a size as little as possible towards a target, to multiples.

    Source: the "minimal" rule of MiDaS.  Sides round half to even, and to one multiple at least
    (where the original would come to nothing).
    """
    height_scale, width_scale = target[0] / size[0], target[1] / size[1]
    by_width = abs(1 - width_scale) < abs(1 - height_scale)
    scale = width_scale if by_width else height_scale
    height, width = (max(1, int(np.round(scale * side / multiple))) for side in size)
    return height * multiple, width * multiple


def padding(height: int, width: int) -> Size:
    """Give the (rows, columns) the original mirrors outwards on each side: floor(3 sqrt(n / 2)).

    PARITY: sides below 5 px, which reflect padding of that much would need twice, get one pixel
    less than they have, where the original fails (test_preprocess.py).
    """
    rows, columns = (min(int(math.sqrt(side / 2) * 3), side - 1) for side in (height, width))
    return rows, columns


def normalise(picture: Tensor) -> Tensor:
    """Map 0..1 of any shape to -1..1; not ImageNet's mean and deviation."""
    return (picture - 0.5) / 0.5


def _stretch(maps: Tensor, size: Size) -> Tensor:
    """Resize bilinearly, corners on corners, without antialiasing also when it shrinks.

    PARITY: this is what the network was trained with (test_preprocess.py).
    """
    if maps.shape[-2:] == size:
        return maps
    return F.interpolate(maps, size, mode='bilinear', align_corners=True)


def to_tensor(picture: np.ndarray, device: torch.device) -> Tensor:
    """Give a picture (H, W, 3), of any strides, as float (1, 3, H, W) with values 0 to 1.

    picture: uint8, or float32 with values 0 to 1.
    """
    packed = np.require(picture, requirements=['C', 'W'])  # torch takes no negative strides
    return from_pixels(torch.from_numpy(packed).to(device))


def from_pixels(pixels: Tensor) -> Tensor:
    """Give (H, W, 3), uint8 or float32 with values 0 to 1, as float (1, 3, H, W) of 0 to 1."""
    planes = pixels.permute(2, 0, 1)[None]
    return planes.float() / 255 if planes.dtype == torch.uint8 else planes
