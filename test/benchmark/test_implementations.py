"""All implementations compute the same network and report what they are."""

from importlib.resources import files
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.torch import load
from tiny_models import random_image, tiny_config, transformers_twin

from zoedepth_ros.benchmark.conditioned_weights import condition, write_weights
from zoedepth_ros.benchmark.implementations import Implementation, sample_images
from zoedepth_ros.benchmark.transformers_runner import _in_release_5
from zoedepth_ros.model.presets import preset
from zoedepth_ros.model.zoedepth import ZoeDepth, create_model
from zoedepth_ros.weights.convert import from_hugging_face, to_hugging_face
from zoedepth_ros.weights.read import read_checkpoint

ARCHITECTURES = ['N', 'K', 'NK']


@pytest.fixture
def theirs():
    """Return the module that imports transformers."""
    pytest.importorskip('transformers')
    from zoedepth_ros.benchmark import transformers_runner

    return transformers_runner


def test_sample_images_are_always_the_same_and_differ_from_each_other():
    first, again = sample_images((64, 96)), sample_images((64, 96))
    assert [p.shape for p in first] == [(64, 96, 3)] * 3
    assert {p.dtype for p in first} == {np.dtype(np.uint8)}
    assert all((a == b).all() for a, b in zip(first, again, strict=True))
    assert np.abs(first[0].astype(int) - first[1]).mean() > 10
    assert all(p.std() > 20 for p in first)


@pytest.mark.parametrize('architecture', ARCHITECTURES)
def test_renamed_weights_convert_back_to_the_same_weights(architecture):
    config = tiny_config(architecture)
    ours = create_model(config, seed=1).state_dict()
    theirs = to_hugging_face(ours, config)
    again = from_hugging_face(theirs, config)
    assert again.keys() == ours.keys()
    assert all(torch.equal(again[name], ours[name]) for name in ours)


@pytest.mark.parametrize('attention', ['eager', 'sdpa'])
@pytest.mark.parametrize('architecture', ARCHITECTURES)
def test_transformers_with_our_weights_gives_our_depth(architecture, attention, theirs):
    config = tiny_config(architecture)
    ours = ZoeDepth(config).eval()
    condition(ours)
    model = theirs.build_model(config, attention)
    theirs.load_weights(model, ours.state_dict(), config)
    image = random_image(64, 96, batch=1)
    with torch.inference_mode():
        expected_m = model(image).predicted_depth[:, None]
        depth_m = ours(image, config.head_names[0]).depth_m
    assert expected_m.std() > 0.01 * expected_m.mean()
    torch.testing.assert_close(depth_m, expected_m, rtol=1e-4, atol=1e-5)
    assert theirs.attention_of(model).startswith(attention)


@pytest.mark.parametrize('name', ['ZoeD_Swin2T_N', 'ZoeD_S_NK', 'ZoeD_tiny_NK'])
def test_a_network_that_transformers_does_not_have_is_rejected_by_name(name, theirs):
    config = preset(name)
    weights = create_model(config).state_dict()
    with pytest.raises(ValueError, match=f'transformers has no network like {name}'):
        theirs.load_weights(theirs.build_model(config, 'eager'), weights, config)


def test_other_names_of_tensors_are_reported(theirs):
    config = tiny_config('NK')
    model = theirs.build_model(config, 'eager')
    model.relative_head.renamed = model.relative_head.conv1
    del model.relative_head.conv1
    reason = 'neither release 4 nor 5: these tensors .*: relative_head.conv1'
    with pytest.raises(ValueError, match=reason):
        theirs.load_weights(model, create_model(config).state_dict(), config)


def test_the_official_protocol_is_two_padded_passes(monkeypatch, theirs):
    config = tiny_config('NK')
    model = transformers_twin(config)
    inputs = []
    monkeypatch.setattr(theirs, 'preset', lambda name: config)
    monkeypatch.setattr(theirs, 'build_model', lambda *_: model)
    monkeypatch.setattr(theirs, 'load_weights', lambda *_: None)
    checkpoint = SimpleNamespace(state_dict=model.state_dict())
    monkeypatch.setattr(theirs, 'read_checkpoint', lambda path: checkpoint)
    implementation = Implementation('transformers', 'tiny', 'none', 'cpu', official_protocol=True)
    runner = theirs.TransformersRunner(implementation)
    model.register_forward_pre_hook(lambda part, given: inputs.append(given[0]))
    rgb = sample_images((120, 160), 1)[0]
    depth_m = runner(rgb)
    assert depth_m.shape == (120, 160)
    assert len(inputs) == 2
    torch.testing.assert_close(inputs[0].flip(-1), inputs[1], atol=1e-4, rtol=0)
    np.testing.assert_allclose(runner(rgb[:, ::-1].copy())[:, ::-1], depth_m, rtol=1e-3)


def test_conditioned_weights_have_a_clear_head_varied_depth_and_are_always_the_same(tmp_path):
    config = preset('ZoeD_tiny_NK')
    for name in ('one', 'two'):
        assert write_weights(config, 'random', tmp_path / name) == 'random'
    one, two = (read_checkpoint(tmp_path / name) for name in ('one', 'two'))
    assert all(torch.equal(one.state_dict[k], two.state_dict[k]) for k in one.state_dict)
    assert one.metadata['trained_on'] == 'random weights: not depth'
    network = ZoeDepth(config).eval()
    network.load_state_dict(dict(one.state_dict))
    with torch.inference_mode():
        found = network(random_image(64, 96, batch=1), 'indoor')
    assert found.depth_m.std() > 0.005 * found.depth_m.mean()
    assert found.router_logits is not None
    assert found.router_logits[0, 0] - found.router_logits[0, 1] > 2.0


def test_weights_are_those_of_the_package_where_it_contains_the_network(tmp_path):
    write_weights(preset('ZoeD_S_NK'), 'auto', tmp_path / 'known')
    shipped = files('zoedepth_ros') / 'weights/embedded/ZoeD_S_NK.safetensors'
    written, expected = read_checkpoint(tmp_path / 'known').state_dict, load(shipped.read_bytes())
    assert written.keys() == expected.keys()
    assert all(torch.equal(written[k], v.float()) for k, v in expected.items())
    assert write_weights(preset('ZoeD_tiny_NK'), 'auto', tmp_path / 'unknown') == 'random'


RELEASE_5 = (  # some of the names of transformers 5.24
    'backbone.beit.embeddings.cls_token',
    'backbone.beit.embeddings.patch_embeddings.projection.weight',
    'backbone.beit.layers.4.attention.k_proj.weight',
    'backbone.beit.layers.4.attention.q_proj.bias',
    'backbone.beit.layers.4.attention.v_proj.weight',
    'backbone.beit.layers.4.attention.o_proj.bias',
    'backbone.beit.layers.4.lambda_1',
    'backbone.beit.layers.4.layernorm_before.weight',
    'backbone.beit.layers.4.mlp.fc1.weight',
    'backbone.beit.layers.4.mlp.fc2.bias',
    'backbone.beit.layers.4.relative_position_bias.relative_position_bias_table',
    'neck.reassemble_stage.readout_projects.0.0.weight',
)


def test_release_5_of_transformers_has_other_names_for_the_same_tensors():
    config = tiny_config('NK')
    names = to_hugging_face(create_model(config).state_dict(), config)
    found = {_in_release_5(name) for name in names}
    assert len(found) == len(names)
    assert set(RELEASE_5) <= found
    assert not [n for n in found if n.startswith('backbone.') and '.dense.' in n]
