import copy

import pytest
import torch
from torch import nn

from zoedepth_ros.model.presets import preset
from zoedepth_ros.model.zoedepth import create_model
from zoedepth_ros.training.config import DivisorsConfig, StageConfig
from zoedepth_ros.training.optimizers import Muon, Optimizers, orthogonalised


def test_singular_values_come_to_about_one_whatever_they_were():
    generator = torch.Generator().manual_seed(0)
    for shape in ((3, 24, 40), (2, 40, 24)):
        scale = 10.0 ** torch.arange(-3.0, shape[0] - 3.0).view(-1, 1, 1)
        values = torch.linalg.svdvals(
            orthogonalised(scale * torch.randn(shape, generator=generator))
        )
        assert values.min() > 0.5
        assert values.max() < 1.4


@pytest.mark.skipif(not hasattr(torch.optim, 'Muon'), reason='torch has no Muon to compare with')
def test_steps_equal_those_of_torch():
    torch.manual_seed(0)
    ours = nn.Linear(24, 40, bias=False)
    theirs = copy.deepcopy(ours)
    start = ours.weight.detach().clone()
    one = Muon([{'params': [ours.weight], 'lr': 0.01}], momentum=0.9, weight_decay=0.1)
    other = torch.optim.Muon(
        [theirs.weight], lr=0.01, momentum=0.9, weight_decay=0.1, adjust_lr_fn='match_rms_adamw'
    )
    for _ in range(4):
        x = torch.randn(8, 24)
        for layer, optimizer in ((ours, one), (theirs, other)):
            layer.zero_grad()
            layer(x).square().sum().backward()
            optimizer.step()
    moved = (theirs.weight - start).norm()
    assert (ours.weight - theirs.weight).norm() < 0.15 * moved, 'rounding to bfloat16 apart'


def test_a_convolution_moves_by_the_length_of_adamw():
    torch.manual_seed(0)
    layer = nn.Conv2d(32, 64, 3, bias=False)
    before = layer.weight.detach().clone()
    layer(torch.randn(2, 32, 8, 8)).square().mean().backward()
    Muon([{'params': [layer.weight], 'lr': 0.01}]).step()
    step = (layer.weight - before).square().mean().sqrt().item()
    assert step == pytest.approx(0.01 * 0.2, rel=0.15)


def optimizers(matrix_rate):
    model = create_model(preset('ZoeD_tiny_NK'), 0)
    stage = StageConfig(
        name='one',
        loss='metric',
        batch_size=2,
        learning_rate=1e-3,
        matrix_rate=matrix_rate,
        steps=10,
        divisors=DivisorsConfig(1, 1, 1, 1),
    )
    return model, Optimizers(model, stage, 10)


def ids(optimizer):
    return [id(p) for group in optimizer.param_groups for p in group['params']]


def test_every_weight_is_moved_by_exactly_one_optimizer():
    model, both = optimizers(3e-3)
    muon, adamw = both.optimizers
    assert sorted(ids(muon) + ids(adamw)) == sorted(map(id, model.parameters()))
    assert id(model.backbone.blocks[0].attn.qkv.weight) in ids(muon)
    assert id(model.decoder.fusions[0].refine.conv1.weight) in ids(muon)
    for weight in (
        model.backbone.patch_embed.weight,
        model.backbone.position_tables[0],
        model.backbone.blocks[0].attn.proj.bias,
        model.relative_head.conv3.weight,
        model.heads['indoor'].distribution.output.weight,
    ):
        assert id(weight) in ids(adamw)


def test_without_a_rate_for_matrices_adamw_moves_everything():
    model, one = optimizers(0.0)
    (adamw,) = one.optimizers
    assert sorted(ids(adamw)) == sorted(map(id, model.parameters()))


def test_both_rates_follow_one_schedule():
    _, both = optimizers(3e-3)
    for _ in range(8):
        both.step()
    muon, adamw = (optimizer.param_groups[0]['lr'] for optimizer in both.optimizers)
    assert 0 < adamw < 1e-3
    assert muon == pytest.approx(3 * adamw)
