"""The forms for inference against the plain network, of which they must be the same function."""

from __future__ import annotations

import copy

import pytest
import torch
from tiny_models import DECODER, SWIN, random_image, spread, tiny_config

from zoedepth_ros.model.config import HeadConfig, ModelConfig
from zoedepth_ros.model.fused import beit
from zoedepth_ros.model.fused.attention import (
    ExplicitAttention,
    FusedAttention,
    GroupedAttention,
    HeadwiseAttention,
)
from zoedepth_ros.model.fused.layers import PackedLayers, PlainLayers
from zoedepth_ros.model.fused.network import FastZoeDepth, folded_network, packed_network
from zoedepth_ros.model.zoedepth import ZoeDepth

FP32, BF16 = torch.float32, torch.bfloat16
FORMS = {'packed': packed_network, 'folded': folded_network}
HEADS = [('N', 'indoor'), ('K', 'outdoor'), ('NK', 'indoor'), ('NK', 'outdoor')]

if PackedLayers.missing(FP32):
    FORMS.pop('packed')


def need_packed(dtype: torch.dtype) -> None:
    """Skip where oneDNN packs no weights of this type, and say why it does not."""
    if reason := PackedLayers.missing(dtype):
        pytest.skip(f'packed weights in {dtype}: {reason}')


def plain_network(architecture: str, seed: int = 4) -> ZoeDepth:
    network = ZoeDepth(tiny_config(architecture)).eval().requires_grad_(False)
    spread(network, seed)
    return network


def fast_network(form: str, plain: ZoeDepth, dtype: torch.dtype = FP32) -> FastZoeDepth:
    return FORMS[form](copy.deepcopy(plain), dtype)


def assert_same(ours: torch.Tensor, plain: torch.Tensor) -> None:
    error = (ours - plain).abs() / plain.abs().clamp_min(5e-2)
    assert ours.shape == plain.shape
    assert ours.dtype == FP32
    assert error.mean() < 1e-5
    assert error.max() < 1e-3


@pytest.mark.parametrize('size', [(64, 64), (64, 96), (32, 160)], ids=str)
@pytest.mark.parametrize('form', FORMS)
@pytest.mark.parametrize(('architecture', 'head'), HEADS)
def test_every_form_predicts_what_the_plain_network_does(architecture, head, form, size):
    plain = plain_network(architecture)
    image = random_image(*size)
    expected = plain(image, head)
    assert expected.depth_m.std() > 5e-3 * expected.depth_m.mean()  # something to get wrong
    fast = fast_network(form, plain)
    for prediction in (fast(image, head), fast(image, head, fast.prepare(*size))):
        for ours, theirs in zip(prediction[:3], expected[:3], strict=True):
            assert_same(ours, theirs)
        if architecture == 'NK':
            torch.testing.assert_close(prediction.router_logits, expected.router_logits)
        else:
            assert prediction.router_logits is None


@pytest.mark.parametrize('form', FORMS)
def test_a_swin_backbone_stays_as_it_is_and_the_rest_is_fast(form):
    heads = (HeadConfig('indoor'),)
    config = ModelConfig('tiny', (64, 64), SWIN, heads, DECODER, tiny_config('N').bins)
    plain = ZoeDepth(config).eval().requires_grad_(False)
    spread(plain, 1)
    image = random_image(64, 64)
    expected = plain(image, 'indoor')
    assert_same(fast_network(form, plain)(image, 'indoor').depth_m, expected.depth_m)


@pytest.mark.parametrize('form', FORMS)
def test_half_precision_deviates_a_little_and_ends_before_the_heads(form):
    if form == 'packed':
        need_packed(BF16)
    plain = plain_network('NK')
    image = random_image(64, 96)
    fast = fast_network(form, plain, BF16)
    features = fast.encode(image)
    assert features.relative_depth.dtype == features.seed.dtype == FP32
    exact = plain(image, 'indoor').depth_m
    error = (fast.decode(features, 'indoor').depth_m / exact - 1).abs().mean()
    assert 0 < error < 0.02


@pytest.mark.parametrize('form', FORMS)
def test_the_position_bias_of_a_size_is_computed_once(form, monkeypatch):
    calls = []
    spreading = beit.position_bias
    monkeypatch.setattr(beit, 'position_bias', lambda *a: calls.append(a[2]) or spreading(*a))
    fast = fast_network(form, plain_network('NK'))
    depth = fast.config.backbone.blocks
    prepared = fast.prepare(64, 96)
    assert calls == [(4, 6)] * depth
    for head in ('indoor', 'outdoor', 'indoor'):
        fast(random_image(64, 96), head, prepared)
    assert len(calls) == depth
    with pytest.raises(ValueError, match=r'prepared for pictures of \(64, 96\), got one of'):
        fast(random_image(64, 64), 'indoor', prepared)


@pytest.mark.parametrize('form', FORMS)
def test_sizes_and_heads_leave_no_trace(form):
    fast = fast_network(form, plain_network('NK'))
    image = random_image(64, 96)
    first = fast(image, 'indoor')
    fast(random_image(32, 160), 'outdoor')
    fast(random_image(96, 64), 'indoor')
    for again, before in zip(fast(image, 'indoor'), first, strict=True):
        torch.testing.assert_close(again, before, rtol=0, atol=0)


def test_what_the_plain_network_refuses_is_refused():
    fast = fast_network('folded', plain_network('N'))
    with pytest.raises(ValueError, match='multiple of 32'):
        fast(random_image(64, 72), 'indoor')
    with pytest.raises(ValueError, match=r"no head 'outdoor', but indoor"):
        fast(random_image(64, 64), 'outdoor')
    with pytest.raises(ValueError, match='no router'):
        fast.route(fast.encode(random_image(64, 64)))


def test_the_blocks_move_into_the_fast_network_so_that_memory_is_spent_once():
    plain = plain_network('N')
    depth = plain.config.backbone.blocks
    fast = folded_network(plain, FP32)
    assert len(plain.backbone.blocks) == 0
    assert len(fast.backbone.blocks) == depth


@pytest.mark.parametrize('kind', [PlainLayers, PackedLayers])
@pytest.mark.parametrize('activation', ['none', 'relu', 'gelu'])
def test_layers_are_a_map_and_an_activation_by_definition(kind, activation):
    if kind is PackedLayers:
        need_packed(FP32)
    torch.manual_seed(0)
    after = {'none': lambda x: x, 'relu': lambda x: x.clamp_min(0),
             'gelu': lambda x: x * 0.5 * (1 + torch.erf(x / 2**0.5))}[activation]  # fmt: skip
    x, weight, bias = torch.randn(2, 5, 6), torch.randn(7, 6), torch.randn(7)
    linear = kind().linear(weight, bias, activation)
    expected = torch.einsum('bni,oi->bno', x, weight) + bias
    torch.testing.assert_close(linear(x), after(expected), atol=1e-5, rtol=1e-5)
    conv = torch.nn.Conv2d(6, 7, 3, stride=2, padding=1).requires_grad_(False)
    maps = torch.randn(2, 6, 9, 8).contiguous(memory_format=torch.channels_last)
    ours = kind().convolution(conv, activation)
    torch.testing.assert_close(ours(maps), after(conv(maps)), atol=1e-5, rtol=1e-5)
    if activation == 'none':
        base = torch.randn(2, 5, 7)
        torch.testing.assert_close(linear.add_to(base, x), base + expected, atol=1e-5, rtol=1e-5)
        base = torch.randn(2, 7, 5, 4).contiguous(memory_format=torch.channels_last)
        torch.testing.assert_close(
            ours.add_to(base, maps), base + conv(maps), atol=1e-5, rtol=1e-5
        )


@pytest.mark.parametrize('length', [25, 260, 800])  # few, many, so many that heads take turns
@pytest.mark.parametrize(
    'attention',
    [FusedAttention(), ExplicitAttention(), GroupedAttention(), HeadwiseAttention()],
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
    assert FusedAttention().prepared(torch.randn(4, 25, 25)).stride() == (25 * 32, 32, 1)
