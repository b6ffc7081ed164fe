"""An ONNX file computes what the network computes, and names its contents."""

import errno
import os

import numpy as np
import pytest
import torch
from tiny_models import random_image, spread

pytest.importorskip('onnx')
pytest.importorskip('onnxscript')
pytest.importorskip('onnxruntime')

import onnx
import onnxruntime as ort

from zoedepth_ros.build import LoadedNetwork
from zoedepth_ros.cli.main import main
from zoedepth_ros.export import onnx as onnx_export
from zoedepth_ros.export.check import DeviationError, check_file
from zoedepth_ros.export.onnx import export_onnx
from zoedepth_ros.model.fixed_graph import FixedGraph
from zoedepth_ros.model.presets import preset
from zoedepth_ros.model.zoedepth import create_model

SIZE = (96, 64)  # not the tiny network's own, and taller than wide
BLOCKS, HEADS = 4, 3  # attention of the tiny backbone
PATCHES = 6 * 4
OUTPUTS = [
    *('depth_m_indoor', 'uncertainty_m_indoor', 'depth_m_outdoor', 'uncertainty_m_outdoor'),
    *('relative_depth', 'router_logits'),
]


def lively(name, seed=0):
    network = create_model(preset(name), seed=seed)
    spread(network, seed)
    return network.eval().requires_grad_(False)


@pytest.fixture(scope='module')
def network():
    return lively('ZoeD_tiny_NK')


@pytest.fixture(scope='module')
def exported(network, tmp_path_factory):
    """Both heads of a lively network, the constants in a second file."""
    path = tmp_path_factory.mktemp('export') / 'new' / 'both.onnx'
    loaded = LoadedNetwork(network, 'some weights', 'noise')
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(onnx_export, 'ONE_FILE_BYTES', 0)
        return export_onnx(loaded, path, head='both', height=SIZE[0], width=SIZE[1])


def test_onnx_runtime_gives_what_the_network_gives(network, exported):
    session = ort.InferenceSession(str(exported.files[0]))
    assert [output.name for output in session.get_outputs()] == OUTPUTS
    image = random_image(*SIZE, batch=1, seed=7)
    found = dict(zip(OUTPUTS, session.run(None, {'image': image.numpy()}), strict=True))
    for head in ('indoor', 'outdoor'):
        expected = network(image, head)
        depth_m, uncertainty_m = found[f'depth_m_{head}'], found[f'uncertainty_m_{head}']
        np.testing.assert_allclose(depth_m, expected.depth_m, rtol=1e-4)
        np.testing.assert_allclose(uncertainty_m, expected.uncertainty_m, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(found['relative_depth'], expected.relative_depth, atol=1e-4)
    np.testing.assert_allclose(found['router_logits'], expected.router_logits, atol=1e-4)
    assert np.abs(found['depth_m_indoor'] - found['depth_m_outdoor']).max() > 0.1


def test_sizes_are_fixed_and_nothing_branches(exported):
    model = onnx.load(str(exported.files[0]))
    (image,) = model.graph.input
    assert (image.name, dimensions(image)) == ('image', [1, 3, *SIZE])
    shapes = {output.name: dimensions(output) for output in model.graph.output}
    assert shapes.pop('router_logits') == [1, 2]
    assert set(map(tuple, shapes.values())) == {(1, 1, *SIZE)}
    operators = {node.op_type for node in model.graph.node}
    assert 'Conv' in operators
    assert operators.isdisjoint({'If', 'Loop', 'Scan', 'NonZero', 'Shape', 'Dropout'})
    assert {node.domain for node in model.graph.node} == {''}
    assert [(x.domain, x.version) for x in model.opset_import] == [('', 18)]


def dimensions(value):
    return [dimension.dim_value for dimension in value.type.tensor_type.shape.dim]


def test_the_position_bias_is_a_constant_of_the_graph(exported):
    model = onnx.load(str(exported.files[0]))
    bias = [x for x in model.graph.initializer if list(x.dims)[-2:] == [PATCHES + 1] * 2]
    assert [list(x.dims) for x in bias] == [[1, HEADS, PATCHES + 1, PATCHES + 1]] * BLOCKS


def test_the_file_states_what_it_is(exported):
    about = ort.InferenceSession(str(exported.files[0])).get_modelmeta().custom_metadata_map
    assert about['model'] == 'ZoeD_tiny_NK'
    assert about['head'] == about['router_heads'] == 'indoor,outdoor'
    assert (about['height'], about['width']) == ('96', '64')
    assert about['weights_origin'] == 'some weights'
    assert about['trained_on'] == 'noise'
    assert 'RGB' in about['input']
    assert 'metres' in about['units']


def test_constants_that_are_too_many_lie_in_a_second_file(exported):
    graph, constants = exported.files
    assert (graph.name, constants.name) == ('both.onnx', 'both.onnx.data')
    assert constants.stat().st_size > graph.stat().st_size
    assert sorted(graph.parent.iterdir()) == [graph, constants]  # and nothing else


def test_the_check_has_seen_several_images_and_every_output(exported):
    assert len(exported.check.agreements) >= 3
    assert list(exported.check.deviations) == OUTPUTS
    assert 0.0 < exported.check.worst < 1e-4


def test_the_check_finds_other_weights(network, exported):
    other = create_model(network.config)
    other.load_state_dict(network.state_dict())
    with torch.no_grad():
        other.heads['outdoor'].seeds[2].bias += 0.1
    graph = FixedGraph(other.eval(), ('indoor', 'outdoor'), SIZE)
    with pytest.raises(DeviationError) as caught:
        check_file(exported.files[0], graph)
    assert 'depth_m_outdoor' in str(caught.value)
    assert 'depth_m_indoor' not in str(caught.value)


def test_the_check_finds_another_head(network, exported):
    with pytest.raises(DeviationError, match='depth_m_indoor'):
        check_file(exported.files[0], FixedGraph(network, ('indoor',), SIZE))


def test_the_command_writes_one_head_and_a_warning(tmp_path, capsys):
    out = tmp_path / 'k.onnx'
    command = ['export', 'onnx', '--model', 'ZoeD_tiny_K', '--weights', 'random']
    assert main([*command, '--out', str(out)]) == 0
    printed = capsys.readouterr()
    assert 'RANDOM WEIGHTS: NOT DEPTH' in printed.out
    assert f'-> {out}' in printed.out
    steps = [line.partition(' s  ')[2] for line in printed.err.splitlines()]
    assert steps[:2] == ['loading ZoeD_tiny_K', 'tracing the network']
    assert 'image 3 of 3' in steps[-1]
    session = ort.InferenceSession(str(out))
    assert [x.name for x in session.get_outputs()] == [
        'depth_m',
        'uncertainty_m',
        'relative_depth',
    ]
    assert session.get_modelmeta().custom_metadata_map['head'] == 'outdoor'
    image = random_image(64, 96, batch=1)
    (depth_m, *_) = session.run(None, {'image': image.numpy()})
    expected = create_model(preset('ZoeD_tiny_K'), seed=0).eval()(image, 'outdoor')
    np.testing.assert_allclose(depth_m, expected.depth_m.detach(), rtol=1e-4)


def test_a_full_disk_is_named_with_the_file_and_leaves_nothing(tmp_path, monkeypatch, capsys):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr('torch.onnx.ONNXProgram.save', full)
    out = tmp_path / 'k.onnx'
    command = ['export', 'onnx', '--model', 'ZoeD_tiny_K', '--weights', 'random']
    assert main([*command, '--out', str(out)]) == 1
    error = capsys.readouterr().err.splitlines()[-1]
    assert f'{out}: cannot be written: No space left on device' in error
    assert error.endswith('free some space, then export again')
    assert not list(tmp_path.iterdir())


@pytest.fixture
def wrong_graph(exported, monkeypatch):
    """Let the exporter write a file of other weights."""

    def write(graph, path, *_):
        for part in exported.files:
            path.with_name(part.name).write_bytes(part.read_bytes())

    monkeypatch.setattr(onnx_export, '_write', write)


@pytest.mark.usefixtures('wrong_graph')
def test_a_file_that_deviates_is_not_left_behind(tmp_path, capsys):
    out = tmp_path / 'both.onnx'
    out.write_text('an older one')
    command = ['export', 'onnx', '--model', 'ZoeD_tiny_NK', '--weights', 'random']
    size = ['--height', str(SIZE[0]), '--width', str(SIZE[1])]
    assert main([*command, *size, '--out', str(out)]) == 1
    reported = capsys.readouterr().err
    assert 'deviates from torch by more than 0.001 of the mean' in reported
    assert 'nothing is written' in reported
    assert list(tmp_path.iterdir()) == [out]
    assert out.read_text() == 'an older one'


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (('--model', 'ZoeD_tiny_N', '--head', 'outdoor'), "unknown head 'outdoor'"),
        (('--model', 'ZoeD_tiny_N', '--head', 'both'), "unknown head 'both'"),
        (('--model', 'ZoeD_tiny_NK', '--height', '100'), '100'),
        (('--model', 'ZoeD_tiny_NK', '--out', 'file.pt'), 'end in .onnx'),
        (('--model', 'ZoeD_huge'), "no model 'ZoeD_huge'"),
    ],
)
def test_what_cannot_be_exported_is_refused(tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(tmp_path)
    command = ['export', 'onnx', '--weights', 'random', '--out', 'file.onnx']
    assert main([*command, *arguments]) == 2
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize('deviation', ['0', 'nan', '-1', 'small'])
def test_a_deviation_that_is_none_is_refused(capsys, deviation):
    with pytest.raises(SystemExit) as ended:
        main(['export', 'onnx', '--model', 'ZoeD_tiny_NK', '--max-deviation', deviation])
    assert ended.value.code == 2
    assert '--max-deviation' in capsys.readouterr().err
