"""Fleets on real Ray nodes, on the loopback interface of this machine."""

import os
import re
import secrets
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import fake_model
import pytest
from fake_model import DyingModel, FakeModel, SwitchingModel, WaitingModel

pytest.importorskip('ray', reason='pip install ray')

import bags
from waiting import PATIENCE_S, wait_until

from zoedepth_ros.bags import cluster as cluster_module
from zoedepth_ros.bags.cluster import run_with_ray
from zoedepth_ros.bags.fleet import Counts, run_here
from zoedepth_ros.bags.mcap_writer import McapWriter
from zoedepth_ros.bags.plan import DepthOptions, Job

IMAGES = 8
STORE_BYTES = 80 << 20


@pytest.fixture(scope='module')
def environment(tmp_path_factory):
    """Keep Ray on this machine and out of HOME; its processes import the stand-ins."""
    folders = [str(Path(fake_model.__file__).parent), os.environ.get('PYTHONPATH', '')]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('PYTHONPATH', os.pathsep.join(filter(None, folders)))
        patch.setenv('RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER', '0')
        patch.setattr('ray._private.ray_constants.ENABLE_RAY_CLUSTER', False)  # read at import
        patch.setenv('RAY_AUTH_TOKEN', secrets.token_hex(32))
        patch.setenv('RAY_USAGE_STATS_ENABLED', '0')
        patch.setenv('RAY_memory_monitor_refresh_ms', '0')  # kills no worker for others' memory
        patch.setattr(cluster_module, '_PROBE_S', PATIENCE_S)
        patch.setenv('HOME', str(tmp_path_factory.mktemp('home')))
        patch.delenv('OMP_NUM_THREADS', raising=False)
        patch.delenv('RAY_ADDRESS', raising=False)
        yield patch


@pytest.fixture(scope='module')
def _nodes_may_start_slowly(environment):
    """Ray gives up after 30 s; a busy machine may need longer."""
    from ray._private import services

    once = services.get_node

    def get_node(*arguments, **options):
        found = []

        def is_known():
            with suppress(RuntimeError):
                found.append(once(*arguments, **options))
            return found

        wait_until(is_known, lambda: 'no information about the Ray node', period_s=0.1)
        return found[0]

    environment.setattr(services, 'get_node', get_node)


@pytest.fixture(scope='module')
def cluster(environment, _nodes_may_start_slowly):
    """Give a cluster whose first node has one CPU."""
    from ray.cluster_utils import Cluster

    options = {'num_cpus': 1, 'object_store_memory': STORE_BYTES, 'include_dashboard': False}
    found = Cluster(initialize_head=True, head_node_args=options)
    environment.setenv('RAY_ADDRESS', found.address)
    yield found
    environment.delenv('RAY_ADDRESS')
    found.shutdown()


@pytest.fixture
def second(cluster):
    """Give a second node, which has one CPU too."""
    node = cluster.add_node(num_cpus=1, object_store_memory=STORE_BYTES)
    yield node
    if node in cluster.worker_nodes:
        cluster.remove_node(node)


def fleet(folder, count=4, size=(300, 400)):
    """Make recordings; gives jobs, and the files that a local run makes of them."""
    sources = bags.long_recordings(folder, count, size)
    for name in ('local', 'out'):
        (folder / name).mkdir()
    local = [Job(path, folder / 'local' / path.name, DepthOptions()) for path in sources]
    assert all(r.depths == IMAGES for _, r in run_here(local, FakeModel(), Counts([0, 0])))
    jobs = [Job(path, folder / 'out' / path.name, DepthOptions()) for path in sources]
    return jobs, {job.target.name: job.target.read_bytes() for job in local}


def run(jobs, model, count):
    """Give name -> result, the images expected and done, and the lines."""
    watcher, lines = Counts([0, 0]), []
    found = run_with_ray(jobs, model, count, watcher, lines.append)
    return {job.target.name: result for job, result in found}, watcher.values, lines


def written(folder):
    return {path.name: path.read_bytes() for path in (folder / 'out').iterdir()}


def test_a_node_that_ends_in_the_middle_costs_nothing(tmp_path, cluster, second):
    jobs, expected = fleet(tmp_path, 6)
    here = tmp_path / 'here'
    model = WaitingModel(str(here), spared=cluster.head_node.node_id)
    stopper = threading.Thread(target=end_when_it_works, args=(cluster, second, here))
    stopper.start()
    results, (expected_images, done), lines = run(jobs, model, 2)
    stopper.join()
    assert here.read_text() == second.node_id
    assert {name: r.depths for name, r in results.items()} == dict.fromkeys(expected, IMAGES)
    assert written(tmp_path) == expected
    assert sum(bool(r.reused) for r in results.values()) == 1  # gone on with, not done again
    lost = [
        line
        for line in lines
        if 'the node 127.0.0.1 that processed this recording ended unexpectedly' in line
    ]
    assert len(lost) == 1, '\n'.join(lines)
    assert done == expected_images


def end_when_it_works(cluster, node, here):
    wait_until(here.exists)
    cluster.remove_node(node, allow_graceful=False)


def test_a_worker_that_dies_is_replaced_and_its_recording_gone_on_with(tmp_path, cluster, second):
    jobs, expected = fleet(tmp_path)
    results, (expected_images, done), lines = run(jobs, DyingModel(str(tmp_path / 'died')), 2)
    assert (tmp_path / 'died').exists()
    assert written(tmp_path) == expected
    assert sum(bool(r.reused) for r in results.values()) == 1
    assert (
        sum(
            'the process that processed this recording ended unexpectedly' in line
            for line in lines
        )
        == 1
    )
    assert done == expected_images


def test_a_recording_on_which_every_worker_dies_is_named_and_the_others_are_done(
    tmp_path, cluster, second
):
    jobs, expected = fleet(tmp_path)
    results, *_ = run(jobs, DyingModel(str(tmp_path / 'died'), always_at='2.mcap'), 2)
    assert (
        results['2.mcap'] == f'{jobs[2].source}: the process that processed this recording '
        'ended unexpectedly 2 times'
    )
    done = {name: data for name, data in written(tmp_path).items() if name.endswith('.mcap')}
    assert done == {name: data for name, data in expected.items() if name != '2.mcap'}


def test_more_workers_than_processors_still_work_and_what_each_has_is_reported(tmp_path, cluster):
    jobs, expected = fleet(tmp_path, 3, bags.SIZE)
    results, (expected_images, done), lines = run(jobs, FakeModel(), 5)
    assert written(tmp_path) == expected
    assert lines == ['Ray: new workers: 1 on 127.0.0.1, each with 1 CPU and 1 thread']
    assert done == expected_images == 3 * IMAGES
    again, *_ = run(jobs, FakeModel(), 5)
    assert all(result.done_before for result in again.values())
    assert {n: r.depths for n, r in again.items()} == {n: r.depths for n, r in results.items()}
    assert written(tmp_path) == expected


@pytest.mark.parametrize('head', ['auto', 'outdoor'])
def test_a_long_recording_is_divided_and_is_as_if_it_had_not_been(
    tmp_path, cluster, second, monkeypatch, head
):
    monkeypatch.setattr(cluster_module, '_LEAST_IMAGES', 8)
    times_ns = [10**18 + n * 3 * 10**8 for n in range(24)]
    messages = [bags.image(bags.rgb_image(n), t) for n, t in enumerate(times_ns)]
    source = bags.write_mcap(tmp_path / 'long.mcap', messages)
    short = bags.write_mcap(tmp_path / 'short.mcap', messages[:4])
    options = bags.options(router_mode=head, domain=True)
    local, jobs = (
        [Job(path, tmp_path / folder / path.name, options) for path in (short, source)]
        for folder in ('local', 'out')
    )
    assert [r.depths for _, r in run_here(local, SwitchingModel(), Counts([0, 0]))] == [4, 24]
    results, (expected_images, done), lines = run(jobs, SwitchingModel(), 2)
    assert {name: r.depths for name, r in results.items()} == {'short.mcap': 4, 'long.mcap': 24}
    assert (
        f'{source}: 2 parts of this recording are processed separately and joined at the end'
        in lines
    )
    assert written(tmp_path) == {job.target.name: job.target.read_bytes() for job in local}
    assert done == expected_images == 28


def test_files_that_a_node_does_not_see_are_named_and_done_on_another(
    tmp_path, cluster, second, monkeypatch
):
    jobs, expected = fleet(tmp_path, 3, bags.SIZE)
    blind, hidden, everywhere = second.node_id, jobs[0].source, jobs[1].source

    def unseen(paths):  # pickled by value: it lies in a function
        import ray

        is_blind = ray.get_runtime_context().get_node_id() == blind
        return [p for p in paths if p == everywhere or (is_blind and p == hidden)]

    monkeypatch.setattr(cluster_module, '_unseen', unseen)
    results, _, lines = run(jobs, FakeModel(), 2)
    assert results.pop('1.mcap') == (
        f'{everywhere}: no node of the cluster (127.0.0.1) can read {everywhere}: '
        'a path must name the same file on all nodes'
    )
    others = '; only other cluster nodes can process recordings that use these paths'
    assert f'cluster node 127.0.0.1 does not see {hidden}, {everywhere}{others}' in lines
    del expected['1.mcap']
    assert written(tmp_path) == expected


def test_a_folder_for_the_results_that_no_node_sees_is_named(tmp_path, cluster, monkeypatch):
    jobs, _ = fleet(tmp_path, 1, bags.SIZE)
    folder = tmp_path / 'out'
    monkeypatch.setattr(cluster_module, '_unseen', lambda paths: [p for p in paths if p == folder])
    results, *_ = run(jobs, FakeModel(), 1)
    assert f'can read {folder}: a path must name' in results['0.mcap']
    assert not list(folder.iterdir())


def test_a_node_without_what_it_needs_is_named(tmp_path, cluster, monkeypatch):
    from zoedepth_ros.bags.errors import RecordingError

    def unseen(paths):
        import a_package_that_is_not_there  # noqa: F401

    monkeypatch.setattr(cluster_module, '_unseen', unseen)
    jobs, _ = fleet(tmp_path, 1, bags.SIZE)
    with pytest.raises(
        RecordingError, match=r"no node .* 127\.0\.0\.1: .*No module named 'a_pack"
    ):
        run(jobs, FakeModel(), 1)


def test_another_attempt_waits_for_a_process_that_has_not_ended_yet(tmp_path):
    target = tmp_path / 'a.mcap'
    output, waits = McapWriter(target), threading.Event()

    def wait():
        waits.set()
        cluster_module._wait_for_writer(target)
        return output.path.exists()

    with ThreadPoolExecutor(1) as pool:
        found = pool.submit(wait)
        waits.wait()
        assert not found.done()
        output.__exit__(None)
        assert found.result(timeout=120.0)


def test_the_command_alone_leaves_nothing_and_nobody_else_hears_it(tmp_path, environment):
    """A cluster of its own, a real network: what is in the terminal, in HOME, on the network."""
    folder = tmp_path / 'home'
    folder.mkdir()
    environment.delenv('RAY_AUTH_TOKEN')
    for number in range(2):
        bags.write_mcap(tmp_path / f'{number}.mcap', bags.drive(2))
    environment.setenv('HOME', str(folder))
    names = [str(tmp_path / f'{number}.mcap') for number in range(2)]
    command = [sys.executable, '-m', 'zoedepth_ros.cli.main', 'bag', *names, str(tmp_path / 'out')]
    command += ['--ray', '--model', 'ZoeD_tiny_NK', '--weights', 'random', '--device', 'cpu']
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    assert [len(bags.messages_of(path, '/depth/points')) for path in (tmp_path / 'out').iterdir()]
    assert done.stdout.count('2 depth images of 2 images') == 2
    line, *progress = done.stderr.splitlines()
    assert line.startswith('zoedepth: Ray: new workers: 1 on 127.0.0.1, each with ')
    assert not [text for text in progress if not re.fullmatch(r'\d of \d images, \d+ s', text)]
    assert not list(folder.rglob('*auth*'))
