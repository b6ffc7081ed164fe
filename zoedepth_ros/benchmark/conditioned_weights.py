"""Well-conditioned random weights, so that deviations between implementations are meaningful."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from zoedepth_ros.benchmark.parts import AUTO
from zoedepth_ros.build import RANDOM, RANDOM_WARNING, build_network
from zoedepth_ros.model.config import ModelConfig
from zoedepth_ros.model.zoedepth import create_model
from zoedepth_ros.weights.known_weights import embedded_path
from zoedepth_ros.weights.load import save_weights

_SEED = 0
_ROUTER_MARGIN = 4.0


def write_weights(config: ModelConfig, weights: str, path: Path) -> str:
    """Write the weights that all implementations load; returns their origin.

    weights: as for build_network, but 'random' is well-conditioned, and 'auto' takes those in this
    package, or 'random' for a network that it does not contain.
    """
    if weights == AUTO:
        weights = '' if embedded_path(config.name) else RANDOM
    if weights == RANDOM:
        network, origin, weights_warning = create_model(config, seed=_SEED), RANDOM, RANDOM_WARNING
        condition(network)
    else:
        loaded = build_network(config, weights)
        network, origin, weights_warning = loaded.network, loaded.origin, loaded.weights_warning
    save_weights(network, path, {'trained_on': weights_warning} if weights_warning else {})
    return origin


@torch.no_grad()
def condition(network: nn.Module) -> None:
    """Randomize all parameters so that activations stay near 1 and every part has an effect.

    The default initialization hides errors and rounding: residual branches are scaled by nearly
    zero, the bin distributions are flat and the router is undecided.
    """
    generator = torch.Generator().manual_seed(_SEED)
    for name, parameter in network.named_parameters():
        parameter.copy_(_randomized(name, torch.randn(parameter.shape, generator=generator)))
        if name == 'router.classify.2.bias':  # rounding must not change the head
            parameter[0] += _ROUTER_MARGIN


def _randomized(name: str, noise: Tensor) -> Tensor:
    if noise.ndim == 1:
        if name == 'relative_head.conv3.bias':
            return noise.abs()  # otherwise the last ReLU gives only zeros
        if name.rpartition('.')[2].startswith('gamma_'):
            return 0.2 + 0.05 * noise
        if 'norm' in name and name.endswith('weight'):
            return 1.0 + 0.1 * noise
        return 0.1 * noise
    if 'position_tables' in name:
        return 0.5 * noise
    if 'cls_token' in name:
        return 0.1 * noise
    return _gain(name) * noise / noise[0].numel() ** 0.5


def _gain(name: str) -> float:
    if 'refine' in name:
        return 0.7
    # Centres differ from each other and between pixels.
    return 2.0 if any(w in name for w in ('seeds', 'attractors', 'distribution')) else 1.0
