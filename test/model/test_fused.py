"""The execution modes against the reference network, of which they must be the same function."""

from __future__ import annotations

import copy

import pytest
import torch
from tiny_models import DECODER, SWIN, random_image, spread, tiny_config

from zoedepth_ros.inference.runtimes.measured_mode import cpu_modes
from zoedepth_ros.model.config import HeadConfig, ModelConfig
from zoedepth_ros.model.fused import beit
from zoedepth_ros.model.fused.attention import (
    ExplicitAttention,
    GroupedAttention,
    HeadwiseAttention,
    SdpaAttention,
)
from zoedepth_ros.model.fused.layers import Linear, PackedLinear
from zoedepth_ros.model.fused.network import FusedZoeDepth, cpu_network, fused_network
from zoedepth_ros.model.zoedepth import Prediction, ZoeDepth

FP32, BF16 = torch.float32, torch.bfloat16
HEADS = [('N', 'indoor'), ('K', 'outdoor'), ('NK', 'indoor'), ('NK', 'outdoor')]


def on_cpu(name: str):
    def convert(reference: ZoeDepth, dtype: torch.dtype) -> FusedZoeDepth:
        modes = {mode.name: mode for mode in cpu_modes(dtype)}
        if name not in modes:
            pytest.skip(f'no mode "{name}" in {dtype}: {PackedLinear.missing(dtype)}')
        mode = modes[name]
        return cpu_network(reference, dtype, mode.linear, mode.attention)

    return convert


MODES = {mode.name: on_cpu(mode.name) for mode in cpu_modes(FP32)} | {'fused': fused_network}


def need_packed(dtype: torch.dtype) -> None:
    """Skip where oneDNN packs no weights of this type, and say why it does not."""
    if reason := PackedLinear.missing(dtype):
        pytest.skip(f'packed weights in {dtype}: {reason}')


def reference_network(architecture: str, seed: int = 4) -> ZoeDepth:
    network = ZoeDepth(tiny_config(architecture)).eval().requires_grad_(False)
    spread(network, seed)
    return network


def optimized(mode: str, reference: ZoeDepth, dtype: torch.dtype = FP32) -> FusedZoeDepth:
    return MODES[mode](copy.deepcopy(reference), dtype)


def predict(fused: FusedZoeDepth, image, head: str, prepared=None) -> Prediction:
    return fused.decode(fused.encode(image, prepared), head)


def assert_same(ours: torch.Tensor, reference: torch.Tensor) -> None:
    error = (ours - reference).abs() / reference.abs().clamp_min(5e-2)
    assert ours.shape == reference.shape
    assert ours.dtype == FP32
    assert error.mean() < 1e-5
    assert error.max() < 1e-3


@pytest.mark.parametrize('size', [(64, 64), (64, 96), (32, 160)], ids=str)
@pytest.mark.parametrize('mode', MODES)
@pytest.mark.parametrize(('architecture', 'head'), HEADS)
def test_every_form_predicts_what_the_plain_network_does(architecture, head, mode, size):
    reference = reference_network(architecture)
    image = random_image(*size)
    expected = reference(image, head)
    assert expected.depth_m.std() > 5e-3 * expected.depth_m.mean()  # something to get wrong
    fused = optimized(mode, reference)
    for prepared in (None, fused.prepare(*size)):
        features = fused.encode(image, prepared)
        for ours, theirs in zip(fused.decode(features, head)[:3], expected[:3], strict=True):
            assert_same(ours, theirs)
        if architecture == 'NK':
            torch.testing.assert_close(fused.route(features), expected.router_logits)


@pytest.mark.parametrize('mode', MODES)
def test_a_swin_backbone_stays_as_it_is_and_the_rest_is_fast(mode):
    heads = (HeadConfig('indoor'),)
    config = ModelConfig('tiny', (64, 64), SWIN, heads, DECODER, tiny_config('N').bins)
    reference = ZoeDepth(config).eval().requires_grad_(False)
    spread(reference, 1)
    image = random_image(64, 64)
    expected = reference(image, 'indoor')
    assert_same(predict(optimized(mode, reference), image, 'indoor').depth_m, expected.depth_m)


@pytest.mark.parametrize('mode', MODES)
def test_half_precision_deviates_a_little_and_ends_before_the_heads(mode):
    reference = reference_network('NK')
    image = random_image(64, 96)
    fused = optimized(mode, reference, BF16)
    features = fused.encode(image)
    assert features.relative_depth.dtype == features.seed.dtype == FP32
    exact = reference(image, 'indoor').depth_m
    error = (fused.decode(features, 'indoor').depth_m / exact - 1).abs().mean()
    assert 0 < error < 0.02


@pytest.mark.parametrize('mode', MODES)
def test_the_position_bias_of_a_size_is_computed_once(mode, monkeypatch):
    calls = []
    spreading = beit.position_bias
    monkeypatch.setattr(beit, 'position_bias', lambda *a: calls.append(a[2]) or spreading(*a))
    fused = optimized(mode, reference_network('NK'))
    depth = fused.config.backbone.blocks
    prepared = fused.prepare(64, 96)
    assert calls == [(4, 6)] * depth
    for head in ('indoor', 'outdoor', 'indoor'):
        predict(fused, random_image(64, 96), head, prepared)
    assert len(calls) == depth
    with pytest.raises(ValueError, match=r'prepared for images of \(64, 96\), got an image of'):
        fused.encode(random_image(64, 64), prepared)


@pytest.mark.parametrize('mode', MODES)
def test_sizes_and_heads_leave_no_trace(mode):
    fused = optimized(mode, reference_network('NK'))
    image = random_image(64, 96)
    first = predict(fused, image, 'indoor')
    predict(fused, random_image(32, 160), 'outdoor')
    predict(fused, random_image(96, 64), 'indoor')
    for again, before in zip(predict(fused, image, 'indoor')[:3], first[:3], strict=True):
        torch.testing.assert_close(again, before, rtol=0, atol=0)


def test_a_size_that_the_plain_network_refuses_is_refused():
    with pytest.raises(ValueError, match='multiples of 32'):
        optimized('fused', reference_network('N')).encode(random_image(64, 72))


def test_the_blocks_move_into_the_fast_network_so_that_memory_is_spent_once():
    reference = reference_network('N')
    depth = reference.config.backbone.blocks
    fused = fused_network(reference, FP32)
    assert len(reference.backbone.blocks) == 0
    assert len(fused.backbone.blocks) == depth


@pytest.mark.parametrize(
    ('kind', 'dtype'), [(Linear, FP32), (PackedLinear, FP32), (PackedLinear, torch.bfloat16)]
)
@pytest.mark.parametrize('activation', ['none', 'relu', 'gelu'])
def test_layers_are_a_map_and_an_activation_by_definition(kind, dtype, activation):
    if kind is PackedLinear:
        need_packed(dtype)
    torch.manual_seed(0)
    after = {'none': lambda x: x, 'relu': lambda x: x.clamp_min(0),
             'gelu': lambda x: x * 0.5 * (1 + torch.erf(x / 2**0.5))}[activation]  # fmt: skip
    x, weight, bias = (torch.randn(n).to(dtype) for n in ((2, 5, 6), (7, 6), (7,)))
    linear = kind(weight, bias, activation)
    expected = torch.einsum('bni,oi->bno', x.float(), weight.float()) + bias.float()
    near = {'atol': 1e-5, 'rtol': 1e-5} if dtype == FP32 else {'atol': 1e-2, 'rtol': 1e-2}
    torch.testing.assert_close(linear(x).float(), after(expected), **near)
    if activation == 'none':
        base = torch.randn(2, 5, 7).to(dtype)
        summed = linear.add_to(base, x).float()
        torch.testing.assert_close(summed, base.float() + expected, **near)


@pytest.mark.parametrize('length', [25, 260, 800])  # few, many, so many that heads take turns
@pytest.mark.parametrize(
    'attention',
    [SdpaAttention(), ExplicitAttention(), GroupedAttention(), HeadwiseAttention()],
)
def test_all_attentions_are_softmax_of_products_and_bias(attention, length):
    if isinstance(attention, HeadwiseAttention):
        need_packed(FP32)
    torch.manual_seed(0)
    qkv = torch.randn(2, length, 3, 4, 8).permute(2, 0, 3, 1, 4)  # as a linear layer lays it out
    query, key, value = qkv  # (B, heads, N, dim) each
    bias = torch.randn(4, length, length)
    logits = torch.einsum('bhqd,bhkd->bhqk', query, key) + bias
    weights = logits.exp() / logits.exp().sum(-1, keepdim=True)
    expected = torch.einsum('bhqk,bhkd->bqhd', weights, value)
    prepared = attention.prepared(bias)
    assert prepared.shape == bias.shape
    torch.testing.assert_close(attention(qkv, prepared), expected)


def test_rows_of_the_bias_start_where_a_gpu_reads_fast():
    assert SdpaAttention().prepared(torch.randn(4, 25, 25)).stride() == (25 * 32, 32, 1)
