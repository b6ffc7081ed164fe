"""One picture on its way through the network, with everything that was decided for it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.geometry.canonical import CanonicalWarp
from zoedepth_ros.inference.result import DepthResult
from zoedepth_ros.ros.camera import Camera
from zoedepth_ros.ros.frame import Frame
from zoedepth_ros.ros.parameters import NodeSettings
from zoedepth_ros.ros.schedule import Plan


@dataclass(frozen=True, slots=True)
class Task:
    """Hold what the network is asked about one picture, and what is to become of the answer."""

    frame: Frame
    """The message and when it came."""

    rgb: NDArray[np.uint8]
    """The picture, (H, W, 3)."""

    plan: Plan
    """What is due and listened to."""

    camera: Camera | None
    """Where pixels look; None when nobody knows."""

    settings: NodeSettings
    """The settings when the work began; they hold until it is done."""

    head: str
    """The head to measure with, or 'auto'."""

    route: bool
    """Whether the router is asked."""

    @property
    def warps(self) -> bool:
        """Whether the network is shown the picture that its training camera would have taken."""
        return self.settings.focal_correction == 'warp' and self.camera is not None

    def warp(self, head: str) -> CanonicalWarp:
        """Give the maps to the training camera of a head and back; only when it warps."""
        assert self.camera is not None
        return self.camera.warp(head, self.settings.camera_training_hfov_rad)


@dataclass(frozen=True, slots=True)
class Answer:
    """Hold what the network said about one picture, and how long that took."""

    result: DepthResult
    """The prediction, as this camera sees it."""

    preprocess_ms: float
    """Way to the network of all pictures of this run [ms]; NaN where nobody can tell."""

    network_ms: float
    """The rest of the run [ms]."""

    batch: int
    """Pictures in this run."""
