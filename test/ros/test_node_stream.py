"""Over DDS, from another process: rates, ages and bad pictures of a stream."""

import array
import time

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray
from ros_harness import camera_info_message, image_message, picture, wait_until
from sensor_msgs.msg import Image, PointCloud2
from std_srvs.srv import SetBool
from zoedepth_ros.msg import Domain, Status


def rate_hz(inbox):
    return (len(inbox) - 1) / (inbox.arrived_s[-1] - inbox.arrived_s[0])


def qvga(peer):
    return image_message(picture(240, 320), peer.now())


def drops_of(status):
    return {drop.reason: drop.count for drop in status.drops}


def test_depth_cloud_and_router_keep_their_own_rates(peer, start):
    start({'depth.rate': 12.0, 'cloud.rate': 5.0, 'router.rate': 3.0})
    inboxes = [
        peer.subscribe(kind, topic)
        for kind, topic in (
            (Image, '/depth/image'),
            (PointCloud2, '/depth/points'),
            (Domain, '/domain'),
        )
    ]
    peer.start_camera(30.0)
    wait_until(lambda: all(inboxes))
    time.sleep(0.5)
    for inbox in inboxes:
        inbox.clear()
    time.sleep(4.0)
    for inbox, wanted_hz in zip(inboxes, (12.0, 5.0, 3.0), strict=True):
        assert rate_hz(inbox) == pytest.approx(wanted_hz, rel=0.1)


def test_a_slow_network_never_builds_a_queue(peer, start):
    """Depth is as old as one inference and one frame, however long the camera is too fast."""
    start(delay_s=0.2)
    depth = peer.subscribe(Image, '/depth/image')
    status = peer.subscribe(Status, '/zoedepth/status')
    peer.start_camera(30.0, qvga)
    wait_until(lambda: depth)
    time.sleep(0.5)
    depth.clear()
    time.sleep(4.0)
    stamps_s = [m.header.stamp.sec + 1e-9 * m.header.stamp.nanosec for m in depth.messages]
    ages_s = np.array(depth.arrived_s) - stamps_s
    assert len(depth) >= 15
    assert stamps_s == sorted(stamps_s)
    # a queue of one would add 0.2 s; a busy machine is allowed some scheduling
    assert np.median(ages_s) < 0.2 + 1 / 30 + 0.06
    assert ages_s.max() < 0.2 + 1 / 30 + 0.18
    told = status.last
    assert told.depth_age_median == pytest.approx(np.median(ages_s), abs=0.03)
    assert told.depth_rate == pytest.approx(rate_hz(depth), rel=0.1)
    assert told.input_rate == pytest.approx(30.0, rel=0.1)
    assert drops_of(told)['superseded by a newer picture'] > 50
    stages = {stage.name: stage.median for stage in told.stages}
    assert stages['network'] == pytest.approx(0.2, abs=0.02)


def test_every_bad_picture_is_dropped_counted_and_survived(peer, start):
    node = start({'max_frame_age': 2.0})
    depth = peer.subscribe(Image, '/depth/image')
    status = peer.subscribe(Status, '/zoedepth/status')
    diagnostics = peer.subscribe(DiagnosticArray, '/diagnostics')
    peer.send_until(lambda: depth)

    def bad(**fields):
        peer.publish('/image', image_message(picture(), peer.now(), **fields))
        time.sleep(0.1)

    depth.clear()
    bad(encoding='32FC1')
    bad(encoding='nonsense')
    bad(data=array.array('B', bytes(100)))
    bad(step=3)
    bad(height=0, data=array.array('B'))
    old = image_message(picture(), peer.now())
    old.header.stamp.sec -= 100
    peer.publish('/image', old)
    time.sleep(0.1)
    peer.publish('/image', image_message(picture(value=0), peer.now()))
    time.sleep(0.1)
    assert len(depth) == 0
    status.clear()
    wait_until(lambda: len(status) >= 2)
    counted = drops_of(status.last)
    counted.pop('superseded by a newer picture', None)
    assert counted == {
        'unknown encoding': 2,
        'wrong data length': 2,
        'zero size': 1,
        'too old': 1,
        'inference failed': 1,
    }
    assert any(array.status[0].level == b'\x01' for array in diagnostics.messages)
    for text in ("'32FC1'", '100 bytes', '0 px', '100 s old', 'a black picture'):
        assert text in node.log, text
    assert node.log.count('cannot convert encoding') == 1, 'the warning is not throttled'
    peer.send_until(lambda: depth)


def test_without_usable_intrinsics_there_is_depth_but_no_cloud(peer, start):
    start({'cloud.rate': 0.0})
    depth = peer.subscribe(Image, '/depth/image')
    cloud = peer.subscribe(PointCloud2, '/depth/points')
    status = peer.subscribe(Status, '/zoedepth/status')

    def after(info):
        """Give whether depth and cloud come with this camera_info, sent until depth does."""
        peer.info_for = lambda image: info
        depth.clear()
        cloud.clear()
        peer.send_until(lambda: len(depth) > 4)
        return len(cloud) > 1

    assert after(camera_info_message())
    uncalibrated = camera_info_message(k=[0.0] * 9)
    assert not after(uncalibrated)
    assert not after(camera_info_message(48, 100))
    nothing = float('nan')
    assert not after(camera_info_message(fx=nothing))
    assert after(camera_info_message(96, 128))
    after(uncalibrated)
    assert peer.set_parameters(camera__hfov=1.0) == ['']
    assert after(uncalibrated)
    status.clear()
    wait_until(lambda: len(status) >= 2)
    counted = drops_of(status.last)
    assert counted['uncalibrated camera'] >= 5
    assert counted['unusable camera_info'] >= 10


def test_without_a_subscriber_no_image_is_received_and_none_is_computed(peer, start):
    start()
    status = peer.subscribe(Status, '/zoedepth/status')
    wait_until(lambda: status and status.last.state == Status.STATE_IDLE)
    cloud = peer.subscribe(PointCloud2, '/depth/points')
    peer.start_camera(20.0)
    wait_until(lambda: len(cloud) >= 3)
    wait_until(lambda: status.last.state == Status.STATE_WORKING)
    assert status.last.depth_rate == 0.0
    peer.unsubscribe(cloud)
    wait_until(lambda: status.last.state == Status.STATE_IDLE and status.last.input_rate == 0.0)
    count = status.last.received  # the camera goes on all the while
    status.clear()
    wait_until(lambda: len(status) > 2)
    assert status.last.received == count


def test_enable_stops_and_resumes_without_unloading(peer, start):
    node = start()
    depth = peer.subscribe(Image, '/depth/image')
    status = peer.subscribe(Status, '/zoedepth/status')
    peer.start_camera(20.0)
    wait_until(lambda: depth)
    answer = peer.call(SetBool, '/zoedepth/enable', SetBool.Request(data=False))
    assert answer.success
    time.sleep(0.3)
    depth.clear()
    status.clear()
    wait_until(lambda: len(status) >= 2)
    assert len(depth) == 0
    assert status.last.state == Status.STATE_DISABLED
    assert peer.call(SetBool, '/zoedepth/enable', SetBool.Request(data=True)).success
    wait_until(lambda: len(depth) >= 3)
    assert node.log.count('active: pictures from') == 1
