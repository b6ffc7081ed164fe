"""`zoedepth evaluate` with a predictor of known depth."""

import csv
import json
import os

import numpy as np
import pytest
from constant_network import ConstantNetwork
from dataset_files import gray, write_image, write_png16, write_sample

from zoedepth_ros.cli.main import main


@pytest.fixture
def network(use):
    """A fake network: 2 m everywhere."""
    return use(ConstantNetwork(lambda image, head: np.full((6, 8), 2.0)))


@pytest.fixture
def tree(tmp_path):
    """A folder of three images at 2 m, 4 m and 8 m."""
    for stem, depth_mm in (('a', 2000), ('b', 4000), ('c', 8000)):
        write_sample(tmp_path / 'data', stem, np.full((24, 32), depth_mm))
    return tmp_path / 'data'


def evaluate(*arguments):
    return main(['evaluate', *map(str, arguments)])


def folder(tree, *arguments):
    return evaluate('--dataset', 'folder', '--root', tree, '--domain', 'indoor', *arguments)


def test_json_csv_and_worst_images_are_written(network, tree, tmp_path, capsys):
    files = ('--json', tmp_path / 'new/a.json', '--csv', tmp_path / 'a.csv')
    assert folder(tree, *files, '--worst', 1, '--out', tmp_path / 'worst') == 0
    found = json.loads((tmp_path / 'new/a.json').read_text())
    assert found['metrics']['abs_rel'] == pytest.approx((0 + 1 / 2 + 3 / 4) / 3)
    rows = list(csv.DictReader((tmp_path / 'a.csv').read_text().splitlines()))
    assert [row['name'] for row in rows] == ['rgb/a.png', 'rgb/b.png', 'rgb/c.png']
    assert [path.name for path in (tmp_path / 'worst').iterdir()] == ['worst_01_rgb_c.png']
    printed = capsys.readouterr().out
    assert '0.417' in printed
    assert 'WARNING  NOTHING: A TEST' in printed


def test_images_with_undecodable_names_are_evaluated(network, tree, tmp_path):
    name = os.fsdecode(b'k\xfcche.png')
    for folder_name in ('rgb', 'depth'):
        (tree / folder_name / 'a.png').rename(tree / folder_name / name)
    files = ('--csv', tmp_path / 'a.csv', '--json', tmp_path / 'a.json')
    assert folder(tree, *files) == 0
    assert r'rgb/k\xfcche.png' in (tmp_path / 'a.csv').read_text(encoding='utf-8')
    assert json.loads((tmp_path / 'a.json').read_text())['n_images'] == 3


def test_published_scores_are_in_the_table(network, tmp_path, capsys):
    write_image(tmp_path / 'A/outleft/1.png', gray(24, 32))
    write_png16(tmp_path / 'A/depthmap/1.png', np.full((24, 32), 4000))
    assert evaluate('--dataset', 'diml_outdoor', '--root', tmp_path) == 0
    printed = capsys.readouterr().out
    assert 'ZoeD_M12_K, published' in printed
    assert '1.921' in printed
    assert 'the published scores are of 500 images' in printed


def test_the_number_of_images_and_the_mirrored_pass_are_options(network, tree):
    assert folder(tree, '--samples', 2, '--no-flip') == 0
    assert len(network.images) == 2


def test_the_head_can_be_forced(network, tree):
    assert folder(tree, '--head', 'outdoor', '--samples', 1) == 0
    assert network.requested_heads == ['outdoor', 'outdoor']


def test_the_model_is_built_as_requested_in_full_precision_by_default(network, tree):
    assert folder(tree, '--model', 'ZoeD_tiny_NK', '--weights', 'random', '--device', 'cpu') == 0
    assert network.arguments == ('ZoeD_tiny_NK', 'random', 'cpu', 'fp32', 'metric', False)


@pytest.mark.parametrize(
    ('data', 'model'), [('synthetic', 'ZoeD_S_NK'), ('folder', 'ZoeD_M12_NK')]
)
def test_the_default_model_for_rendered_scenes_is_the_one_in_the_package(
    network, tree, data, model
):
    if data == 'synthetic':
        assert evaluate('--dataset', 'synthetic', '--samples', 1) == 0
    else:
        assert folder(tree) == 0
    assert network.arguments[0] == model


def test_a_damaged_file_stops_with_its_name_and_is_skipped_on_request(network, tree, capsys):
    (tree / 'depth/b.png').write_bytes(b'no')
    assert folder(tree) == 2
    assert 'depth/b.png: the file is not an image' in capsys.readouterr().err
    assert folder(tree, '--skip-damaged') == 0
    printed = capsys.readouterr().out
    assert '2 images' in printed
    assert 'left out: 1 images that cannot be read' in printed
    assert 'depth/b.png' in printed


def test_rendered_scenes_are_evaluated_with_a_real_network(tmp_path, capsys):
    pytest.importorskip('numba')
    model = ('--model', 'ZoeD_tiny_NK', '--weights', 'random', '--device', 'cpu')
    path = tmp_path / 'a.json'
    options = ('--dataset', 'synthetic', '--seed', 5, '--samples', 2, '--json', path)
    assert evaluate(*options, *model) == 0
    found = json.loads(path.read_text())
    assert {'abs_rel', 'delta1', 'rmse'} <= set(found['indoor'])
    assert found['outdoor']['abs_rel'] > 0
    assert found['router_accuracy'] in (0.0, 0.5, 1.0)
    assert found['weights_warning']
    assert 'WARNING' in capsys.readouterr().out


def test_the_focal_correction_is_reported_and_can_be_disabled(network, tree, tmp_path, capsys):
    network.training_hfov_rad = np.pi / 2  # f / W = 0.5
    camera = {'fx_px': 32, 'fy_px': 32, 'cx_px': 15.5, 'cy_px': 11.5, 'width': 32, 'height': 24}
    (tree / 'camera.json').write_text(json.dumps(camera))  # f / W = 1.0
    scores = {}
    for correction in ('auto', 'off'):
        path = tmp_path / f'{correction}.json'
        assert folder(tree, '--focal-correction', correction, '--samples', 2, '--json', path) == 0
        scores[correction] = json.loads(path.read_text())
    # 2 m and 4 m, measured as 2 m: with the camera 4 m
    assert scores['auto']['metrics']['abs_rel'] == pytest.approx((1.0 + 0.0) / 2)
    assert scores['off']['metrics']['abs_rel'] == pytest.approx((0.0 + 0.5) / 2)
    assert [s['focal_correction'] for s in scores.values()] == ['scale', 'off']
    out = capsys.readouterr().out
    assert 'from the training camera (field of view 90 degrees) to the camera of each image' in out
    assert 'without focal correction' in out
    assert 'depth not corrected for the training camera (field of view 90 degrees)' in out


def test_a_network_without_uncertainty_is_evaluated_but_not_plotted(tree, tmp_path, capsys):
    pytest.importorskip('onnxruntime')
    from foreign_network import contract, write_network

    weights = write_network(tmp_path / 'net.onnx', contract())
    assert folder(tree, '--weights', weights) == 0
    assert 'AUSE' not in capsys.readouterr().out
    assert folder(tree, '--weights', weights, '--uncertainty-plot', tmp_path / 'plot.png') == 2
    assert 'toy gives no uncertainty' in capsys.readouterr().err
    data = ('--dataset', 'folder', '--root', str(tree), '--domain', 'indoor')
    assert main(['calibrate', 'uncertainty', *data, '--weights', str(weights)]) == 2
    assert 'toy gives no uncertainty' in capsys.readouterr().err


def test_the_uncertainty_is_printed_and_drawn(network, tree, tmp_path, capsys):
    network.spread = 0.9  # 1.8 m: the errors are 0 m, 2 m and 6 m
    plot = tmp_path / 'new/plot.png'
    assert folder(tree, '--uncertainty-plot', plot) == 0
    assert plot.read_bytes().startswith(b'\x89PNG')
    printed = capsys.readouterr().out
    row = next(line for line in printed.splitlines() if line.startswith('indoor  '))
    # within 0.994, 1.96, 1 and 1.96 standard deviations
    assert row.split()[1:5] == ['33.3%', '66.7%', '33.3%', '66.7%']
    assert 'not calibrated' in row
