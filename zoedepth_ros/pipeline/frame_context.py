"""One image with its depth, and everything that its points depend on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.geometry.camera import Camera
from zoedepth_ros.geometry.canonical import RANGE_M
from zoedepth_ros.geometry.ground import GroundFit
from zoedepth_ros.inference.result import DeviceDepth
from zoedepth_ros.pipeline.settings import PipelineSettings


@dataclass(frozen=True, slots=True)
class FrameContext:
    """Hold one image of a known camera while its outputs are made."""

    rgb: NDArray[np.uint8]
    """The image, (H, W, 3)."""

    depth_m: NDArray[np.float32]
    """(H, W) scaled [m]: NaN where uncertain, +Inf where there is sky."""

    head: str
    """The head that measured the depth."""

    factor: float
    """Factor by which depth was multiplied."""

    sky: NDArray[np.bool_] | None
    """(H, W) mask of the sky; None for none."""

    on_device: DeviceDepth | None
    """The same depth before the factor, on the device; None where that is the CPU."""

    camera: Camera
    """The camera of the image."""

    settings: PipelineSettings
    """The settings that hold for this image."""

    now_s: float
    """When the image arrived, on the caller's clock [s]."""

    network_width: int
    """Columns of the network's input [px]; the fewer, the wider its edges."""

    range_m: float = 0.0
    """Largest depth that the network measures, times the factor [m]; 0.0 for that of the head."""

    std_m: NDArray[np.float32] | None = None
    """Standard deviation of depth at every cloud.decimation-th row and column [m]; None where
    clouds do not have it."""

    fit: GroundFit | None = None
    """The ground plane that was fitted to find the sky; None when it was not."""

    @property
    def measured_to_m(self) -> float:
        """Depth beyond which nothing is measured [m]: the head's range or depth.max."""
        return measured_to_m(self.settings, self.range_m or self.factor * RANGE_M[self.head])

    @property
    def shown_to_m(self) -> float:
        """Depth beyond which depth/points has no points [m]; rays do not end there."""
        return min(self.settings.cloud_max_range_m or np.inf, self.measured_to_m)


def measured_to_m(settings: PipelineSettings, head_range_m: float) -> float:
    """Return the depth beyond which nothing is measured [m].

    head_range_m: largest depth in the head's training data.
    """
    return min(settings.depth_max_m or np.inf, head_range_m)
