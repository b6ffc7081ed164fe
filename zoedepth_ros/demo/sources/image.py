"""One picture, and what every source of pictures promises."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.geometry.intrinsics import Intrinsics

Rgb = NDArray[np.uint8]


class SourceError(Exception):
    """Say why there are no pictures and will not be any."""


class NoPictureError(Exception):
    """Say why there is no picture now; there may be one later."""


@dataclass(frozen=True, slots=True)
class Truth:
    """Hold what is known of a drawn picture."""

    depth_m: NDArray[np.float32]
    """Depth along z (H, W) [m], as large as the picture; NaN where there is none: the sky."""

    domain: str
    """Where the camera is: 'indoor' or 'outdoor'."""


@dataclass(frozen=True, slots=True)
class Picture:
    """Hold one picture."""

    rgb: Rgb
    """uint8 (H, W, 3)."""

    name: str
    """File, photograph or device it comes from."""

    age_s: float = 0.0
    """Time since the camera gave it [s]; 0 for what is not live."""

    camera: Intrinsics | None = None
    """The camera that took it, when it is known."""

    truth: Truth | None = None
    """What is true of it, when that is known."""


class PictureSource(Protocol):
    """Give the picture that belongs to a time."""

    description: str
    """What it is, for the log."""

    def read(self, time_s: float) -> Picture | None:
        """Give the picture to show `time_s` after the start, or None at the end.

        Raises NoPictureError when there is none now, SourceError when there will be none.
        """
        ...

    def close(self) -> None:
        """Let go of files and devices."""
        ...
