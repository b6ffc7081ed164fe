"""The whole network for inference, taken from a trained one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from zoedepth_ros.model.backbone import BeitFeatures, FeatureExtractor, Prepared
from zoedepth_ros.model.fused.attention import (
    Attention,
    ExplicitAttention,
    FusedAttention,
    GroupedAttention,
    HeadwiseAttention,
)
from zoedepth_ros.model.fused.beit import FastBeit
from zoedepth_ros.model.fused.bins import FastEmbeddings, FastMetricHead
from zoedepth_ros.model.fused.decoder import FastDecoder, FastRelativeHead
from zoedepth_ros.model.fused.layers import Layers, PackedLayers, PlainLayers
from zoedepth_ros.model.zoedepth import Prediction, ZoeDepth

STRIP = 4096  # pixels: their bins fill a megabyte, about the cache of a core


class FastFeatures(NamedTuple):
    """What all heads and the router see of a picture, float32, channels last."""

    seed: Tensor
    """Projected bottleneck (B, H/32, W/32, features)."""
    hidden: list[Tensor]
    """Hidden layers of the embeddings (B, h, w, hidden), coarsest first."""
    relative_features: Tensor
    """(B, H, W, relative_features)."""
    relative_depth: Tensor
    """Inverse depth without unit (B, 1, H, W)."""

    def rows(self, rows: Sequence[int]) -> FastFeatures:
        """Return the features of these pictures of the batch only."""
        if list(rows) == list(range(len(self.seed))):
            return self
        picked = list(rows)
        return FastFeatures(
            self.seed[picked],
            [level[picked] for level in self.hidden],
            self.relative_features[picked],
            self.relative_depth[picked],
        )


class FastZoeDepth(nn.Module):
    """The same predictions as of ZoeDepth, without gradient.

    Backbone and decoder compute in a precision of choice, all that follows in float32.
    """

    def __init__(
        self,
        plain: ZoeDepth,
        dtype: torch.dtype,
        layers: Layers,
        attention: Attention,
        strip: int | None,
    ) -> None:
        """Take a network apart: it is of no use afterwards, lest both stay in memory."""
        super().__init__()
        self.config = plain.config
        self.dtype = dtype
        backbone = plain.backbone
        self.backbone: FeatureExtractor = (
            FastBeit(backbone, dtype, layers, attention)
            if isinstance(backbone, BeitFeatures)
            else backbone.to(dtype)
        )
        self.decoder = FastDecoder(plain.decoder.to(dtype), layers)
        # Its first convolution sees what the decoder makes; fp16 has not the range for it.
        of_relative = dtype if dtype == torch.bfloat16 else torch.float32
        self.relative_head = FastRelativeHead(plain.relative_head, of_relative, layers)
        self.bottleneck = layers.pointwise(plain.bottleneck)
        self.embeddings = FastEmbeddings(plain.embeddings, layers)
        self.heads = nn.ModuleDict(
            {
                head.name: FastMetricHead(
                    plain.metric_head(head.name), plain.embeddings, layers, strip
                )
                for head in plain.config.heads
            }
        )
        self.router = plain.router

    def prepare(self, height: int, width: int) -> Prepared:
        """Return constants for pictures of this size [px], to be handed to encode."""
        self.config.check_size(height, width)
        return self.backbone.prepare(height, width)

    def encode(self, image: Tensor, prepared: Prepared | None = None) -> FastFeatures:
        """Return what heads and router share of an image (B, 3, H, W); as ZoeDepth.encode."""
        self.config.check_size(image.shape[-2], image.shape[-1])
        pyramid = self.decoder(self.backbone(image.to(self.dtype), prepared))
        levels = [x.float() for x in pyramid.levels]
        as_seen = pyramid.levels if self.relative_head.dtype == self.dtype else levels
        features, relative_depth = self.relative_head(as_seen[-1])
        last = tuple(x.permute(0, 2, 3, 1) for x in levels)
        seed = self.bottleneck(pyramid.bottleneck.float().permute(0, 2, 3, 1))
        hidden = self.embeddings(seed, last)
        return FastFeatures(seed, hidden, features.permute(0, 2, 3, 1), relative_depth)

    def route(self, features: FastFeatures) -> Tensor:
        """Return logits (B, number of heads); ValueError without a router."""
        if self.router is None:
            raise ValueError(f'{self.config.name} has one head and no router')
        logits = self.router(features.seed.permute(0, 3, 1, 2))
        assert isinstance(logits, Tensor)
        return logits

    def decode(self, features: FastFeatures, head: str) -> Prediction:
        """Return the prediction of one head, without router logits."""
        if head not in self.heads:
            raise ValueError(
                f'{self.config.name} has no head {head!r}, but {", ".join(self.heads)}'
            )
        pixels = features.relative_features
        if self.config.bins.conditioned_on_relative_depth:
            pixels = torch.cat([pixels, features.relative_depth.permute(0, 2, 3, 1)], dim=3)
        depth_m, uncertainty_m = self.heads[head](features.seed, features.hidden, pixels)
        return Prediction(depth_m, uncertainty_m, features.relative_depth, None)

    def forward(self, image: Tensor, head: str, prepared: Prepared | None = None) -> Prediction:
        """Predict with one head; arguments as of encode."""
        features = self.encode(image, prepared)
        prediction = self.decode(features, head)
        if self.router is None:
            return prediction
        return prediction._replace(router_logits=self.route(features))


@torch.no_grad()
def packed_network(plain: ZoeDepth, dtype: torch.dtype) -> FastZoeDepth:
    """Turn a network on the CPU into one with packed weights; see FastZoeDepth."""
    attention = HeadwiseAttention() if dtype == torch.float32 else GroupedAttention()
    return FastZoeDepth(plain.eval(), dtype, PackedLayers(), attention, STRIP)


@torch.no_grad()
def folded_network(plain: ZoeDepth, dtype: torch.dtype) -> FastZoeDepth:
    """Turn a network into one of ordinary operators, fit to be compiled or captured."""
    on_cpu = plain.bottleneck.weight.device.type == 'cpu'
    attention = ExplicitAttention() if on_cpu and dtype != torch.float32 else FusedAttention()
    return FastZoeDepth(plain.eval(), dtype, PlainLayers(), attention, None)
