"""What runs in the process of one implementation; the network as the node runs it."""

from __future__ import annotations

import resource
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from zoedepth_ros.benchmark.implementations import Implementation, Size, sample_images
from zoedepth_ros.benchmark.parts import AUTO as AUTO_PRECISION
from zoedepth_ros.build import build_network, build_predictor
from zoedepth_ros.inference.devices import choose_device, choose_precision, float32_policy
from zoedepth_ros.inference.preprocess import normalise, to_tensor
from zoedepth_ros.inference.processor import bf16_emulated
from zoedepth_ros.inference.runtimes.exported import ExportedPredictor
from zoedepth_ros.model.presets import preset
from zoedepth_ros.model.zoedepth import ZoeDepth


class OurRunner:
    """Run the predictor of the node."""

    def __init__(self, implementation: Implementation) -> None:
        height, width = implementation.network_size or (0, 0)
        self._predictor = build_predictor(
            implementation.model,
            implementation.weights,
            implementation.device,
            implementation.precision,
            optimization=implementation.optimization,
            network_height=height,
            network_width=width,
        )

    def facts(self) -> dict[str, str]:
        """Return device, precision, optimization, and whether TF32 is allowed."""
        predictor = self._predictor
        with float32_policy(torch.device(predictor.device), predictor.precision):
            products = torch.backends.cuda.matmul.allow_tf32
            convolutions = torch.backends.cudnn.allow_tf32
        return {
            'device': predictor.device,
            'precision': predictor.precision,
            'optimization': predictor.optimization,
            'optimization_note': predictor.optimization_note,
            'tf32': f'matrix products {products}, convolutions {convolutions}',
        }

    def __call__(self, rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the depth [m] of an image."""
        return self._predictor(rgb).depth_m

    def batch(self, rgbs: list[NDArray[np.uint8]]) -> None:
        """Compute the depth of several images at once, with the first head and the router."""
        heads = [self._predictor.heads[0]] * len(rgbs)
        self._predictor.predict_batch(rgbs, heads, routes=[True] * len(rgbs))


class ExportedRunner:
    """Run an exported file with the node's pre- and postprocessing and torch's thread count."""

    def __init__(self, implementation: Implementation) -> None:
        """Open the file; ValueError and ImportError as the runtimes raise them."""
        from zoedepth_ros.inference.runtimes import onnx_runtime, openvino_runtime

        runtime = openvino_runtime if implementation.kind == 'openvino' else onnx_runtime
        path, threads = Path(implementation.weights), torch.get_num_threads()
        session = runtime.open_session(
            path, implementation.device, implementation.precision, threads
        )
        self._predictor = ExportedPredictor(session, f'an exported file ({implementation.kind})')

    def facts(self) -> dict[str, str]:
        """Return device, precision and heads."""
        return {
            'device': self._predictor.device,
            'precision': self._predictor.precision,
            'heads': ', '.join(self._predictor.heads),
        }

    def __call__(self, rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the depth [m] of an image."""
        return self._predictor(rgb).depth_m


_loaded: list[Any] = []  # the runner of this process


def load(implementation: Implementation) -> None:
    """Load the implementation of this process."""
    if implementation.kind == 'transformers':
        from zoedepth_ros.benchmark.transformers_runner import TransformersRunner

        _loaded[:] = [TransformersRunner(implementation)]
    else:
        kind = OurRunner if implementation.kind == 'ours' else ExportedRunner
        _loaded[:] = [kind(implementation)]


def facts() -> dict[str, str]:
    """Return what runs, and the state of torch; after an image this includes later fallbacks."""
    of_torch = {'threads': str(torch.get_num_threads()), 'torch': torch.__version__}
    return _loaded[0].facts() | of_torch


def run(size: Size, count: int, batch: int = 1) -> list[float]:
    """Run images, or batches of them; returns the time of each [ms]."""
    runner, images, times_ms = _loaded[0], sample_images(size), []
    for number in range(count):
        rgbs = [images[(number + i) % len(images)] for i in range(batch)]
        start_ns = time.perf_counter_ns()
        if batch == 1:
            runner(rgbs[0])
        else:  # only ours
            runner.batch(rgbs)
        times_ms.append(1e-6 * (time.perf_counter_ns() - start_ns))
    return times_ms


def depths(size: Size) -> NDArray[np.float32]:
    """Return the depth of the sample images (n, H, W) [m]."""
    return np.stack([_loaded[0](rgb) for rgb in sample_images(size)])


def memory() -> tuple[float, float]:
    """Return the peak memory of this process, and of its GPU or 0 [MB]."""
    peak_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    on_device = torch.cuda.max_memory_allocated() if torch.cuda.is_available() else 0
    return 1.024e-3 * peak_kb, 1e-6 * on_device


def export_file(model: str, weights: str, path: str) -> None:
    """Export the network at the model's own size, checked against torch.

    Raises ValueError as export_onnx, also for missing libraries.
    """
    from zoedepth_ros.export.onnx import export_onnx

    loaded = build_network(preset(model), weights)
    export_onnx(loaded, Path(path), head=chosen_head(loaded.network.eval()))


@torch.inference_mode()
def chosen_head(network: ZoeDepth) -> str:
    """Return the head that the router selects for the sample images; 'both' for several."""
    from zoedepth_ros.export.options import BOTH

    names = network.config.head_names
    if network.router is None:
        return names[0]
    chosen = set()
    for rgb in sample_images(network.config.image_size):
        features = network.encode(normalise(to_tensor(rgb, torch.device('cpu'))))
        chosen.add(names[int(network.route(features).argmax())])
    return chosen.pop() if len(chosen) == 1 else BOTH


def half_precision(device: str, precision: str) -> tuple[str, str]:
    """Return the half precision to measure, '' for none, and the reason if it is unsuitable.

    device, precision: as for build_predictor.  Raises ValueError for a precision that this
    processor emulates: one image would take minutes.
    """
    where = choose_device(device)
    chosen = choose_precision(precision, where)  # raises for unknown ones
    emulated = bf16_emulated() if where.type == 'cpu' else ''
    if chosen == 'bf16' and emulated:
        raise ValueError(
            f'precision bf16 is not measured on this processor, because {emulated}: use '
            '--precision fp32'
        )
    if precision != AUTO_PRECISION:
        return ('' if chosen == 'fp32' else chosen), ''
    if where.type != 'cpu':
        return 'fp16', ''
    return ('', f'bf16: {emulated}') if emulated else ('bf16', '')
