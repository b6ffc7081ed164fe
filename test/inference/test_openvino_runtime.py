"""OpenVINO gives the depth of torch, in the precision it reports, or a reason why it cannot.

What only a processor of another kind or a broken file shows is run on a stand-in; the rest needs
the library and is skipped without it.
"""

import subprocess
import sys

import numpy as np
import pytest
import torch
from fake_openvino import FakeOpenVINO, need_openvino
from lively import lively_model

from zoedepth_ros.inference.processor import bf16_emulated
from zoedepth_ros.inference.result import InferenceError
from zoedepth_ros.inference.runtimes import openvino_runtime
from zoedepth_ros.inference.runtimes.exported import ExportedPredictor, open_exported, to_network
from zoedepth_ros.inference.runtimes.openvino_heads import cut
from zoedepth_ros.inference.runtimes.openvino_runtime import open_session

RGB = np.random.default_rng(0).integers(0, 256, (80, 120, 3), dtype=np.uint8)
SIZE = (64, 96)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / 'file.onnx'
    path.touch()
    return path


@pytest.fixture
def library(monkeypatch):
    """Return the function that puts an OpenVINO on this machine."""

    def put(*given, **about):
        fake = FakeOpenVINO(*given, **about)
        monkeypatch.setitem(sys.modules, 'openvino', fake)
        return fake

    return put


def test_auto_is_bf16_where_the_processor_has_it(library, file):
    fake = library()
    assert open_session(file, 'auto', 'auto').precision == 'bf16'
    assert fake.compiled == {'PERFORMANCE_HINT': 'LATENCY', 'INFERENCE_PRECISION_HINT': 'bf16'}
    assert open_session(file, 'cpu', 'fp32').precision == 'fp32'
    assert fake.compiled['INFERENCE_PRECISION_HINT'] == 'f32'
    fake = library(able=('FP32', 'FP16'))
    assert open_session(file, 'cpu', 'auto').precision == 'fp32'
    assert fake.compiled['INFERENCE_PRECISION_HINT'] == 'f32'


def test_it_takes_its_own_number_of_threads_unless_configured(library, file):
    fake = library()
    open_exported(str(file), 'openvino')
    assert 'INFERENCE_NUM_THREADS' not in fake.compiled
    open_session(file, 'cpu', 'fp32', 3)
    assert fake.compiled['INFERENCE_NUM_THREADS'] == '3'


@pytest.mark.parametrize(
    ('requested', 'message'),
    [
        ({'device': 'cuda:0'}, "openvino runs on the CPU only, got device 'cuda:0'"),
        ({'precision': 'fp16'}, 'openvino runs in fp32 or bf16, got precision fp16'),
        ({'precision': 'bf16'}, 'cannot run in bf16 on this processor'),
        (
            {'model': 'ZoeD_tiny_K'},
            'has the model ZoeD_tiny_N, expected the configured ZoeD_tiny_K',
        ),
    ],
)
def test_what_it_would_do_otherwise_is_refused(library, file, requested, message):
    library(able=('FP32',))
    with pytest.raises(ValueError, match=message):
        open_exported(str(file), 'openvino', **requested)


def test_a_file_that_it_cannot_read_or_that_is_not_ours_is_refused_on_one_line(library, file):
    library(readable=False)
    with pytest.raises(ValueError, match='file.onnx cannot be opened by OpenVINO: .*Unable') as it:
        open_exported(str(file), 'openvino')
    assert '\n' not in str(it.value)
    library(about=None)
    with pytest.raises(ValueError, match='this is no file of `zoedepth export`'):
        open_exported(str(file), 'openvino')


def test_a_run_that_fails_is_an_inference_error(library, file):
    library()
    assert open_exported(str(file), 'openvino')(RGB).depth_m.shape == RGB.shape[:2]
    library(works=False)
    with pytest.raises(InferenceError, match=r'OpenVINO on cpu: .*cpp:224: no memory'):
        open_exported(str(file), 'openvino')(RGB)


def test_importing_openvino_reports_to_nobody(monkeypatch, tmp_path, file):
    # as OpenVINO 2026.4 does: an event for every import, unless the reporting package is missing
    reporting = 'def send():\n    raise AssertionError("reported")\n'
    (tmp_path / 'openvino_telemetry.py').write_text(reporting)
    (tmp_path / 'openvino.py').write_text(
        'try:\n    from openvino_telemetry import send\nexcept ImportError:\n'
        '    def send(): pass\nsend()\n'
        'from fake_openvino import FakeOpenVINO\nCore = FakeOpenVINO().Core\n'
    )
    for name in ('openvino', 'openvino_telemetry'):
        monkeypatch.setitem(sys.modules, name, None)
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(tmp_path)
    assert open_session(file, 'cpu', 'fp32').precision == 'fp32'
    assert 'openvino_telemetry' not in sys.modules


@pytest.fixture(autouse=True)
def real_or_fake(request):
    """Skip tests of real files without the real library."""
    if 'onnx_file' in request.fixturenames:
        need_openvino()


# In bf16 every step keeps 8 bits, 0.4 %.  Medians, because weights stirred like this put single
# pixels far off in fp32 already; with ZoeD_S_NK the worst pixel is within 3e-5.
@pytest.mark.parametrize(
    ('precision', 'least', 'most'), [('fp32', 0.0, 1e-5), ('bf16', 1e-4, 0.03)]
)
def test_openvino_gives_the_depth_of_torch(onnx_file, precision, least, most):
    if precision == 'bf16' and (reason := bf16_emulated()):
        pytest.skip(reason)
    session = open_session(onnx_file, 'cpu', precision)
    image = to_network(RGB, SIZE)
    found = session.run(image)
    model = lively_model('ZoeD_tiny_NK')
    for head in ('indoor', 'outdoor'):
        with torch.inference_mode():
            expected = model(torch.from_numpy(image), head)
        depth_m = expected.depth_m.numpy()
        assert depth_m.std() > 0.01 * depth_m.mean()
        deviation = float(np.median(np.abs(found[f'depth_m_{head}'] / depth_m - 1.0)))
        assert least <= deviation < most  # it computes as reported, neither worse nor better
        np.testing.assert_allclose(
            found['router_logits'], expected.router_logits.numpy(), atol=10 * most
        )


@pytest.fixture
def counted(onnx_file, monkeypatch):
    """A predictor in fp32 and the runs of each of its parts, as the outputs they give."""
    session, ran = open_session(onnx_file, 'cpu', 'fp32'), []
    infer = session.infer

    def noted(*given):
        found = infer(*given)
        ran.append(set(found))
        return found

    monkeypatch.setattr(session, 'infer', noted)
    return ExportedPredictor(session, 'file'), ran


SHARED = {'relative_depth', 'router_logits'}
OF_HEAD = {head: {f'depth_m_{head}', f'uncertainty_m_{head}'} for head in ('indoor', 'outdoor')}


@pytest.mark.parametrize('head', OF_HEAD)
def test_only_the_head_in_use_runs(counted, head):
    predictor, ran = counted
    assert predictor(RGB, head).head == head
    assert ran == [SHARED, OF_HEAD[head]]


def test_every_head_is_warmed_up_and_the_shared_part_once(counted):
    predictor, ran = counted
    predictor.warm_up(*SIZE)
    assert all(outputs in ran for outputs in OF_HEAD.values())
    assert ran.count(SHARED) == 1


def test_the_router_of_the_same_image_chooses_the_head_that_runs_as_in_torch(counted):
    predictor, ran = counted
    images = np.random.default_rng(3).integers(0, 256, (12, *SIZE, 3), dtype=np.uint8)
    model, heads, chosen = lively_model('ZoeD_tiny_NK'), tuple(OF_HEAD), set()
    for rgb in images:
        with torch.inference_mode():
            logits = model(torch.from_numpy(to_network(rgb, SIZE)), 'indoor').router_logits
        expected = heads[int(logits.argmax())]
        ran.clear()
        assert predictor(rgb).head == expected
        assert ran == [SHARED, OF_HEAD[expected]]
        chosen.add(expected)
    assert chosen == set(heads)


def test_an_output_of_a_head_is_not_taken_from_another_image(onnx_file):
    session = open_session(onnx_file, 'cpu', 'fp32')
    first = session.run(to_network(RGB, SIZE))
    expected = first['depth_m_indoor']
    session.run(to_network(255 - RGB, SIZE))
    np.testing.assert_array_equal(first['depth_m_indoor'], expected)  # already computed
    with pytest.raises(
        InferenceError, match='depth_m_outdoor was read after the network ran on another'
    ):
        first['depth_m_outdoor']


def test_heads_may_share_what_the_other_outputs_do_not_need(tmp_path):
    """Also where a third head does not, and a head takes a shape; expected values by hand."""
    need_openvino()
    onnx = pytest.importorskip('onnx')
    text = """<ir_version: 8, opset_import: ["" : 18]>
    g (float[1,1,2,2] image) => (float[1,1,2,2] d_a, float[1,1,2,2] d_b, float[1,1,2,2] d_c,
                                 float[1,1,2,2] other) {
      other = Neg(image)
      r = Relu(image)
      two = Add(r, r)
      d_a = Sqrt(two)
      d_b = Mul(two, r)
      shape = Shape(r)
      flat = Constant<value_ints = [-1]>()
      line = Reshape(other, flat)
      lines = Add(line, line)
      d_c = Reshape(lines, shape)
    }"""
    parsed = onnx.parser.parse_model(text)
    parsed.metadata_props.add(key='head', value='a,b,c')
    onnx.save(parsed, tmp_path / 'net.onnx')
    library = openvino_runtime.import_openvino()
    model = library.Core().read_model(tmp_path / 'net.onnx')
    _, heads = cut(model, ('a', 'b', 'c'), library, 'fp32')
    assert [len(head.inputs) for head in heads] == [1, 2, 1]  # two; two and r; other
    session = open_session(tmp_path / 'net.onnx', 'cpu', 'fp32')
    assert session.outputs == ('d_a', 'd_b', 'd_c', 'other')
    found = session.run(np.array([-1.0, 0.5, 2.0, 8.0], np.float32).reshape(1, 1, 2, 2))
    assert {name: values.ravel().tolist() for name, values in found.items()} == {
        'd_a': [0.0, 1.0, 2.0, 4.0],
        'd_b': [0.0, 0.5, 8.0, 128.0],
        'd_c': [2.0, -1.0, -4.0, -16.0],
        'other': [1.0, -0.5, -2.0, -8.0],
    }


def test_the_predictor_reports_where_and_how_it_computes(onnx_file):
    predictor = open_exported(str(onnx_file), 'openvino', model='ZoeD_tiny_NK', precision='fp32')
    assert (predictor.device, predictor.precision) == ('cpu', 'fp32')
    assert predictor.weights_origin == f'{onnx_file} (openvino), from lively'
    assert predictor.heads == ('indoor', 'outdoor')
    first, other = predictor(RGB), predictor(255 - RGB)
    assert not np.array_equal(first.depth_m, other.depth_m)
    np.testing.assert_array_equal(predictor(RGB).depth_m, first.depth_m)


def test_openvino_refuses_images_of_another_size(onnx_file):
    session = open_session(onnx_file, 'auto', 'fp32')
    with pytest.raises(InferenceError, match='OpenVINO on cpu'):
        session.run(np.zeros((1, 3, 32, 32), np.float32))


def test_a_signal_after_several_networks_were_opened_and_deleted_does_not_end_the_process(
    tmp_path,
):
    need_openvino()
    pytest.importorskip('onnx')
    from foreign_network import contract, write_network

    files = [tmp_path / 'first.onnx', tmp_path / 'second.onnx']
    for file in files:
        write_network(file, contract())
    script = (
        'import signal, sys\n'
        'from pathlib import Path\n'
        'from zoedepth_ros.inference.runtimes.openvino_runtime import open_session\n'
        'got = []\n'
        'signal.signal(signal.SIGUSR1, lambda *_: got.append(1))\n'
        "first, second = (open_session(Path(p), 'cpu', 'fp32') for p in sys.argv[1:])\n"
        'del first\n'
        'del second\n'
        'signal.raise_signal(signal.SIGUSR1)\n'
        'print(got)\n'
    )
    command = [sys.executable, '-X', 'faulthandler', '-c', script, *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, '[1]\n'), done.stderr
