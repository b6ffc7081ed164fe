"""Ask a predictor about pictures whose camera is known, and get depth that is true to it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.geometry.canonical import (
    CORRECTIONS,
    OFF,
    WARP,
    CanonicalWarp,
    correction_in_use,
    focal_factor,
)
from zoedepth_ros.geometry.intrinsics import CameraModel
from zoedepth_ros.inference.result import AUTO, DepthPredictor, DepthResult


class ThroughCamera:
    """Bring a predictor's depth from its training camera to each picture's own."""

    def __init__(
        self,
        predictor: DepthPredictor,
        correction: str = AUTO,
        *,
        training_hfov_rad: float = 0.0,
    ) -> None:
        """correction: auto, off, scale or warp.

        training_hfov_rad: 0.0 for what the weights say, else the data sets' cameras.  Raises
        ValueError for another correction.
        """
        if correction not in CORRECTIONS:
            choices = ', '.join(CORRECTIONS)
            raise ValueError(f'focal correction must be one of {choices}, got {correction!r}')
        self._predictor, self._asked = predictor, correction
        self.training_hfov_rad = training_hfov_rad or predictor.training_hfov_rad
        self._warp: tuple[CameraModel, str, CanonicalWarp] | None = None

    def correction(self, camera: CameraModel | None) -> str:
        """Give what is done to pictures of this camera: off, scale or warp."""
        known = camera is not None
        return correction_in_use(self._asked, self.training_hfov_rad, camera_known=known)

    def leaves_uncorrected(self, camera: CameraModel | None) -> bool:
        """Tell whether depth stays as through the training camera for want of the picture's."""
        return camera is None and self._asked == AUTO and self.training_hfov_rad > 0.0

    def __call__(
        self,
        rgb: NDArray[np.uint8],
        camera: CameraModel | None,
        head: str = AUTO,
        *,
        route: bool = True,
    ) -> DepthResult:
        """Predict the depth of one picture; see DepthPredictor.

        camera: None where nobody knows it; depth is then as through the training camera, and
        ValueError is raised where a correction was asked for by name.
        """
        correction = self.correction(camera)
        if correction == OFF:
            return self._predictor(rgb, head, route=route)
        if camera is None:
            raise ValueError(f'focal correction {correction!r} needs the camera of every picture')
        if correction == WARP:
            return self._warped(rgb, camera, head, route=route)
        result = self._predictor(rgb, head, route=route)
        return scaled(result, self._factor(camera, result.head))

    def _factor(self, camera: CameraModel, head: str) -> float:
        hfov_rad = self.training_hfov_rad
        exponent = self._predictor.focal_exponent
        return focal_factor(camera.intrinsics, head, training_hfov_rad=hfov_rad, exponent=exponent)

    def _warped(
        self, rgb: NDArray[np.uint8], camera: CameraModel, head: str, *, route: bool
    ) -> DepthResult:
        if head == AUTO:  # which training camera depends on the head
            head = self._predictor(rgb, head).head
        if self._warp is None or self._warp[0] is not camera or self._warp[1] != head:
            made = CanonicalWarp(camera, head, training_hfov_rad=self.training_hfov_rad)
            self._warp = camera, head, made
        return brought_back(
            self._warp[2], self._predictor(self._warp[2].image(rgb), head, route=route)
        )


def scaled(result: DepthResult, factor: float) -> DepthResult:
    """Multiply depth and its uncertainty."""
    by = np.float32(factor)
    return replace(
        result,
        depth_m=result.depth_m * by,
        uncertainty_m=result.uncertainty_m * by,
        on_device=None,  # which knows nothing of the factor
        factor=result.factor * factor,
    )


def brought_back(warp: CanonicalWarp, seen: DepthResult) -> DepthResult:
    """Bring what a predictor said of the training camera's picture to the real one."""
    return replace(
        seen,
        depth_m=warp.depth(seen.depth_m),
        uncertainty_m=warp.values(seen.uncertainty_m),
        relative_depth=warp.values(seen.relative_depth),
        on_device=None,  # that is still the training camera's picture
    )
