"""An exported file gives the depth of the network it came from, and refuses what it cannot do."""

import sys
from types import SimpleNamespace
from typing import ClassVar

import numpy as np
import pytest
import torch
from lively import MAPS, lively_predictor

from zoedepth_ros.inference.devices import choose_device
from zoedepth_ros.inference.preprocess import make_preprocessing
from zoedepth_ros.inference.result import InferenceError
from zoedepth_ros.inference.runtimes import exported
from zoedepth_ros.inference.runtimes.agreement import expected_blocks
from zoedepth_ros.inference.runtimes.exported import (
    ExportedPredictor,
    open_exported,
    resize,
    to_network,
)
from zoedepth_ros.inference.runtimes.onnx_runtime import open_session
from zoedepth_ros.inference.uncertainty import UncertaintyMap, content_of, file_beside, write_maps

RGB = np.random.default_rng(0).integers(0, 256, (80, 120, 3), dtype=np.uint8)
SIZE = (64, 96)
ABOUT = {
    'model': 'ZoeD_tiny_NK',
    'head': 'indoor,outdoor',
    'router_heads': 'indoor,outdoor',
    'height': '64',
    'width': '96',
    'weights_origin': 'random',
    'trained_on': 'random weights: not depth',
    'training_hfov_deg': '60',
    'focal_exponent': '0.8',
}


class FakeSession:
    """A file whose outputs the test chooses."""

    device, precision = 'cpu', 'fp32'
    inputs: ClassVar = {'image': (1, 3, *SIZE)}

    def __init__(self, outputs=None, **about):
        self.metadata = {**ABOUT, **about}
        full = {
            name: np.full((1, 1, *SIZE), value, np.float32)
            for name, value in {
                'depth_m_indoor': 2.0,
                'uncertainty_m_indoor': 0.1,
                'depth_m_outdoor': 20.0,
                'uncertainty_m_outdoor': -1.0,
                'relative_depth': 0.5,
            }.items()
        }
        logits = np.array([[0.0, np.log(3.0)]], np.float32)
        self.outputs = {**full, 'router_logits': logits, **(outputs or {})}

    def run(self, image):
        assert image.shape == (1, 3, *SIZE)
        assert image.dtype == np.float32
        return self.outputs


@pytest.mark.parametrize('antialias', [False, True])
@pytest.mark.parametrize('size', [(64, 96), (480, 640), (33, 47), (300, 47), (1, 1)])
def test_the_way_in_and_back_is_that_of_the_torch_predictor(size, antialias):
    way = make_preprocessing('metric', SIZE, 32, antialias=antialias)
    rgb = np.random.default_rng(1).integers(0, 256, (*size, 3), dtype=np.uint8)
    image = torch.from_numpy(rgb).permute(2, 0, 1)[None].float() / 255
    # torch places pixels in float32, which shows where neighbours differ by all there is
    np.testing.assert_allclose(to_network(rgb, SIZE, antialias), way.to_network(image), atol=2e-4)
    maps = torch.rand(1, 2, *SIZE, generator=torch.Generator().manual_seed(0))
    back = resize(maps.numpy(), size, antialias)
    np.testing.assert_allclose(back, way.to_image_size(maps, *size), atol=1e-5)


def test_the_router_chooses_between_the_heads_of_a_file_or_is_overruled():
    predictor = ExportedPredictor(FakeSession(), 'file')
    found = predictor(RGB)
    assert found.head == 'outdoor'
    assert found.router_probabilities == pytest.approx({'indoor': 0.25, 'outdoor': 0.75})
    assert (found.depth_m == 20.0).all()
    assert (found.uncertainty_m == 0.0).all()  # never negative
    assert found.depth_m.shape == RGB.shape[:2]
    forced = predictor(RGB, 'indoor', route=False)
    assert forced.router_probabilities == {}
    assert (forced.depth_m == 2.0).all()
    pair = predictor.predict_batch([RGB, RGB], ['auto', 'indoor'], routes=[True, True])
    assert [r.head for r in pair] == ['outdoor', 'indoor']


def test_a_file_of_one_head_has_that_head_only():
    outputs = {'depth_m': np.full(SIZE, 3.0, np.float32), 'uncertainty_m': np.zeros(SIZE, 'f4')}
    predictor = ExportedPredictor(FakeSession(outputs, head='indoor'), 'file')
    assert predictor.heads == ('indoor',)
    assert predictor(RGB).router_probabilities == {}
    with pytest.raises(ValueError, match="unknown head 'outdoor'"):
        predictor(RGB, 'outdoor')


def test_what_the_file_states_of_itself_is_passed_on():
    predictor = ExportedPredictor(FakeSession(), 'some.onnx (onnxruntime)')
    assert predictor.model_name == 'ZoeD_tiny_NK'
    assert predictor.weights_warning == 'random weights: not depth'
    assert predictor.weights_origin == 'some.onnx (onnxruntime), from random'
    assert predictor.training_hfov_rad == pytest.approx(np.pi / 3)
    assert predictor.focal_exponent == 0.8
    assert predictor.network_size(480, 640) == SIZE


def test_a_file_that_names_no_exponent_takes_the_whole_ratio_of_focal_lengths():
    session = FakeSession()
    del session.metadata['focal_exponent']
    assert ExportedPredictor(session, 'some.onnx').focal_exponent == 1.0


def test_values_that_are_not_finite_are_an_error():
    bad = np.full((1, 1, *SIZE), np.nan, np.float32)
    predictor = ExportedPredictor(FakeSession({'depth_m_outdoor': bad}), 'file')
    with pytest.raises(InferenceError, match='not finite'):
        predictor(RGB)


def test_a_file_of_somebody_else_is_refused():
    with pytest.raises(
        ValueError,
        match='this is no file of `zoedepth export`: its metadata lack height, width, model',
    ):
        ExportedPredictor(SimpleNamespace(metadata={}), 'other.onnx')


@pytest.mark.parametrize(
    ('about', 'message'),
    [
        (
            {'height': 'tall'},
            r"height and width must be whole numbers \[px\], got \['tall', '96'\]",
        ),
        ({'height': '-64'}, 'height and width must be whole numbers'),
        ({'width': '64'}, r'one input of the shape \(1, 3, 64, 64\).* got \[\(1, 3, 64, 96\)\]'),
        ({'head': 'indoor,garden'}, 'no output depth_m_garden, which its metadata describes'),
        ({'training_hfov_deg': 'wide'}, "training_hfov_deg must be .*, got 'wide'"),
        ({'training_hfov_deg': 'nan'}, "training_hfov_deg must be .*, got 'nan'"),
        ({'training_hfov_deg': '500'}, "training_hfov_deg must be .*, got '500'"),
        ({'focal_exponent': '-3'}, "focal_exponent must be .*, got '-3'"),
        ({'focal_exponent': 'much'}, "focal_exponent must be .*, got 'much'"),
    ],
)
def test_metadata_that_is_wrong_is_refused_by_name(about, message):
    with pytest.raises(ValueError, match=f'some.onnx: .*{message}'):
        ExportedPredictor(FakeSession(**about), 'some.onnx')


@pytest.mark.parametrize('blocks', ['[1]', '{"depth_m": {}}', '{"depth_m": [1, 2]}', '{"d": "x"}'])
def test_stored_depth_that_is_none_is_refused(blocks):
    with pytest.raises(ValueError, match='check_reference: expected 64 numbers for each output'):
        expected_blocks({'check_reference': blocks})


@pytest.mark.parametrize('device', ['gpu', 'cuda:', 'cuda:x', 'cuda:-1', 'CPU', ''])
def test_a_device_that_does_not_exist_is_refused_by_every_runtime(device, monkeypatch, tmp_path):
    import onnxruntime

    monkeypatch.setattr(onnxruntime, 'get_available_providers', lambda: ['CUDAExecutionProvider'])
    for open_it in (choose_device, lambda name: open_session(tmp_path, name)):
        with pytest.raises(ValueError, match=f"unknown device '{device}': expected auto, cpu"):
            open_it(device)


@pytest.fixture
def fake_runtime(monkeypatch, tmp_path):
    """A file for a runtime that is there."""
    fake = SimpleNamespace(open_session=lambda path, device, precision: FakeSession())
    monkeypatch.setattr(exported, 'import_module', lambda name: fake)
    path = tmp_path / 'file.onnx'
    path.touch()
    return str(path)


@pytest.mark.parametrize(
    ('choice', 'message'),
    [
        (
            {'model': 'ZoeD_M12_NK'},
            'has the model ZoeD_tiny_NK, expected the configured ZoeD_M12_NK',
        ),
        ({'precision': 'fp16'}, 'has the precision fp32, expected the configured fp16'),
        (
            {'network_height': 128},
            r'has the network size \(64, 96\), expected the configured \(128, 96\)',
        ),
    ],
)
def test_a_file_that_is_not_what_was_requested_is_refused(fake_runtime, choice, message):
    assert open_exported(fake_runtime, 'onnxruntime', model='ZoeD_tiny_NK').size == SIZE
    with pytest.raises(ValueError, match=message):
        open_exported(fake_runtime, 'onnxruntime', **choice)


def test_no_file_and_no_such_runtime_are_refused(tmp_path):
    with pytest.raises(
        ValueError, match='backend tensorrt needs an exported network as weights, such as a file'
    ):
        open_exported('', 'tensorrt')
    with pytest.raises(ValueError, match='there is no file'):
        open_exported(str(tmp_path / 'none.onnx'), 'onnxruntime')
    with pytest.raises(ValueError, match="unknown backend 'tvm'"):
        open_exported('x', 'tvm')


@pytest.mark.parametrize(
    ('backend', 'library', 'message'),
    [
        ('onnxruntime', 'onnxruntime', 'needs ONNX Runtime .pip install onnxruntime'),
        ('openvino', 'openvino', 'needs OpenVINO .pip install openvino'),
        ('tensorrt', 'tensorrt', 'needs TensorRT'),
    ],
)
def test_a_runtime_that_is_not_installed_is_reported_with_what_to_do(
    tmp_path, monkeypatch, backend, library, message
):
    path = tmp_path / 'file'
    path.touch()
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ValueError, match=message):
        open_exported(str(path), backend)


@pytest.mark.parametrize(
    'other', [{'indoor': UncertaintyMap(2.0)}, {'outdoor': UncertaintyMap(2.0)}]
)
def test_an_exported_file_keeps_the_calibration_of_the_heads_that_none_beside_it_has(
    onnx_file, other
):
    assert open_exported(str(onnx_file), 'onnxruntime').uncertainty_maps == MAPS
    beside = file_beside(onnx_file)
    write_maps(beside, content_of(other))
    try:
        assert open_exported(str(onnx_file), 'onnxruntime').uncertainty_maps == {**MAPS, **other}
    finally:
        beside.unlink()


def test_onnx_runtime_gives_the_depth_of_torch(onnx_file):
    ours = lively_predictor()
    theirs = open_exported(str(onnx_file), 'onnxruntime', model='ZoeD_tiny_NK')
    assert (theirs.device, theirs.precision) == ('cpu', 'fp32')
    for head in ('auto', 'indoor', 'outdoor'):
        expected, found = ours(RGB, head), theirs(RGB, head)
        assert expected.depth_m.std() > 0.01 * expected.depth_m.mean()
        np.testing.assert_allclose(found.depth_m, expected.depth_m, rtol=1e-3)
        np.testing.assert_allclose(
            found.uncertainty_m, expected.uncertainty_m, rtol=1e-2, atol=1e-3
        )
        assert found.head == expected.head
        assert found.router_probabilities == pytest.approx(expected.router_probabilities, abs=1e-3)


def test_idle_threads_of_onnx_runtime_do_not_turn_round(onnx_file, monkeypatch):
    import onnxruntime

    from zoedepth_ros.inference.runtimes.onnx_runtime import open_session

    seen = []
    real = onnxruntime.InferenceSession

    def noted(path, options, providers):
        seen.append(options)
        return real(path, options, providers=providers)

    monkeypatch.setattr(onnxruntime, 'InferenceSession', noted)
    open_exported(str(onnx_file), 'onnxruntime', device='cpu')
    open_session(onnx_file, 'cpu', threads=3)
    spinning = 'session.intra_op.allow_spinning'  # as its documentation of session options has it
    assert [options.get_session_config_entry(spinning) for options in seen] == ['0', '0']
    assert [options.intra_op_num_threads for options in seen] == [0, 3]


def test_a_cuda_that_does_not_start_is_an_error_and_not_the_processor(onnx_file, monkeypatch):
    import onnxruntime

    names = ['CUDAExecutionProvider', 'CPUExecutionProvider']
    fallen_back = SimpleNamespace(get_providers=lambda: names[1:])
    monkeypatch.setattr(onnxruntime, 'get_available_providers', lambda: names)
    monkeypatch.setattr(onnxruntime, 'InferenceSession', lambda *_, **__: fallen_back)
    with pytest.raises(ValueError, match="device 'cuda': this ONNX Runtime cannot use CUDA"):
        open_exported(str(onnx_file), 'onnxruntime', device='cuda')


def test_onnx_runtime_refuses_what_it_cannot_open(onnx_file, tmp_path):
    odd = tmp_path / 'odd.onnx'
    odd.write_bytes(b'no graph')
    with pytest.raises(ValueError, match=r'odd.onnx cannot be opened .* of 8 bytes is cut off'):
        open_exported(str(odd), 'onnxruntime')
    import onnxruntime

    if 'CUDAExecutionProvider' not in onnxruntime.get_available_providers():
        with pytest.raises(ValueError, match="'cuda:0': this ONNX Runtime has no CUDA"):
            open_exported(str(onnx_file), 'onnxruntime', device='cuda:0')
