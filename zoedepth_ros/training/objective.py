"""The part of the network that a stage trains, and its losses."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from zoedepth_ros.model.zoedepth import Prediction, ZoeDepth
from zoedepth_ros.training.config import StageConfig
from zoedepth_ros.training.examples import Example
from zoedepth_ros.training.losses import (
    abs_rel,
    log_error,
    mean_over_processes,
    router_loss,
    scale_and_shift_invariant,
    si_log,
)

SIGN_WEIGHT = 1.0
"""Weight of the penalty on negative relative depth; a constant map has a loss of about 1."""


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
        relative = _relative(output.relative_depth, batch, stage)
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
        parts['relative'] = _relative(output.relative_depth, batch, stage)
        total = total + stage.relative_weight * parts['relative']
    return {'loss': total, **parts}


def _relative(relative_depth: Tensor, batch: Example, stage: StageConfig) -> Tensor:
    return scale_and_shift_invariant(
        relative_depth,
        batch.ground_truth_m,
        batch.mask,
        trim=stage.trim,
        gradient_weight=stage.gradient_weight,
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
