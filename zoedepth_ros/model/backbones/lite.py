"""EfficientNet-Lite (Tan and Le 2019, arXiv 1905.11946) without its classifier."""

from __future__ import annotations

import timm
from timm.layers import BatchNormAct2d
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

from zoedepth_ros.model.backbones.config import LiteConfig
from zoedepth_ros.model.backbones.features import FeatureExtractor, Prepared


class LiteFeatures(FeatureExtractor):
    """timm's network, with every batch norm fused into the preceding convolution."""

    def __init__(self, config: LiteConfig) -> None:
        super().__init__()
        self.config = config
        self.channels = config.channels
        self.network: nn.Module = fuse_batch_norms(timm_network(config))

    def forward(self, image: Tensor, prepared: Prepared | None = None) -> list[Tensor]:
        """Return the four maps of image (B, 3, H, W), finest first: (B, channels[i], H/s, W/s).

        s is 4, 8, 16, 32.
        """
        maps: list[Tensor] = self.network(image)
        return maps


def timm_network(config: LiteConfig) -> nn.Module:
    """Build timm's network with batch norms and random weights; its output are four maps."""
    name = f'tf_efficientnet_{config.variant}'
    network: nn.Module = timm.create_model(name, features_only=True, out_indices=(1, 2, 3, 4))
    return network


def fuse_batch_norms(network: nn.Module) -> nn.Module:
    """Fuse every batch norm (eval mode) into the preceding convolution, in place."""
    convolution: nn.Conv2d | None = None
    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.Conv2d):
                convolution = child
            elif isinstance(child, BatchNormAct2d):
                assert convolution is not None
                assert child.running_mean is not None
                assert child.running_var is not None
                convolution.weight, convolution.bias = fuse_conv_bn_weights(
                    convolution.weight,
                    convolution.bias,
                    child.running_mean,
                    child.running_var,
                    child.eps,
                    child.weight,
                    child.bias,
                )
                setattr(parent, name, child.act)
    return network
