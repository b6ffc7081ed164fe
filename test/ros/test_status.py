"""What the node says about itself, and how loud."""

import math
import time

import pytest
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticStatus
from fake_predictor import FakePredictor

from zoedepth_ros.ros import status
from zoedepth_ros.ros.frame import SUPERSEDED
from zoedepth_ros.ros.statistics import STAGES, Statistics
from zoedepth_ros.ros.status import Condition, Diagnostics, make_status


def report(statistics=None, state=status.WORKING, predictor=None):
    predictor = predictor or FakePredictor(trained_on='')
    condition = Condition(state, predictor, 'indoor', (64, 96))
    return make_status(Time(sec=5), condition, statistics or Statistics())


def level(diagnostics, msg):
    return diagnostics.make(msg).level


def test_a_status_says_what_runs():
    msg = report(predictor=FakePredictor(model_name='m', weights_origin='w', trained_on='t'))
    assert (msg.model, msg.weights, msg.trained_on) == ('m', 'w', 't')
    assert (msg.device, msg.precision, msg.head) == ('cpu', 'fp32', 'indoor')
    assert (msg.network_height, msg.network_width) == (64, 96)
    assert msg.header.stamp.sec == 5
    assert msg.memory_mb > 10.0
    assert [stage.name for stage in msg.stages] == list(STAGES)
    assert math.isnan(msg.age_median_ms)


def test_a_status_of_an_unconfigured_node_is_possible():
    msg = make_status(Time(), Condition(status.UNCONFIGURED, None, '', (0, 0)), Statistics())
    assert (msg.state, msg.model) == ('unconfigured', '')


def test_frames_drops_and_ages_are_counted():
    statistics = Statistics()
    for _ in range(3):
        statistics.note_received()
    statistics.note_published(0.1)
    statistics.note_published(0.3)
    for reason in ('too old', 'zero size', 'too old'):
        statistics.note_drop(reason)
    msg = report(statistics)
    assert (msg.received, msg.published) == (3, 2)
    assert {d.reason: d.count for d in msg.drops} == {'too old': 2, 'zero size': 1}
    assert msg.age_median_ms == pytest.approx(200.0)


def test_the_same_warning_comes_now_and_then_only():
    statistics = Statistics(warn_every_s=60.0)
    assert statistics.note_drop('a')
    assert not statistics.note_drop('a')
    assert statistics.note_drop('b')
    assert Statistics(warn_every_s=0.0).note_drop('a')


def test_a_stage_is_measured():
    statistics = Statistics()
    with statistics.stage('network'):
        time.sleep(0.02)
    assert statistics.stages_ms['network'].median_and_p95()[0] == pytest.approx(20.0, abs=15.0)


def test_all_is_well_when_depth_flows():
    told = Diagnostics('/ns/zoedepth').make(report())
    assert told.name == '/ns/zoedepth: depth'
    assert told.level == DiagnosticStatus.OK
    values = {pair.key: pair.value for pair in told.values}
    assert values['model'] == 'fake'
    assert values['received'] == '0'


def test_new_drops_are_a_warning_and_old_ones_are_not():
    statistics, diagnostics = Statistics(), Diagnostics('n')
    for _ in range(5):
        statistics.note_received()
    statistics.note_drop('too old')
    assert level(diagnostics, report(statistics)) == DiagnosticStatus.WARN
    assert level(diagnostics, report(statistics)) == DiagnosticStatus.OK


def test_a_camera_faster_than_the_network_is_no_fault():
    statistics = Statistics()
    statistics.note_drop(SUPERSEDED)
    assert level(Diagnostics('n'), report(statistics)) == DiagnosticStatus.OK


def test_a_camera_that_stopped_and_random_weights_are_warnings():
    assert level(Diagnostics('n'), report(state=status.STARVED)) == DiagnosticStatus.WARN
    random = report(predictor=FakePredictor(trained_on='random weights: not depth'))
    diagnosis = Diagnostics('n').make(random)
    assert diagnosis.level == DiagnosticStatus.WARN
    assert 'not depth' in diagnosis.message
