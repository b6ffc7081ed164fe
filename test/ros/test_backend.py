"""The parameter `backend`: an exported file instead of torch, and what such a file cannot do."""

from dataclasses import replace

import numpy as np
import pytest
from fake_openvino import need_openvino

pytest.importorskip('rclpy')

from zoedepth_ros.inference.runtimes import onnx_runtime
from zoedepth_ros.inference.runtimes.agreement import DriftError
from zoedepth_ros.inference.runtimes.exported import backend_of
from zoedepth_ros.ros.main import make_predictor
from zoedepth_ros.ros.parameters.node_settings import NodeSettings, settings_from

ONNX = settings_from({'backend': 'onnxruntime', 'model': 'ZoeD_tiny_NK'}).predictor
RGB = np.zeros((80, 120, 3), np.uint8)


def test_torch_runs_unless_another_runtime_is_configured_or_the_file_is_for_one():
    assert NodeSettings().predictor.backend == 'auto'
    found = [backend_of(name) for name in ('', 'random', 'a.pt', 'a.ONNX', 'b.engine', 'b.plan')]
    assert found == ['torch', 'torch', 'torch', 'onnxruntime', 'tensorrt', 'tensorrt']
    assert backend_of('a.onnx', 'openvino') == 'openvino'
    with pytest.raises(ValueError, match='backend'):
        settings_from({'backend': 'tvm'})


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({}, 'backend onnxruntime needs an exported network as weights, such as a file'),
        ({'weights': '/nowhere/file.onnx'}, 'there is no file /nowhere/file.onnx'),
        ({'flip_augmentation': True}, 'flip_augmentation must be false with backend onnx'),
        ({'optimization': 'compile'}, 'optimization must be auto .* values need backend torch'),
        ({'pad_input': True}, 'pad_input must be false with backend onnxruntime'),
    ],
)
def test_what_an_exported_file_cannot_do_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        make_predictor(replace(ONNX, **changes))


@pytest.mark.parametrize('backend', ['onnxruntime', 'openvino'])
def test_the_node_is_given_an_exported_file_and_its_warning(tmp_path, backend):
    for library in ('onnx', 'onnxscript', 'onnxruntime'):
        pytest.importorskip(library)
    if backend == 'openvino':
        need_openvino()
    from lively import lively_model

    from zoedepth_ros.build import LoadedNetwork
    from zoedepth_ros.export.onnx import export_onnx

    path = tmp_path / 'tiny.onnx'
    network = LoadedNetwork(lively_model('ZoeD_tiny_NK'), weights_warning='noise: not depth')
    export_onnx(network, path, head='both')
    settings = replace(ONNX, backend=backend, weights=str(path), precision='fp32')
    predictor = make_predictor(settings)
    assert predictor.weights_warning == 'noise: not depth'
    assert predictor(RGB).depth_m.shape == (80, 120)


def test_a_runtime_that_computes_something_else_is_refused_with_the_numbers(tmp_path, monkeypatch):
    for library in ('onnx', 'onnxscript', 'onnxruntime'):
        pytest.importorskip(library)
    from lively import lively_model

    from zoedepth_ros.build import LoadedNetwork
    from zoedepth_ros.export.onnx import export_onnx

    path = tmp_path / 'tiny.onnx'
    export_onnx(LoadedNetwork(lively_model('ZoeD_tiny_NK')), path, head='both')
    right = onnx_runtime.OnnxSession.run
    factor = 1.0

    def run(self, image):
        found = right(self, image)
        return {**found, 'depth_m_outdoor': found['depth_m_outdoor'] * np.float32(factor)}

    monkeypatch.setattr(onnx_runtime.OnnxSession, 'run', run)
    settings = replace(ONNX, weights=str(path))
    make_predictor(settings)
    factor = 1.02
    with pytest.raises(DriftError, match=r'depth_m_outdoor of .* mean difference 2\.00%'):
        make_predictor(settings)


def test_a_fallback_in_torch_is_built_without_measuring(monkeypatch):
    found = []
    monkeypatch.setattr(
        'zoedepth_ros.build.build_predictor', lambda *_, **options: found.append(options)
    )
    for allowed in (True, False):
        make_predictor(replace(ONNX, backend='torch', weights='', may_measure=allowed))
    assert [options['may_measure'] for options in found] == [True, False]
