"""What a predictor is handed, gives back and promises; imports no torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.geometry.canonical import RANGE_M
from zoedepth_ros.inference.on_device import DevicePicture

AUTO = 'auto'


class InferenceError(RuntimeError):
    """Say that a picture could not be turned into depth."""


class OutOfMemory(InferenceError):  # noqa: N818
    """Say that the device has too little memory for this network at this size."""


class DeviceLost(InferenceError):  # noqa: N818
    """Say that the device no longer answers."""


class NotFinite(InferenceError):  # noqa: N818
    """Say that the network gave values that are not finite."""


@dataclass(frozen=True, slots=True)
class DepthResult:
    """Hold one picture's prediction, everything at the picture's own size."""

    depth_m: NDArray[np.float32]
    """(H, W) depth along z, the optical axis [m]; finite and positive."""

    uncertainty_m: NDArray[np.float32]
    """(H, W) one standard deviation of the distribution over the depth bins [m]."""

    relative_depth: NDArray[np.float32]
    """(H, W) inverse depth up to an unknown scale and shift; larger is nearer, no unit."""

    head: str
    """The head that made the depth: 'indoor' or 'outdoor'."""

    router_probabilities: dict[str, float]
    """Head -> probability; {} when the router was not asked or there is none."""

    on_device: DevicePicture | None = field(default=None, repr=False)
    """The same depth where it was computed, to pack clouds there; None where that is the CPU."""

    factor: float = 1.0
    """What the head's depth was multiplied by, as for another focal length."""

    @property
    def range_m(self) -> float:
        """Depth beyond which the head was never taught [m]: no points farther than this."""
        return self.factor * RANGE_M[self.head]


class DepthPredictor(Protocol):
    """Turn pictures into depth; what the ROS node and the command line are written against."""

    @property
    def model_name(self) -> str:
        """The preset, such as 'ZoeD_M12_NK'."""
        ...

    @property
    def heads(self) -> tuple[str, ...]:
        """The heads the model has, in the order ('indoor', 'outdoor')."""
        ...

    @property
    def device(self) -> str:
        """Where it runs: 'cpu', 'cuda:0'."""
        ...

    @property
    def precision(self) -> str:
        """'fp32', 'bf16' or 'fp16'."""
        ...

    @property
    def weights_origin(self) -> str:
        """Where the parameters came from: 'random', or the file with its format and checksum."""
        ...

    @property
    def trained_on(self) -> str:
        """'' for released weights, otherwise a warning to show wherever the model runs."""
        ...

    @property
    def training_hfov_rad(self) -> float:
        """Field of view of the camera as if through which depth is told [rad]; 0.0 for unknown.

        A picture's own camera brings depth to where it is: `through_camera`.
        """
        ...

    @property
    def focal_exponent(self) -> float:
        """Exponent of the ratio of focal lengths in that factor, above 0 and at most 1."""
        ...

    @property
    def optimization_note(self) -> str:
        """Why the network runs slower than it was asked to; '' when it does not."""
        ...

    @property
    def preprocess_ms(self) -> float:
        """How long the last picture took to reach the network [ms]; NaN where nobody can tell."""
        ...

    @property
    def device_memory_mb(self) -> float:
        """Memory held on the device [MB]; NaN on the CPU, where the process counts."""
        ...

    def network_size(self, height: int, width: int) -> tuple[int, int]:
        """Give the (height, width) that a picture of this size has inside the network."""
        ...

    def warm_up(self, height: int, width: int) -> None:
        """Run once on an empty picture of this size, so that the first real one is fast."""
        ...

    def __call__(
        self, rgb: NDArray[np.uint8], head: str = AUTO, *, route: bool = True
    ) -> DepthResult:
        """Predict the depth of one picture.

        rgb: uint8 (H, W, 3).  head: 'auto' takes the router's verdict for this picture.  route:
        whether the router is asked when `head` is given.  Raises ValueError for a wrong picture or
        head, InferenceError when the network's output cannot be used.
        """
        ...


class BatchPredictor(DepthPredictor, Protocol):
    """Turn several pictures into depth at once; what the ROS node is written against."""

    def predict_batch(
        self,
        pictures: Sequence[NDArray[np.uint8]],
        heads: Sequence[str],
        *,
        routes: Sequence[bool],
    ) -> list[DepthResult]:
        """Predict the depth of pictures, each as a call with its head and route would.

        The pictures may differ in size.  Those that can share one run of the network do.  Raises
        what a call raises, for all of them.
        """
        ...


def check_rgb(rgb: object, *, float_too: bool = False) -> None:
    """Refuse anything but a uint8 (H, W, 3) array with at least one pixel.

    float_too: let float32 with values 0 to 1 pass as well.  Raises ValueError naming what was
    expected and what came.
    """
    kinds = 'uint8 or float32' if float_too else 'uint8'
    expected = f'expected a picture as {kinds} (height, width, 3) RGB'
    if not isinstance(rgb, np.ndarray):
        raise ValueError(f'{expected}, got {type(rgb).__name__}')
    known = rgb.dtype == np.uint8 or (float_too and rgb.dtype == np.float32)
    if not known or rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.size == 0:
        raise ValueError(f'{expected}, got {rgb.dtype} {rgb.shape}')


def check_head(head: str, heads: tuple[str, ...]) -> None:
    """Refuse a head that the model does not have.

    Raises ValueError listing the choices.
    """
    if head != AUTO and head not in heads:
        choices = ', '.join((AUTO, *heads))
        raise ValueError(f'unknown head {head!r}: this model takes {choices}')
