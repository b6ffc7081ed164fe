"""The complete network for inference, built from a reference network."""

from __future__ import annotations

import logging
from typing import NamedTuple

import torch
from torch import Tensor, nn

from zoedepth_ros.model.backbones.beit import BeitFeatures
from zoedepth_ros.model.backbones.features import FeatureExtractor, Prepared
from zoedepth_ros.model.fused.attention import Attention, ExplicitAttention, SdpaAttention
from zoedepth_ros.model.fused.beit import FusedBeit
from zoedepth_ros.model.fused.bins import BinOperators, FusedMetricHead, mlps_of
from zoedepth_ros.model.fused.decoder import FusedRelativeHead, fused_decoder
from zoedepth_ros.model.fused.layers import Linear
from zoedepth_ros.model.zoedepth import Prediction, ZoeDepth

STRIP = 4096  # pixels; their bins take one megabyte, about the cache of a core
_logger = logging.getLogger(__name__)


class FusedFeatures(NamedTuple):
    """The features that all heads and the router share, float32, channels last."""

    seed: Tensor
    """Projected bottleneck (B, H/32, W/32, features)."""
    hidden: list[Tensor]
    """Hidden layers of the embeddings (B, h, w, hidden), coarsest first."""
    relative_features: Tensor
    """(B, H, W, relative_features)."""
    relative_depth: Tensor
    """Inverse depth without unit (B, 1, H, W)."""


class FusedZoeDepth(nn.Module):
    """Compute the predictions of ZoeDepth, without gradient.

    Backbone and decoder compute in dtype, the other parts in float32.
    """

    def __init__(
        self,
        reference: ZoeDepth,
        dtype: torch.dtype,
        linear: type[Linear],
        attention: Attention,
        operators: BinOperators,
    ) -> None:
        """Take over the parts of a network, which is unusable afterwards; this saves memory."""
        super().__init__()
        self.config = reference.config
        self.dtype = dtype
        backbone = reference.backbone
        self.backbone: FeatureExtractor = (
            FusedBeit(backbone, dtype, linear, attention)
            if isinstance(backbone, BeitFeatures)
            else backbone.to(dtype)
        )
        self.decoder = fused_decoder(reference.decoder, dtype, linear)
        # Its first convolution takes the output of the decoder, which exceeds the range of fp16.
        of_relative = dtype if dtype == torch.bfloat16 else torch.float32
        self.relative_head = FusedRelativeHead(reference.relative_head, of_relative, linear)
        self.bottleneck = linear.pointwise(reference.bottleneck)
        self.embeddings = nn.ModuleList(
            linear.pointwise(mlp[0], 'relu') for mlp in mlps_of(reference.embeddings)
        )
        self.heads = nn.ModuleDict(
            {
                head.name: FusedMetricHead(
                    reference.heads[head.name], reference.embeddings, linear, operators
                )
                for head in reference.config.heads
            }
        )
        self.router = reference.router

    def prepare(self, height: int, width: int) -> Prepared:
        """Return the constants of `encode` for images of this size [px]."""
        self.config.check_size(height, width)
        return self.backbone.prepare(height, width)

    def encode(self, image: Tensor, prepared: Prepared | None = None) -> FusedFeatures:
        """Return the shared features of an image (B, 3, H, W), see ZoeDepth.encode."""
        self.config.check_size(image.shape[-2], image.shape[-1])
        pyramid = self.decoder(self.backbone(image.to(self.dtype), prepared))
        levels = [x.float() for x in pyramid.levels]
        same_dtype = self.relative_head.dtype == self.dtype
        features, relative_depth = self.relative_head(
            (pyramid.levels if same_dtype else levels)[-1]
        )
        channels_last = tuple(x.permute(0, 2, 3, 1) for x in levels)  # (B, h, w, features)
        seed = self.bottleneck(pyramid.bottleneck.float().permute(0, 2, 3, 1))
        inputs = zip(self.embeddings, (seed, *channels_last), strict=True)
        hidden = [layer(x) for layer, x in inputs]
        return FusedFeatures(seed, hidden, features.permute(0, 2, 3, 1), relative_depth)

    def route(self, features: FusedFeatures) -> Tensor:
        """Return logits (B, number of heads), for a network with a router."""
        assert self.router is not None
        logits = self.router(features.seed.permute(0, 3, 1, 2))
        assert isinstance(logits, Tensor)
        return logits

    def decode(self, features: FusedFeatures, head: str) -> Prediction:
        """Return the prediction of one head, without router logits."""
        pixels = features.relative_features
        if self.config.bins.conditioned_on_relative_depth:
            pixels = torch.cat([pixels, features.relative_depth.permute(0, 2, 3, 1)], dim=3)
        depth_m, uncertainty_m = self.heads[head](features.seed, features.hidden, pixels)
        return Prediction(depth_m, uncertainty_m, features.relative_depth, None)


@torch.no_grad()
def cpu_network(
    reference: ZoeDepth, dtype: torch.dtype, linear: type[Linear], attention: Attention
) -> FusedZoeDepth:
    """Convert a network on the CPU, whose caches hold a strip of pixels, see FusedZoeDepth."""
    return FusedZoeDepth(reference.eval(), dtype, linear, attention, BinOperators(STRIP))


@torch.no_grad()
def fused_network(
    reference: ZoeDepth,
    dtype: torch.dtype,
    device: torch.device | None = None,
    *,
    operators: BinOperators | None = None,
) -> FusedZoeDepth:
    """Convert a network to one of standard operators, for torch.compile and CUDA graphs.

    device: where the result runs, None for where the network is.  Only converted weights are
    moved there.  operators: compute the metric bins; None for those of torch.
    """
    device = device or reference.bottleneck.weight.device
    on_cpu = device.type == 'cpu'
    attention = ExplicitAttention() if on_cpu and dtype != torch.float32 else SdpaAttention()
    operators = operators or BinOperators(None)
    network = FusedZoeDepth(reference.eval(), dtype, Linear, attention, operators)
    return network.to(device)


def bin_operators(dtype: torch.dtype, device: torch.device) -> BinOperators | None:
    """Return kernels for the metric bins; None where the operators of torch serve better.

    The logarithms of a GPU round more than those of torch, so fp32 does without kernels.
    """
    if device.type != 'cuda' or dtype == torch.float32:
        return None
    try:
        from zoedepth_ros.model.fused.kernels import BinKernels

        return BinKernels(device)
    except Exception as error:  # no Triton, no C compiler for it, an unknown GPU, wrong numbers
        reason = str(error).partition('\n')[0] or repr(error)  # torch adds advice below
        _logger.info('the metric bins run without compiled kernels, which is slower: %s', reason)
        return None
