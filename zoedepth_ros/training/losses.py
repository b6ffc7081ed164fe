"""Losses for relative depth, metric depth and the router, and those of a stage.

Every loss is a ratio of sums over the samples or pixels of all processes of a distributed run, so
that the loss does not depend on the split of a batch. Call them outside autocast, because all are
in float32.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoedepth_ros.model.zoedepth import Prediction, ZoeDepth
from zoedepth_ros.training.config import StageConfig
from zoedepth_ros.training.distributed import sum_over_processes
from zoedepth_ros.training.examples import Example

SILOG_EPSILON = 1e-7
"""Added to both depths before the logarithm [m]."""

LARGEST_RATIO = 4.5
"""Predicted depth over ground truth above which `abs_rel` increases with the logarithm only."""

SCALES = 4
"""Resolutions at which differences of neighbouring residuals count (MiDaS)."""

SIGN_WEIGHT = 1.0
"""Weight of the penalty on negative relative depth; a constant map has a loss of about 1."""


def resized_to(prediction: Tensor, target: Tensor) -> Tensor:
    """Resize (B, 1, h, w) to the size of (B, 1, H, W), bilinearly with align_corners=True."""
    if prediction.shape[-2:] == target.shape[-2:]:
        return prediction
    return F.interpolate(prediction, target.shape[-2:], mode='bilinear', align_corners=True)


def log_difference(depth_m: Tensor, ground_truth_m: Tensor, mask: Tensor) -> Tensor:
    """Return ln(depth) - ln(ground truth) of the pixels in the mask, (n,); arguments of si_log."""
    depth_m = resized_to(depth_m.float(), ground_truth_m)[mask]
    return (depth_m + SILOG_EPSILON).log() - (ground_truth_m[mask] + SILOG_EPSILON).log()


def si_log(depth_m: Tensor, ground_truth_m: Tensor, mask: Tensor) -> Tensor:
    """Return 10 sqrt(var(g) + 0.15 mean(g)^2) of g = ln(depth) - ln(ground truth), in float32.

    depth_m: (B, 1, h, w) [m], brought to the truth's size.  ground_truth_m, mask: (B, 1, H, W).
    var is the unbiased one over all pixels of the batch.  Source: ZoeDepth's training code (after
    AdaBins); Eigen et al. 2014, eq. 4.
    """
    difference = log_difference(depth_m, ground_truth_m, mask)
    count = sum_over_processes(mask.sum().float())
    if count < 2:  # the variance needs two pixels
        return difference.sum() * 0.0
    mean = sum_over_processes(difference.sum()) / count
    # The mean is a constant here: the terms in its derivative sum to zero over the batch.
    squares = (difference - mean.detach()).square()
    variance = sum_over_processes(squares.sum()) / (count - 1)
    return 10.0 * (variance + 0.15 * mean.square()).sqrt()


def log_error(depth_m: Tensor, ground_truth_m: Tensor, mask: Tensor) -> Tensor:
    """Return the mean of |ln(depth) - ln(ground truth)|; arguments as of si_log.

    It approximates AbsRel for small errors, and is less sensitive to large errors than SILog.
    """
    return mean_over_processes(log_difference(depth_m, ground_truth_m, mask).abs())


def abs_rel(depth_m: Tensor, ground_truth_m: Tensor, mask: Tensor) -> Tensor:
    """Return the mean of |depth / ground truth - 1|; arguments as of si_log.

    Where the scale is ambiguous, it favours the smaller depth, as the measure AbsRel does.  Above
    LARGEST_RATIO it increases with the logarithm only, so that its gradient is limited.
    """
    difference = log_difference(depth_m, ground_truth_m, mask)
    limit = math.log(LARGEST_RATIO)
    above = LARGEST_RATIO * (difference - limit).relu()
    return mean_over_processes((difference.clamp(max=limit).exp() - 1.0 + above).abs())


def mean_over_processes(values: Tensor) -> Tensor:
    """Return the mean of the values of all processes; 0 without any."""
    count = sum_over_processes(values.new_tensor(float(values.numel())))
    return sum_over_processes(values.sum()) / count.clamp(min=1.0)


def router_loss(logits: Tensor, head: int) -> Tensor:
    """Return the cross-entropy of (B, n_heads) logits when all images belong to one head."""
    labels = torch.full(logits.shape[:1], head, dtype=torch.long, device=logits.device)
    return mean_over_processes(F.cross_entropy(logits.float(), labels, reduction='none'))


def scale_and_shift_invariant(
    relative_depth: Tensor,
    ground_truth_m: Tensor,
    mask: Tensor,
    *,
    trim: float,
    gradient_weight: float,
    add_up: Callable[[Tensor], Tensor] = sum_over_processes,
) -> Tensor:
    """Return the scale- and shift-invariant loss of relative inverse depth.

    relative_depth: (B, 1, h, w), larger is nearer.  ground_truth_m, mask: (B, 1, H, W) [m].  Both
    are normalised per image, the largest `trim` of the residuals is ignored, and differences of
    neighbouring residuals are added at SCALES resolutions.  Images without a known pixel are
    ignored.  add_up: adds sums over processes.  Source: Ranftl et al. 2020 (MiDaS), eqs. 5 to 7,
    11 and 12.
    """
    prediction = resized_to(relative_depth.float(), ground_truth_m)[:, 0]
    known = mask[:, 0]
    inverse = torch.where(known, 1.0 / ground_truth_m[:, 0].clamp(min=1e-6), 0.0)
    residual = normalised(prediction, known) - normalised(inverse, known)
    per_image = trimmed_mean(residual.abs(), known, trim) / 2.0
    per_image = per_image + gradient_weight * gradient_term(residual, known, SCALES)
    usable = known.flatten(1).any(dim=1).float()
    return add_up((per_image * usable).sum()) / add_up(usable.sum()).clamp(min=1.0)


def normalised(values: Tensor, mask: Tensor) -> Tensor:
    """Shift (B, H, W) by the median and divide by the mean distance from it; 0 outside the mask.

    Source: MiDaS, eqs. 5 and 6.
    """
    hidden = torch.where(mask, values, values.new_tensor(float('nan'))).flatten(1)
    shift = hidden.nanmedian(dim=1).values.nan_to_num()[:, None, None]
    centred = torch.where(mask, values - shift, values.new_zeros(()))
    scale = centred.abs().sum(dim=(1, 2)) / mask.sum(dim=(1, 2)).clamp(min=1)
    return centred / scale.clamp(min=1e-6)[:, None, None]


def trimmed_mean(residual: Tensor, mask: Tensor, trim: float) -> Tensor:
    """Return the sum of the smallest (1 - trim) part over the number of all: (B,). MiDaS eq. 7."""
    count = mask.flatten(1).sum(dim=1)
    if trim == 0.0:
        return (residual * mask).flatten(1).sum(dim=1) / count.clamp(min=1)
    hidden = torch.where(mask, residual, residual.new_tensor(float('inf'))).flatten(1)
    ascending = hidden.sort(dim=1).values
    kept = torch.arange(ascending.shape[1], device=mask.device) < ((1 - trim) * count)[:, None]
    return torch.where(kept, ascending, 0.0).sum(dim=1) / count.clamp(min=1)


def gradient_term(residual: Tensor, mask: Tensor, scales: int) -> Tensor:
    """Return the mean absolute difference of neighbours, added over scales: (B,). MiDaS eq. 11."""
    total = residual.new_zeros(residual.shape[0])
    for step in (2**k for k in range(scales)):
        coarse, known = residual[:, ::step, ::step], mask[:, ::step, ::step]
        across = (coarse[:, :, 1:] - coarse[:, :, :-1]).abs() * (
            known[:, :, 1:] & known[:, :, :-1]
        )
        down = (coarse[:, 1:] - coarse[:, :-1]).abs() * (known[:, 1:] & known[:, :-1])
        count = known.flatten(1).sum(dim=1).clamp(min=1)
        total = total + (across.sum(dim=(1, 2)) + down.sum(dim=(1, 2))) / count
    return total


def trained_part(model: ZoeDepth, stage: StageConfig) -> nn.Module:
    """Return the module to train, called with images and the name of their head."""
    return RelativePart(model) if stage.loss == 'relative' else model


def stage_losses(output: Prediction, batch: Example, stage: StageConfig) -> dict[str, Tensor]:
    """Return the total ('loss') and its parts by name, over all processes.

    Relative stages: the relative loss and the penalty on negative relative depth.  Metric stages:
    SILog, the router loss, and the other losses with a weight above 0.
    """
    if stage.loss == 'relative':
        below = (-output.relative_depth).relu()
        sign = mean_over_processes(below)
        relative = stage_relative_loss(output.relative_depth, batch, stage)
        return {'loss': relative + SIGN_WEIGHT * sign, 'relative': relative, 'sign': sign}
    known = batch.ground_truth_m, batch.mask
    silog = si_log(output.depth_m, *known)
    parts, total = {'silog': silog}, silog
    if stage.log_error_weight > 0:
        parts['log_error'] = log_error(output.depth_m, *known)
        total = total + stage.log_error_weight * parts['log_error']
    if stage.abs_rel_weight > 0:
        parts['abs_rel'] = abs_rel(output.depth_m, *known)
        total = total + stage.abs_rel_weight * parts['abs_rel']
    if output.router_logits is not None:
        head = int(batch.head.flatten()[0])
        parts['router'] = router_loss(output.router_logits, head)
        total = total + stage.router_weight * parts['router']
    if stage.relative_weight > 0:
        parts['relative'] = stage_relative_loss(output.relative_depth, batch, stage)
        total = total + stage.relative_weight * parts['relative']
    return {'loss': total, **parts}


def stage_relative_loss(
    relative_depth: Tensor,
    batch: Example,
    stage: StageConfig,
    add_up: Callable[[Tensor], Tensor] = sum_over_processes,
) -> Tensor:
    """Return `scale_and_shift_invariant` of a batch with the settings of a stage."""
    return scale_and_shift_invariant(
        relative_depth,
        batch.ground_truth_m,
        batch.mask,
        trim=stage.trim,
        gradient_weight=stage.gradient_weight,
        add_up=add_up,
    )


class RelativePart(nn.Module):
    """A network up to its relative depth, without its ReLU.

    The shift-invariant loss may drive relative depth below 0 everywhere, where the gradient of the
    ReLU is 0.
    """

    def __init__(self, model: ZoeDepth) -> None:
        super().__init__()
        self.model = model

    def forward(self, image: Tensor, head: str) -> Prediction:
        """Return a prediction whose metric maps are empty."""
        features = self.model.encode(image).relative_features
        relative_depth = self.model.relative_head.conv3(features)
        nothing = torch.empty(0, device=image.device)
        return Prediction(nothing, nothing, relative_depth, None)
