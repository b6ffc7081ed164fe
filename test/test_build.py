"""From names to a predictor: the correct parts; wrong choices are rejected before any work."""

import numpy as np
import pytest
import torch

from zoedepth_ros import build
from zoedepth_ros.build import build_predictor
from zoedepth_ros.model.presets import preset
from zoedepth_ros.model.zoedepth import create_model
from zoedepth_ros.weights.errors import WeightsError
from zoedepth_ros.weights.load import save_weights

RGB = np.random.default_rng(0).integers(0, 256, (80, 120, 3), dtype=np.uint8)


@pytest.fixture
def no_network(monkeypatch):
    monkeypatch.setattr(build, 'create_model', lambda *a, **k: pytest.fail('a network was built'))
    monkeypatch.setattr(build, 'fetch', lambda *a, **k: pytest.fail('weights were fetched'))


def test_random_weights_are_always_the_same_and_have_a_warning():
    first, second = (build_predictor('ZoeD_tiny_NK', 'random') for _ in range(2))
    assert first.weights_origin == 'random'
    assert first.weights_warning == 'random weights: not depth'
    assert (first.model_name, first.heads) == ('ZoeD_tiny_NK', ('indoor', 'outdoor'))
    np.testing.assert_array_equal(first(RGB).depth_m, second(RGB).depth_m)


def test_building_with_random_weights_does_not_change_the_random_state():
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    build_predictor('ZoeD_tiny_N', 'random')
    assert torch.rand(1) == expected


@pytest.mark.parametrize('facts', [{}, {'trained_on': 'rendered scenes'}])
def test_a_file_has_weights_origin_and_warning(tmp_path, facts):
    network = create_model(preset('ZoeD_tiny_N'), seed=7)
    path = tmp_path / 'weights.safetensors'
    save_weights(network, path, facts)
    predictor = build_predictor('ZoeD_tiny_N', path, precision='fp32')
    assert str(path) in predictor.weights_origin
    assert 'sha256' in predictor.weights_origin
    assert predictor.weights_warning == facts.get('trained_on', '')
    with torch.no_grad():
        image = torch.zeros(1, 3, 64, 96)
        expected_m = network.eval()(image, 'indoor').depth_m[0, 0].numpy()
    grey = np.full((64, 96, 3), 127.5)
    near_m = predictor.predict_network_resolution((grey / 255).astype(np.float32)).depth_m
    np.testing.assert_allclose(near_m, expected_m, rtol=1e-5)


@pytest.mark.parametrize(
    ('facts', 'hfov_rad'),
    [({}, 0.0), ({'training_hfov_deg': '0'}, 0.0), ({'training_hfov_deg': '60'}, np.pi / 3)],
)
def test_the_training_camera_is_stored_with_the_weights(tmp_path, facts, hfov_rad):
    path = tmp_path / 'weights.safetensors'
    save_weights(create_model(preset('ZoeD_tiny_N'), seed=7), path, facts)
    assert build_predictor('ZoeD_tiny_N', path).training_hfov_rad == pytest.approx(hfov_rad)
    assert build_predictor('ZoeD_tiny_N', 'random').training_hfov_rad == 0.0


@pytest.mark.parametrize('text', ['wide', '200', 'nan', '-65'])
def test_an_invalid_training_camera_is_rejected_by_name(tmp_path, text):
    path = tmp_path / 'weights.safetensors'
    network = create_model(preset('ZoeD_tiny_N'), seed=7)
    save_weights(network, path, {'training_hfov_deg': text})
    with pytest.raises(WeightsError, match=f'training_hfov_deg must be .* got {text!r}'):
        build_predictor('ZoeD_tiny_N', path)


@pytest.mark.parametrize(('facts', 'exponent'), [({}, 1.0), ({'focal_exponent': '0.8'}, 0.8)])
def test_the_exponent_of_the_focal_correction_is_stored_with_the_weights(
    tmp_path, facts, exponent
):
    path = tmp_path / 'weights.safetensors'
    save_weights(create_model(preset('ZoeD_tiny_N'), seed=7), path, facts)
    assert build_predictor('ZoeD_tiny_N', path).focal_exponent == exponent


@pytest.mark.parametrize('text', ['much', '0', '1.2', 'nan', '-1'])
def test_an_invalid_exponent_is_rejected_by_name(tmp_path, text):
    path = tmp_path / 'weights.safetensors'
    save_weights(create_model(preset('ZoeD_tiny_N'), seed=7), path, {'focal_exponent': text})
    with pytest.raises(WeightsError, match=f'focal_exponent must be .* got {text!r}'):
        build_predictor('ZoeD_tiny_N', path)


@pytest.mark.parametrize('weights', [None, ''])
def test_without_weights_the_released_ones_of_that_name_are_downloaded(
    tmp_path, monkeypatch, weights
):
    path = tmp_path / 'released.safetensors'
    save_weights(create_model(preset('ZoeD_tiny_K'), seed=7), path, {})
    names = []
    monkeypatch.setattr(build, 'fetch', lambda name: names.append(name) or path)
    predictor = build_predictor('ZoeD_tiny_K', weights)
    assert names == ['ZoeD_tiny_K']
    assert str(path) in predictor.weights_origin


@pytest.mark.parametrize(
    ('choice', 'message'),
    [
        ({'model': 'ZoeD_X'}, r"'ZoeD_X'.*ZoeD_M12_NK"),
        ({'device': 'gpu'}, r"unknown device 'gpu'"),
        ({'precision': 'fp8'}, r"unknown precision 'fp8'"),
        ({'preprocessing': 'pretty'}, r"unknown preprocessing 'pretty': expected one of"),
        ({'network_height': 100}, 'must be positive multiples of 32, got 100 x 512'),
        ({'network_width': -32}, 'must be positive multiples of 32, got 384 x -32'),
        ({'model': 'ZoeD_Swin2T_N', 'network_width': 320}, '256 x 256 only, got 256 x 320'),
        (
            {'model': 'ZoeD_Swin2T_N', 'preprocessing': 'official'},
            "takes 256 x 256 px .height x width. only: use preprocessing 'metric'",
        ),
    ],
)
@pytest.mark.usefixtures('no_network')
def test_a_wrong_choice_is_rejected_before_any_download_or_build(choice, message):
    with pytest.raises(ValueError, match=message):
        build_predictor(**choice)


@pytest.mark.skipif(torch.cuda.is_available(), reason='this machine has a CUDA device')
@pytest.mark.usefixtures('no_network')
def test_cuda_without_a_cuda_device_is_rejected():
    with pytest.raises(ValueError, match="'cuda' does not exist: torch finds 0 CUDA device"):
        build_predictor(device='cuda')


def test_the_network_size_is_that_of_the_model_or_the_requested_one():
    own = build_predictor('ZoeD_tiny_N', 'random')
    assert own.network_size(480, 640) == (64, 96)
    wide = build_predictor('ZoeD_tiny_N', 'random', network_width=160)
    assert wide.network_size(480, 640) == (64, 160)
    assert wide(RGB).depth_m.shape == (80, 120)


def test_preprocessing_and_flip_augmentation_reach_the_predictor():
    official = build_predictor('ZoeD_tiny_N', 'random', preprocessing='official')
    assert official.network_size(480, 480) == (96, 96)
    flip = build_predictor('ZoeD_tiny_N', 'random', flip_augmentation=True)
    mirrored_m = flip(RGB[:, ::-1]).depth_m[:, ::-1]
    np.testing.assert_allclose(flip(RGB).depth_m, mirrored_m, rtol=1e-4)
