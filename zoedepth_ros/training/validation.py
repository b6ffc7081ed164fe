"""Validation of a network on held-out images."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from zoedepth_ros.evaluation.protocol import protocol_of
from zoedepth_ros.inference.preprocess import MetricPreprocessing
from zoedepth_ros.model.zoedepth import ZoeDepth
from zoedepth_ros.training.config import DomainConfig, StageConfig
from zoedepth_ros.training.distributed import Process, sum_over_processes
from zoedepth_ros.training.examples import Example, Samples, validation_example
from zoedepth_ros.training.losses import stage_relative_loss


def validate(
    model: ZoeDepth,
    sources: Sequence[Samples],
    domains: Sequence[DomainConfig],
    stage: StageConfig,
    image_size: tuple[int, int],
    process: Process,
    training_hfov_deg: float = 0.0,
) -> dict[str, float]:
    """Return mean scores by name; 'score' selects the best weights, lower is better.

    Metric stages: abs_rel, delta1 and rmse [m] of each domain with its head, and the accuracy of
    the router; 'score' is the mean abs_rel.  Relative stages: the relative loss of each domain.
    Crops and ranges are those of the data set's protocol, without flip augmentation.  With a
    training camera, depth is corrected for the camera of each image.  Raises ValueError for
    validation images without a valid pixel.
    """
    training = model.training
    preprocessing = MetricPreprocessing(image_size, model.config.antialias)
    model.eval()
    scores: dict[str, float] = {}
    try:
        for source, domain, label in zip(sources, domains, labels(domains), strict=True):
            if len(source):
                head = model.config.head_names.index(domain.domain)
                examples = (
                    validation_example(source[i], head, domain, preprocessing, training_hfov_deg)
                    for i in range(process.rank, len(source), process.world_size)
                )
                total = _total(model, examples, domain, stage, process)
                *sums, count = total.tolist()
                if count == 0:
                    raise ValueError(
                        f'validation of {domain.domain} ({domain.dataset}): no pixel of '
                        f'{len(source)} images has a depth between {domain.min_depth_m:g} and '
                        f'{domain.max_depth_m:g} m that the protocol scores: check root, '
                        'steps_per_m, min_depth_m and max_depth_m'
                    )
                for name, value in zip(_MEASURES[stage.loss], sums, strict=True):
                    scores[f'{label}_{name}'] = value / count
    finally:
        model.train(training)
    chosen = [v for k, v in scores.items() if k.endswith(('abs_rel', 'relative'))]
    return {'score': sum(chosen) / len(chosen), **scores} if chosen else {}


def labels(domains: Sequence[DomainConfig]) -> list[str]:
    """Return names of the entries of a recipe for curves: the domain, numbered if it repeats."""
    names = [domain.domain for domain in domains]
    return [
        name if names.count(name) == 1 else f'{name}{names[: index + 1].count(name)}'
        for index, name in enumerate(names)
    ]


def _total(
    model: ZoeDepth,
    examples: Iterable[Example],
    domain: DomainConfig,
    stage: StageConfig,
    process: Process,
) -> Tensor:
    """Return the sums of the measures over examples, and the number of examples."""
    total = torch.zeros(len(_MEASURES[stage.loss]) + 1, dtype=torch.float64, device=process.device)
    for example in examples:
        one = Example(*(part.to(process.device)[None] for part in example))
        values = _measure(model, one, domain, stage) if one.mask.any() else None
        if values is not None:
            values = torch.cat([values.cpu(), torch.ones(1)])
            total += values.to(total)
    return sum_over_processes(total)


_MEASURES = {'relative': ('relative',), 'metric': ('abs_rel', 'delta1', 'rmse', 'router')}


@torch.no_grad()
def _measure(
    model: ZoeDepth, one: Example, domain: DomainConfig, stage: StageConfig
) -> Tensor | None:
    """Return the measures of one image; None without a valid pixel."""
    if stage.loss == 'relative':
        relative_depth = model.encode(one.image).relative_depth
        # each process has images of its own
        return stage_relative_loss(relative_depth, one, stage, add_up=lambda value: value)[None]
    prediction = model(one.image, domain.domain)
    protocol = protocol_of(domain.dataset, domain.domain)
    ground_truth_m = torch.where(one.mask, one.ground_truth_m, math.nan) * one.focal_factor
    depth_m = prediction.depth_m * one.focal_factor
    score = protocol.score(depth_m[0, 0].cpu().numpy(), ground_truth_m[0, 0].cpu().numpy())
    if score is None:
        return None
    logits = prediction.router_logits
    right = logits is None or int(logits.argmax()) == int(one.head)
    return torch.tensor([score.abs_rel, score.delta1, score.rmse, float(right)])
