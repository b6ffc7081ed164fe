"""A worker answers in its own process, whichever errors occur."""

import os

import pytest

from zoedepth_ros.benchmark import runners
from zoedepth_ros.benchmark.implementations import Implementation
from zoedepth_ros.benchmark.worker import Worker, WorkerError, plain_environment
from zoedepth_ros.model.presets import preset


@pytest.fixture(scope='module')
def worker(tmp_path_factory):
    """A process with our tiny network."""
    path = tmp_path_factory.mktemp('weights') / 'weights.safetensors'
    environment = {**os.environ, 'MALLOC_TOP_PAD_': '1048576', 'OMP_NUM_THREADS': '1'}
    with Worker(environment) as started:
        config = preset('ZoeD_tiny_NK')
        started.call('conditioned_weights.write_weights', config, 'random', path)
        ours = Implementation('ours', config.name, str(path), 'cpu', 'fp32')
        started.call('runners.load', ours)
        yield started


def test_our_implementation_runs_in_its_own_process(worker):
    facts = worker.call('runners.facts')
    assert (facts['device'], facts['precision']) == ('cpu', 'fp32')
    assert facts['threads'] == '1'
    times_ms = worker.call('runners.run', (64, 96), 3)
    assert len(times_ms) == 3
    assert all(0.0 < t < 60_000 for t in times_ms)
    assert len(worker.call('runners.run', (64, 96), 2, 3)) == 2
    depths_m = worker.call('runners.depths', (64, 96))
    assert depths_m.shape == (3, 64, 96)
    assert depths_m.min() > 0
    peak_mb, device_peak_mb = worker.call('runners.memory')
    assert peak_mb > 100
    assert device_peak_mb >= 0.0


def test_an_error_there_is_raised_here_and_the_process_continues(worker):
    with pytest.raises(WorkerError, match='no time was measured'):
        worker.call('timing.spread', [])
    with pytest.raises(WorkerError, match="No module named '.*absent': pip install"):
        worker.call('absent.function')
    assert worker.call('timing.spread', [3.0]).median_ms == 3.0


def test_a_process_that_dies_is_an_error_and_no_hang():
    environment = {**os.environ, 'PYTHONHOME': '/nowhere'}
    with Worker(environment) as broken, pytest.raises(WorkerError, match='ended with exit code'):
        broken.call('machine.cores')


def test_a_process_is_killed_at_its_time_limit():
    with Worker(os.environ) as late:
        late.kill_after(0.0)
        with pytest.raises(WorkerError, match='not finished within the remaining time'):
            late.call('machine.cores')
        with pytest.raises(WorkerError, match=r'exit code -9 \(killed: too little memory\?\)'):
            late.call('machine.cores')


def test_the_plain_environment_is_without_the_variables_of_the_allocator(monkeypatch):
    monkeypatch.setenv('MALLOC_TOP_PAD_', '7')
    plain = plain_environment()
    assert 'MALLOC_TOP_PAD_' not in plain
    assert plain['PATH'] == os.environ['PATH']


def test_batches_have_several_images(monkeypatch):
    sizes = []

    class Runner(runners.OurRunner):
        def __init__(self):
            pass

        def __call__(self, rgb):
            sizes.append(rgb.shape)

        def batch(self, rgbs):
            sizes.append([rgb.shape for rgb in rgbs])

    monkeypatch.setattr(runners, '_loaded', [Runner()])
    runners.run((32, 64), 1)
    runners.run((32, 64), 1, 4)
    assert sizes == [(32, 64, 3), [(32, 64, 3)] * 4]
