"""Other runtimes of an exported file: measured on request, never required."""

import sys
from dataclasses import replace

import pytest
import torch
from fake_openvino import FakeOpenVINO
from fake_worker import FakeMachine

from zoedepth_ros.benchmark import network_benchmark
from zoedepth_ros.benchmark.implementations import Implementation, runtime_baselines
from zoedepth_ros.benchmark.network_benchmark import measure
from zoedepth_ros.benchmark.parts import BenchmarkOptions
from zoedepth_ros.benchmark.runners import ExportedRunner, chosen_head
from zoedepth_ros.benchmark.worker import call_here
from zoedepth_ros.model.presets import preset
from zoedepth_ros.model.zoedepth import create_model

TIMES_MS = {
    ('ours', 'bf16'): 10.0,
    ('ours', 'fp32'): 20.0,
    ('transformers', 'fp32'): 40.0,
    ('transformers', 'bf16'): 40.0,
    ('onnxruntime', 'fp32'): 25.0,
    ('openvino', 'bf16'): 9.0,
    ('openvino', 'fp32'): 16.0,
}


def taken_ms(implementation, size, batch):
    return TIMES_MS[implementation.kind, implementation.precision]


def options(**others):
    return BenchmarkOptions(model='ZoeD_tiny_NK', precision='bf16', rounds=1, **others)


@pytest.fixture(scope='module')
def machine():
    return FakeMachine(taken_ms)


@pytest.fixture(scope='module')
def section(machine):
    return measure(options(runtimes='only'), machine)


def test_every_runtime_has_its_speedup_and_its_deviation(section):
    values = section.values
    assert values['speedup_over_onnxruntime'] == 2.5
    assert values['speedup_over_openvino_half'] == 0.9
    assert values['speedup_over_openvino'] == 1.6
    assert values['speedup_fp32_over_onnxruntime'] == 1.25
    assert values['speedup_fp32_over_openvino'] == 0.8
    assert values['deviation_reference'] == 'ours_fp32'
    variants = values['variants']
    assert variants['onnxruntime']['mean_relative_deviation'] == 0.0
    assert variants['openvino_half']['mean_relative_deviation'] == pytest.approx(0.01)
    assert section.missing == ()


def test_runtimes_read_the_exported_file_on_the_device_of_ours(machine, section):
    found = [x for x in machine.opened if x.kind in ('onnxruntime', 'openvino')]
    assert [x.kind for x in found] == ['onnxruntime', 'openvino', 'openvino']
    assert {x.weights.rpartition('/')[2] for x in found} == {'ZoeD_tiny_NK.onnx'}
    assert {x.device for x in found} == {'cpu'}
    assert machine.requests.count('runners.export_file') == 1
    assert set(machine.opened[0].weights.split('.')) & {'safetensors'}


def test_only_is_without_transformers_and_too_is_with_it(machine, section):
    assert {x.kind for x in machine.opened} == {'ours', 'onnxruntime', 'openvino'}
    both = measure(options(runtimes='too'), FakeMachine(taken_ms)).values
    assert (both['speedup_over_transformers'], both['speedup_over_onnxruntime']) == (4.0, 2.5)
    assert both['deviation_reference'] == 'transformers_eager'


def test_nothing_is_exported_without_a_request():
    machine = FakeMachine(taken_ms)
    values = measure(options(), machine).values
    assert 'runners.export_file' not in machine.requests
    assert not any('onnxruntime' in name or 'openvino' in name for name in values)


def test_a_runtime_that_is_not_installed_is_named_and_the_others_run():
    lacking = {'openvino': "No module named 'openvino': pip install openvino"}
    found = measure(options(runtimes='only'), FakeMachine(taken_ms, lacking))
    assert found.missing == (
        "OpenVINO, bf16; OpenVINO, fp32: No module named 'openvino': pip install openvino",
    )
    assert found.values['speedup_over_onnxruntime'] == 2.5


def test_without_the_export_the_rest_is_measured_and_the_reason_reported():
    lacking = {'runners.export_file': 'the export to ONNX needs onnx'}
    found = measure(options(runtimes='too'), FakeMachine(taken_ms, lacking))
    assert found.missing == ('other runtimes: the export to ONNX needs onnx',)
    assert found.values['speedup_over_transformers'] == 4.0
    assert 'speedup_over_onnxruntime' not in found.values


def test_on_a_gpu_the_runtimes_get_its_device_and_tf32_is_named():
    ours = Implementation('ours', 'ZoeD_tiny_NK', 'file', device='cuda:1', precision='fp16')
    found = {x.name: x for x in runtime_baselines(ours, 'file.onnx', 'fp16', on_gpu=True)}
    assert found['onnxruntime'].implementation.device == 'cuda:1'
    assert 'TF32' in found['onnxruntime'].title
    assert found['openvino_half'].implementation.precision == 'fp16'
    assert 'TF32' not in runtime_baselines(ours, 'file.onnx', 'bf16', on_gpu=False)[0].title


def test_the_head_of_the_file_is_the_one_the_router_selects(monkeypatch):
    model = create_model(preset('ZoeD_tiny_NK'), seed=0).eval()
    last = model.router.classify[2]
    last.weight.data.zero_()
    last.bias.data[:] = last.bias.new_tensor([0.0, 1.0])
    assert chosen_head(model) == 'outdoor'
    last.bias.data[:] = last.bias.new_tensor([1.0, 0.0])
    assert chosen_head(model) == 'indoor'
    turns = iter([0.0, 2.0, 0.0])

    def undecided(features):
        return last.bias.new_tensor([[1.0, next(turns)]])

    monkeypatch.setattr(model, 'route', undecided)
    assert chosen_head(model) == 'both'
    assert chosen_head(create_model(preset('ZoeD_tiny_K'), seed=0)) == 'outdoor'


class Here:
    """A worker in this process."""

    def __init__(self, environment):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def kill_after(self, limit_s):
        pass

    def call(self, function, *arguments):
        return call_here(function, *arguments)


def only_onnxruntime(*given, **how):
    return [x for x in runtime_baselines(*given, **how) if x.implementation.kind == 'onnxruntime']


def test_onnx_runtime_gives_our_depth_within_rounding(monkeypatch):
    for library in ('onnx', 'onnxscript', 'onnxruntime'):
        pytest.importorskip(library)
    monkeypatch.setattr(network_benchmark, '_SUSTAINED_WITHIN_S', 0.0)
    monkeypatch.setattr(network_benchmark, 'runtime_baselines', only_onnxruntime)
    wanted = BenchmarkOptions(
        model='ZoeD_tiny_NK', device='cpu', precision='fp32', rounds=1, runtimes='only'
    )
    values = measure(wanted, Here).values
    assert values['speedup_over_onnxruntime'] > 0.0
    variant = values['variants']['onnxruntime']
    assert variant['facts']['heads'] == 'indoor'
    assert variant['facts']['device'] == 'cpu'
    assert 0.0 < variant['mean_relative_deviation'] < 1e-5


def test_openvino_computes_as_precisely_and_on_as_many_threads_as_ours(monkeypatch):
    library = FakeOpenVINO()
    monkeypatch.setitem(sys.modules, 'openvino', library)
    monkeypatch.setattr(torch, 'get_num_threads', lambda: 7)
    for precision, hint in (('bf16', 'bf16'), ('fp32', 'f32')):
        implementation = Implementation(
            'openvino', '', 'file.onnx', device='cpu', precision=precision
        )
        assert ExportedRunner(implementation).facts()['precision'] == precision
        assert library.compiled['INFERENCE_PRECISION_HINT'] == hint
        assert library.compiled['INFERENCE_NUM_THREADS'] == '7'
    with pytest.raises(ValueError, match='on the CPU only, got'):
        ExportedRunner(replace(implementation, device='cuda:0'))
