"""The end of small nodes that hang, fail or are slow in one place."""

import signal
import time

import pytest
from ros_harness import NodeProcess

pytest.importorskip('rclpy')

NODE = """
import ctypes, os, sys, time
from pathlib import Path
import rclpy
from rclpy.node import Node
from zoedepth_ros.ros.ending import end
from zoedepth_ros.ros.running import Finished, run_node

def say(text):
    print(text, flush=True)

class Hanging(Node):
    def __init__(self):
        super().__init__('hanging')
        self.create_timer(0.01, self.work)
        say('made')
        {making}

    def work(self):
        say('at work')
        {work}

    def close(self):
        {close}
        say('closed')

    def destroy_node(self):
        {destroy}
        super().destroy_node()

{before}
end(run_node(Hanging, name='hanging', errors=(OSError,), leave_at_any_time={leave}))
"""


class SmallNode(NodeProcess):
    """Run NODE with something done in these places."""

    def __init__(self, *, leave=False, **parts):
        places = ('before', 'making', 'work', 'close', 'destroy')
        parts = {place: parts.get(place, 'pass') for place in places}
        self._start(['-c', NODE.format(**parts, leave=leave)])

    def end(self, how=None):
        """Send the signal; give the exit code and how long it took [s]."""
        if how is not None:
            self.process.send_signal(how)
        before_s = time.monotonic()
        return self.wait(20.0), time.monotonic() - before_s


@pytest.fixture
def run(ros):
    started = []

    def start(until, **parts):
        started.append(SmallNode(**parts))
        started[-1].wait_for_log(until)
        return started[-1]

    yield start
    for node in started:
        node.process.kill()
        node.wait()


def test_a_middleware_that_never_lets_go_is_left_by_force_with_every_stack(run):
    # PyDLL keeps the interpreter's lock, as rclpy does while it deletes a participant.
    node = run('at work', destroy='ctypes.PyDLL(None).sleep(60)')
    code, took_s = node.end(signal.SIGINT)
    assert code == 1
    assert 'closed' in node.log
    assert 'in destroy_node' in node.log
    assert 'in run_node' in node.log
    assert 3.5 < took_s < 6.0


@pytest.mark.parametrize('how', [signal.SIGINT, signal.SIGTERM])
def test_a_node_that_is_being_made_is_left_at_once(run, how):
    node = run('made', making='time.sleep(30)', leave=True)
    code, took_s = node.end(how)
    assert (code, node.log) == (0, 'made')
    assert 1.0 < took_s < 3.0


def test_a_callback_that_saves_something_may_finish_and_one_that_does_not_is_left(run, tmp_path):
    kept, left = tmp_path / 'kept', tmp_path / 'left'
    work = 'time.sleep(3); Path({!r}).touch()'
    saving = run('at work', work=work.format(str(kept)))
    leaving = run('at work', work=work.format(str(left)), leave=True)
    saving.process.send_signal(signal.SIGINT)
    assert leaving.end(signal.SIGINT)[0] == 0
    assert saving.end()[0] == 0
    assert kept.exists()
    assert not left.exists()


def test_a_node_that_saves_something_is_made_and_closed(run):
    node = run('made', making='time.sleep(2.5)')
    code, _ = node.end(signal.SIGINT)
    assert (code, node.lines) == (0, ['made', 'closed'])


def test_closing_may_take_longer_than_the_rest(run):
    node = run('at work', close='time.sleep(5)')
    code, took_s = node.end(signal.SIGINT)
    assert code == 0, node.log
    assert node.lines[-1] == 'closed'
    assert took_s > 5.0


def test_a_signal_before_rclpy_listens_is_not_lost(run):
    before = """
listen = rclpy.init
def init(**options):
    os.kill(os.getpid(), 2)
    say('told')
    listen(**options)
rclpy.init = init
"""
    node = run('told', before=before)
    assert (node.wait(5.0), node.lines) == (0, ['told'])


def test_a_second_signal_does_not_break_the_clean_up(run):
    node = run('at work', close='say("closing"); time.sleep(1)')
    node.process.send_signal(signal.SIGINT)
    node.wait_for_log('closing')
    code, _ = node.end(signal.SIGINT)
    assert code == 0, node.log
    assert node.lines[-1] == 'closed'


def test_an_error_for_people_is_one_line_and_any_other_a_traceback(run):
    node = run('at work', work='raise OSError("no room\\non the disk")')
    assert node.end()[0] == 1
    assert 'no room on the disk' in node.log
    assert 'Traceback' not in node.log
    assert 'closed' in node.log
    node = run('at work', work='raise KeyError("a mistake")')
    assert node.end()[0] == 1
    assert 'Traceback' in node.log
    assert 'closed' in node.log


def test_an_error_that_a_signal_brings_about_is_none(run):
    failing = 'self.context.shutdown(); raise {error}("because of it")'
    assert run('at work', work=failing.format(error='RuntimeError')).end()[0] == 0
    work = failing.format(error='OSError')
    assert run('at work', work=work, leave=True).end()[0] == 0
    # What was to be saved and was not is said even then.
    assert run('at work', work=work).end()[0] == 1


def test_a_callback_gives_the_exit_code(run):
    assert run('at work', work='raise Finished(3)').end()[0] == 3
