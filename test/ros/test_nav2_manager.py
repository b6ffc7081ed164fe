"""Under Nav2's lifecycle manager, call by call, over DDS; its bonds where `bond` is installed."""

import importlib.util
import signal
import threading
from pathlib import Path

import pytest
from lifecycle_msgs.msg import State
from nav2_manager import Nav2Manager
from sensor_msgs.msg import Image
from waiting import PATIENCE_S, wait_until

needs_bond = pytest.mark.skipif(
    importlib.util.find_spec('bond') is None, reason='the messages of bond_core are not installed'
)


@pytest.fixture
def manage(peer):
    made = []

    def make(*names, **options):
        made.append(Nav2Manager(peer, *names, **options))
        return made[-1]

    yield make
    for manager in made:
        manager.close()


def test_it_starts_pauses_resumes_resets_and_shuts_down(peer, start, manage):
    node = start({'autostart': False})
    depth = peer.subscribe(Image, '/depth/image')
    manager = manage('zoedepth')

    def depth_comes():
        peer.send_until(lambda: depth)
        depth.clear()
        peer.exchange(depth)
        return True

    def depth_stays_away():
        wait_until(lambda: peer.node.count_subscribers('/image') == 0)
        depth.clear()
        for _ in range(3):
            peer.send()
        return not depth

    assert manager.startup()
    assert depth_comes()
    assert manager.pause()
    assert depth_stays_away()
    assert manager.resume()
    assert depth_comes()
    assert manager.reset()
    assert manager.state('zoedepth') == State.PRIMARY_STATE_UNCONFIGURED
    assert manager.startup()
    assert depth_comes()
    assert manager.shutdown()
    assert manager.state('zoedepth') == State.PRIMARY_STATE_FINALIZED
    assert node.stop() == 0


def test_a_network_that_takes_its_time_to_load_is_waited_for(start, manage, hold):
    node = start({'autostart': False}, hold_load=str(hold))
    manager, done = manage('zoedepth'), []
    bringup = threading.Thread(target=lambda: done.append(manager.startup()))
    bringup.start()
    node.wait_for_log('loading')
    assert not done
    hold.unlink()
    bringup.join(PATIENCE_S)
    assert done == [True]


def test_one_that_fails_to_configure_ends_the_bringup_and_all_shut_down(start, manage):
    good = start({'autostart': False}, remap={'__node': 'front'})
    bad = start({'autostart': False}, refuse='no weights at /nowhere')
    manager = manage('front', 'zoedepth')
    assert not manager.startup()
    bad.wait_for_log('configure failed: no weights at /nowhere')
    assert manager.state('front') == State.PRIMARY_STATE_INACTIVE
    assert manager.state('zoedepth') == State.PRIMARY_STATE_UNCONFIGURED
    assert not manager.startup()  # front is configured already; neither dies of the request
    assert manager.shutdown()  # deactivates and cleans up what is not active, in passing
    for name, node in (('front', good), ('zoedepth', bad)):
        assert manager.state(name) == State.PRIMARY_STATE_FINALIZED
        assert node.stop() == 0


@needs_bond
def test_a_bond_forms_and_holds_until_it_is_ended_on_purpose(start, manage):
    start({'autostart': False})
    manager = manage('zoedepth', with_bonds=True)
    assert manager.startup()
    bond = manager.bonds['zoedepth']
    bond.wait_for_more_beats(20)
    assert not bond.ended
    assert [msg.heartbeat_period for msg in bond.beats] == pytest.approx([0.1] * len(bond.beats))
    assert manager.pause()
    wait_until(lambda: bond.ended)
    assert manager.resume()
    assert manager.bonds['zoedepth'] is not bond
    assert not manager.bonds['zoedepth'].ended
    assert manager.shutdown()


@needs_bond
def test_a_node_that_hangs_beats_no_longer_and_goes_on_when_it_is_well(start, manage):
    node = start({'autostart': False}, remap={'__node': 'frozen'})
    manager = manage('frozen', with_bonds=True)
    assert manager.startup()
    bond = manager.bonds['frozen']
    node.process.send_signal(signal.SIGSTOP)
    wait_until(lambda: _is_stopped(node.process.pid))
    wait_until_quiet(bond)
    assert not bond.ended
    node.process.send_signal(signal.SIGCONT)
    bond.wait_for_more_beats(3)


@needs_bond
@pytest.mark.parametrize('how', [signal.SIGINT, signal.SIGKILL])
def test_a_node_that_ends_or_dies_beats_no_longer(start, manage, how):
    name = (
        f'ended_by_{how.name.lower()}'  # Fast DDS remembers the services of the dead for a while
    )
    node = start({'autostart': False}, remap={'__node': name})
    manager = manage(name, with_bonds=True)
    assert manager.startup()
    bond = manager.bonds[name]
    bond.wait_for_more_beats(3)
    assert node.stop(how) == (0 if how == signal.SIGINT else -how)
    wait_until_quiet(bond)
    assert not bond.ended, 'silence breaks the bond: an end on purpose would say all is well'


def wait_until_quiet(bond):
    """Wait until what was under way when a node was stopped has come, and nothing more comes."""
    counts = [0]

    def is_quiet():
        counts.append(len(bond.beats))
        return counts[-1] == counts[-2]

    wait_until(is_quiet, period_s=1.0)


def _is_stopped(pid):
    return Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()[0] == 'T'
