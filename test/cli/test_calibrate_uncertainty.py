"""`zoedepth calibrate uncertainty` with a small random network on images of a folder."""

import json

import numpy as np
import pytest
import yaml
from dataset_files import write_sample
from safetensors import safe_open

from zoedepth_ros.build import build_predictor
from zoedepth_ros.cli.main import main
from zoedepth_ros.inference.uncertainty import UncertaintyMap, read_maps
from zoedepth_ros.model.presets import preset
from zoedepth_ros.model.zoedepth import create_model
from zoedepth_ros.weights.load import save_weights

MODEL = 'ZoeD_tiny_NK'


@pytest.fixture
def weights(tmp_path):
    path = tmp_path / 'tiny.safetensors'
    save_weights(create_model(preset(MODEL), 3), path, {'trained_on': 'nothing'})
    return path


@pytest.fixture
def tree(tmp_path):
    random = np.random.default_rng(0)
    for stem in 'abc':
        write_sample(tmp_path / 'data', stem, random.integers(500, 9000, (24, 32)))
    return tmp_path / 'data'


def calibrate(tree, weights, *options, domain='indoor'):
    arguments = ('--dataset', 'folder', '--root', tree, '--domain', domain)
    model = ('--model', MODEL, '--weights', weights)
    return main(['calibrate', 'uncertainty', *map(str, (*arguments, *model, *options))])


def test_the_file_beside_the_weights_has_each_head_of_its_own_images(tree, weights, capsys):
    assert calibrate(tree, weights) == 0
    beside = weights.with_name('tiny.uncertainty.yaml')
    assert str(beside) in capsys.readouterr().out
    first = build_predictor(MODEL, weights, 'cpu').uncertainty_maps
    assert set(first) == {'indoor'}
    assert calibrate(tree, weights, '--samples', 2, domain='outdoor') == 0
    both = build_predictor(MODEL, weights, 'cpu').uncertainty_maps
    assert set(both) == {'indoor', 'outdoor'}
    assert both['indoor'] == first['indoor']
    fitted = yaml.safe_load(beside.read_text())['fitted']
    assert {head: about['n_images'] for head, about in fitted.items()} == {
        'indoor': 3,
        'outdoor': 2,
    }


def test_heads_without_images_keep_the_map_in_the_weights(tree, weights, capsys):
    for domain in ('indoor', 'outdoor'):
        assert calibrate(tree, weights, '--into-weights', domain=domain) == 0
    before = build_predictor(MODEL, weights, 'cpu').uncertainty_maps
    assert calibrate(tree, weights, '--samples', 1) == 0
    after = build_predictor(MODEL, weights, 'cpu').uncertainty_maps
    assert after['outdoor'] == before['outdoor']
    assert after['indoor'] != before['indoor']
    capsys.readouterr()
    assert calibrate(tree, weights, '--into-weights') == 0
    assert 'tiny.uncertainty.yaml has precedence over the metadata' in capsys.readouterr().out


@pytest.mark.parametrize('text', ['format: zoedepth scale 1\nheads: {}\n', '- a\n', 'fitted: ['])
def test_a_file_that_is_no_calibration_is_not_overwritten(tree, weights, tmp_path, capsys, text):
    (tmp_path / 'out.yaml').write_text(text)
    assert calibrate(tree, weights, '--out', tmp_path / 'out.yaml') == 2
    assert 'out.yaml: ' in capsys.readouterr().err
    assert (tmp_path / 'out.yaml').read_text() == text


def test_a_network_of_other_authors_is_calibrated_on_images_but_not_on_rendered_scenes(
    tree, tmp_path, capsys
):
    for package in ('onnx', 'onnxruntime'):
        pytest.importorskip(package)
    from foreign_network import DEPTH, contract, write_network

    outputs = {**DEPTH, 'std': ((0.1, 0.0, 0.0), 0.5)}
    network = tmp_path / 'other.onnx'
    write_network(network, contract(spread__output='std'), outputs)
    assert calibrate(tree, network) == 0
    assert list(read_maps(network, {})) == ['any']
    options = ['--dataset', 'synthetic', '--weights', str(network)]
    assert main(['calibrate', 'uncertainty', *options]) == 2
    assert 'rendered scenes calibrate the heads indoor, outdoor, but' in capsys.readouterr().err


def test_the_map_covers_the_images_of_its_fit(tree, weights):
    assert calibrate(tree, weights) == 0
    report = tree.parent / 'report.json'
    arguments = ('evaluate', '--dataset', 'folder', '--root', tree, '--domain', 'indoor')
    options = ('--model', MODEL, '--weights', weights, '--head', 'indoor', '--no-flip')
    assert main([*map(str, (*arguments, *options, '--json', report))]) == 0
    found = json.loads(report.read_text())
    assert found['calibrated_heads'] == ['indoor']
    assert found['uncertainty']['indoor']['interval_68'] == pytest.approx(0.68, abs=0.01)
    assert found['uncertainty']['indoor']['interval_95'] == pytest.approx(0.95, abs=0.01)


def test_the_weights_themselves_may_keep_it_and_their_tensors_do_not_change(tree, weights):
    before = weights.read_bytes()
    assert calibrate(tree, weights, '--into-weights') == 0
    assert not weights.with_name('tiny.uncertainty.yaml').exists()
    first = build_predictor(MODEL, weights, 'cpu').uncertainty_maps
    assert isinstance(first['indoor'], UncertaintyMap)
    assert calibrate(tree, weights, '--into-weights', domain='outdoor') == 0
    both = build_predictor(MODEL, weights, 'cpu').uncertainty_maps
    assert set(both) == {'indoor', 'outdoor'}
    assert both['indoor'] == first['indoor']
    with safe_open(weights, 'np') as file:
        assert file.metadata()['trained_on'] == 'nothing'
    after = weights.read_bytes()
    size = 8 + int.from_bytes(before[:8], 'little')
    assert after.endswith(before[size:])


def test_the_embedded_network_is_calibrated():
    maps = build_predictor('ZoeD_S_NK', device='cpu').uncertainty_maps
    assert set(maps) == {'indoor', 'outdoor'}
