"""From image to depth as transformers does it: processor, network and way back, all theirs."""

import numpy as np
import pytest
import torch
from tiny_models import tiny_config, transformers_twin

from zoedepth_ros.inference.predictor import TorchPredictor
from zoedepth_ros.inference.preprocess import make_preprocessing
from zoedepth_ros.inference.runtimes.optimize import optimize
from zoedepth_ros.model.zoedepth import ZoeDepth
from zoedepth_ros.weights.convert import from_hugging_face

transformers = pytest.importorskip('transformers')

SIZES = [(120, 160), (101, 67), (48, 200)]


def image(height: int, width: int) -> np.ndarray:
    """Return smooth noise."""
    coarse = np.random.default_rng(3).uniform(0, 255, (3, 1, 6, 8))
    fine = torch.nn.functional.interpolate(
        torch.from_numpy(coarse).float().transpose(0, 1), (height, width), mode='bicubic'
    )
    return fine[0].clamp(0, 255).byte().permute(1, 2, 0).contiguous().numpy()


@pytest.mark.parametrize('optimization', ['off', 'auto'])
@pytest.mark.parametrize('size', SIZES)
@pytest.mark.parametrize('architecture', ['N', 'K', 'NK'])
def test_the_whole_way_gives_the_depth_of_transformers(architecture, size, optimization):
    config = tiny_config(architecture)
    theirs = transformers_twin(config)
    processor = transformers.ZoeDepthImageProcessor(
        size={'height': config.image_size[0], 'width': config.image_size[1]},
        ensure_multiple_of=32,
        keep_aspect_ratio=True,
    )
    rgb = image(*size)
    with torch.no_grad():
        output = theirs(**processor(rgb, return_tensors='pt'))
    processed = processor.post_process_depth_estimation(output, source_sizes=[size])
    expected_m = processed[0]['predicted_depth'].numpy()
    network = ZoeDepth(config)
    network.load_state_dict(from_hugging_face(theirs.state_dict(), config))
    cpu = torch.device('cpu')
    predictor = TorchPredictor(
        optimize(network, 'fp32', cpu, optimization),
        make_preprocessing('official', config.image_size, config.size_multiple),
        device=cpu,
        precision='fp32',
    )
    result = predictor(rgb)
    if architecture == 'NK':
        shares = output.domain_logits[0].softmax(0).tolist()
        assert result.router_probabilities == pytest.approx(
            {'indoor': shares[0], 'outdoor': shares[1]}, abs=1e-4
        )
    positive = expected_m > 1e-3  # theirs is not clamped
    assert positive.mean() > 0.9
    assert expected_m.std() > 0.01 * expected_m.mean()  # there is something to get wrong
    np.testing.assert_allclose(result.depth_m[positive], expected_m[positive], rtol=5e-4)
