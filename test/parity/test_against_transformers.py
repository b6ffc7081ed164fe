"""The same numbers as an independent implementation: Hugging Face transformers.

Layer-norm epsilon and K's depth range are set there to those of the official code.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tiny_models import NATIVE_SIZE, random_image, tiny_config, transformers_twin

from zoedepth_ros.model.zoedepth import ZoeDepth
from zoedepth_ros.weights.convert import from_hugging_face

pytest.importorskip('transformers')

SIZES = [NATIVE_SIZE, (64, 96), (96, 64), (32, 160)]


def pair(architecture: str, seed: int) -> tuple[ZoeDepth, Any]:
    """Return our network and theirs, with the same weights."""
    config = tiny_config(architecture)
    theirs = transformers_twin(config, seed)
    state_dict = {
        name: tensor
        for name, tensor in theirs.state_dict().items()
        if 'relative_position_index' not in name  # a constant, absent from published files
    }
    ours = ZoeDepth(config).eval()
    ours.load_state_dict(from_hugging_face(state_dict, config))
    return ours, theirs


@torch.no_grad()
def their_prediction(theirs: Any, image: torch.Tensor, head: str) -> dict[str, torch.Tensor]:
    """Return all that our Prediction has; transformers keep the relative depth for themselves."""
    relative, logits = [], []
    parts = [theirs.relative_head.register_forward_hook(lambda *a: relative.append(a[2][0]))]
    if theirs.config.num_patch_transformer_layers:
        classifier = theirs.metric_head.mlp_classifier
        parts.append(classifier.register_forward_hook(lambda *a: logits.append(a[2])))
        vote = torch.tensor([[9.0, -9.0] if head == 'indoor' else [-9.0, 9.0]])
        parts.append(classifier.register_forward_hook(lambda *a: vote))
    depth = theirs(image).predicted_depth
    for part in parts:
        part.remove()
    prediction = {'depth_m': depth[:, None], 'relative_depth': relative[0][:, None]}
    return prediction | ({'router_logits': logits[0]} if logits else {})


def assert_same(ours: torch.Tensor, theirs: torch.Tensor, what: str) -> None:
    error = (ours - theirs).abs() / theirs.abs().clamp_min(5e-2)
    assert ours.shape == theirs.shape
    assert error.mean() < 1e-5, f'{what}: mean relative error {error.mean():.1e}'
    assert error.max() < 1e-3, f'{what}: worst relative error {error.max():.1e}'


@pytest.mark.parametrize('size', SIZES, ids=lambda size: f'{size[0]}x{size[1]}')
@pytest.mark.parametrize(
    ('architecture', 'head'),
    [('N', 'indoor'), ('K', 'outdoor'), ('NK', 'indoor'), ('NK', 'outdoor')],
)
def test_depth_relative_depth_and_router_are_those_of_transformers(
    architecture: str, head: str, size: tuple[int, int]
) -> None:
    ours, theirs = pair(architecture, seed=4)
    image = random_image(*size)
    with torch.no_grad():
        prediction = ours(image, head)
    expected = their_prediction(theirs, image, head)
    assert expected['relative_depth'].std() > 1e-2  # the comparison would be empty otherwise
    assert expected['depth_m'].std() > 1e-2 * expected['depth_m'].mean()
    for name, tensor in expected.items():
        assert_same(getattr(prediction, name), tensor, name)
    assert (prediction.router_logits is None) == ('router_logits' not in expected)
