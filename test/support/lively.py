"""Networks with random weights whose depth follows the picture, unlike freshly made ones."""

from __future__ import annotations

import torch

from zoedepth_ros.model.presets import preset
from zoedepth_ros.model.zoedepth import ZoeDepth, create_model


def lively_model(name: str, seed: int = 2) -> ZoeDepth:
    """Build a network of a preset and stir its weights, always in the same way."""
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
