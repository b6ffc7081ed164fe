"""Our network as the node runs it."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from zoedepth_ros.benchmark.sides import Side
from zoedepth_ros.build import build_predictor
from zoedepth_ros.inference.result import AUTO


class Ours:
    """Run a predictor of ours."""

    def __init__(self, side: Side) -> None:
        height, width = side.network_size or (0, 0)
        self._predictor = build_predictor(
            side.model,
            side.weights,
            side.device,
            side.precision,
            optimization=side.optimization,
            network_height=height,
            network_width=width,
        )

    def facts(self) -> dict[str, str]:
        """Tell what runs, and whether GPUs may round float32 products to TF32."""
        return {
            'device': self._predictor.device,
            'precision': self._predictor.precision,
            'optimization': self._predictor.optimization,
            'optimization_note': self._predictor.optimization_note,
            'tf32': f'products {torch.backends.cuda.matmul.allow_tf32}, '
            f'convolutions {torch.backends.cudnn.allow_tf32}',
        }

    def __call__(self, rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Give the depth [m] of a picture."""
        return self._predictor(rgb).depth_m

    def batch(self, rgbs: list[NDArray[np.uint8]]) -> None:
        """Give the depths of several pictures at once."""
        self._predictor.predict_batch(rgbs, [AUTO] * len(rgbs), routes=[True] * len(rgbs))
