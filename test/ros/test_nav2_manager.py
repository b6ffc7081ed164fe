"""Under Nav2's lifecycle manager, call by call, over DDS; its bonds where `bond` is installed."""

import importlib.util
import signal
import time

import pytest
from lifecycle_msgs.msg import State, Transition
from nav2_manager import Nav2Manager
from ros_harness import wait_until
from sensor_msgs.msg import Image

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
        depth.clear()
        peer.send_until(lambda: depth)
        return True

    def depth_stays_away():
        depth.clear()
        peer.start_camera(20.0)
        time.sleep(0.5)
        peer.stop_camera()
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


def test_a_network_that_loads_longer_than_the_service_timeout_is_waited_for(start, manage):
    start({'autostart': False}, load_s=2.0)
    assert manage('zoedepth', service_timeout_s=1.0).startup()


def test_one_that_fails_to_configure_ends_the_bringup_and_all_shut_down(start, manage):
    good = start({'autostart': False}, remap={'__node': 'front'})
    bad = start({'autostart': False}, refuse='no weights at /nowhere')
    manager = manage('front', 'zoedepth')
    assert not manager.startup()
    assert 'configure failed: no weights at /nowhere' in bad.log
    assert manager.state('front') == State.PRIMARY_STATE_INACTIVE
    assert manager.state('zoedepth') == State.PRIMARY_STATE_UNCONFIGURED
    assert not manager.startup()  # front is configured already; neither dies of being asked
    assert manager.shutdown()  # deactivates and cleans up what is not active, in passing
    for name, node in (('front', good), ('zoedepth', bad)):
        assert manager.state(name) == State.PRIMARY_STATE_FINALIZED
        assert node.stop() == 0


def test_transitions_that_do_not_apply_are_refused_and_change_nothing(peer, start, manage):
    start({'autostart': False})
    manager = manage('zoedepth')
    assert not peer.transition(Transition.TRANSITION_ACTIVATE)
    assert not manager.pause()
    assert manager.state('zoedepth') == State.PRIMARY_STATE_UNCONFIGURED
    assert manager.startup()
    assert not peer.transition(Transition.TRANSITION_CLEANUP)
    assert manager.state('zoedepth') == State.PRIMARY_STATE_ACTIVE


@needs_bond
def test_a_bond_forms_and_holds_until_it_is_ended_on_purpose(start, manage):
    start({'autostart': False})
    manager = manage('zoedepth', bond_timeout_s=4.0)
    assert manager.startup()
    bond = manager.bonds['zoedepth']
    time.sleep(1.5)
    assert not bond.is_broken
    assert sorted(bond.intervals_s)[len(bond.intervals_s) // 2] == pytest.approx(0.1, abs=0.03)
    assert manager.pause()
    assert manager.resume()
    assert manager.bonds['zoedepth'] is not bond
    assert not manager.bonds['zoedepth'].is_broken
    assert manager.shutdown()


@needs_bond
@pytest.mark.parametrize('how', ['SIGKILL', 'SIGSTOP', 'SIGINT'])
def test_a_node_that_dies_hangs_or_leaves_breaks_its_bond(start, manage, how):
    name = f'ended_by_{how.lower()}'  # Fast DDS remembers the services of the dead for a while
    node = start({'autostart': False}, remap={'__node': name})
    manager = manage(name, bond_timeout_s=2.0)
    assert manager.startup()
    bond = manager.bonds[name]
    node.process.send_signal(getattr(signal, how))
    wait_until(lambda: bond.is_broken, 5.0)
    node.process.kill()
