"""How an engine is built, on a stand-in for TensorRT: the real one needs its GPU."""

import json
import sys

import numpy as np
import pytest
from fake_tensorrt import FakeTensorRT, Layer
from lively import write_onnx

pytest.importorskip('onnx')
pytest.importorskip('onnxscript')
pytest.importorskip('onnxruntime')

import onnx

from zoedepth_ros.cli.main import main
from zoedepth_ros.inference.runtimes import onnx_runtime, tensorrt_runtime
from zoedepth_ros.inference.runtimes.session import read_sidecar
from zoedepth_ros.inference.runtimes.tensorrt_runtime import release_warning


@pytest.fixture(scope='module')
def onnx_file(tmp_path_factory):
    return write_onnx(tmp_path_factory.mktemp('onnx'), weights_warning='noise')


class WrongSession:
    """A runtime that is made wrong on purpose, on top of the right one."""

    def __init__(self, path, change=lambda name, values: values):
        self.right, self.change, self.warning = onnx_runtime.open_session(path, 'cpu'), change, ''

    def __getattr__(self, name):
        return getattr(self.right, name)

    def run(self, image):
        return {n: self.change(n, v).astype(np.float32) for n, v in self.right.run(image).items()}


def build(monkeypatch, onnx_file, out, library, *options, change=lambda name, values: values):
    def open_engine(path, device):
        assert path.read_bytes() == b'engine'
        return WrongSession(onnx_file, change)

    monkeypatch.setitem(sys.modules, 'tensorrt', library)
    monkeypatch.setattr(tensorrt_runtime, 'open_session', open_engine)
    return main(['export', 'tensorrt', '--from', str(onnx_file), '--out', str(out), *options])


def test_the_export_marks_what_must_stay_float32(onnx_file):
    nodes = onnx.load(str(onnx_file)).graph.node
    marked = {node.name: node.name.startswith('float32/') for node in nodes}
    assert len(marked) == len(nodes)  # every name once
    scopes = {
        node.name: {p.key: p.value for p in node.metadata_props}.get('namespace', '')
        for node in nodes
    }
    backbone = {name for name, scope in scopes.items() if '/network.backbone:' in scope}
    decoder = {name for name, scope in scopes.items() if '/network.decoder:' in scope}
    assert len(backbone) > 100
    assert len(decoder) > 20
    assert {name for name, is_marked in marked.items() if not is_marked} == backbone | decoder
    # the distribution over the bins, whose tiny terms vanish in half precision
    assert all(marked[node.name] for node in nodes if node.op_type in {'Log', 'Softplus'})


def test_an_engine_and_what_it_is_are_written(monkeypatch, onnx_file, tmp_path, capsys):
    out = tmp_path / 'new' / 'tiny.engine'
    library = FakeTensorRT()
    assert build(monkeypatch, onnx_file, out, library) == 0
    assert library.parsed == [str(onnx_file)]
    assert out.read_bytes() == b'engine'
    about = json.loads((tmp_path / 'new' / 'tiny.engine.json').read_text())
    assert (about['model'], about['precision']) == ('ZoeD_tiny_NK', 'fp16')
    assert about['tensorrt'] == '10.3.0'
    assert read_sidecar(out) == about
    reported = capsys.readouterr().out
    assert f'-> {out}' in reported
    assert 'NOISE' in reported
    assert 'street: mean difference 0.0e+00, correlation 1.000000' in reported
    assert 'WARNING  TensorRT 10.3.0 is older than 10.13' in reported
    numbers = json.loads(about['check'])
    assert set(numbers) == {'room', 'street', 'noise'}
    assert numbers['room']['depth_m_indoor'] == [0.0, 1.0]


WRONG = {
    'a scale': lambda name, values: values * (1.02 if name == 'depth_m_outdoor' else 1.0),
    'a shift of a row': lambda name, values: np.roll(values, 8, -2),
    'values that are none': lambda name, values: values * np.nan,
    'noise': lambda name, values: (
        values + 0.02 * values.mean() * np.random.default_rng(0).standard_normal(values.shape)
    ),
    'another router': lambda name, values: -values if name == 'router_logits' else values,
}


@pytest.mark.parametrize('name', WRONG)
def test_an_engine_that_computes_something_else_is_not_written(
    monkeypatch, onnx_file, tmp_path, capsys, name
):
    out = tmp_path / 'tiny.engine'
    assert build(monkeypatch, onnx_file, out, FakeTensorRT(), change=WRONG[name]) == 1
    reported = capsys.readouterr().err
    assert (
        'TensorRT deviates from ONNX Runtime (allowed are a mean difference up to 1% and a '
        'correlation from 0.999)' in reported
    )
    assert 'nothing is written' in reported
    assert list(tmp_path.iterdir()) == []


def test_an_engine_within_rounding_is_written_with_its_numbers(monkeypatch, onnx_file, tmp_path):
    out = tmp_path / 'tiny.engine'
    change = WRONG['a scale']
    half = lambda name, values: values + 0.1 * (change(name, values) - values)  # noqa: E731
    assert build(monkeypatch, onnx_file, out, FakeTensorRT(), change=half) == 0
    numbers = json.loads(read_sidecar(out)['check'])
    assert numbers['noise']['depth_m_outdoor'] == pytest.approx([0.002, 1.0], rel=1e-3)


def test_an_engine_of_another_network_takes_its_contract_along(monkeypatch, tmp_path):
    from foreign_network import contract, write_network

    source = write_network(tmp_path / 'net.onnx', contract(), beside=True)
    out = tmp_path / 'net.engine'
    assert build(monkeypatch, source, out, FakeTensorRT()) == 0
    about = read_sidecar(out)
    assert 'depth_contract: 1' in about['depth_contract']
    assert set(json.loads(about['check_reference'])) == {'depth'}


@pytest.mark.parametrize(
    ('version', 'warned'),
    [('8.6.1', True), ('10.3.0', True), ('10.12.0.36', True), ('10.13.0', False), ('11.0', False)],
)
def test_releases_with_reports_of_wrong_depth_are_warned_of(version, warned):
    assert bool(release_warning(version)) == warned


def test_in_half_precision_the_marked_layers_are_pinned_to_float32(
    monkeypatch, onnx_file, tmp_path
):
    layers = [
        Layer('node_conv2d'),
        Layer('float32/node_softplus'),
        Layer('float32/node_shape', dtype='int64'),
        Layer('float32/node_constant', kind='CONSTANT'),
    ]
    library = FakeTensorRT(layers)
    assert build(monkeypatch, onnx_file, tmp_path / 'e', library, '--precision', 'fp16') == 0
    assert library.flags == {'FP16', 'OBEY'}
    assert [x.precision for x in layers] == [None, 'float32', None, None]
    assert layers[1].pinned == {0: 'float32'}


def test_in_float32_nothing_is_halved(monkeypatch, onnx_file, tmp_path):
    library = FakeTensorRT([Layer('node_conv2d')])
    assert build(monkeypatch, onnx_file, tmp_path / 'e', library, '--precision', 'fp32') == 0
    assert library.flags == set()


@pytest.mark.parametrize(
    ('library', 'message'),
    [
        (FakeTensorRT(parse_error='no such operator'), 'cannot read .*: no such operator'),
        (FakeTensorRT(engine=None), 'TensorRT 10.3.0 could not build an engine'),
        (None, 'an engine needs TensorRT'),
    ],
)
def test_what_goes_wrong_is_reported_and_nothing_is_written(
    monkeypatch, onnx_file, tmp_path, capsys, library, message
):
    out = tmp_path / 'tiny.engine'
    assert build(monkeypatch, onnx_file, out, library) == 2
    reported = capsys.readouterr().err
    assert np.array([part in reported for part in message.split(' .*')]).all(), reported
    assert list(tmp_path.iterdir()) == []
