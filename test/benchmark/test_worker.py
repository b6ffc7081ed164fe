"""A worker answers in its own process, whatever libraries print and whatever goes wrong."""

import io
import json
import os

import numpy as np
import pytest

from zoedepth_ros.benchmark.process import SideError, Worker
from zoedepth_ros.benchmark.sides import Side
from zoedepth_ros.benchmark.worker import Service, request, serve


class Odd:
    def double(self, number):
        return {'twice': 2 * number}

    def fail(self):
        raise ValueError('nothing to be had')

    def lack(self):
        raise ModuleNotFoundError("No module named 'transformers'", name='transformers')


def answers_of(*requests):
    said = io.StringIO()
    serve(Odd(), io.StringIO(''.join(requests)), said)
    return [json.loads(line) for line in said.getvalue().splitlines()]


def test_every_request_has_one_answer_and_an_error_is_one():
    found = answers_of(request('fail'), request('lack'), request('double', number=4))
    assert found == [
        {'error': 'nothing to be had', 'kind': 'ValueError', 'missing': ''},
        {
            'error': "No module named 'transformers'",
            'kind': 'ModuleNotFoundError',
            'missing': 'transformers',
        },
        {'twice': 8},
    ]


def test_a_side_is_a_request_of_plain_values():
    side = Side('ours', 'ZoeD_tiny_N', 'weights', network_size=(64, 96))
    sent = json.loads(request('open', side=side))
    assert sent['side']['network_size'] == [64, 96]
    assert sent['side']['tf32'] is False


@pytest.fixture(scope='module')
def worker(tmp_path_factory):
    """A process with our tiny network in it."""
    path = str(tmp_path_factory.mktemp('weights') / 'weights.safetensors')
    with Worker({'MALLOC_TOP_PAD_': '1048576', 'OMP_NUM_THREADS': '1'}) as started:
        started.ask('weights', model='ZoeD_tiny_NK', weights='random', path=path)
        started.open(Side('ours', 'ZoeD_tiny_NK', path, 'cpu', 'fp32'))
        yield started


def test_our_side_runs_in_a_process_of_its_own(worker, tmp_path):
    facts = worker.facts()
    assert (facts['device'], facts['precision']) == ('cpu', 'fp32')
    assert facts['threads'] == '1'
    times_ms = worker.frames((64, 96), 3)
    assert len(times_ms) == 3
    assert all(0.0 < t < 60_000 for t in times_ms)
    assert len(worker.frames((64, 96), 2, batch=3)) == 2
    worker.ask('depths', size=(64, 96), path=str(tmp_path / 'depths.npy'))
    depths_m = np.load(tmp_path / 'depths.npy')
    assert depths_m.shape == (3, 64, 96)
    assert depths_m.min() > 0
    assert worker.ask('memory')['peak_mb'] > 100


def test_what_goes_wrong_there_is_said_here_and_the_process_lives_on(worker):
    with pytest.raises(SideError, match='ZoeD_huge'):
        worker.ask('work', model='ZoeD_huge', size=(64, 96))
    assert worker.frames((64, 96), 1)


def test_a_process_that_dies_is_an_error_and_no_hang(monkeypatch):
    monkeypatch.setenv('PYTHONPATH', '/nowhere', prepend=os.pathsep)
    with Worker({'PYTHONHOME': '/nowhere'}) as broken, pytest.raises(SideError, match='process'):
        broken.ask('memory')


def test_a_process_is_ended_when_its_time_is_up():
    with Worker({}) as late:
        late.end_after(0.0)
        with pytest.raises(SideError, match='not done within the time that was left'):
            late.ask('memory')


def test_a_request_to_a_process_that_has_ended_is_one_clear_error():
    with Worker({}) as gone:
        gone._process.kill()
        gone._process.wait()
        with pytest.raises(SideError, match='its process has died'):
            gone.ask('memory')


def test_without_an_environment_the_allocators_variables_are_gone(monkeypatch):
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


def test_batches_of_the_service_are_of_several_pictures():
    service, sizes = Service(), []

    class Runner:
        def __call__(self, rgb):
            sizes.append(rgb.shape)

        def batch(self, rgbs):
            sizes.append([rgb.shape for rgb in rgbs])

    service._runner = Runner()
    service.frames([32, 64], 1, 1)
    service.frames([32, 64], 1, 4)
    assert sizes == [(32, 64, 3), [(32, 64, 3)] * 4]
