from __future__ import annotations

import pytest
import torch
from tiny_models import built_without_memory, random_image, spread, tiny_config

from zoedepth_ros.model.presets import preset
from zoedepth_ros.model.zoedepth import ZoeDepth, create_model


@pytest.fixture(scope='module')
def model() -> ZoeDepth:
    model = ZoeDepth(tiny_config('NK')).eval()
    spread(model, seed=0)
    return model


def same_weights(one: ZoeDepth, other: ZoeDepth) -> bool:
    pairs = zip(one.parameters(), other.parameters(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


@torch.no_grad()
def test_every_map_has_the_size_of_the_image(model: ZoeDepth) -> None:
    prediction = model(random_image(64, 96, batch=3), 'outdoor')
    for tensor in prediction[:3]:
        assert tensor.shape == (3, 1, 64, 96)
        assert tensor.dtype == torch.float32
    assert prediction.router_logits is not None
    assert prediction.router_logits.shape == (3, 2)


@torch.no_grad()
def test_images_of_a_batch_do_not_see_each_other(model: ZoeDepth) -> None:
    image = random_image(64, 64, batch=3)
    together = model(image, 'indoor')
    alone = model(image[1:2], 'indoor')
    for one, other in zip(together, alone, strict=True):
        torch.testing.assert_close(one[1:2], other, rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_heads_differ_and_share_relative_depth(model: ZoeDepth) -> None:
    features = model.encode(random_image(64, 64))
    indoor, outdoor = model.decode(features, 'indoor'), model.decode(features, 'outdoor')
    assert torch.equal(indoor.relative_depth, outdoor.relative_depth)
    assert (indoor.depth_m - outdoor.depth_m).abs().mean() > 0.1


@torch.no_grad()
def test_a_prepared_size_changes_nothing_and_holds_no_gradient(model: ZoeDepth) -> None:
    image = random_image(96, 64)
    prepared = model.prepare(96, 64)
    assert not any(x.requires_grad for x in prepared.tensors)
    assert torch.equal(model(image, 'indoor', prepared).depth_m, model(image, 'indoor').depth_m)


def test_forward_leaves_no_state(model: ZoeDepth) -> None:
    with torch.no_grad():
        image = random_image(64, 96)
        before = model(image, 'indoor').depth_m
        model(random_image(96, 64), 'outdoor')
        model.prepare(32, 160)
        assert torch.equal(model(image, 'indoor').depth_m, before)


@pytest.mark.parametrize('size', [(64, 100), (33, 64), (0, 64), (16, 64)])
def test_a_size_off_the_grid_is_refused(model: ZoeDepth, size: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match=f'multiples of 32, got {size[0]} x {size[1]}'):
        model(torch.zeros(1, 3, *size), 'indoor')
    with pytest.raises(ValueError, match='multiples of 32'):
        model.prepare(*size)


def test_an_unknown_head_is_refused(model: ZoeDepth) -> None:
    with pytest.raises(ValueError, match="no head 'nyu', only indoor, outdoor"):
        model(random_image(64, 64), 'nyu')


def test_one_head_has_no_router() -> None:
    model = ZoeDepth(tiny_config('N'))
    with pytest.raises(ValueError, match='no router'):
        model.route(model.encode(random_image(64, 64)))


@torch.no_grad()
@pytest.mark.parametrize('way', ['autocast', 'stored'])
def test_half_precision_ends_before_the_heads(way: str) -> None:
    """Only features are rounded: the same bf16 features give the very same float32 depth."""
    config = tiny_config('N')
    exact, half = ZoeDepth(config).eval(), ZoeDepth(config).eval()
    for model in (exact, half):
        spread(model, seed=0)
    if way == 'stored':
        half.half_precision(torch.bfloat16)
    image = random_image(64, 96)
    with torch.autocast('cpu', torch.bfloat16, enabled=way == 'autocast'):
        features = half.encode(image)
        prediction = half.decode(features, 'indoor')
    assert all(x.dtype == torch.float32 for x in prediction[:3])
    assert torch.equal(prediction.depth_m, exact.decode(features, 'indoor').depth_m)
    relative_features, relative = exact.relative_head(features.levels[-1])
    assert torch.equal(prediction.relative_depth, relative)
    assert torch.equal(features.relative_features, relative_features)
    error = (prediction.relative_depth - exact(image, 'indoor').relative_depth).abs()
    assert 0.0 < error.mean() < 0.05


@pytest.mark.parametrize('architecture', ['N', 'K', 'NK'])
def test_gradients_are_finite_and_reach_every_parameter(architecture: str) -> None:
    model = ZoeDepth(tiny_config(architecture))
    spread(model, seed=4)
    features = model.encode(random_image(64, 64))
    loss = features.relative_depth.square().mean()
    for head in model.config.head_names:
        prediction = model.decode(features, head)
        loss = loss + prediction.depth_m.square().mean() + prediction.uncertainty_m.mean()
    if model.router is not None:
        loss = loss + model.route(features)[:, 0].sum()
    loss.backward()
    dead = [k for k, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert dead == []
    assert all(torch.isfinite(p.grad).all() for p in model.parameters())


def test_a_seed_decides_the_weights_and_nothing_else() -> None:
    config = preset('ZoeD_tiny_NK')
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    first, second, other = (create_model(config, seed) for seed in (1, 1, 2))
    assert torch.equal(torch.rand(3), expected)
    assert same_weights(first, second)
    assert not same_weights(first, other)


@pytest.mark.parametrize(
    ('name', 'tensors', 'millions'),
    # The released counts without what has no effect: 24 index tables, 4 + 4 tensors of a
    # classifier and of an unused fusion unit, 2 constants per head; 2.207 M parameters.
    [
        ('ZoeD_M12_N', 535 - 24 - 8 - 2, 344.82 - 2.207),
        ('ZoeD_M12_K', 535 - 24 - 8 - 2, 344.82 - 2.207),
        ('ZoeD_M12_NK', 615 - 24 - 8 - 4, 346.10 - 2.207),
    ],
)
def test_full_size_networks_are_as_large_as_the_released_ones(
    name: str, tensors: int, millions: float
) -> None:
    model = built_without_memory(preset(name))
    assert len(model.state_dict()) == tensors
    assert sum(p.numel() for p in model.parameters()) / 1e6 == pytest.approx(millions, abs=0.01)
