"""What is shown of one image."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.geometry.intrinsics import CameraModel
from zoedepth_ros.pipeline.sequence import ImageOutputs


@dataclass(frozen=True, slots=True)
class ViewFrame:
    """Hold what is known of one image; what is missing is not shown."""

    name: str
    """File, topic or device of the image."""

    time_s: float
    """Time from the start, or since 1970 [s]."""

    rgb: NDArray[np.uint8] | None = None
    """(H, W, 3)."""

    depth_m: NDArray[np.float32] | None = None
    """(H, W) along z [m], NaN or infinite where unknown."""

    uncertainty_m: NDArray[np.float32] | None = None
    """(H, W) one standard deviation [m]."""

    head: str = ''
    """The head that made the depth."""

    points: NDArray[np.float32] | None = None
    """(..., 4 or 5) numbers of each point, see `Cloud`; None to make them of depth."""

    router_probabilities: dict[str, float] = field(default_factory=dict)
    """Head -> probability."""

    camera: CameraModel | None = None
    """None where it is unknown."""

    about: str = ''
    """Origin of recorded depth, in Markdown; '' when it is the same as before."""

    def with_outputs(self, found: ImageOutputs) -> ViewFrame:
        """Return the same frame with what was predicted."""
        return replace(
            self,
            depth_m=found.depth_m,
            uncertainty_m=found.uncertainty_m,
            points=found.points,
            head=found.head,
            router_probabilities=found.router_probabilities or {},
        )
