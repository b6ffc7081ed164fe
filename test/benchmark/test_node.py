"""The node's benchmark: it runs, and its figures come from the times of the pictures."""

import math

import numpy as np
import pytest

from zoedepth_ros.benchmark.node import measure, scene, transport
from zoedepth_ros.benchmark.node.summary import section
from zoedepth_ros.benchmark.node.task import NAIVE, OURS, Kind, Task, as_text, from_text
from zoedepth_ros.benchmark.parts import PARTS, Settings


def pictures(overhead_ms, latency_ms, count=5):
    """Give the times of single pictures, one of them far off."""
    stages_ms = {'wait': 0.5, 'decode': 0.25, 'postprocess': 1.0, 'publish': overhead_ms - 1.75}
    one = {'overhead_ms': overhead_ms, 'latency_ms': latency_ms, 'stages_ms': stages_ms}
    one |= {'input_ms': 1.0, 'depth_ms': 2.0, 'transport_ms': {'depth/points': 3.0}}
    return [one] * (count - 1) + [{**one, 'overhead_ms': 500.0, 'latency_ms': 900.0}]


FOUND = {
    'shipped': {
        'single': {
            '640x480': {
                'ours_1': pictures(4.0, 6.0),
                'naive_1': pictures(20.0, 24.0),
                'ours_4': pictures(2.0, 3.0),
                'naive_4': pictures(8.0, 9.0),
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
        'highest_hz': {'ours_1': 123.4},
    },
    'plain': {
        'single': {'640x480': {'naive_1': pictures(50.0, 60.0)}},
        'streams': [{'kind': 'naive_1', 'rate_hz': 30.0, 'sent': 90, 'arrived': 80,
                     'latency_ms': [70.0], 'cpu_ms': 24.0}],
        'highest_hz': {},
    },
}  # fmt: skip


def test_the_figures_are_medians_and_their_ratios():
    values = section(FOUND, ()).values
    assert values['overhead_ms_median'] == 4.0
    assert values['naive_ms_median'] == 20.0
    assert values['overhead_default_ms_median'] == 2.0
    assert values['latency_over_naive_same_environment'] == pytest.approx(6.0 / 24.0)
    assert values['latency_over_naive_plain_environment'] == pytest.approx(6.0 / 60.0)
    assert values['cpu_over_naive_plain_environment'] == pytest.approx(6.0 / 24.0)
    assert math.isnan(values['cpu_over_naive_same_environment'])
    assert values['stages_ms']['postprocess'] == 1.0
    assert values['highest_rate_hz'] == {'ours_1': 123.4}


def test_a_stream_tells_its_loss_and_its_jitter():
    ours = section(FOUND, ()).values['streams'][0]
    assert (ours['sent'], ours['arrived'], ours['node'], ours['decimation']) == (90, 88, 'ours', 1)
    assert ours['latency_ms_median'] == 50.5
    assert ours['jitter_ms'] == 90.0  # p95 is 95, p5 is 5


def test_the_tables_name_what_is_compared():
    text = '\n'.join(table.as_text() for table in section(FOUND, ()).tables)
    full = next(line for line in text.splitlines() if line.startswith('  640x480, depth, full'))
    assert '4.00  20.00           5.0  0.50    0.25         1.00     2.25' in full
    assert '88 of 90' in text
    assert 'nan' not in text


def test_a_node_that_stays_silent_is_not_measured_and_said(monkeypatch, tmp_path):
    """The other one is told about; of the silent one there is no row of dashes."""
    silent = {'ours_1': 'it gave nothing within 30 s'}
    quiet = {'single': {'640x480': {'naive_1': pictures(20.0, 24.0)}}, 'silent': silent}

    def driven(folder, name, task, left_s):
        if name == 'plain':
            raise OSError('the measuring process took more than 180 s')
        return quiet

    monkeypatch.setattr(measure, '_driven', driven)
    monkeypatch.setattr(measure, '_has_ros', lambda: True)
    monkeypatch.setattr(scene, 'draw', lambda folder, size: None)
    found = measure.measure(Settings())
    assert found.missing == (
        'shipped environment, this node: depth, full cloud: it gave nothing within 30 s',
        'plain environment: the measuring process took more than 180 s',
    )
    rows = [row[0] for table in found.tables for row in table.rows]
    assert rows == ['640x480, depth, full cloud'] * 2
    assert math.isnan(found.values['latency_over_naive_same_environment'])


def test_the_nodes_leave_half_of_the_time_to_what_follows(monkeypatch, tmp_path):
    limits_s = []

    def waited_for(command, environment, limit_s):
        limits_s.append(limit_s)
        raise OSError('late')

    monkeypatch.setattr(measure, '_waited_for', waited_for)
    task = measure.tasks(tmp_path, Settings())['plain']
    for left_s in (math.inf, 300.0, -5.0):
        with pytest.raises(OSError, match='late'):
            measure._driven(tmp_path, 'plain', task, left_s)
    assert limits_s == [180.0, 150.0, 1.0]


class FakeStream:
    """A camera and listener of a node that answers to the pictures of some numbers."""

    def __init__(self, name, answers):
        self.name, self.answers, self.asked = name, answers, 0

    def send(self):
        self.asked += 1
        return self.asked

    def wait_for(self, key, timeout_s):
        return self.answers(key)


def test_a_node_that_falls_silent_is_asked_no_more_and_one_that_loses_most_tells_nothing(
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
    silent = {'dead': 'its process has ended'}
    found = driver.one_by_one([dead, stops, loses, well], 20, silent, 1.0)
    assert list(found) == ['well']
    assert [one['key'] for one in found['well']] == [4, *range(6, 24)]
    assert (dead.asked, stops.asked) == (0, 14)
    assert silent == {
        'dead': 'its process has ended',
        'stops': '4 pictures in a row became nothing',
        'loses': 'only 6 of 20 pictures came through',
    }


def test_nothing_found_is_said_and_no_table_is_empty():
    nothing = section({}, ('shipped environment: no shared memory',))
    assert nothing.tables == ()
    assert nothing.missing == ('shipped environment: no shared memory',)
    assert math.isnan(nothing.values['overhead_ms_median'])


def test_a_task_survives_its_way_to_another_process():
    task = Task('/x', ((480, 640),), [Kind(OURS, 4), Kind(NAIVE, 1)], 3, [('ours_4', 30.0, 1.0)])
    again = from_text(as_text(task))
    assert again.sizes == [(480, 640)]
    assert again.kinds == [Kind('ours', 4), Kind('naive', 1)]
    assert (again.rounds, again.streams) == (3, [['ours_4', 30.0, 1.0]])


def test_without_ros_the_part_says_what_is_needed(monkeypatch):
    monkeypatch.setattr(measure, '_has_ros', lambda: False)
    with pytest.raises(ValueError, match='needs ROS 2.*make build'):
        measure.measure(Settings())
    assert 'needs ROS 2' in measure.measure(Settings(short=True)).missing[0]


def test_the_plain_environment_has_nothing_of_the_shipped_one(monkeypatch, tmp_path):
    monkeypatch.setenv('MALLOC_TRIM_THRESHOLD_', '1')
    monkeypatch.setenv('FASTDDS_DEFAULT_PROFILES_FILE', '/somewhere.xml')
    plain = transport.plain()
    assert not [name for name in plain if name.startswith(('MALLOC_', 'FASTDDS_'))]
    shipped = transport.shipped(tmp_path, 7)
    assert shipped['MALLOC_TRIM_THRESHOLD_'] == '1073741824'
    profile = shipped['FASTDDS_DEFAULT_PROFILES_FILE']
    assert profile == str(tmp_path / 'fastdds.xml')
    assert '127.0.0.1' in (tmp_path / 'fastdds.xml').read_text()
    assert plain['ROS_DOMAIN_ID'] == shipped['ROS_DOMAIN_ID']


def test_the_stand_in_knows_the_depth_of_the_drawn_picture(tmp_path):
    scene.draw(tmp_path, (48, 64))
    rgb, depth_m = scene.read(tmp_path, (48, 64))
    result = scene.DrawnDepth(tmp_path, [(48, 64)])(rgb)
    np.testing.assert_array_equal(result.depth_m, depth_m)
    assert 0.1 < depth_m.min() < depth_m.max() <= 10.0
    assert rgb.std() > 10  # something is to be seen


def test_the_highest_rate_is_found_between_what_passes_and_what_does_not():
    pytest.importorskip('rclpy')
    from zoedepth_ros.benchmark.node.driver import highest_rate_hz

    assert 130.0 < highest_rate_hz(lambda rate_hz: rate_hz <= 140.0) <= 140.0
    assert highest_rate_hz(lambda rate_hz: True) == 400.0
    assert math.isnan(highest_rate_hz(lambda rate_hz: False))


def test_both_nodes_run_in_processes_of_their_own_and_tell_their_times(tmp_path):
    pytest.importorskip('rclpy')
    assert PARTS['node'] == 'zoedepth_ros.benchmark.node.measure'
    scene.draw(tmp_path, (48, 64))
    kinds = [Kind(OURS, 4), Kind(NAIVE, 4), Kind('absent', 4)]
    streams = [('ours_4', 20.0, 0.5), ('absent_4', 20.0, 0.5)]
    task = Task(
        str(tmp_path), [(48, 64)], kinds, 3, streams, ['absent_4'], start_s=120.0, patience_s=60.0
    )
    found = measure._driven(tmp_path, 'shipped', task, math.inf)
    for name in ('ours_4', 'naive_4'):
        times = found['single']['64x48'][name]
        assert len(times) == 3
        for one in times:
            stages_ms = sum(ms for ms in one['stages_ms'].values() if not math.isnan(ms))
            assert 0.0 < stages_ms <= one['overhead_ms'] + 0.5
            assert 0.0 < one['input_ms'] < one['latency_ms']
            assert one['transport_ms']['depth/points'] > 0.0
    assert found['silent'] == {'absent_4': 'its process has ended'}
    assert [stream['kind'] for stream in found['streams']] == ['ours_4']
    assert found['highest_hz'] == {}
    (stream,) = found['streams']
    assert 0 <= stream['arrived'] <= stream['sent'] == 10  # how many come is a matter of load
    assert math.isnan(stream['cpu_ms']) or stream['cpu_ms'] >= 0.0
