import os
import secrets
import sys
from pathlib import Path

import fake_model
import pytest
from fake_model import FakeModel

pytest.importorskip('mcap', reason='pip install mcap')
pytest.importorskip('rosbags', reason='pip install rosbags')

import bags

from zoedepth_ros.recordings.fleet import Job, run_here, run_with_processes, run_with_ray
from zoedepth_ros.recordings.plan import DepthOptions


class Watcher:
    def __init__(self):
        self.expected = self.done = 0

    def expect(self, pictures):
        self.expected += pictures

    def advance(self, pictures):
        self.done += pictures


def jobs(folder):
    sources = [bags.write_mcap(folder / f'{n}.mcap', bags.drive(n)) for n in (1, 2, 3)]
    (folder / 'bad.mcap').write_bytes(b'nothing')
    sources.insert(1, folder / 'bad.mcap')
    return [Job(path, folder / 'out' / path.name, DepthOptions()) for path in sources]


def check(results, folder):
    by_name = {job.source.name: result for job, result in results}
    assert 'bad.mcap: not an MCAP file' in by_name.pop('bad.mcap')
    assert {name: r.depths for name, r in by_name.items()} == {
        '1.mcap': 1,
        '2.mcap': 2,
        '3.mcap': 3,
    }
    for number in (1, 2, 3):
        out = folder / 'out' / f'{number}.mcap'
        assert len(bags.messages_of(out, '/depth/points')) == number


def test_one_after_the_other_a_bad_one_stops_no_other(tmp_path):
    watcher = Watcher()
    check(list(run_here(jobs(tmp_path), FakeModel(), watcher)), tmp_path)
    assert watcher.expected == watcher.done == 6


def test_processes_side_by_side_do_the_same_and_tell_their_progress(tmp_path):
    watcher = Watcher()
    check(list(run_with_processes(jobs(tmp_path), FakeModel(), 2, watcher)), tmp_path)
    assert watcher.expected == watcher.done == 6


@pytest.fixture
def ray(monkeypatch):
    """Ray as it comes, but for this machine only: no port is open to others, nothing in HOME."""
    if 'ray' not in sys.modules:  # it reads this as it is imported
        monkeypatch.setenv('RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER', '0')
    ray = pytest.importorskip('ray', reason='pip install ray')
    for name in ('RAY_ADDRESS', 'RAY_USAGE_STATS_ENABLED'):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv('RAY_AUTH_TOKEN', secrets.token_hex(32))
    # its processes import the stand-in from where this one does
    folders = [str(Path(fake_model.__file__).parent), os.environ.get('PYTHONPATH', '')]
    monkeypatch.setenv('PYTHONPATH', os.pathsep.join(filter(None, folders)))
    yield ray
    ray.shutdown()
    os.environ.pop('RAY_USAGE_STATS_ENABLED', None)


def test_ray_does_the_same_and_reports_to_nobody(tmp_path, ray):
    check(list(run_with_ray(jobs(tmp_path), FakeModel(), 2)), tmp_path)
    assert {node['NodeManagerAddress'] for node in ray.nodes()} == {'127.0.0.1'}
    assert os.environ['RAY_USAGE_STATS_ENABLED'] == '0'
