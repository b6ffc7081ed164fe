"""A worker answers in its own process, whatever libraries print and whichever errors occur."""

import io
import json
import os

import numpy as np
import pytest

from zoedepth_ros.benchmark.implementations import Implementation
from zoedepth_ros.benchmark.worker import Service, Worker, WorkerError, request_line, serve


class Odd:
    def double(self, number):
        return {'twice': 2 * number}

    def fail(self):
        raise ValueError('not available')

    def lack(self):
        raise ModuleNotFoundError("No module named 'transformers'", name='transformers')


def responses_to(*requests):
    output = io.StringIO()
    serve(Odd(), io.StringIO(''.join(requests)), output)
    return [json.loads(line) for line in output.getvalue().splitlines()]


def test_every_request_has_one_response_which_may_be_an_error():
    found = responses_to(
        request_line('fail'), request_line('lack'), request_line('double', number=4)
    )
    assert found == [
        {'error': 'not available', 'kind': 'ValueError', 'missing': ''},
        {
            'error': "No module named 'transformers'",
            'kind': 'ModuleNotFoundError',
            'missing': 'transformers',
        },
        {'twice': 8},
    ]


def test_a_request_has_plain_values():
    ours = Implementation('ours', 'ZoeD_tiny_N', 'weights', network_size=(64, 96))
    sent = json.loads(request_line('load', implementation=ours))
    assert sent['implementation']['network_size'] == [64, 96]
    assert sent['implementation']['tf32'] is False


@pytest.fixture(scope='module')
def worker(tmp_path_factory):
    """A process with our tiny network."""
    path = str(tmp_path_factory.mktemp('weights') / 'weights.safetensors')
    with Worker({'MALLOC_TOP_PAD_': '1048576', 'OMP_NUM_THREADS': '1'}) as started:
        started.request('weights', model='ZoeD_tiny_NK', weights='random', path=path)
        started.load(Implementation('ours', 'ZoeD_tiny_NK', path, 'cpu', 'fp32'))
        yield started


def test_our_implementation_runs_in_its_own_process(worker, tmp_path):
    facts = worker.facts()
    assert (facts['device'], facts['precision']) == ('cpu', 'fp32')
    assert facts['threads'] == '1'
    times_ms = worker.run((64, 96), 3)
    assert len(times_ms) == 3
    assert all(0.0 < t < 60_000 for t in times_ms)
    assert len(worker.run((64, 96), 2, batch=3)) == 2
    worker.request('depths', size=(64, 96), path=str(tmp_path / 'depths.npy'))
    depths_m = np.load(tmp_path / 'depths.npy')
    assert depths_m.shape == (3, 64, 96)
    assert depths_m.min() > 0
    assert worker.request('memory')['peak_mb'] > 100


def test_an_error_there_is_raised_here_and_the_process_continues(worker):
    with pytest.raises(WorkerError, match='ZoeD_huge'):
        worker.request('flops', model='ZoeD_huge', size=(64, 96))
    assert worker.run((64, 96), 1)


def test_a_process_that_dies_is_an_error_and_no_hang(monkeypatch):
    monkeypatch.setenv('PYTHONPATH', '/nowhere', prepend=os.pathsep)
    with Worker({'PYTHONHOME': '/nowhere'}) as broken, pytest.raises(WorkerError, match='process'):
        broken.request('memory')


def test_a_process_is_killed_at_its_time_limit():
    with Worker({}) as late:
        late.kill_after(0.0)
        with pytest.raises(WorkerError, match='not finished within the remaining time'):
            late.request('memory')


def test_a_request_to_a_process_that_has_ended_is_one_clear_error():
    with Worker({}) as gone:
        gone._process.kill()
        gone._process.wait()
        with pytest.raises(WorkerError, match='its process has ended'):
            gone.request('memory')


def test_without_an_environment_the_variables_of_the_allocator_are_removed(monkeypatch):
    seen = {}

    class Popen:
        def __init__(self, command, env, **_):
            seen.update(env)

    monkeypatch.setenv('MALLOC_TOP_PAD_', '7')
    monkeypatch.setattr('subprocess.Popen', Popen)
    Worker(None)
    assert 'MALLOC_TOP_PAD_' not in seen
    assert seen['PATH'] == os.environ['PATH']
    Worker({'MALLOC_TRIM_THRESHOLD_': '9'})
    assert (seen['MALLOC_TOP_PAD_'], seen['MALLOC_TRIM_THRESHOLD_']) == ('7', '9')


def test_batches_have_several_images():
    service, sizes = Service(), []

    class Runner:
        def __call__(self, rgb):
            sizes.append(rgb.shape)

        def batch(self, rgbs):
            sizes.append([rgb.shape for rgb in rgbs])

    service._runner = Runner()
    service.run([32, 64], 1, 1)
    service.run([32, 64], 1, 4)
    assert sizes == [(32, 64, 3), [(32, 64, 3)] * 4]
