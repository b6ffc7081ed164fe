"""One picture whose depth is known, and everything that its points depend on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.geometry.canonical import RANGE_M
from zoedepth_ros.geometry.ground import GroundFit
from zoedepth_ros.inference.on_device import DevicePicture
from zoedepth_ros.ros.camera import Camera
from zoedepth_ros.ros.parameters import NodeSettings
from zoedepth_ros.ros.postprocess import measured_to_m


@dataclass(frozen=True, slots=True)
class View:
    """Hold what one camera saw."""

    header: Any
    """The picture's."""

    rgb: NDArray[np.uint8]
    """The picture, (H, W, 3)."""

    depth_m: NDArray[np.float32]
    """(H, W) scaled [m]: NaN where it is uncertain, +inf where there is sky."""

    head: str
    """The head that made the depth."""

    factor: float
    """What depth was multiplied by."""

    sky: NDArray[np.bool_] | None
    """(H, W) where there is sky; None for nowhere."""

    on_device: DevicePicture | None
    """The same depth before the factor, on the device; None where that is the CPU."""

    camera: Camera
    """Where pixels look."""

    settings: NodeSettings
    """The settings that hold for this picture."""

    now_s: float
    """The node's clock when the picture came [s]."""

    fit: GroundFit | None = None
    """The ground that was looked for before the sky; None when it was not."""

    @property
    def range_m(self) -> float:
        """Depth beyond which the head was never taught [m]."""
        return self.factor * RANGE_M[self.head]

    @property
    def measured_to_m(self) -> float:
        """Depth beyond which nothing is measured [m]."""
        return measured_to_m(self.settings, self.range_m)
