"""Every change of state from every state, against the ROS 2 lifecycle, on real nodes."""

from types import SimpleNamespace

import pytest
from fake_predictor import FakePredictor
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rclpy.lifecycle import LifecycleNode, TransitionCallbackReturn
from rclpy.parameter import Parameter
from ros_harness import Repeated
from sensor_msgs.msg import Image
from waiting import PATIENCE_S, wait_until

from zoedepth_ros.ros.depth_node import DepthNode
from zoedepth_ros.ros.lifecycle import current_state, reported
from zoedepth_ros.ros.publishers import Publishers

# https://design.ros2.org/articles/node_lifecycle.html; one id of shutdown for each state
ALLOWED = {
    'unconfigured': {
        Transition.TRANSITION_CONFIGURE: ('configure', 'inactive'),
        Transition.TRANSITION_UNCONFIGURED_SHUTDOWN: ('shutdown', 'finalized'),
    },
    'inactive': {
        Transition.TRANSITION_ACTIVATE: ('activate', 'active'),
        Transition.TRANSITION_CLEANUP: ('cleanup', 'unconfigured'),
        Transition.TRANSITION_INACTIVE_SHUTDOWN: ('shutdown', 'finalized'),
    },
    'active': {
        Transition.TRANSITION_DEACTIVATE: ('deactivate', 'inactive'),
        Transition.TRANSITION_ACTIVE_SHUTDOWN: ('shutdown', 'finalized'),
    },
    'finalized': {},
}
WAYS = {
    'unconfigured': [],
    'inactive': [Transition.TRANSITION_CONFIGURE],
    'active': [Transition.TRANSITION_CONFIGURE, Transition.TRANSITION_ACTIVATE],
    'finalized': [Transition.TRANSITION_UNCONFIGURED_SHUTDOWN],
}
UNKNOWN = 200
ALL = [*range(Transition.TRANSITION_DESTROY + 1), Transition.TRANSITION_CALLBACK_SUCCESS, UNKNOWN]
LABELS = [
    'configure',
    'activate',
    'deactivate',
    'cleanup',
    'shutdown',
    'transition_success',
    'fly',
]
CHANGES = [
    (state, transition, *goal)
    for state, transitions in ALLOWED.items()
    for transition, goal in transitions.items()
]


@pytest.fixture
def node_in(peer, start):
    """Give a function that brings a new node into a state."""

    def bring(state):
        node = start({'autostart': False})
        for transition in WAYS[state]:
            assert peer.transition(transition)
        assert peer.state() == state
        return node

    return bring


@pytest.mark.parametrize('state', ALLOWED)
def test_what_does_not_apply_is_refused_and_changes_nothing(peer, node_in, state):
    node = node_in(state)
    labels = {label for label, _ in ALLOWED[state].values()}
    refused = [(number, '') for number in ALL if number not in ALLOWED[state]]
    refused += [(0, label) for label in LABELS if label not in labels]
    for number, label in refused:
        assert not peer.transition(number, label), (number, label)
        assert peer.state() == state, (number, label)
    assert node.stop() == 0
    assert 'Traceback' not in node.log


@pytest.mark.parametrize('by_label', [False, True])
@pytest.mark.parametrize(('state', 'transition', 'label', 'goal'), CHANGES)
def test_what_applies_leads_to_its_goal(peer, node_in, state, transition, label, goal, by_label):
    node = node_in(state)
    number, text = (0, label) if by_label else (transition, '')
    assert peer.transition(number, text)
    assert peer.state() == goal
    assert node.stop() == 0


def test_a_label_wins_over_an_id(peer, node_in):
    node_in('inactive')
    assert peer.transition(Transition.TRANSITION_CLEANUP, 'activate')
    assert peer.state() == 'active'


def test_an_active_node_that_is_configured_for_what_does_not_apply_still_gives_depth(
    peer, node_in
):
    node_in('active')
    depth = peer.subscribe(Image, '/depth/image')
    peer.send_until(lambda: depth)
    for transition in (Transition.TRANSITION_CONFIGURE, Transition.TRANSITION_ACTIVATE):
        assert not peer.transition(transition)
    peer.exchange(depth)


def test_of_many_calls_at_once_one_changes_the_state(peer, start, hold):
    node = start({'autostart': False}, hold_load=str(hold))
    clients = [peer.node.create_client(ChangeState, '/zoedepth/change_state') for _ in range(3)]
    for client in clients:
        assert client.wait_for_service(PATIENCE_S)
    request = ChangeState.Request()
    request.transition.id = Transition.TRANSITION_DEACTIVATE
    refused = [Repeated(client, request) for client in clients]
    wait_until(lambda: all(sent.has_answer() for sent in refused))  # so the node knows them all
    request = ChangeState.Request()
    request.transition.id = Transition.TRANSITION_CONFIGURE
    answers = [client.call_async(request) for client in clients for _ in range(2)]
    node.wait_for_log('loading')
    hold.unlink()
    wait_until(lambda: all(answer.done() for answer in answers))
    assert sum(answer.result().success for answer in answers) == 1
    assert peer.state() == 'inactive'
    for client in clients:
        peer.node.destroy_client(client)


def test_a_manager_that_is_faster_than_autostart_keeps_the_node(ros):
    node = DepthNode(lambda settings: FakePredictor())
    try:
        node.trigger_configure()
        node._start()
        assert current_state(node).label == 'inactive'
    finally:
        node.destroy_node()


@pytest.fixture
def local(ros):
    """A node in this process, active."""
    node = DepthNode(
        lambda settings: FakePredictor(),
        parameter_overrides=[Parameter('autostart', value=False)],
    )
    node.trigger_configure()
    node.trigger_activate()
    assert current_state(node).label == 'active'
    yield node
    node.destroy_node()


def change(node, transition):
    """Call the service's callback as an executor does."""
    (service,) = (s for s in node.services if s.srv_type is ChangeState)
    request = ChangeState.Request()
    request.transition.id = transition
    return service.callback(request, ChangeState.Response()).success


def fail(*_):
    raise OSError('the disk is gone')


def test_a_start_that_raises_leaves_the_node_inactive_and_able_to_start(local, monkeypatch):
    assert change(local, Transition.TRANSITION_DEACTIVATE)
    with monkeypatch.context() as broken:
        broken.setattr(local._bond, 'start', fail)
        assert not change(local, Transition.TRANSITION_ACTIVATE)
    assert 'the disk is gone' in local.failure
    assert current_state(local).label == 'inactive'
    assert not local._is_active()
    assert change(local, Transition.TRANSITION_ACTIVATE)
    assert local._is_active()


def test_a_stop_that_raises_frees_everything_and_the_node_can_be_configured_again(
    local, monkeypatch
):
    stop = local._stop
    monkeypatch.setattr(
        local, '_stop', lambda *_: monkeypatch.setattr(local, '_stop', stop) or fail()
    )
    assert not change(local, Transition.TRANSITION_DEACTIVATE)
    assert 'deactivate failed: the disk is gone' in local.failure
    assert current_state(local).label == 'unconfigured'
    assert not local._is_active()
    assert change(local, Transition.TRANSITION_CONFIGURE)


def test_an_error_that_cannot_be_cleared_up_finalizes_the_node(local, monkeypatch):
    monkeypatch.setattr(local, '_stop', fail)
    assert not change(local, Transition.TRANSITION_DEACTIVATE)
    assert current_state(local).label == 'finalized'
    assert not change(local, Transition.TRANSITION_CONFIGURE)
    monkeypatch.undo()


def test_a_shutdown_that_raises_still_finalizes_the_node(local, monkeypatch):
    monkeypatch.setattr(local, '_free', fail)
    assert not change(local, Transition.TRANSITION_ACTIVE_SHUTDOWN)
    assert current_state(local).label == 'finalized'
    monkeypatch.undo()


@pytest.mark.parametrize('is_running', [True, False], ids=['running', 'stopped by a signal'])
def test_a_failed_transition_is_an_error_unless_a_signal_has_interrupted_it(is_running):
    errors = []
    node = SimpleNamespace(
        context=SimpleNamespace(ok=lambda: is_running),
        get_logger=lambda: SimpleNamespace(error=errors.append),
    )

    @reported(TransitionCallbackReturn.FAILURE)
    def on_activate(node, state):
        raise ValueError('broken')

    assert on_activate(node, None) == TransitionCallbackReturn.FAILURE
    assert errors == ['activate failed: broken'] * is_running


def test_an_image_that_the_network_finishes_only_after_cleanup_is_not_published(ros):
    node = LifecycleNode('cleaned_up')
    try:
        publishers = Publishers(node)
        publishers.destroy()
        publishers.send('depth/image', Image())
    finally:
        node.destroy_node()
