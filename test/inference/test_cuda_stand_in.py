"""The predictor on a stand-in for the CUDA libraries; see CONTRIBUTING.md."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from zoedepth_ros.errors import EXIT_CONTEXT_LOST
from zoedepth_ros.inference.runtimes.cuda_graphs import MAX_CAPTURES

FOLDER = Path(os.environ.get('CUDA_STAND_IN') or os.devnull)
LIBRARY = FOLDER / 'libstubcuda.so'
SCENARIOS = Path(__file__).parent.parent / 'support' / 'cuda_scenarios.py'

if torch.version.cuda is None or not LIBRARY.is_file():
    pytest.skip(
        'needs a CUDA build of torch, and the environment variable CUDA_STAND_IN with the folder '
        'of a stand-in for the CUDA libraries',
        allow_module_level=True,
    )


@pytest.fixture(scope='session')
def process(tmp_path_factory):
    folder = tmp_path_factory.mktemp('stand_in')
    libraries = [str(FOLDER / 'lib'), *filter(None, [os.environ.get('LD_LIBRARY_PATH')])]
    environment = {
        **os.environ,
        'PYTHONPATH': os.pathsep.join(sys.path),
        'LD_PRELOAD': str(LIBRARY),
        'LD_LIBRARY_PATH': os.pathsep.join(libraries),
        'TRITON_LIBCUDA_PATH': str(FOLDER / 'lib'),
        'TRITON_CACHE_DIR': str(folder),
        'TORCH_CUDNN_V8_API_DISABLED': '1',
        'TORCH_CUDNN_SDPA_DEPRIORITIZED': '1',
    }
    with subprocess.Popen(
        [sys.executable, str(SCENARIOS)], env=environment, cwd=folder, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    ) as started:  # fmt: skip
        yield started
        started.stdin.close()


@pytest.fixture
def run(process):
    """Run a scenario in a process of its own; return its result."""

    def run_scenario(scenario, *arguments, **environment):
        process.stdin.write(json.dumps([scenario, arguments, environment]) + '\n')
        process.stdin.flush()
        code, result = json.loads(process.stdout.readline())
        assert code == 0, 'see what the process wrote to stderr'
        return result

    return run_scenario


@pytest.mark.parametrize(
    ('function', 'counted'),
    [
        ('sync', 'cudaStreamSynchronize'),
        ('launch', 'kernels'),
        ('cudaMalloc', 'cudaMalloc'),
        ('cudaMemcpyAsync', 'copies'),
        ('cudaEventRecord', 'cudaEventRecord'),
    ],
)
def test_an_error_that_breaks_the_context_never_aborts_the_process(run, function, counted):
    found = run('sticky', function, counted, 6)
    codes = [code for _, code in found]
    assert set(codes) <= {0, EXIT_CONTEXT_LOST}, found
    assert codes.count(EXIT_CONTEXT_LOST) > 2


@pytest.mark.parametrize(
    ('what', 'raised'),
    [
        ('frame', 'ContextLost'),
        ('cloud', 'ContextLost'),
        ('recover', 'InferenceError'),
        ('drop', ''),
    ],
)
def test_a_context_that_breaks_while_nothing_runs_never_aborts_the_process(run, what, raised):
    is_lost = what in ('frame', 'recover')
    assert run('idle', what) == {'raised': raised, 'lost': is_lost}


def test_two_sizes_in_turn_are_captured_once_and_wait_once_for_each_image(run):
    calls = run('sizes_in_turn')
    assert 'cudaStreamBeginCapture' not in calls
    assert (calls['cudaGraphLaunch'], calls['cudaStreamSynchronize']) == (8, 8)


def test_more_sizes_than_captures_need_the_memory_of_the_captures_that_are_kept(run):
    one_size, first, *later = run('many_sizes')
    of_capture = 7  # images and maps of 542 x 640 px take 5.2 MB; the allocator rounds
    assert first < one_size + MAX_CAPTURES * of_capture
    assert max(later) < 1.1 * first


def test_a_batch_is_one_graph_one_wait_and_copies_from_pinned_memory(run):
    for calls in run('batches'):
        assert (calls['cudaGraphLaunch'], calls['cudaStreamSynchronize']) == (1, 1)
        assert not [name for name in calls if 'pageable' in name or 'BeginCapture' in name]


@pytest.mark.parametrize('failure', ['error', 'no memory'])
def test_a_gpu_that_fails_while_loading_is_an_error_or_with_auto_the_cpu(run, failure):
    found = run('loading', 'auto', failure)
    assert found['device'] == 'cpu'
    assert found['shape'] == [96, 128]
    assert 'the depth network runs on the CPU instead of the GPU' in found['notices'][0]
    kind = 'DeviceLost' if failure == 'error' else 'OutOfMemory'
    assert run('loading', 'cuda:0', failure) == {'raised': kind}


def test_too_little_memory_for_the_cloud_leaves_the_network_as_it_is(run):
    found = run('full_for_the_cloud')
    assert found['sizes'][0] == found['sizes'][1]
    assert not found['on the device']
    assert found['device'] == 'cuda:0'
    assert [notice.partition(':')[0] for notice in found['notices']] == [
        'clouds are computed on the CPU for a while'
    ]


def test_values_that_are_not_finite_in_fp16_are_tried_in_bf16_then_in_fp32(run):
    found = run('not_finite', STUB_D2H='0x00')
    steps = [warning.rpartition(': ')[2] for warning in found['warnings']]
    assert steps == [
        'the depth network runs in bf16 instead of fp16',
        'the depth network runs in fp32 instead of bf16',
    ]
    assert (found['raised'], found['precision']) == ('NotFinite', 'fp32')


def test_loading_needs_no_more_memory_than_the_converted_network(run):
    found = run('load_peak')
    assert found['network'] <= found['peak'] < 1.1 * found['network']


def test_a_predictor_of_the_second_device_uses_no_memory_of_the_first(run):
    found = run('second_device', STUB_DEVICES='2')
    assert found['cuda:0'] == 0 < found['cuda:1']


def test_a_capture_that_failed_is_repeated_later(run):
    launched = run('failing_capture')
    assert not launched[0]
    assert launched[-1]
