"""Over DDS, on real processes: what is killed, frozen, doubled or swapped under the node."""

import hashlib
import signal

import cv2
import numpy as np
import pytest
from lifecycle_msgs.msg import Transition
from ros_harness import ANY_AGE_S, wait_until
from ros_tool import ToolProcess
from sensor_msgs.msg import Image
from zoedepth_ros.msg import Status


@pytest.fixture
def tool(ros):
    started = []

    def start_tool(module, **parameters):
        started.append(ToolProcess(module, **parameters))
        return started[-1]

    yield start_tool
    for process in started:
        process.process.send_signal(signal.SIGCONT)
        process.stop()
        assert 'Traceback' not in process.log, process.log


@pytest.fixture
def photograph(tmp_path):
    path = tmp_path / 'grey.png'
    cv2.imwrite(str(path), np.full((48, 64, 3), 90, np.uint8))
    return str(path)


def stamps_s(inbox):
    return [m.header.stamp.sec + 1e-9 * m.header.stamp.nanosec for m in inbox.messages]


def test_a_camera_that_is_killed_and_started_again_is_followed(peer, start, tool, photograph):
    node = start({'diagnostics.warn_no_input': 2.0})
    depth = peer.subscribe(Image, '/depth/image')
    status = peer.subscribe(Status, '/zoedepth/status')
    camera = tool('demo.image_source', source=photograph, rate=20.0)
    wait_until(lambda: len(depth) > 3)
    camera.process.kill()
    wait_until(lambda: status and status.last.state == Status.STATE_NO_INPUT)
    before = len(depth)
    tool('demo.image_source', source=photograph, rate=20.0)
    wait_until(lambda: len(depth) > before + 3)
    wait_until(lambda: status.last.state == Status.STATE_WORKING)
    assert stamps_s(depth) == sorted(stamps_s(depth))
    assert node.log.count('the node is active; image topics:') == 1


def test_a_node_killed_in_the_middle_of_configure_leaves_nothing_in_the_way(peer, start, hold):
    first = start(hold_load=str(hold))
    first.wait_for_log('loading')
    first.stop(signal.SIGKILL)
    depth = peer.subscribe(Image, '/depth/image')
    start()
    peer.send_until(lambda: depth)


MOMENTS = (
    'rclpy',
    'zoedepth_ros.ros.depth_node',
    'torch',
    'timm',
    'the node is active; image topics:',
)
"""What a node imports from its start to the building of its network, and its last report."""


@pytest.mark.parametrize('how', [signal.SIGINT, signal.SIGTERM])
def test_a_signal_at_any_moment_ends_it_without_a_traceback(ros, tool, how):
    """While importing, while building the network, while running; the network is the real one."""
    parameters = {'model': 'ZoeD_tiny_NK', 'weights': 'random', 'device': 'cpu'}
    for number, moment in enumerate(MOMENTS):
        node = tool('ros.main', moments=MOMENTS, namespace=f'/n{number}', **parameters)
        node.wait_for_log(moment)
        assert node.stop(how) in (0, -how), f'{moment}: {node.log}'
        assert 'Traceback' not in node.log, f'{moment}: {node.log}'


def test_a_reliable_subscriber_that_is_frozen_holds_nobody_back(peer, start, tool, tmp_path):
    start({'cloud.rate': 0.0})
    depth = peer.subscribe(Image, '/depth/image')
    frozen = tool('demo.stream_recorder', output=str(tmp_path), duration=1000.0)
    peer.send_until(lambda: depth and 'depth 0' not in frozen.log and ' of 1000 s' in frozen.log)
    frozen.process.send_signal(signal.SIGSTOP)
    for _ in range(100):  # many times what any queue holds
        peer.exchange(depth)


def test_two_nodes_of_one_name_both_say_so_until_one_leaves(peer, start):
    nodes = start(), start()
    status = peer.subscribe(Status, '/zoedepth/status')
    twins = '2 nodes have the name /zoedepth (a killed node is counted for another 20 s)'
    wait_until(lambda: status and twins in status.last.notices)
    depth = peer.subscribe(Image, '/depth/image')
    peer.send_until(lambda: depth)
    assert nodes[0].stop() == 0
    wait_until(lambda: twins not in peer.fresh(status).notices)


def test_weights_swapped_under_a_running_node_count_from_the_next_configure_on(
    peer, tool, tmp_path
):
    from zoedepth_ros.model.presets import preset
    from zoedepth_ros.model.zoedepth import create_model
    from zoedepth_ros.weights.load import save_weights

    def write(seed):
        save_weights(create_model(preset('ZoeD_tiny_NK'), seed=seed), path)
        return hashlib.sha256(path.read_bytes()).hexdigest()[:8]

    def reload():
        return (
            peer.transition(Transition.TRANSITION_DEACTIVATE)
            and peer.transition(Transition.TRANSITION_CLEANUP)
            and peer.transition(Transition.TRANSITION_CONFIGURE)
        )

    path = tmp_path / 'weights.safetensors'
    first = write(1)
    node = tool(
        'ros.main', model='ZoeD_tiny_NK', weights=str(path), device='cpu', max_image_age=ANY_AGE_S
    )
    status = peer.subscribe(Status, '/zoedepth/status')
    depth = peer.subscribe(Image, '/depth/image')
    node.wait_for_log('active')
    peer.send_until(lambda: depth and status)
    second = write(2)
    peer.exchange(depth)
    assert first in peer.fresh(status).weights
    assert reload()
    assert second in peer.fresh(status).weights
    assert peer.transition(Transition.TRANSITION_CLEANUP)
    path.write_bytes(b'nothing of use')
    assert not peer.transition(Transition.TRANSITION_CONFIGURE)
    node.wait_for_log(f'{path}: the file is not a weights file')
    assert peer.state() == 'unconfigured'
