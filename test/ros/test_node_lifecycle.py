"""Over DDS, from another process: lifecycle, parameters, start and end of the process."""

import os
import re
import signal
from pathlib import Path

import pytest
from lifecycle_msgs.msg import Transition
from rcl_interfaces.msg import ParameterType
from rcl_interfaces.srv import DescribeParameters, GetParameters, ListParameters
from ros_harness import PROFILE, NodeProcess, wait_until
from sensor_msgs.msg import Image
from zoedepth_ros.msg import Status

from zoedepth_ros.environment import OLD_PROFILE_VARIABLE, PROFILE_VARIABLE, reserve_domain
from zoedepth_ros.ros.parameters.node_settings import TABLE

PROFILES = (PROFILE_VARIABLE, OLD_PROFILE_VARIABLE)


def test_cleanup_frees_the_network_and_deactivate_keeps_it(peer, start):
    start(ballast_mb=300)
    status = peer.subscribe(Status, '/zoedepth/status')
    depth = peer.subscribe(Image, '/depth/image')
    peer.send_until(lambda: depth)

    def memory_mb():
        return 1e-6 * peer.fresh(status).memory

    loaded_mb = memory_mb()
    assert peer.transition(Transition.TRANSITION_DEACTIVATE)
    assert memory_mb() == pytest.approx(loaded_mb, abs=100.0)
    assert peer.transition(Transition.TRANSITION_CLEANUP)
    assert memory_mb() == pytest.approx(loaded_mb - 300.0, abs=100.0)


def test_starting_by_itself_it_ends_with_the_reason_when_it_cannot(start):
    node = start(refuse='no weights at /nowhere')
    assert node.wait() == 1
    assert 'no weights at /nowhere' in node.log


def test_a_model_changed_while_inactive_is_loaded_by_activate(peer, start):
    start()
    status = peer.subscribe(Status, '/zoedepth/status')
    wait_until(lambda: status and status.last.model == 'ZoeD_M12_NK')
    (reason,) = peer.set_parameters(model='another')
    assert 'deactivate' in reason
    assert peer.transition(Transition.TRANSITION_DEACTIVATE)
    assert peer.set_parameters(model='another') == ['']
    assert peer.transition(Transition.TRANSITION_ACTIVATE)
    wait_until(lambda: status.last.model == 'another')


@pytest.fixture(scope='module')
def plain_node(ros):
    """One node with every default, out of the others' way, for tests that leave it as it was."""
    node = NodeProcess(namespace='/plain')
    node.wait_for_log('active')
    yield node
    assert node.stop() == 0


@pytest.fixture
def plain(plain_node, peer):
    peer.target = '/plain/zoedepth'
    return plain_node


def test_wrong_values_are_refused_and_the_old_ones_stay(peer, plain):
    wrong = {
        'depth__rate': float('nan'),
        'cloud__rate': -1.0,
        'cloud__decimation': 0,
        'depth__encoding': 'mono8',
        'router__mode': 'mars',
        'depth__max': 0.05,
        'depth__scale': 2,
        'model': 'x',
        'autostart': False,
        'network__width': 64,
    }
    reasons = dict(zip(wrong, peer.set_parameters(**wrong), strict=True))
    assert all(reasons.values()), reasons
    for name in wrong:
        ros_name = name.replace('__', '.')
        assert peer.get_parameter(ros_name) == TABLE[ros_name].default, name


def test_several_parameters_change_together_or_not_at_all(peer, plain):
    (reason,) = peer.set_parameters(atomically=True, depth__scale=2.0, cloud__rate=-1.0)
    assert reason
    assert peer.get_parameter('depth.scale') == 1.0
    assert peer.set_parameters(atomically=True, depth__min=20.0, depth__max=40.0) == ['']
    assert peer.get_parameter('depth.max') == 40.0
    assert peer.set_parameters(atomically=True, depth__min=0.1, depth__max=0.0) == ['']


def test_every_parameter_describes_itself(peer, plain):
    request = DescribeParameters.Request(names=list(TABLE))
    answer = peer.call(DescribeParameters, '/plain/zoedepth/describe_parameters', request)
    described = {d.name: d for d in answer.descriptors}
    assert all(described[name].description == TABLE[name].description for name in TABLE)
    assert described['depth.rate'].floating_point_range[0].to_value == 1000.0
    assert described['cloud.decimation'].integer_range[0].from_value == 1
    assert 'indoor' in described['router.mode'].additional_constraints
    assert 'cannot be changed while' in described['model'].additional_constraints


def test_all_parameters_have_a_value_also_after_an_empty_list_as_in_the_parameter_file(
    peer, start
):
    """One without a value would empty the answer for all, of `ros2 param dump` for example."""
    start({'cameras': []})
    listed = peer.call(ListParameters, '/zoedepth/list_parameters', ListParameters.Request())
    names = list(listed.result.names)
    assert set(TABLE) <= set(names)
    answer = peer.call(
        GetParameters, '/zoedepth/get_parameters', GetParameters.Request(names=names)
    )
    assert len(answer.values) == len(names)
    assert ParameterType.PARAMETER_NOT_SET not in {value.type for value in answer.values}


def test_a_value_for_a_parameter_that_does_not_exist_is_reported(start):
    wrong = {'depth.rat': 5.0, 'front.cloud.rat': 5.0, 'left.model': 'ZoeD_M12_N', 'front': 1}
    wrong['qos_overrides./front/images.subscription.depth'] = 2
    known = {
        'front.cloud.rate': 5.0,
        'use_sim_time': False,
        'qos_overrides./front/image.subscription.depth': 2,
    }
    node = start({'cameras': ['front', 'left'], **wrong, **known})
    node.wait_for_log('active')
    warnings = {line.partition(': ')[2] for line in node.lines if 'has no effect' in line}
    assert warnings == {
        'depth.rat is not a parameter of the node; its value has no effect',
        'cloud.rat is not a parameter of the camera front; its value has no effect',
        'the parameter model has one value for all cameras: set model, not left.model; its value '
        'has no effect',
        'front is not a parameter of the node; its value has no effect',
        'qos_overrides./front/images.subscription.depth is not a parameter of the node; its value '
        'has no effect',
    }


def test_a_wrong_parameter_stops_the_start(start):
    wrong = {
        'depth.rate': 5,
        'cloud.rate': -1.0,
        'depth.encoding': 'mono8',
        'depth.max': 0.01,
        'qos_overrides./image.subscription.reliability': 'perfect',
    }
    nodes = {name: start({name: value}) for name, value in wrong.items()}
    for name, node in nodes.items():
        assert node.wait() == 1
        assert name.rpartition('.')[2] in node.log
        assert 'Traceback' not in node.log


def wait_for_reliability(endpoints, topic, name):
    """Wait until a topic has one publisher or subscription, with this reliability.

    The endpoints of the node of an earlier test stay known until its departure is noticed.
    """

    def found():
        return [info.qos_profile.reliability.name for info in endpoints(topic)]

    wait_until(lambda: found() == [name], lambda: f'{topic}: {found()}, expected {name}')


def test_an_override_of_qos_is_taken(peer, start):
    start(
        {
            'qos_overrides./image.subscription.reliability': 'reliable',
            'qos_overrides./depth/image.publisher.reliability': 'best_effort',
        }
    ).wait_for_log('active')
    name = 'qos_overrides./image.subscription.reliability'
    assert peer.get_parameter(name) == 'reliable'
    peer.subscribe(Image, '/depth/image', reliable=False)
    wait_for_reliability(peer.node.get_publishers_info_by_topic, '/depth/image', 'BEST_EFFORT')
    wait_for_reliability(peer.node.get_subscriptions_info_by_topic, '/image', 'RELIABLE')


def test_by_default_it_subscribes_best_effort_and_publishes_reliably(peer, plain):
    peer.subscribe(Image, '/plain/depth/image')
    node = peer.node
    wait_for_reliability(node.get_subscriptions_info_by_topic, '/plain/image', 'BEST_EFFORT')
    for name in ('depth/image', 'depth/points', 'depth/camera_info', 'domain'):
        wait_for_reliability(node.get_publishers_info_by_topic, f'/plain/{name}', 'RELIABLE')


@pytest.mark.parametrize('held', [False, True])
@pytest.mark.parametrize('how', [signal.SIGINT, signal.SIGTERM])
def test_it_ends_in_the_middle_of_the_stream_and_takes_its_leave(
    peer, start, tmp_path, hold, how, held
):
    """held: the network never comes back from the image that it works on."""
    # A node that is only gone when its lease runs out would not be gone before the test is over.
    profile = tmp_path / 'long_lease.xml'
    lease = '<leaseDuration><sec>100000</sec></leaseDuration>'
    text = PROFILE.read_text()
    assert '<leaseAnnouncement>' in text
    profile.write_text(text.replace('<leaseAnnouncement>', f'{lease}<leaseAnnouncement>'))
    profiles = dict.fromkeys(set(PROFILES) & set(os.environ), str(profile))
    node = start(
        environment=profiles, remap={'__node': 'leaving'}, **({'hold': str(hold)} if held else {})
    )
    depth = peer.subscribe(Image, '/depth/image')
    peer.send_until(lambda: 'network: 1 at once' in node.log if held else depth)
    peer.start_camera(30.0)
    wait_until(lambda: peer.node.count_publishers('/leaving/status') == 1)
    assert node.stop(how) == 0, node.log
    assert 'Traceback' not in node.log
    wait_until(lambda: peer.node.count_publishers('/leaving/status') == 0)


def test_ctrl_c_that_a_launch_file_passes_on_once_more_ends_it_quietly(peer, start):
    node = start()
    depth = peer.subscribe(Image, '/depth/image')
    peer.send_until(lambda: depth)
    peer.start_camera(30.0)

    def has_ended():  # some of the signals meet the clean-up
        if node.process.poll() is None:
            node.process.send_signal(signal.SIGINT)
        return node.process.poll() is not None

    wait_until(has_ended, lambda: node.log, period_s=0.001)
    assert node.wait() == 0, node.log
    assert 'Traceback' not in node.log


def shared_memory_of(node):
    """Give the segments of Fast DDS that a process has mapped; alone in its domain, its own."""
    maps = Path(f'/proc/{node.process.pid}/maps').read_text()
    return set(re.findall(r'/dev/shm/fast[a-z]+_[0-9a-f]{16}\b', maps))  # not the shared ports


@pytest.mark.parametrize('how', [signal.SIGINT, signal.SIGTERM])
def test_ended_in_the_middle_of_loading_it_leaves_no_shared_memory(start, hold, how):
    environment = {'ROS_DOMAIN_ID': str(reserve_domain())}
    node = start(environment=environment, hold_load=str(hold))
    node.wait_for_log('loading')
    files = shared_memory_of(node)
    assert node.stop(how) == 0, node.log
    assert 'Traceback' not in node.log
    if not files:
        pytest.skip('the middleware maps no shared memory')
    assert not [path for path in files if Path(path).exists()]


def test_simulated_time_that_has_not_begun_does_not_keep_it_from_starting(peer, start):
    start({'use_sim_time': True}).wait_for_log('active')
    status = peer.subscribe(Status, '/zoedepth/status')
    wait_until(lambda: status)
    assert status.last.header.stamp.sec == 0
