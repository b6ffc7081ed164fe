"""What can be measured, as plain values; imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

Size = tuple[int, int]
"""(height, width) [px]."""

CAMERA_SIZE: Size = (480, 640)
"""Picture of a camera, for what begins with one."""


@dataclass(frozen=True, slots=True)
class Side:
    """One way to get depth from a picture."""

    kind: Literal['ours', 'transformers', 'onnxruntime', 'openvino']
    """Whose network, or which runtime computes an exported file of ours."""

    model: str
    """A preset."""

    weights: str
    """File of ours with the weights; runtimes: the exported file."""

    device: str = 'auto'
    """'auto', 'cpu', 'cuda' or 'cuda:N'."""

    precision: str = 'fp32'
    """'fp32', 'bf16' or 'fp16'; ours also 'auto'."""

    optimization: str = 'auto'
    """Ours: as of build_predictor."""

    attention: Literal['sdpa', 'eager'] = 'sdpa'
    """transformers: how the backbone computes attention; 'sdpa' is its default."""

    official_protocol: bool = False
    """transformers: pad, look at the picture and at its mirror image, average, as the original."""

    network_size: Size | None = None
    """Ours: size inside the network [px]; None for the model's own."""

    tf32: bool = False
    """transformers: whether fp32 may be rounded to TF32 in products, on GPUs that can."""


class Runner(Protocol):
    """A side that is ready to run."""

    def facts(self) -> dict[str, str]:
        """Tell what it really runs: device, precision, attention and whatever else matters."""
        ...

    def __call__(self, rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Give the depth [m] of a picture (H, W, 3), in the memory of the host: (H, W)."""
        ...

    def batch(self, rgbs: list[NDArray[np.uint8]]) -> None:
        """Give the depths of several pictures at once; ValueError where it cannot."""
        ...


def pictures(size: Size, count: int = 3) -> list[NDArray[np.uint8]]:
    """Draw pictures (H, W, 3) of smooth patches with some grain, always the same."""
    random = np.random.default_rng(0)
    rows, columns = (np.linspace(0, 5, side) for side in size)
    drawn = []
    for _ in range(count):
        coarse = random.uniform(0, 255, (7, 7, 3))
        smooth = _between(_between(coarse, rows, 0), columns, 1)
        grain = random.uniform(-20, 20, smooth.shape)
        drawn.append(np.clip(smooth + grain, 0, 255).astype(np.uint8))
    return drawn


def _between(values: NDArray[np.float64], places: NDArray[np.float64], axis: int) -> NDArray:
    """Interpolate linearly at places along one axis."""
    below = places.astype(int)
    share = (places - below).reshape([-1 if a == axis else 1 for a in range(3)])
    return values.take(below, axis) * (1 - share) + values.take(below + 1, axis) * share
