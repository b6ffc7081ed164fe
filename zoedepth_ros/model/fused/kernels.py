"""The metric bins as Triton kernels for CUDA.

Each kernel reads its inputs once and keeps the bins of a pixel in registers; the operators of
torch write and read them many times.
"""

# ruff: noqa: N803 (Triton code writes constants of a kernel in capitals)

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor, nn

from zoedepth_ros.model.bins import PROBABILITY_EPS, MetricHead
from zoedepth_ros.model.config import BinsConfig, HeadConfig
from zoedepth_ros.model.fused.bins import BinOperators, FusedLogBinomial
from zoedepth_ros.model.fused.layers import Linear

_PIXELS = 16  # of a program; with 64 bins 1,024 numbers
_TOLERANCE = 1e-3  # relative; logarithms and exponentials of a GPU are good to 1e-6
_ROOT_HALF = tl.constexpr(0.7071067811865476)


@triton.jit
def _neighbours(pixel, height, width, coarse_height, coarse_width, y_scale, x_scale):  # type: ignore[no-untyped-def]
    """Return the four coarse pixels around a pixel and its distances from the first (0 to 1)."""
    y = (pixel // width) % height
    coarse_y, coarse_x = y.to(tl.float32) * y_scale, (pixel % width).to(tl.float32) * x_scale
    top, left = coarse_y.to(tl.int32), coarse_x.to(tl.int32)
    first = (pixel // width // height * coarse_height + top) * coarse_width + left
    down = tl.where(top < coarse_height - 1, coarse_width, 0)
    right = tl.where(left < coarse_width - 1, 1, 0)
    return first, down, right, coarse_y - top, coarse_x - left


@triton.jit
def _interpolated(values, first, down, right, along_y, along_x, inner, channels, mask):  # type: ignore[no-untyped-def]
    """Interpolate (coarse pixels, channels) bilinearly: (pixels, channels)."""
    start = values + inner[None, :]
    a = tl.load(start + (first * channels)[:, None], mask, 0.0)
    b = tl.load(start + ((first + right) * channels)[:, None], mask, 0.0)
    c = tl.load(start + ((first + down) * channels)[:, None], mask, 0.0)
    d = tl.load(start + ((first + down + right) * channels)[:, None], mask, 0.0)
    x, y = along_x[:, None], along_y[:, None]
    return (1.0 - y) * ((1.0 - x) * a + x * b) + y * ((1.0 - x) * c + x * d)


@triton.jit  # type: ignore[untyped-decorator]
def _attract(  # type: ignore[no-untyped-def]
    coarse, points, moved, total, height, width, coarse_height, coarse_width, y_scale, x_scale,
    strength, COUNT: tl.constexpr, BINS: tl.constexpr, PADDED: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    pixel = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    bins = tl.arange(0, PADDED)
    mask = (pixel < total)[:, None] & (bins < BINS)[None, :]
    first, down, right, along_y, along_x = _neighbours(
        pixel, height, width, coarse_height, coarse_width, y_scale, x_scale
    )
    centers = _interpolated(coarse, first, down, right, along_y, along_x, bins, BINS, mask)
    step = tl.zeros_like(centers)
    for index in range(COUNT):
        point = tl.load(points + pixel * COUNT + index, pixel < total, 0.0)
        distance = point[:, None] - centers
        step += distance / (1.0 + strength * distance * distance)
    tl.store(moved + (pixel * BINS)[:, None] + bins[None, :], centers + step / COUNT, mask)


@triton.jit
def _softplus(x):  # type: ignore[no-untyped-def]
    return tl.maximum(x, 0.0) + tl.log(1.0 + tl.exp(-tl.abs(x)))


@triton.jit  # type: ignore[untyped-decorator]
def _distribution(  # type: ignore[no-untyped-def]
    on_pixels, embedded, centers, weight, bias, log_choose, depth, spread, total,
    height, width, coarse_height, coarse_width, y_scale, x_scale, low, high,
    EPS: tl.constexpr, HIDDEN: tl.constexpr, PADDED_HIDDEN: tl.constexpr,
    BINS: tl.constexpr, PADDED: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    pixel = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = pixel < total
    first, down, right, along_y, along_x = _neighbours(
        pixel, height, width, coarse_height, coarse_width, y_scale, x_scale
    )
    inner = tl.arange(0, PADDED_HIDDEN)
    mask = inside[:, None] & (inner < HIDDEN)[None, :]
    hidden = _interpolated(embedded, first, down, right, along_y, along_x, inner, HIDDEN, mask)
    hidden += tl.load(on_pixels + (pixel * HIDDEN)[:, None] + inner[None, :], mask, 0.0)
    hidden = 0.5 * hidden * (1.0 + tl.erf(hidden * _ROOT_HALF))
    row = inner < HIDDEN
    w0 = tl.load(weight + inner, row, 0.0)[None, :]
    w1 = tl.load(weight + HIDDEN + inner, row, 0.0)[None, :]
    w2 = tl.load(weight + 2 * HIDDEN + inner, row, 0.0)[None, :]
    w3 = tl.load(weight + 3 * HIDDEN + inner, row, 0.0)[None, :]
    p = _softplus(tl.sum(hidden * w0, 1) + tl.load(bias)) + EPS
    q = _softplus(tl.sum(hidden * w1, 1) + tl.load(bias + 1)) + EPS
    hot = _softplus(tl.sum(hidden * w2, 1) + tl.load(bias + 2)) + EPS
    cold = _softplus(tl.sum(hidden * w3, 1) + tl.load(bias + 3)) + EPS
    temperature = low + (high - low) * (hot / (hot + cold))
    probability = p / (p + q)
    log_p = tl.log(tl.minimum(tl.maximum(probability, EPS), 1.0))
    log_q = tl.log(tl.minimum(tl.maximum(1.0 - probability, EPS), 1.0))

    bins = tl.arange(0, PADDED)
    valid = (bins < BINS)[None, :]
    k = bins.to(tl.float32)[None, :]
    logits = tl.load(log_choose + bins, bins < BINS, 0.0)[None, :] + k * log_p[:, None]
    logits = (logits + (BINS - 1.0 - k) * log_q[:, None]) / temperature[:, None]
    logits = tl.where(valid, logits, float('-inf'))
    weights = tl.exp(logits - tl.max(logits, 1)[:, None])
    weights = weights / tl.sum(weights, 1)[:, None]
    mask = inside[:, None] & valid
    at = _interpolated(centers, first, down, right, along_y, along_x, bins, BINS, mask)
    mean = tl.sum(weights * at, 1)
    off = at - mean[:, None]
    variance = tl.sum(weights * off * off, 1)
    tl.store(depth + pixel, mean, inside)
    tl.store(spread + pixel, tl.sqrt(tl.maximum(variance, 1e-12)), inside)


class BinKernels(BinOperators):
    """The kernels, for float32 tensors on a CUDA device."""

    def __init__(self, device: torch.device) -> None:
        """Compile the kernels and compare them with the operators of torch.

        Raises RuntimeError if they differ, and whatever Triton raises.
        """
        super().__init__(None)
        check(self, device)

    def attract(self, coarse: Tensor, points: Tensor, strength: float) -> Tensor:
        """Upsample centres, then move them towards points; see BinOperators."""
        coarse, points = coarse.contiguous(), points.contiguous()
        bins, count = coarse.shape[3], points.shape[3]
        moved = points.new_empty(*points.shape[:3], bins)
        total, *sizes = _sizes(points, coarse)
        with torch.cuda.device(points.device):
            _attract[(triton.cdiv(total, _PIXELS),)](
                coarse, points, moved, total, *sizes, strength, COUNT=count, BINS=bins,
                PADDED=triton.next_power_of_2(bins), BLOCK=_PIXELS,
            )  # fmt: skip
        return moved

    def moments(
        self, distribution: FusedLogBinomial, pixels: Tensor, embedded: Tensor, centers_m: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return depth and standard deviation; see BinOperators."""
        on_pixels, output = distribution.on_pixels(pixels).contiguous(), distribution.output
        embedded, centers_m = embedded.contiguous(), centers_m.contiguous()
        batch, height, width, hidden = on_pixels.shape
        depth_m, uncertainty_m = on_pixels.new_empty(2, batch, 1, height, width).unbind(0)
        total, *sizes = _sizes(on_pixels, embedded)
        bins = centers_m.shape[3]
        with torch.cuda.device(on_pixels.device):
            _distribution[(triton.cdiv(total, _PIXELS),)](
                on_pixels, embedded, centers_m, output.weight, output.bias,
                distribution.log_choose, depth_m, uncertainty_m, total, *sizes,
                *distribution.temperatures, EPS=PROBABILITY_EPS, HIDDEN=hidden,
                PADDED_HIDDEN=triton.next_power_of_2(hidden), BINS=bins,
                PADDED=triton.next_power_of_2(bins), BLOCK=_PIXELS,
            )  # fmt: skip
        return depth_m, uncertainty_m


@torch.no_grad()
def check(operators: BinOperators, device: torch.device) -> None:
    """Compare operators with those of torch.  Raises RuntimeError if they differ."""
    config = BinsConfig()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        embedding = nn.Conv2d(config.projector_hidden, config.embedding_dim, 1)
        head = MetricHead(32, 32, config, HeadConfig('indoor'))
        coarse, points = 10.0 * torch.rand(2, 3, 5, config.n_bins), 10.0 * torch.rand(2, 7, 9, 4)
        pixels, embedded = torch.randn(2, 7, 9, 33), torch.randn(2, 3, 5, config.projector_hidden)
    distribution = FusedLogBinomial(head, embedding, Linear).to(device)
    coarse, points, pixels = coarse.to(device), points.to(device), pixels.to(device)
    embedded = distribution.embed(embedded.to(device))

    def results(tested: BinOperators) -> tuple[Tensor, ...]:
        moved = tested.attract(coarse, points, config.attractor_strength)
        return moved, *tested.moments(distribution, pixels, embedded, coarse)

    for found, expected in zip(results(operators), results(BinOperators(None)), strict=True):
        error = float(((found - expected).abs() / expected.abs()).max())
        if not error < _TOLERANCE:
            raise RuntimeError(f'kernels of the metric bins differ from torch by {error:.1e}')


def _sizes(fine: Tensor, coarse: Tensor) -> tuple[int, int, int, int, int, float, float]:
    """Return the number of pixels, both sizes, and coarse pixels per pixel."""
    (batch, height, width), (rows, columns) = fine.shape[:3], coarse.shape[1:3]
    y_scale = (rows - 1) / (height - 1) if height > 1 else 0.0
    x_scale = (columns - 1) / (width - 1) if width > 1 else 0.0
    return batch * height * width, height, width, rows, columns, y_scale, x_scale
