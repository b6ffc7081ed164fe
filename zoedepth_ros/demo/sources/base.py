"""One image of a source, and the interface of every source."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.media.sample import Sample

Rgb = NDArray[np.uint8]


class SourceError(Exception):
    """The source gives no image and will not give any later."""


class NoImageError(Exception):
    """The source gives no image now, but may give one later."""


@dataclass(frozen=True, slots=True)
class SourceImage:
    """One image with what its source knows about it."""

    rgb: Rgb
    """uint8 (H, W, 3)."""

    name: str
    """File, photograph or device it comes from."""

    age_s: float = 0.0
    """Time since the camera captured it [s]; 0 for sources that are not live."""

    ground_truth: Sample | None = None
    """Depth, camera and domain of a rendered image."""


class FrameSource(Protocol):
    """Give the image that belongs to a time."""

    description: str
    """What the source is, for the log."""

    def read(self, time_s: float) -> SourceImage | None:
        """Return the image to publish `time_s` after the start, or None at the end.

        Raises NoImageError if there is none now, SourceError if there will be none.
        """

    def close(self) -> None:
        """Release files and devices."""
