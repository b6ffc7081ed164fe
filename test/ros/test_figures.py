"""Times and rates on a machine that does nothing else: `pytest -m slow test/ros/test_figures.py`.

The same behaviour is checked without times, by events, in the other files.
"""

import signal
import time

import numpy as np
import pytest
from ros_harness import image_message, rgb_image, stamp_ns, wait_until
from ros_tool import ToolProcess
from sensor_msgs.msg import Image, PointCloud2
from zoedepth_ros.msg import Domain, Status

pytestmark = pytest.mark.slow


def rate_hz(inbox):
    return (len(inbox) - 1) / (inbox.arrived_s[-1] - inbox.arrived_s[0])


def ages_s(inbox):
    return np.array(inbox.arrived_s) - [1e-9 * stamp_ns(msg.header) for msg in inbox.messages]


def listen_for(seconds, *inboxes):
    wait_until(lambda: all(inboxes))
    time.sleep(1.0)
    for inbox in inboxes:
        inbox.clear()
    time.sleep(seconds)


def test_outputs_keep_their_rates(peer, start):
    start({'depth.rate': 12.0, 'cloud.rate': 5.0, 'router.rate': 3.0})
    depth = peer.subscribe(Image, '/depth/image')
    cloud = peer.subscribe(PointCloud2, '/depth/points')
    domain = peer.subscribe(Domain, '/domain')
    peer.start_camera(30.0)
    listen_for(5.0, depth, cloud, domain)
    rates_hz = [rate_hz(inbox) for inbox in (depth, cloud, domain)]
    assert rates_hz == pytest.approx([12.0, 5.0, 3.0], rel=0.1)


def test_depth_of_a_slow_network_is_as_old_as_one_run_and_one_image(peer, start):
    start(delay_s=0.2)
    depth = peer.subscribe(Image, '/depth/image')
    status = peer.subscribe(Status, '/zoedepth/status')
    peer.start_camera(30.0, lambda p: image_message(rgb_image(240, 320), p.now()))
    listen_for(5.3, depth, status)  # the node's own window is 5 s
    assert np.median(ages_s(depth)) < 0.2 + 1 / 30 + 0.06
    assert status.last.depth_age_median == pytest.approx(np.median(ages_s(depth)), abs=0.03)
    assert status.last.depth_rate == pytest.approx(rate_hz(depth), rel=0.1)
    assert status.last.input_rate == pytest.approx(30.0, rel=0.1)


def test_a_frozen_subscriber_slows_nobody(peer, start, tmp_path):
    start({'cloud.rate': 0.0})
    depth = peer.subscribe(Image, '/depth/image')
    frozen = ToolProcess('demo.stream_recorder', output=str(tmp_path), duration=1000.0)
    try:
        peer.start_camera(20.0)
        wait_until(lambda: peer.node.count_subscribers('/depth/image') == 2)
        frozen.process.send_signal(signal.SIGSTOP)
        listen_for(5.0, depth)
        assert rate_hz(depth) == pytest.approx(20.0, rel=0.15)
        assert np.median(ages_s(depth)) < 0.1
    finally:
        frozen.process.kill()
        frozen.wait()


@pytest.mark.parametrize('how', [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize('fake', ['hold', 'hold_load', 'delay_s'])
def test_a_node_ends_within_two_seconds(peer, start, hold, how, fake):
    node = start(**{fake: 0.0 if fake == 'delay_s' else str(hold)})
    depth = peer.subscribe(Image, '/depth/image')
    if fake == 'hold_load':
        node.wait_for_log('loading')
    else:
        peer.send_until(lambda: depth or 'network: ' in node.log)
    before_s = time.monotonic()
    assert node.stop(how) == 0, node.log
    assert time.monotonic() - before_s < 2.5


def test_the_image_source_keeps_its_rate(peer, ros):
    images = peer.subscribe(Image, 'image')
    source = ToolProcess('demo.image_source', source='photographs', rate=20.0)
    try:
        listen_for(3.0, images)
        assert rate_hz(images) == pytest.approx(20.0, rel=0.15)
    finally:
        source.stop()
