"""The complete network, from a resized and normalised image to depth."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from zoedepth_ros.model.backbones.beit import BeitFeatures
from zoedepth_ros.model.backbones.config import BackboneConfig, BeitConfig, LiteConfig, SwinConfig
from zoedepth_ros.model.backbones.features import FeatureExtractor, Prepared
from zoedepth_ros.model.backbones.lite import LiteFeatures
from zoedepth_ros.model.backbones.swin import SwinFeatures
from zoedepth_ros.model.bins import BinEmbeddings, MetricHead
from zoedepth_ros.model.config import ModelConfig
from zoedepth_ros.model.decoder import FusionDecoder, RelativeHead
from zoedepth_ros.model.router import Router


class Features(NamedTuple):
    """The features that all heads and the router share, float32."""

    seed: Tensor
    """Projected bottleneck (B, features, H/32, W/32)."""
    levels: tuple[Tensor, ...]
    """Pyramid (B, features, h, w), coarsest first: 1/16, 1/8, 1/4, 1/2."""
    relative_features: Tensor
    """(B, relative_features, H, W)."""
    relative_depth: Tensor
    """Inverse depth without unit (B, 1, H, W)."""


def of_images(features: Any, rows: list[int]) -> Any:
    """Select these images of a batch; features: `Features`, or those of a fused network."""
    parts = (x[rows] if isinstance(x, Tensor) else [y[rows] for y in x] for x in features)
    return features._make(parts)


class Prediction(NamedTuple):
    """Maps (B, 1, H, W) float32 at network resolution."""

    depth_m: Tensor
    """Metric depth along z [m]."""
    uncertainty_m: Tensor
    """Standard deviation of the distribution over the bins [m]."""
    relative_depth: Tensor
    """Inverse depth without unit."""
    router_logits: Tensor | None
    """(B, number of heads); None without a router."""


class ZoeDepth(nn.Module):
    """Metric depth from one image (arXiv 2302.12288).

    Backbone and decoder may run in half precision (autocast or `half_precision`).  The other parts
    compute in float32, because relative depth overflows float16.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        features = config.decoder.features
        self.backbone: FeatureExtractor = create_backbone(config.backbone)
        self.decoder = FusionDecoder(self.backbone.channels, config.decoder)
        self.relative_head = RelativeHead(config.decoder)
        self.bottleneck = nn.Conv2d(features, features, 1)
        self.embeddings = BinEmbeddings(features, config.bins)
        self.heads = nn.ModuleDict(
            {
                head.name: MetricHead(
                    features, config.decoder.relative_features, config.bins, head
                )
                for head in config.heads
            }
        )
        self.router = (
            None if config.router is None else Router(features, len(config.heads), config.router)
        )

    def forward(self, image: Tensor, head: str, prepared: Prepared | None = None) -> Prediction:
        """Predict with one head; arguments as for `encode`."""
        features = self.encode(image, prepared)
        prediction = self.decode(features, head)
        if self.router is None:
            return prediction
        return prediction._replace(router_logits=self.route(features))

    def prepare(self, height: int, width: int, dtype: torch.dtype | None = None) -> Prepared:
        """Return the constants of `encode` for images of this size [px], without gradient.

        They avoid computing the position bias of every block for each image, and are valid until
        the weights change.  dtype: data type of the attention; that of the weights by default.
        """
        self.config.check_size(height, width)
        with torch.no_grad():
            prepared = self.backbone.prepare(height, width)
        return prepared._replace(tensors=tuple(x.to(dtype=dtype) for x in prepared.tensors))

    def encode(self, image: Tensor, prepared: Prepared | None = None) -> Features:
        """Return the features that heads and router share.

        image: (B, 3, H, W), normalised with mean 0.5 and standard deviation 0.5.  Raises
        ValueError for a size that `config.check_size` refuses.
        """
        self.config.check_size(image.shape[-2], image.shape[-1])
        image = image.to(next(self.backbone.parameters()).dtype)
        pyramid = self.decoder(self.backbone(image, prepared))
        with torch.autocast(image.device.type, enabled=False):
            levels = tuple(level.float() for level in pyramid.levels)
            relative_features, relative_depth = self.relative_head(levels[-1])
            seed = self.bottleneck(pyramid.bottleneck.float())
        return Features(seed, levels, relative_features, relative_depth)

    def route(self, features: Features) -> Tensor:
        """Return logits (B, number of heads).  Raises ValueError without a router."""
        if self.router is None:
            raise ValueError(f'{self.config.name} has one head and no router')
        with torch.autocast(features.seed.device.type, enabled=False):
            return self.router(features.seed)

    def decode(self, features: Features, head: str) -> Prediction:
        """Return the prediction of one head, without router logits.

        Raises ValueError for an unknown head.
        """
        if head not in self.heads:
            raise ValueError(
                f'{self.config.name} has no head {head!r}, only {", ".join(self.heads)}'
            )
        with torch.autocast(features.seed.device.type, enabled=False):
            pixels = features.relative_features
            if self.config.bins.conditioned_on_relative_depth:
                pixels = torch.cat([pixels, features.relative_depth], dim=1)
            embeddings = self.embeddings(features.seed, features.levels)
            depth_m, uncertainty_m = self.heads[head](features.seed, embeddings, pixels)
        return Prediction(depth_m, uncertainty_m, features.relative_depth, None)

    def half_precision(self, dtype: torch.dtype) -> ZoeDepth:
        """Convert backbone and decoder to dtype; the other parts stay in float32."""
        self.backbone.to(dtype)
        self.decoder.to(dtype)
        return self


def create_backbone(config: BackboneConfig) -> FeatureExtractor:
    """Build the backbone of these settings with random weights."""
    match config:
        case BeitConfig():
            return BeitFeatures(config)
        case SwinConfig():
            return SwinFeatures(config)
        case LiteConfig():
            return LiteFeatures(config)


def create_model(config: ModelConfig, seed: int | None = None) -> ZoeDepth:
    """Build a network with random weights, reproducible for a seed."""
    if seed is None:
        return ZoeDepth(config)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return ZoeDepth(config)
