"""Over DDS, on real processes: what is killed, frozen, doubled or swapped under the node."""

import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from lifecycle_msgs.msg import Transition
from ros_harness import wait_until
from ros_tool import ToolProcess
from sensor_msgs.msg import Image
from zoedepth_ros.msg import Status

EXECUTABLE = Path(sys.prefix) / 'lib' / 'zoedepth_ros' / 'depth_node'


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


def rate_hz(inbox):
    return (len(inbox) - 1) / (inbox.arrived_s[-1] - inbox.arrived_s[0])


def stamps_s(inbox):
    return [m.header.stamp.sec + 1e-9 * m.header.stamp.nanosec for m in inbox.messages]


def test_a_camera_that_is_killed_and_started_again_is_followed(peer, start, tool, photograph):
    node = start()
    depth = peer.subscribe(Image, '/depth/image')
    status = peer.subscribe(Status, '/zoedepth/status')
    camera = tool('image_source', source=photograph, rate=20.0)
    wait_until(lambda: len(depth) > 3, 20.0)
    camera.process.kill()
    wait_until(lambda: status and status.last.state == Status.STATE_NO_INPUT, 6.0)
    before = len(depth)
    tool('image_source', source=photograph, rate=20.0)
    wait_until(lambda: len(depth) > before + 3, 20.0)
    wait_until(lambda: status.last.state == Status.STATE_WORKING, 3.0)
    assert stamps_s(depth) == sorted(stamps_s(depth))
    assert node.log.count('active: pictures from') == 1


def test_a_node_killed_in_the_middle_of_configure_leaves_nothing_in_the_way(peer, start):
    first = start(load_s=30.0)
    peer.subscribe(Status, '/zoedepth/status')
    time.sleep(1.5)
    first.stop(signal.SIGKILL)
    depth = peer.subscribe(Image, '/depth/image')
    start()
    peer.send_until(lambda: depth)


@pytest.mark.parametrize('how', [signal.SIGINT, signal.SIGTERM])
def test_a_signal_at_any_moment_ends_it_within_two_seconds_without_a_traceback(ros, how):
    """While importing, while building the network, while running; the network is the real one."""
    arguments = ['--ros-args', '-p', 'model:=ZoeD_tiny_NK', '-p', 'weights:=random']
    delays_s = (0.5, 1.0, 2.0, 4.0, 7.0)
    started_s = time.monotonic()
    nodes = [
        subprocess.Popen(
            [sys.executable, str(EXECUTABLE), *arguments, '-r', f'__ns:=/n{i}'],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, 'OMP_NUM_THREADS': '1'},
        )
        for i in range(len(delays_s))
    ]
    for delay_s, node in zip(delays_s, nodes, strict=True):
        time.sleep(max(0.0, started_s + delay_s - time.monotonic()))
        node.send_signal(how)
        before_s = time.monotonic()
        log, _ = node.communicate(timeout=10.0)
        assert time.monotonic() - before_s < 2.5, delay_s
        assert 'Traceback' not in log, f'{delay_s}: {log}'
        assert node.returncode in (0, -how), f'{delay_s}: {log}'


def test_a_reliable_subscriber_that_is_frozen_slows_nobody(peer, start, tool, tmp_path):
    start({'cloud.rate': 0.0})
    depth = peer.subscribe(Image, '/depth/image')
    frozen = tool('recorder', output=str(tmp_path), duration=1000.0)
    peer.start_camera(20.0)
    wait_until(lambda: peer.node.count_subscribers('/depth/image') == 2, 15.0)
    wait_until(lambda: depth)
    time.sleep(1.0)
    frozen.process.send_signal(signal.SIGSTOP)
    time.sleep(0.5)
    depth.clear()
    time.sleep(4.0)
    assert rate_hz(depth) == pytest.approx(20.0, rel=0.15)
    ages_s = np.array(depth.arrived_s) - stamps_s(depth)
    assert np.median(ages_s) < 0.1


def test_two_nodes_of_one_name_both_say_so_until_one_leaves(peer, start):
    nodes = start(), start()
    status = peer.subscribe(Status, '/zoedepth/status')
    twins = '2 nodes are called /zoedepth'
    wait_until(lambda: status and twins in status.last.notices)
    depth = peer.subscribe(Image, '/depth/image')
    peer.send_until(lambda: depth)
    assert nodes[0].stop() == 0
    time.sleep(1.5)
    status.clear()
    wait_until(lambda: status)
    assert twins not in status.last.notices


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
    node = tool('main', model='ZoeD_tiny_NK', weights=str(path), device='cpu')
    status = peer.subscribe(Status, '/zoedepth/status')
    depth = peer.subscribe(Image, '/depth/image')
    node.wait_for_log('active', 60.0)
    peer.send_until(lambda: depth and status)
    second = write(2)
    depth.clear()
    peer.send_until(lambda: len(depth) > 2)
    status.clear()
    wait_until(lambda: status)
    assert first in status.last.weights
    assert reload()
    status.clear()
    wait_until(lambda: status)
    assert second in status.last.weights
    assert peer.transition(Transition.TRANSITION_CLEANUP)
    path.write_bytes(b'nothing of use')
    assert not peer.transition(Transition.TRANSITION_CONFIGURE)
    assert f'{path}: is no file of weights' in node.log
    assert peer.state() == 'unconfigured'
