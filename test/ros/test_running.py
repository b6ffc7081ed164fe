"""The end of small nodes that hang, fail or are slow in one place."""

import re
import signal
from pathlib import Path

import pytest
from ros_harness import NodeProcess
from waiting import PATIENCE_S

from zoedepth_ros.environment import reserve_domain

pytest.importorskip('rclpy')

NODE = """
import ctypes, os, sys, threading, time
from pathlib import Path
import rclpy
from rclpy.node import Node
from zoedepth_ros.ros import spin
from zoedepth_ros.ros.spin import END_WITHIN_S, Finished, end, run_node

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

spin.STUCK_AFTER_S = {stuck_s}
{before}
end(run_node(Hanging, name='hanging', errors=(OSError,), leave_at_any_time={leave}))
"""


class SmallNode(NodeProcess):
    """Run NODE with something done in these places; stuck_s: of an end by force, rarely wanted."""

    def __init__(self, *, leave=False, args=(), stuck_s=0.5 * PATIENCE_S, **parts):
        places = ('before', 'making', 'work', 'close', 'destroy')
        parts = {place: parts.get(place, 'pass') for place in places}
        self._start(['-c', NODE.format(**parts, leave=leave, stuck_s=stuck_s), *args])


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


FOREVER = 'threading.Event().wait()'
TOLD = 'while self.context.ok(): time.sleep(0.01)'
LONG = 'time.sleep(2.0 * END_WITHIN_S)'  # what is left at any time would be left before


def test_a_middleware_that_never_lets_go_is_left_by_force_with_every_stack(run):
    # PyDLL keeps the interpreter's lock, as rclpy does while it deletes a participant.
    node = run('at work', destroy='ctypes.PyDLL(None).sleep(1000000)', stuck_s=10.0)
    assert node.stop(signal.SIGINT) == 1
    assert 'closed' in node.log
    assert 'in destroy_node' in node.log
    assert 'in run_node' in node.log


@pytest.mark.parametrize(
    ('args', 'reason'),
    [
        (['--params-file', '/nowhere.yaml'], '/nowhere.yaml'),
        (['-r', '1/image:=/image'], "Couldn't parse remap rule: '-r 1/image:=/image'"),
        (['--nonsense'], '--nonsense'),
    ],
)
def test_ros_arguments_that_cannot_be_read_are_one_line(ros, args, reason):
    node = SmallNode(args=['--ros-args', *args])
    assert node.wait() == 1
    assert 'Traceback' not in node.log
    assert '[hanging]: ROS 2 cannot start: ' in node.lines[-1]  # rcl's own line may be before it
    assert reason in node.lines[-1]


@pytest.mark.parametrize('how', [signal.SIGINT, signal.SIGTERM])
def test_a_node_that_is_being_made_for_ever_is_left(run, how):
    node = run('made', making=FOREVER, leave=True)
    assert (node.stop(how), node.log) == (0, 'made')


def test_a_callback_that_saves_something_may_finish_and_one_that_does_not_is_left(run, tmp_path):
    kept = tmp_path / 'kept'
    saving = run('at work', work=f'{TOLD}\n        {LONG}; Path({str(kept)!r}).touch()')
    assert saving.stop(signal.SIGINT) == 0
    assert kept.exists()
    assert run('at work', work=FOREVER, leave=True).stop(signal.SIGINT) == 0


def test_a_node_that_saves_something_is_made_and_closed(run):
    node = run('made', making=f'{TOLD}\n        {LONG}')
    assert (node.stop(signal.SIGINT), node.lines) == (0, ['made', 'closed'])


def test_closing_may_take_longer_than_the_rest(run):
    limited = "spin.end_by_force_if_stuck = lambda: say('has a limit now')"
    node = run('at work', before=limited, close="say('closing')")
    assert node.stop(signal.SIGINT) == 0, node.log
    assert node.lines[-3:] == ['closing', 'closed', 'has a limit now']


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
    assert (node.wait(), node.lines) == (0, ['told'])


def test_a_second_signal_does_not_break_the_clean_up(run, tmp_path):
    go = tmp_path / 'go'
    waits = f'say("closing")\n        while not Path({str(go)!r}).exists(): time.sleep(0.01)'
    node = run('at work', close=waits)
    node.process.send_signal(signal.SIGINT)
    node.wait_for_log('closing')
    node.process.send_signal(signal.SIGINT)
    go.touch()
    assert node.wait() == 0, node.log
    assert node.lines[-1] == 'closed'


def test_a_second_signal_in_any_line_that_handles_the_first_does_not_block(run):
    before = """
import signal
def again(frame, event, argument):
    signal.raise_signal(signal.SIGINT)
    return again
"""
    making = 'sys.settrace(again); signal.raise_signal(signal.SIGINT); sys.settrace(None)'
    node = run('made', before=before, making=making)
    assert (node.wait(), node.lines) == (0, ['made', 'closed'])


def test_an_error_for_people_is_one_line_and_any_other_a_traceback(run):
    node = run('at work', work='raise OSError("no room\\non the disk")')
    assert node.wait() == 1
    assert 'no room on the disk' in node.log
    assert 'Traceback' not in node.log
    assert 'closed' in node.log
    node = run('at work', work='raise KeyError("a mistake")')
    assert node.wait() == 1
    assert 'Traceback' in node.log
    assert 'closed' in node.log


def test_an_error_that_a_signal_brings_about_is_none(run):
    failing = 'self.context.shutdown(); raise {error}("because of it")'
    assert run('at work', work=failing.format(error='RuntimeError')).wait() == 0
    work = failing.format(error='OSError')
    assert run('at work', work=work, leave=True).wait() == 0
    # A failed save is reported even then.
    assert run('at work', work=work).wait() == 1


def test_a_constructor_that_fails_for_people_is_one_line(run):
    making = 'globals().update(kept=self); raise OSError("no weights")'
    node = run('made', making=making, destroy='raise AttributeError("not made yet")')
    assert node.wait() == 1
    assert 'no weights' in node.log
    assert 'Traceback' not in node.log


def test_a_callback_gives_the_exit_code(run):
    assert run('at work', work='raise Finished(3)').wait() == 3


@pytest.mark.parametrize('leave', [True, False])
def test_a_node_whose_constructor_a_signal_breaks_leaves_no_shared_memory(run, leave):
    making = (
        'say(Path("/proc/self/maps").read_text()); say("these are the segments"); '
        'globals().update(kept=self); '  # as rclpy's own cycles of references do
        f'os.kill(os.getpid(), 2)\n        {TOLD}\n'
        '        raise RuntimeError("the context is invalid")'
    )
    node = run(
        'these are the segments',
        before=f'os.environ["ROS_DOMAIN_ID"] = "{reserve_domain()}"',
        making=making,
        destroy='raise AttributeError("not made yet")',
        leave=leave,
    )
    assert node.wait() == 0, node.log
    segments = set(re.findall(r'/dev/shm/fast[a-z]+_[0-9a-f]{16}', node.log))
    if not segments:
        pytest.skip('the middleware maps no shared memory')
    assert not [path for path in segments if Path(path).exists()]
