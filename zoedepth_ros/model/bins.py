"""Metric bins: seeds, attractors and log-binomial distribution (arXiv 2302.12288)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoedepth_ros.model.config import BinsConfig, HeadConfig
from zoedepth_ros.model.decoder import size_of, upsample

_WIDTH_EPS = 1e-3  # smallest width of a normed bin before normalisation
PROBABILITY_EPS = 1e-4  # avoids 0 / 0 and ln 0 in the probability and the temperature
_STIRLING_EPS = 1e-7  # avoids 0 ln 0


def pointwise_mlp(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    """Return 1x1 convolution, ReLU, 1x1 convolution."""
    return nn.Sequential(nn.Conv2d(inputs, hidden, 1), nn.ReLU(), nn.Conv2d(hidden, outputs, 1))


class BinEmbeddings(nn.Module):
    """Project the bottleneck and the four levels of the pyramid to bin embeddings."""

    def __init__(self, features: int, config: BinsConfig) -> None:
        super().__init__()
        sizes = (features, config.projector_hidden, config.embedding_dim)
        self.seed = pointwise_mlp(*sizes)
        self.levels = nn.ModuleList(pointwise_mlp(*sizes) for _ in config.n_attractors)

    def forward(self, seed: Tensor, levels: tuple[Tensor, ...]) -> list[Tensor]:
        """Return five maps (B, embedding_dim, h, w), coarsest first."""
        embeddings = [project(x) for project, x in zip(self.levels, levels, strict=True)]
        return [self.seed(seed), *embeddings]


class MetricHead(nn.Module):
    """Compute a distribution over depth bins for every pixel, and its moments."""

    def __init__(
        self, features: int, relative_features: int, config: BinsConfig, head: HeadConfig
    ) -> None:
        super().__init__()
        self.centers: SoftplusCenters | NormedCenters = (
            SoftplusCenters() if head.depth_range_m is None else NormedCenters(head.depth_range_m)
        )
        self.attractor_strength = config.attractor_strength
        self.seeds = pointwise_mlp(features, config.seed_hidden, config.n_bins)
        self.attractors = nn.ModuleList(
            AttractorLayer(count, config) for count in config.n_attractors
        )
        self.distribution = ConditionalLogBinomial(relative_features, config)

    def forward(
        self, seed: Tensor, embeddings: list[Tensor], pixels: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return depth [m] and its standard deviation [m], (B, 1, H, W) each.

        seed (B, features, h, w); embeddings as of BinEmbeddings; pixels (B, channels, H, W).
        """
        centers = self.centers.seeds(self.seeds(seed))
        pairs = zip(self.attractors, embeddings[:-1], embeddings[1:], strict=True)
        for attractor, coarse, fine in pairs:
            points = self.centers.attractors(attractor(coarse, fine))
            centers = attract(upsample(centers, size_of(fine)), points, self.attractor_strength)
        centers_m = upsample(self.centers.to_metres(centers), size_of(pixels))
        return moments(self.distribution(pixels, embeddings[-1]), centers_m)


class SoftplusCenters:
    """Bin centres in metres, unbounded and unsorted."""

    def seeds(self, raw: Tensor) -> Tensor:
        """Return centres [m] of raw (B, n_bins, h, w)."""
        return F.softplus(raw)

    def attractors(self, raw: Tensor) -> Tensor:
        """Return attracting points [m] of raw (B, n, h, w)."""
        return F.softplus(raw)

    def to_metres(self, centers: Tensor) -> Tensor:
        """Return the centres (B, n, h, w) [m] as they are."""
        return centers


class NormedCenters:
    """Bin centres that divide a depth range, normalised to 0 to 1."""

    def __init__(self, depth_range_m: tuple[float, float]) -> None:
        self.depth_range_m = depth_range_m

    def seeds(self, raw: Tensor) -> Tensor:
        """Return centres (0 to 1, increasing) of raw (B, n_bins, h, w)."""
        widths = F.relu(raw) + _WIDTH_EPS
        widths = widths / widths.sum(dim=1, keepdim=True)
        return widths.cumsum(dim=1) - widths / 2

    def attractors(self, raw: Tensor) -> Tensor:
        """Return attracting points of raw (B, n, h, w)."""
        # PARITY: not normalised, may exceed 1; the released network computes pairs and normalises
        # them, but uses the unnormalised first of a pair
        # (test/parity/test_against_transformers.py).
        return F.relu(raw) + _WIDTH_EPS

    def to_metres(self, centers: Tensor) -> Tensor:
        """Return normalised centres (B, n, h, w) in metres, clamped to the range."""
        near, far = self.depth_range_m
        return (near + (far - near) * centers).clamp(near, far)


class AttractorLayer(nn.Module):
    """Compute raw attractor points from the embeddings of two neighbouring levels."""

    def __init__(self, count: int, config: BinsConfig) -> None:
        super().__init__()
        self.mlp = pointwise_mlp(config.embedding_dim, config.attractor_hidden, count)

    def forward(self, coarse: Tensor, fine: Tensor) -> Tensor:
        """Return (B, count, h, w) at the size of `fine`."""
        return self.mlp(fine + upsample(coarse, size_of(fine)))


def attract(centers: Tensor, points: Tensor, strength: float) -> Tensor:
    """Move centres (B, n_bins, h, w) towards points (B, n, h, w): paper eq. 2.

    PARITY: the paper sums over the points, the released networks take the mean
    (test/parity/test_against_transformers.py).  The order of ascending centres is kept.
    """
    total = torch.zeros_like(centers)
    for point in points.unbind(dim=1):  # a loop needs n times less memory
        distance = point[:, None] - centers
        total = total + distance / (1.0 + strength * distance.square())
    return centers + total / points.shape[1]


class ConditionalLogBinomial(nn.Module):
    """Compute bin probabilities from pixel features and bin embedding: paper eq. 4."""

    log_choose: Tensor
    index: Tensor

    def __init__(self, relative_features: int, config: BinsConfig) -> None:
        super().__init__()
        self.temperatures = (config.min_temperature, config.max_temperature)
        pixel_channels = relative_features + int(config.conditioned_on_relative_depth)
        inputs = pixel_channels + config.embedding_dim
        hidden = inputs // config.bottleneck_factor
        self.split = (pixel_channels, config.embedding_dim)
        self.hidden = nn.Conv2d(inputs, hidden, 1)
        self.output = nn.Conv2d(hidden, 4, 1)
        index = torch.arange(config.n_bins, dtype=torch.float32).view(1, -1, 1, 1)
        self.register_buffer('index', index, persistent=False)
        self.register_buffer('log_choose', log_choose(config.n_bins), persistent=False)

    def forward(self, pixels: Tensor, embedding: Tensor) -> Tensor:
        """Return (B, n_bins, H, W) of pixels (B, pixel channels, H, W) and a coarser embedding."""
        # Equal to a 1x1 convolution of the concatenation, but the embedding is convolved before it
        # is upsampled, at a quarter of the cost.
        on_pixels, on_embedding = torch.split(self.hidden.weight, list(self.split), dim=1)
        hidden = F.conv2d(pixels, on_pixels, self.hidden.bias)
        hidden = hidden + upsample(F.conv2d(embedding, on_embedding), size_of(pixels))
        raw = F.softplus(self.output(F.gelu(hidden))) + PROBABILITY_EPS  # (B, 4, H, W)
        probability = raw[:, 0:1] / (raw[:, 0:1] + raw[:, 1:2])
        low, high = self.temperatures
        temperature = low + (high - low) * (raw[:, 2:3] / (raw[:, 2:3] + raw[:, 3:4]))
        return self.log_binomial(probability, temperature)

    def log_binomial(self, probability: Tensor, temperature: Tensor) -> Tensor:
        """Return bin probabilities (B, n_bins, H, W) of both parameters (B, 1, H, W)."""
        # p and 1 - p are clamped separately, so they may not sum to 1 at the limits.
        log_q = (1.0 - probability).clamp(PROBABILITY_EPS, 1.0).log()
        log_p = probability.clamp(PROBABILITY_EPS, 1.0).log()
        last = self.index.shape[1] - 1
        logits = self.log_choose + self.index * log_p + (last - self.index) * log_q
        return (logits / temperature).softmax(dim=1)


def log_choose(n_bins: int) -> Tensor:
    """Return the logarithms of n over k, n = n_bins - 1, k = 0..n, as (1, n_bins, 1, 1).

    PARITY: Stirling's formula without the square root, in float32, as the released networks were
    trained; rounding matters at low temperatures (test/parity/test_against_transformers.py).
    """
    n = torch.tensor(n_bins - 1, dtype=torch.float32) + _STIRLING_EPS
    k = torch.arange(n_bins, dtype=torch.float32).view(1, -1, 1, 1) + _STIRLING_EPS
    return n * n.log() - k * k.log() - (n - k) * (n - k + _STIRLING_EPS).log()


def moments(probabilities: Tensor, centers_m: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and standard deviation [m] (B, 1, H, W) over the bins (B, n_bins, H, W)."""
    mean = (probabilities * centers_m).sum(dim=1, keepdim=True)
    variance = (probabilities * (centers_m - mean).square()).sum(dim=1, keepdim=True)
    return mean, variance.clamp_min(1e-12).sqrt()  # the gradient of the root is infinite at 0
