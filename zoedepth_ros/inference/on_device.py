"""What a predictor may leave on its device for a cloud to be packed there; imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class CloudRequest:
    """Say how the depth of a picture (H, W) becomes a cloud."""

    rays: NDArray[np.float32]
    """(h, w, 2) x/z and y/z of the pixels that are kept; the same array while the camera is."""

    step: int
    """Keep every n-th row and column, as `geometry.points.every` does."""

    factor: float
    """On depth and uncertainty, before everything else."""

    nearest_m: float
    """Nearer is unknown [m]."""

    farthest_m: float
    """Farther is unknown [m]."""

    max_uncertainty_m: float
    """What is less certain is unknown [m]; 0.0 for no limit."""

    edges: bool
    """Whether points between two surfaces are left out."""

    network_width: int
    """Columns the network sees [px]; the fewer, the wider its edges."""

    color: bool
    """Whether points have the picture's colours."""

    organized: bool
    """Whether rows and columns stay and the unknown is NaN, or only known points are given."""

    sky: NDArray[np.bool_] | None = None
    """(H, W) what is infinitely far; None for nothing."""

    held: NDArray[np.bool_] | None = None
    """(h, w) what else is left out; None for nothing."""


class DevicePicture(Protocol):
    """A picture with its depth on the device that computed it."""

    def pack_cloud(self, request: CloudRequest) -> NDArray[np.float32] | None:
        """Give x, y, z [m] and the bits 0x00RRGGBB of points: (h, w, 4), or known ones (n, 4).

        The same numbers as `pipeline.depth_filters` and `geometry.points` give on the CPU.  None
        when the device cannot.
        """
        ...
