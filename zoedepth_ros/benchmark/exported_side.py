"""An exported file in another runtime, with the node's own way in and back around it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from zoedepth_ros.benchmark.sides import Side
from zoedepth_ros.inference.result import AUTO
from zoedepth_ros.inference.runtimes.exported import ExportedPredictor, Session


class Exported:
    """Run a file with as many threads as torch would take."""

    def __init__(self, side: Side) -> None:
        """Open side.weights; ValueError and ImportError as the runtimes raise them."""
        self._predictor = ExportedPredictor(_opened(side), f'an exported file ({side.kind})')

    def facts(self) -> dict[str, str]:
        """Tell device, precision and heads."""
        return {
            'device': self._predictor.device,
            'precision': self._predictor.precision,
            'heads': ', '.join(self._predictor.heads),
        }

    def __call__(self, rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Give the depth [m] of a picture."""
        return self._predictor(rgb).depth_m

    def batch(self, rgbs: list[NDArray[np.uint8]]) -> None:
        """Give the depths of several pictures, one after the other: a file is for one."""
        self._predictor.predict_batch(rgbs, [AUTO] * len(rgbs), routes=[True] * len(rgbs))


def _opened(side: Side) -> Session:
    path, threads = Path(side.weights), torch.get_num_threads()
    if side.kind == 'openvino':
        from zoedepth_ros.inference.runtimes import openvino_runtime

        return openvino_runtime.open_session(path, side.device, side.precision, threads)
    from zoedepth_ros.inference.runtimes import onnx_runtime

    return onnx_runtime.open_session(path, side.device, side.precision, threads)
