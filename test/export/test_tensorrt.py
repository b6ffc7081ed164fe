"""How an engine is built, on a stand-in for TensorRT: the real one needs its GPU."""

import json
import sys

import numpy as np
import pytest
from fake_tensorrt import FakeTensorRT, Layer
from lively import lively_model

pytest.importorskip('onnx')
pytest.importorskip('onnxscript')
pytest.importorskip('onnxruntime')

import onnx

from zoedepth_ros.cli.main import main
from zoedepth_ros.export.onnx import export_onnx
from zoedepth_ros.inference.runtimes.session import read_sidecar


@pytest.fixture(scope='module')
def onnx_file(tmp_path_factory):
    path = tmp_path_factory.mktemp('onnx') / 'tiny.onnx'
    export_onnx(lively_model('ZoeD_tiny_NK'), path, head='both', weights_warning='noise')
    return path


def build(monkeypatch, onnx_file, out, library, *options):
    monkeypatch.setitem(sys.modules, 'tensorrt', library)
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
    said = capsys.readouterr().out
    assert f'-> {out}' in said
    assert 'NOISE' in said


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
def test_what_goes_wrong_is_said_and_nothing_is_written(
    monkeypatch, onnx_file, tmp_path, capsys, library, message
):
    out = tmp_path / 'tiny.engine'
    assert build(monkeypatch, onnx_file, out, library) == 2
    said = capsys.readouterr().err
    assert np.array([part in said for part in message.split(' .*')]).all(), said
    assert list(tmp_path.iterdir()) == []
