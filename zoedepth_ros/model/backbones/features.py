"""What every backbone offers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NamedTuple

from torch import Tensor, nn


class Prepared(NamedTuple):
    """What a backbone computes from the size of a picture, not from its content."""

    size: tuple[int, int]
    """Height and width of the pictures it is for [px]."""
    tensors: tuple[Tensor, ...]
    """For BEiT: every block's position bias (1, heads, 1 + patches, 1 + patches)."""


class FeatureExtractor(nn.Module, ABC):
    """A backbone: normalised picture (B, 3, H, W) to four maps at H/4, H/8, H/16 and H/32."""

    channels: tuple[int, int, int, int]

    @abstractmethod
    def prepare(self, height: int, width: int) -> Prepared:
        """Return what forward computes from the size [px] alone; differentiable."""

    @abstractmethod
    def forward(self, image: Tensor, prepared: Prepared | None = None) -> list[Tensor]:
        """Return the maps, finest first; `prepared` must be of the picture's size."""
