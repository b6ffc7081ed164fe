"""The interface of all backbones."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NamedTuple

from torch import Tensor, nn


class Prepared(NamedTuple):
    """Constants that a backbone computes from the image size alone."""

    size: tuple[int, int]
    """Height and width of the images [px]."""
    tensors: tuple[Tensor, ...]
    """For BEiT: every block's position bias (1, heads, 1 + patches, 1 + patches)."""


class FeatureExtractor(nn.Module, ABC):
    """Turn a normalised image (B, 3, H, W) into four maps at H/4, H/8, H/16 and H/32."""

    channels: tuple[int, int, int, int]

    def prepare(self, height: int, width: int) -> Prepared:
        """Return the constants of forward for this size [px], differentiable; here the size."""
        return Prepared((height, width), ())

    def constants(self, image: Tensor, prepared: Prepared | None) -> Prepared:
        """Return `prepared`, or what `prepare` returns for the size of an image (B, 3, H, W).

        Raises ValueError if `prepared` is for another size.
        """
        size = (image.shape[-2], image.shape[-1])
        if prepared is not None and prepared.size != size:
            raise ValueError(
                f'the network was prepared for images of {prepared.size}, got an image of '
                f'{size} (height, width)'
            )
        return prepared or self.prepare(*size)

    @abstractmethod
    def forward(self, image: Tensor, prepared: Prepared | None = None) -> list[Tensor]:
        """Return the maps, finest first; `prepared`: constants for the size of the image."""
