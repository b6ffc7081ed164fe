"""A camera with cached lookup tables: rays, warps and scans."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.geometry.canonical import CanonicalWarp
from zoedepth_ros.geometry.filters import stride_slice
from zoedepth_ros.geometry.ground import Up
from zoedepth_ros.geometry.intrinsics import CameraModel
from zoedepth_ros.geometry.rays import ray_cosines, rays
from zoedepth_ros.geometry.scan import BandScan

SAME_UP = 3e-3  # change of the up vector that causes a new scan lookup
MOST_STRIDES = 4  # number of cached decimations


class Camera:
    """Compute rays, scan lookups and warps of a camera once."""

    def __init__(self, model: CameraModel) -> None:
        """model: at the size of the images."""
        self.model = model
        self._decimated: dict[tuple[int, int], NDArray[np.float32]] = {}
        self._warps: dict[tuple[str, float], CanonicalWarp] = {}
        self._band: tuple[tuple[int, ...], BandScan] | None = None

    @cached_property
    def _rays(self) -> NDArray[np.float32]:
        return rays(self.model)

    @cached_property
    def _cosines(self) -> NDArray[np.float32]:
        return ray_cosines(self._rays)

    def rays(self, step: int = 1, column_step: int | None = None) -> NDArray[np.float32]:
        """Return x/z and y/z of every `step`-th row and column, (H, W, 2).

        column_step: stride of the columns, where it differs.
        """
        steps = step, step if column_step is None else column_step
        if steps not in self._decimated:
            if len(self._decimated) >= MOST_STRIDES:
                self._decimated.clear()
            kept = self._rays[stride_slice(steps[0]), stride_slice(steps[1])]
            self._decimated[steps] = np.ascontiguousarray(kept)
        return self._decimated[steps]

    def cosines(self) -> NDArray[np.float32]:
        """Return depth along z per distance along the ray of each pixel, (H, W)."""
        return self._cosines

    def warp(self, head: str, training_hfov_rad: float) -> CanonicalWarp:
        """Return the maps to the training camera of a head and back."""
        key = head, training_hfov_rad
        if key not in self._warps:
            self._warps[key] = CanonicalWarp(self.model, head, training_hfov_rad=training_hfov_rad)
        return self._warps[key]

    def band(self, rows: int, up: Up) -> BandScan:
        """Return the lookup of a scan from a band of rows, kept while up stays."""
        key = rows, *(round(part / SAME_UP) for part in up)
        if self._band is None or self._band[0] != key:
            self._band = key, BandScan.from_rays(self._rays, band_rows=rows, up=up)
        return self._band[1]
