"""The benchmark of the node: it runs, and its results follow from the frame times."""

import json
import math

import numpy as np
import pytest
from waiting import PATIENCE_S

from zoedepth_ros.benchmark.node import known_depth, node_benchmark
from zoedepth_ros.benchmark.node.node_protocol import NAIVE, OURS, MeasurementTask, NodeKind
from zoedepth_ros.benchmark.node.node_report import section
from zoedepth_ros.benchmark.parts import PARTS, BenchmarkOptions
from zoedepth_ros.benchmark.worker import Worker, WorkerError
from zoedepth_ros.files import json_text


def images(overhead_ms, latency_ms, count=5):
    """Return the times of single images, one of them an outlier."""
    stages_ms = {'wait': 0.5, 'decode': 0.25, 'postprocess': 1.0, 'publish': overhead_ms - 1.75}
    one = {'overhead_ms': overhead_ms, 'latency_ms': latency_ms, 'stages_ms': stages_ms}
    return [one] * (count - 1) + [{**one, 'overhead_ms': 500.0, 'latency_ms': 900.0}]


FOUND = {
    'shipped': {
        'single': {
            '640x480': {
                'ours_1': images(4.0, 6.0),
                'naive_1': images(20.0, 24.0),
                'ours_4': images(2.0, 3.0),
                'naive_4': images(8.0, 9.0),
            }
        },
        'streams': [
            {
                'kind': 'ours_1',
                'rate_hz': 30.0,
                'sent': 90,
                'arrived': 88,
                'latency_ms': [float(i) for i in range(1, 101)],
                'cpu_ms': 6.0,
            },
            {'kind': 'naive_1', 'rate_hz': 30.0, 'sent': 90, 'arrived': 0, 'latency_ms': [],
             'cpu_ms': math.nan},
        ],
        'max_hz': {'ours_1': 123.4},
    },
    'plain': {
        'single': {'640x480': {'naive_1': images(50.0, 60.0)}},
        'streams': [{'kind': 'naive_1', 'rate_hz': 30.0, 'sent': 90, 'arrived': 80,
                     'latency_ms': [70.0], 'cpu_ms': 24.0}],
        'max_hz': {},
    },
}  # fmt: skip


def test_the_values_are_medians():
    values = json.loads(json_text(section(FOUND, ()).values))
    full = values['single']['640x480, depth, full cloud']
    assert (full['overhead_ms'], full['naive_overhead_ms']) == (4.0, 20.0)
    assert values['single']['640x480, depth, cloud with decimation 4']['overhead_ms'] == 2.0
    assert values['single']['640x480, depth']['overhead_ms'] is None
    assert (full['latency_ms'], full['naive_latency_ms']) == (6.0, 24.0)
    assert full['naive_plain_latency_ms'] == 60.0
    assert full['stages_ms']['postprocess'] == 1.0
    assert values['max_rate_hz'] == {'ours_1': 123.4}


def test_a_stream_has_loss_latency_and_environment():
    ours, naive, plain = section(FOUND, ()).values['streams']
    assert (ours['sent'], ours['arrived'], ours['kind']) == (90, 88, 'ours_1')
    assert (ours['latency_ms'], ours['environment']) == (50.5, 'shipped')
    assert math.isnan(naive['latency_ms'])
    assert plain['environment'] == 'plain'


def test_the_tables_name_what_is_compared():
    text = '\n'.join(table.as_text() for table in section(FOUND, ()).tables)
    full = next(line for line in text.splitlines() if line.startswith('  640x480, depth, full'))
    assert '4.00  20.00           5.0  0.50    0.25         1.00     2.25' in full
    shares = next(line for line in text.splitlines() if line.endswith('0.25            0.10'))
    assert shares.split()[4:7] == ['6.00', '24.00', '60.00']
    assert '88 of 90' in text
    assert 'nan' not in text


def test_a_node_without_depth_is_reported_and_not_measured(monkeypatch, tmp_path):
    """The other node has its rows; the failed one has none."""
    failures = {'ours_1': 'no depth within 30 s'}
    result = {'single': {'640x480': {'naive_1': images(20.0, 24.0)}}, 'failures': failures}

    def driven(folder, name, task, left_s):
        if name == 'plain':
            raise OSError('the measuring process took more than 180 s')
        return result

    monkeypatch.setattr(node_benchmark, '_driven', driven)
    monkeypatch.setattr(node_benchmark, '_has_ros', lambda: True)
    monkeypatch.setattr(known_depth, 'render', lambda folder, size: None)
    found = node_benchmark.measure(BenchmarkOptions())
    assert found.missing == (
        'shipped environment, this node: depth, full cloud: no depth within 30 s',
        'plain environment: the measuring process took more than 180 s',
    )
    rows = [row[0] for table in found.tables for row in table.rows]
    assert rows == ['640x480, depth, full cloud'] * 2
    assert math.isnan(found.values['single']['640x480, depth, full cloud']['latency_ms'])


def test_a_task_may_use_half_of_the_remaining_time(monkeypatch, tmp_path):
    limits_s = []

    class Late(Worker):
        def kill_after(self, limit_s):
            limits_s.append(limit_s)
            super().kill_after(0.0)

    monkeypatch.setattr(node_benchmark, 'Worker', Late)
    task = node_benchmark.tasks(tmp_path, BenchmarkOptions())['plain']
    for left_s in (math.inf, 300.0, -5.0):
        with pytest.raises(WorkerError, match='not finished'):
            node_benchmark._driven(tmp_path, 'plain', task, left_s)
    assert limits_s == [180.0, 150.0, 1.0]


class FakeStream:
    """The stream of a node that answers some of the images."""

    def __init__(self, name, answers):
        self.name, self.answers, self.sent = name, answers, 0

    def send(self):
        self.sent += 1
        return self.sent

    def wait_for(self, key, timeout_s):
        return self.answers(key)


def test_a_node_that_stops_is_skipped_and_one_that_loses_most_images_is_not_measured(
    monkeypatch,
):
    pytest.importorskip('rclpy')
    from zoedepth_ros.benchmark.node import driver

    monkeypatch.setattr(driver, '_times', lambda stream, key: {'key': key})
    monkeypatch.setattr(driver, 'PAUSE_S', 0.0)
    dead = FakeStream('dead', lambda key: True)
    stops = FakeStream('stops', lambda key: key <= 10)
    loses = FakeStream('loses', lambda key: key % 3 == 0)
    well = FakeStream('well', lambda key: key != 5)
    failures = {'dead': 'the process of the node has ended'}
    found = driver.single_images([dead, stops, loses, well], 20, failures, 1.0)
    assert list(found) == ['well']
    assert [one['key'] for one in found['well']] == [4, *range(6, 24)]
    assert (dead.sent, stops.sent) == (0, 14)
    assert failures == {
        'dead': 'the process of the node has ended',
        'stops': 'the node published no output for 4 images in a row',
        'loses': 'the node published outputs for only 6 of 20 images',
    }


def test_without_results_there_are_no_tables():
    nothing = section({}, ('shipped environment: no shared memory',))
    assert nothing.tables == ()
    assert nothing.missing == ('shipped environment: no shared memory',)
    assert nothing.values['single'] == {}


def test_without_ros_the_error_names_what_is_needed(monkeypatch):
    monkeypatch.setattr(node_benchmark, '_has_ros', lambda: False)
    with pytest.raises(ValueError, match='needs ROS 2.*make build'):
        node_benchmark.measure(BenchmarkOptions())
    assert 'needs ROS 2' in node_benchmark.measure(BenchmarkOptions(short=True)).missing[0]


def test_the_plain_environment_has_no_settings_of_the_shipped_one(monkeypatch, tmp_path):
    monkeypatch.setenv('MALLOC_TRIM_THRESHOLD_', '1')
    monkeypatch.setenv('FASTDDS_DEFAULT_PROFILES_FILE', '/somewhere.xml')
    plain = node_benchmark.own_environment()
    assert not [name for name in plain if name.startswith(('MALLOC_', 'FASTDDS_'))]
    shipped = node_benchmark.shipped_environment(tmp_path, 7)
    assert shipped['MALLOC_TRIM_THRESHOLD_'] == '1073741824'
    profile = shipped['FASTDDS_DEFAULT_PROFILES_FILE']
    assert profile == str(tmp_path / 'fastdds.xml')
    assert '127.0.0.1' in (tmp_path / 'fastdds.xml').read_text()
    assert plain['ROS_DOMAIN_ID'] == shipped['ROS_DOMAIN_ID']


def test_the_known_depth_is_that_of_the_rendered_image(tmp_path):
    known_depth.render(tmp_path, (48, 64))
    rgb, depth_m = known_depth.read(tmp_path, (48, 64))
    result = known_depth.KnownDepth(tmp_path, [(48, 64)])(rgb)
    np.testing.assert_array_equal(result.depth_m, depth_m)
    assert 0.1 < depth_m.min() < depth_m.max() <= 10.0
    assert rgb.std() > 10  # not uniform


def test_the_maximum_rate_is_between_a_rate_that_passes_and_one_that_fails():
    pytest.importorskip('rclpy')
    from zoedepth_ros.benchmark.node.driver import max_rate_hz

    assert 130.0 < max_rate_hz(lambda rate_hz: rate_hz <= 140.0) <= 140.0
    assert max_rate_hz(lambda rate_hz: True) == 400.0
    assert math.isnan(max_rate_hz(lambda rate_hz: False))


def test_both_nodes_run_in_their_own_processes_and_print_their_times(tmp_path, monkeypatch):
    pytest.importorskip('rclpy')
    monkeypatch.setattr(node_benchmark, 'LIMIT_S', 3.0 * PATIENCE_S)
    assert PARTS['node'] == 'zoedepth_ros.benchmark.node.node_benchmark'
    known_depth.render(tmp_path, (48, 64))
    kinds = [NodeKind(OURS, 4), NodeKind(NAIVE, 4), NodeKind('absent', 4)]
    streams = [('ours_4', 20.0, 0.5), ('absent_4', 20.0, 0.5)]
    task = MeasurementTask(
        str(tmp_path), [(48, 64)], kinds, 3, streams, ['absent_4'], start_s=120.0, timeout_s=60.0
    )
    found = node_benchmark._driven(tmp_path, 'shipped', task, math.inf)
    for name in ('ours_4', 'naive_4'):
        times = found['single']['64x48'][name]
        assert len(times) == 3
        for one in times:
            stages_ms = sum(ms for ms in one['stages_ms'].values() if not math.isnan(ms))
            assert stages_ms <= one['overhead_ms'] + 0.5
            assert (stages_ms > 0.0) == (name == 'ours_4')
            assert one['overhead_ms'] > 0.0
            assert one['latency_ms'] > 0.0
    assert found['failures'] == {'absent_4': 'the process of the node has ended'}
    assert [stream['kind'] for stream in found['streams']] == ['ours_4']
    assert found['max_hz'] == {}
    (stream,) = found['streams']
    assert 0 <= stream['arrived'] <= stream['sent'] == 10  # how many arrive depends on the load
    assert math.isnan(stream['cpu_ms']) or stream['cpu_ms'] >= 0.0
