"""bf16 deviates from fp32 no more than transformers' own bf16 does, on the same weights."""

from __future__ import annotations

import pytest
import torch
from tiny_models import random_image, tiny_config, transformers_twin

from zoedepth_ros.inference.runtimes.optimize import optimize
from zoedepth_ros.model.zoedepth import ZoeDepth
from zoedepth_ros.weights.convert import from_hugging_face

pytest.importorskip('transformers')

CPU = torch.device('cpu')
SEEDS = range(3)


@torch.no_grad()
def deviations(architecture: str, seed: int) -> tuple[float, float, float]:
    """Return mean relative deviations from transformers' fp32: of our fp32, our bf16, its bf16."""
    config = tiny_config(architecture)
    theirs = transformers_twin(config, seed)
    state_dict = {
        name: tensor
        for name, tensor in theirs.state_dict().items()
        if 'relative_position_index' not in name
    }
    image = random_image(64, 96, batch=1)
    output = theirs(image)
    exact_m = output.predicted_depth
    # the router may decide otherwise in bf16, which is not the question here
    head = config.head_names[0]
    if config.router is not None:
        head = config.head_names[int(output.domain_logits.argmax())]
        vote = output.domain_logits
        theirs.metric_head.mlp_classifier.register_forward_hook(lambda *a: vote)
    ours_m = []
    for precision in ('fp32', 'bf16'):
        plain = ZoeDepth(config)
        plain.load_state_dict(from_hugging_face(state_dict, config))
        network = optimize(plain, precision, CPU, 'auto')
        ours_m.append(network.decode(network.encode(image), head).depth_m[:, 0])
    their_m = theirs.bfloat16()(image.bfloat16()).predicted_depth.float()

    def deviation(depth_m: torch.Tensor) -> float:
        return float((depth_m / exact_m - 1).abs().mean())

    return deviation(ours_m[0]), deviation(ours_m[1]), deviation(their_m)


@pytest.mark.parametrize('architecture', ['N', 'K', 'NK'])
def test_our_bf16_is_no_worse_than_that_of_transformers_and_our_fp32_is_exact(
    architecture: str,
) -> None:
    found = [deviations(architecture, seed) for seed in SEEDS]
    assert all(ours_fp32 < 1e-5 for ours_fp32, _, _ in found)
    ours, theirs = (sum(row[i] for row in found) / len(found) for i in (1, 2))
    assert 0 < ours <= theirs
