"""Networks with random weights whose depth follows the image, unlike new ones."""

from __future__ import annotations

import numpy as np
import torch

from zoedepth_ros.inference.predictor import TorchPredictor
from zoedepth_ros.inference.preprocess import make_preprocessing
from zoedepth_ros.inference.runtimes.optimize import optimize
from zoedepth_ros.model.presets import preset
from zoedepth_ros.model.zoedepth import ZoeDepth, create_model


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
    graphs=None, name='ZoeD_tiny_NK', way='metric', flip=False, bias=None, clouds=None
) -> TorchPredictor:
    """Return a tiny predictor on the CPU; bias: of the router output."""
    network = lively_model(name)
    if bias is not None:
        network.router.classify[-1].bias.data[:] = torch.tensor(bias)
        network.router.classify[-1].weight.data.zero_()
    config, cpu = network.config, torch.device('cpu')
    return TorchPredictor(
        optimize(network, 'fp32', cpu, 'off'),
        make_preprocessing(way, config.image_size, config.size_multiple),
        device=cpu, precision='fp32', graphs=graphs, clouds=clouds, flip_augmentation=flip,
    )  # fmt: skip


def images(count: int, height: int = 48, width: int = 64) -> np.ndarray:
    """Return noise, (count, height, width, 3), always the same."""
    return np.random.default_rng(0).integers(0, 256, (count, height, width, 3), dtype=np.uint8)
