"""What is shown of one moment."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.geometry.intrinsics import CameraModel
from zoedepth_ros.inference.result import DepthResult


@dataclass(frozen=True, slots=True)
class ViewFrame:
    """Hold what is known of one moment; what is missing is not shown."""

    name: str
    """File, topic or device it comes from."""

    time_s: float
    """When it was, from the start or since 1970 [s]."""

    rgb: NDArray[np.uint8] | None = None
    """(H, W, 3)."""

    depth_m: NDArray[np.float32] | None = None
    """(H, W) along z [m], NaN or infinite where unknown."""

    uncertainty_m: NDArray[np.float32] | None = None
    """(H, W) one standard deviation [m]."""

    head: str = ''
    """The head that made the depth."""

    range_m: float = math.inf
    """Depth beyond which the head was never taught [m]; infinite where nobody knows."""

    router_probabilities: dict[str, float] = field(default_factory=dict)
    """Head -> probability."""

    camera: CameraModel | None = None
    """None is a guess from the field of view."""

    network_width: int = 512
    """Columns that the network saw [px]."""

    about: str = ''
    """What recorded depth comes from, in Markdown; '' when that is nothing new."""

    def with_depth(self, result: DepthResult, network_width: int) -> ViewFrame:
        """Give the same moment with a prediction."""
        return ViewFrame(
            name=self.name,
            time_s=self.time_s,
            rgb=self.rgb,
            depth_m=result.depth_m,
            uncertainty_m=result.uncertainty_m,
            head=result.head,
            range_m=result.range_m,
            router_probabilities=result.router_probabilities,
            camera=self.camera,
            network_width=network_width,
        )
