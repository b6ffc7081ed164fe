"""Networks with random weights whose depth follows the image, unlike new ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from zoedepth_ros.inference.predictor import TorchPredictor
from zoedepth_ros.inference.preprocess import make_preprocessing
from zoedepth_ros.inference.result import DepthResult
from zoedepth_ros.inference.runtimes.optimize import optimize
from zoedepth_ros.inference.uncertainty import UncertaintyMap
from zoedepth_ros.model.presets import preset
from zoedepth_ros.model.zoedepth import ZoeDepth, create_model

MAPS = {'indoor': UncertaintyMap(0.3, depth_exponent=1.5)}
"""Calibration of the uncertainty that `write_onnx` stores."""


def lively_model(name: str, seed: int = 2) -> ZoeDepth:
    """Build a network of a preset and randomize its weights with a fixed seed."""
    model = create_model(preset(name), seed=seed)
    generator = torch.Generator().manual_seed(seed)
    for parameter in model.parameters():
        noise = torch.randn(parameter.shape, generator=generator)
        if parameter.ndim < 2:
            parameter.data += 0.1 * noise
        else:
            fan_in = parameter[0].numel()
            parameter.data = 1.5 * noise / fan_in**0.5
    return model.eval()


def lively_predictor(
    graphs=None, name='ZoeD_tiny_NK', way='metric', flip=False, bias=None, clouds=None,
    optimization='off',
) -> TorchPredictor:  # fmt: skip
    """Return a tiny predictor on the CPU; bias: of the router output."""
    network = lively_model(name)
    if bias is not None:
        network.router.classify[-1].bias.data[:] = torch.tensor(bias)
        network.router.classify[-1].weight.data.zero_()
    config, cpu = network.config, torch.device('cpu')
    return TorchPredictor(
        optimize(network, 'fp32', cpu, optimization),
        make_preprocessing(way, config.image_size, config.size_multiple),
        device=cpu, precision='fp32', graphs=graphs, clouds=clouds, flip_augmentation=flip,
    )  # fmt: skip


def assert_same(
    ours: DepthResult,
    theirs: DepthResult,
    rtol: float = 1e-5,
    atol: float = 0.0,
    probability_atol: float | None = None,
) -> None:
    """Compare two results; probabilities relatively to 1e-6 unless a tolerance is given."""
    assert ours.head == theirs.head
    assert ours.router_probabilities == pytest.approx(
        theirs.router_probabilities, abs=probability_atol
    )
    for name in ('depth_m', 'uncertainty_m', 'relative_depth'):
        np.testing.assert_allclose(getattr(ours, name), getattr(theirs, name), rtol, atol)


def write_onnx(folder: Path, weights_warning: str = '') -> Path:
    """Export both heads of a lively network; skips without the libraries for that."""
    for library in ('onnx', 'onnxscript', 'onnxruntime'):
        pytest.importorskip(library)
    from zoedepth_ros.build import LoadedNetwork
    from zoedepth_ros.export.onnx import export_onnx

    network = LoadedNetwork(
        lively_model('ZoeD_tiny_NK'), 'lively', weights_warning, uncertainty_maps=MAPS
    )
    export_onnx(network, folder / 'tiny.onnx', head='both')
    return folder / 'tiny.onnx'


def images(count: int, height: int = 48, width: int = 64) -> np.ndarray:
    """Return noise, (count, height, width, 3), always the same."""
    return np.random.default_rng(0).integers(0, 256, (count, height, width, 3), dtype=np.uint8)
