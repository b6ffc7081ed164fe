"""The metric bins for inference: bins last and, on a CPU, in strips that fit the cache.

Only linear layers use an embedding.  They are combined with the linear layer that computes it, so
they operate on its hidden layer and the embedding itself is not computed.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoedepth_ros.model.bins import PROBABILITY_EPS, AttractorLayer, BinEmbeddings, MetricHead
from zoedepth_ros.model.decoder import upsample
from zoedepth_ros.model.fused.layers import Linear


class BinOperators:
    """The parts of a metric head that take many passes over the bins of every pixel, in torch."""

    def __init__(self, strip: int | None) -> None:
        """strip: number of pixels to compute at a time; None for all at once."""
        self.strip = strip

    def attract(self, coarse: Tensor, points: Tensor, strength: float) -> Tensor:
        """Upsample centres (B, h', w', n_bins) to the size of points (B, h, w, n); move them."""
        centers = enlarge(coarse, size_of(points))
        pairs = (centers.flatten(0, 2), points.flatten(0, 2))
        moved = [attract(c, p, strength) for c, p in strips(self.strip, *pairs)]
        return torch.cat(moved).view_as(centers)

    def moments(
        self, distribution: FusedLogBinomial, pixels: Tensor, embedded: Tensor, centers_m: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return depth [m] and its standard deviation [m], (B, 1, H, W) each.

        pixels (B, H, W, channels); of a coarser level: embedded (B, h, w, hidden), the output of
        `FusedLogBinomial.embed`, and centers_m (B, h, w, n_bins).
        """
        size = size_of(pixels)
        maps = (pixels, enlarge(embedded, size), enlarge(centers_m, size))
        parts = strips(self.strip, *(x.flatten(0, 2) for x in maps))
        found = torch.cat([moments(distribution(p, e), c) for p, e, c in parts])  # (B*H*W, 2)
        depth_m, uncertainty_m = found.view(-1, 1, *size, 2).unbind(-1)
        return depth_m, uncertainty_m


class FusedMetricHead(nn.Module):
    """As MetricHead, on hidden layers instead of embeddings."""

    def __init__(
        self,
        reference: nn.Module,
        embeddings: BinEmbeddings,
        linear: type[Linear],
        operators: BinOperators,
    ) -> None:
        super().__init__()
        assert isinstance(reference, MetricHead)
        self.centers = reference.centers
        self.strength = reference.attractor_strength
        self.operators = operators
        self.seeds = nn.Sequential(
            linear.pointwise(reference.seeds[0], 'relu'), linear.pointwise(reference.seeds[2])
        )
        outputs = [mlp[2] for mlp in mlps_of(embeddings)]
        self.attractors = nn.ModuleList(
            FusedAttractor(attractor, coarse, fine, linear)
            for attractor, coarse, fine in zip(
                reference.attractors, outputs[:-1], outputs[1:], strict=True
            )
            if isinstance(attractor, AttractorLayer)
        )
        self.distribution = FusedLogBinomial(reference, outputs[-1], linear)

    def forward(self, seed: Tensor, hidden: list[Tensor], pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Return depth [m] and its standard deviation [m], (B, 1, H, W) each.

        seed (B, h, w, features); hidden as in FusedFeatures; pixels (B, H, W, channels).
        """
        raw = self.seeds(seed).permute(0, 3, 1, 2)
        centers = self.centers.seeds(raw).permute(0, 2, 3, 1)  # (B, h, w, n_bins)
        for attractor, coarse, fine in zip(self.attractors, hidden[:-1], hidden[1:], strict=True):
            points = self.centers.attractors(attractor(coarse, fine))
            centers = self.operators.attract(centers, points, self.strength)
        embedded = self.distribution.embed(hidden[-1])
        centers_m = self.centers.to_metres(centers)
        return self.operators.moments(self.distribution, pixels, embedded, centers_m)


class FusedAttractor(nn.Module):
    """As AttractorLayer, combined with the projections to both embeddings."""

    def __init__(
        self, reference: AttractorLayer, coarse: nn.Module, fine: nn.Module, linear: type[Linear]
    ) -> None:
        super().__init__()
        outer = reference.mlp[0]
        assert isinstance(outer, nn.Conv2d)
        of_coarse, _ = fold(outer.weight, outer.bias, coarse)
        of_fine, bias = fold(outer.weight, outer.bias, fine, coarse)
        self.of_coarse = linear(of_coarse, None)
        self.of_fine = linear(of_fine, bias)
        self.output = linear.pointwise(reference.mlp[2])

    def forward(self, coarse: Tensor, fine: Tensor) -> Tensor:
        """Return (B, h, w, count) of the hidden layers of two neighbouring levels."""
        from_coarse = enlarge(self.of_coarse(coarse), size_of(fine))
        return self.output(F.relu(self.of_fine.add_to(from_coarse, fine)))


class FusedLogBinomial(nn.Module):
    """As ConditionalLogBinomial, on lists of pixels."""

    log_choose: Tensor
    index: Tensor

    def __init__(self, head: MetricHead, embedding: nn.Module, linear: type[Linear]) -> None:
        super().__init__()
        reference = head.distribution
        weight = reference.hidden.weight.detach().flatten(1)
        on_pixels, on_embedding = torch.split(weight, list(reference.split), dim=1)
        self.embed = linear(*fold(on_embedding, reference.hidden.bias, embedding))
        self.on_pixels = linear(on_pixels, None)
        self.output = linear.pointwise(reference.output)
        self.temperatures = reference.temperatures
        self.register_buffer('index', reference.index.flatten())
        self.register_buffer('log_choose', reference.log_choose.flatten())

    def forward(self, pixels: Tensor, embedded: Tensor) -> Tensor:
        """Return probabilities (P, n_bins) of pixels (P, channels) and upsampled embeddings."""
        hidden = F.gelu(self.on_pixels.add_to(embedded, pixels))
        raw = F.softplus(self.output(hidden)) + PROBABILITY_EPS  # (P, 4)
        probability = raw[:, 0:1] / (raw[:, 0:1] + raw[:, 1:2])
        low, high = self.temperatures
        temperature = low + (high - low) * (raw[:, 2:3] / (raw[:, 2:3] + raw[:, 3:4]))
        log_q = (1.0 - probability).clamp(PROBABILITY_EPS, 1.0).log()
        log_p = probability.clamp(PROBABILITY_EPS, 1.0).log()
        last = len(self.index) - 1
        logits = torch.addcmul(self.log_choose, self.index, log_p)
        logits = logits.addcmul_(last - self.index, log_q).div_(temperature)
        return logits.softmax(dim=1)


def attract(centers: Tensor, points: Tensor, strength: float) -> Tensor:
    """Move centres (P, n_bins) towards points (P, n), as bins.attract."""
    total, ones = torch.zeros_like(centers), torch.ones_like(centers)
    for index in range(points.shape[1]):
        distance = points[:, index : index + 1] - centers
        total.addcdiv_(distance, torch.addcmul(ones, distance, distance, value=strength))
    return torch.add(centers, total, alpha=1.0 / points.shape[1])


def moments(probabilities: Tensor, centers_m: Tensor) -> Tensor:
    """Return mean and standard deviation [m] (P, 2) over the bins (P, n_bins)."""
    mean = (probabilities * centers_m).sum(dim=1, keepdim=True)
    spread = (centers_m - mean).square_().mul_(probabilities).sum(dim=1, keepdim=True)
    return torch.cat([mean, spread.clamp_min(1e-12).sqrt()], dim=1)


def strips(length: int | None, *lists: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """Split lists of pixels (P, ...) into strips of at most this length."""
    if length is None:
        return iter([lists])
    return zip(*(torch.split(x, length) for x in lists), strict=True)


def enlarge(x: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize (B, h, w, C) to `size` bilinearly with align_corners=True."""
    return upsample(x.permute(0, 3, 1, 2), size).permute(0, 2, 3, 1)


def size_of(x: Tensor) -> tuple[int, int]:
    """Return (height, width) of a map (B, h, w, C)."""
    return x.shape[1], x.shape[2]


def fold(
    weight: Tensor, bias: Tensor | None, inner: nn.Module, other: nn.Module | None = None
) -> tuple[Tensor, Tensor]:
    """Return weight and bias of outer(inner(x) + other(y)) without the term in y.

    weight, bias: of the outer convolution.
    """
    assert bias is not None
    outer, (inner_weight, inner_bias) = weight.detach().flatten(1).double(), _in_double(inner)
    if other is not None:
        inner_bias = inner_bias + _in_double(other)[1]
    folded_bias = bias.detach().double() + outer @ inner_bias
    return (outer @ inner_weight).float(), folded_bias.float()


def _in_double(conv: nn.Module) -> tuple[Tensor, Tensor]:
    assert isinstance(conv, nn.Conv2d)
    assert conv.bias is not None
    return conv.weight.detach().flatten(1).double(), conv.bias.detach().double()


def mlps_of(embeddings: BinEmbeddings) -> list[nn.Sequential]:
    """Return the five MLPs, coarsest first."""
    mlps = [embeddings.seed, *embeddings.levels]
    return [mlp for mlp in mlps if isinstance(mlp, nn.Sequential)]
