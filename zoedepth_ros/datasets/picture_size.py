"""The size at which a data set's protocol hands its pictures to the network's own preparation."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class PictureSize:
    """A rule for the size of pictures: untouched, exactly (height, width), or by short side."""

    height: int = 0
    """Height of the resized picture [px]; 0 with short_side or to leave pictures untouched."""
    width: int = 0
    """Width of the resized picture [px]."""
    short_side: int = 0
    """Length of the shorter side [px], the aspect kept; 0 where height and width hold."""

    def __post_init__(self) -> None:
        if (self.height > 0) != (self.width > 0) or (self.height > 0 and self.short_side > 0):
            raise ValueError(f'give height and width, or short_side alone; got {self}')

    def of(self, height: int, width: int) -> tuple[int, int]:
        """Return the (height, width) a picture of this size is brought to."""
        if self.height > 0:
            return self.height, self.width
        if self.short_side == 0:
            return height, width
        if height <= width:
            return self.short_side, int(self.short_side * width / height)
        return int(self.short_side * height / width), self.short_side


def resize_picture(rgb: NDArray[np.uint8], size: PictureSize) -> NDArray[np.float32]:
    """Bring a picture uint8 (H, W, 3) to [0, 1] and the rule's size: float32 (h, w, 3).

    Convention: half-pixel centres, bilinear, no antialias, in floating point and never rounded
    back: what the paper's loaders did before torchvision 0.17 made antialias the default.
    """
    image = rgb.astype(np.float32) / np.float32(255.0)
    height, width = size.of(rgb.shape[0], rgb.shape[1])
    if (height, width) == rgb.shape[:2]:
        return image
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR)
