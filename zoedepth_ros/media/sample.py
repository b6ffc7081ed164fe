"""One image with its true depth, as every data set hands it out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.geometry.intrinsics import Intrinsics

DOMAINS = ('indoor', 'outdoor')
"""The two domains, in the order of the heads and of the router's classes."""


@dataclass(frozen=True, slots=True)
class Sample:
    """An image, its depth and its camera."""

    rgb: NDArray[np.uint8]
    """Image (H, W, 3), red first."""
    depth_m: NDArray[np.float32]
    """Depth along the optical axis [m], (H, W); NaN where it is unknown."""
    camera: Intrinsics | None
    """Pinhole camera of both, or None where the data set does not tell."""
    domain: str
    """'indoor' or 'outdoor'."""
    name: str
    """Where it came from, unique in its data set: a file name or a seed."""

    def __post_init__(self) -> None:
        """Check types and sizes; raises ValueError naming the sample."""
        problem = self._problem()
        if problem:
            raise ValueError(f'sample {self.name!r}: {problem}')

    def _problem(self) -> str:
        """Return what is wrong, or nothing."""
        rgb, depth_m = self.rgb, self.depth_m
        if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.size == 0:
            return f'expected rgb uint8 (H, W, 3), got {rgb.dtype} {rgb.shape}'
        if depth_m.dtype != np.float32 or depth_m.shape != rgb.shape[:2]:
            expected = f'expected depth float32 {rgb.shape[:2]}'
            return f'{expected}, got {depth_m.dtype} {depth_m.shape}'
        if self.domain not in DOMAINS:
            return f'expected domain indoor or outdoor, got {self.domain!r}'
        if self.camera and (self.camera.height, self.camera.width) != depth_m.shape:
            size = (self.camera.height, self.camera.width)
            return f'expected a camera of {depth_m.shape}, got {size}'
        return ''
