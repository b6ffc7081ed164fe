"""What a stage trains, and how a new network starts."""

import pytest
import torch

from zoedepth_ros.model.presets import preset
from zoedepth_ros.model.zoedepth import Prediction, create_model
from zoedepth_ros.training.config import StageConfig
from zoedepth_ros.training.examples import Example
from zoedepth_ros.training.initial_weights import spread_bins
from zoedepth_ros.training.losses import (
    scale_and_shift_invariant,
    si_log,
    stage_losses,
    trained_part,
)


def stage(loss, **changes):
    return StageConfig(name='one', loss=loss, batch_size=2, learning_rate=1e-3, steps=1, **changes)


def batch(domain=1):
    ground_truth = torch.rand(2, 1, 64, 96, generator=torch.Generator().manual_seed(1)) + 1.0
    image = torch.zeros(2, 3, 64, 96)
    return Example(image, ground_truth, ground_truth > 0, torch.full((2,), domain), torch.ones(2))


def prediction(logits=None):
    generator = torch.Generator().manual_seed(2)
    depth, relative = torch.rand(2, 2, 1, 64, 96, generator=generator) + 0.5
    return Prediction(depth, depth, relative, logits)


def test_a_metric_stage_adds_its_losses_with_their_weights():
    output, ground_truth = prediction(torch.zeros(2, 2)), batch()
    losses = stage_losses(
        output, ground_truth, stage('metric', router_weight=100.0, relative_weight=0.5)
    )
    silog = si_log(output.depth_m, ground_truth.ground_truth_m, ground_truth.mask).item()
    relative = scale_and_shift_invariant(
        output.relative_depth,
        ground_truth.ground_truth_m,
        ground_truth.mask,
        trim=0.2,
        gradient_weight=0.5,
    ).item()
    assert losses['router'].item() == pytest.approx(0.693147, 1e-5)
    assert losses['loss'].item() == pytest.approx(silog + 69.3147 + 0.5 * relative, 1e-5)


def test_a_network_without_router_has_silog_alone():
    losses = stage_losses(prediction(), batch(), stage('metric'))
    assert losses['loss'].item() == losses['silog'].item()


def test_the_router_learns_the_domain_of_its_batch():
    sure_of_outdoor = torch.tensor([[-9.0, 9.0], [-9.0, 9.0]])
    right = stage_losses(prediction(sure_of_outdoor), batch(domain=1), stage('metric'))
    wrong = stage_losses(prediction(sure_of_outdoor), batch(domain=0), stage('metric'))
    assert right['router'].item() < 1e-6
    assert wrong['router'].item() == pytest.approx(18.0, 1e-5)


def test_a_relative_map_below_zero_still_has_a_way_back():
    model = create_model(preset('ZoeD_tiny_NK'), 0)
    with torch.no_grad():
        model.relative_head.conv3.bias.fill_(-5.0)
    task = stage('relative')
    ground_truth = batch()
    noise = torch.rand(2, 3, 64, 96, generator=torch.Generator().manual_seed(3))
    losses = stage_losses(trained_part(model, task)(noise, 'indoor'), ground_truth, task)
    losses['loss'].backward()
    assert losses['sign'].item() > 1.0
    assert model.relative_head.conv3.bias.grad.item() < -0.1, 'a step raises the bias'
    assert model.backbone.patch_embed.weight.grad.abs().sum() > 0


def test_a_relative_stage_leaves_the_metric_part_alone():
    model = create_model(preset('ZoeD_tiny_NK'), 0)
    task = stage('relative')
    output = trained_part(model, task)(torch.rand(2, 3, 64, 96), 'indoor')
    stage_losses(output, batch(), task)['loss'].backward()
    assert all(p.grad is None for p in model.heads.parameters())


def test_spread_candidates_cover_the_range_evenly_in_ratio():
    model = create_model(preset('ZoeD_tiny_NK'), 0)
    spread_bins(model, {'outdoor': (1.0, 81.0)})
    centers_m = torch.nn.functional.softplus(model.heads['outdoor'].seeds[-1].bias)
    assert centers_m[0].item() == pytest.approx(1.0, 1e-4)
    assert centers_m[-1].item() == pytest.approx(81.0, 1e-4)
    ratios = centers_m[1:] / centers_m[:-1]
    assert ratios.detach().numpy() == pytest.approx([81.0 ** (1 / 15)] * 15, 1e-3)
    indoor_m = torch.nn.functional.softplus(model.heads['indoor'].seeds[-1].bias)
    assert indoor_m.max() < 2.0, 'the other head is as torch starts it'
