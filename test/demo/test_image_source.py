import math
import signal

import cv2
import numpy as np
import pytest
from ros_harness import stamp_ns, wait_until

pytest.importorskip('rclpy')

from builtin_interfaces.msg import Time
from ros_tool import ToolProcess
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, Image
from zoedepth_ros.msg import Domain


@pytest.fixture
def run(ros):
    started = []

    def start(**parameters):
        started.append(ToolProcess('demo.image_source', **parameters))
        return started[-1]

    yield start
    for tool in started:
        tool.stop()
        assert 'Traceback' not in tool.log, tool.log


@pytest.fixture
def red(tmp_path):
    """A red image of 8 x 6 pixels."""
    path = tmp_path / 'red.png'
    cv2.imwrite(str(path), np.full((6, 8, 3), (0, 0, 200), np.uint8))
    return str(path)


def common_stamps(*inboxes):
    """Give the stamps [ns] of which every inbox has a message, in order."""
    stamps = ({stamp_ns(msg.header) for msg in list(inbox.messages)} for inbox in inboxes)
    return sorted(set.intersection(*stamps))


def test_image_and_camera_info_carry_one_header_and_fit_together(run, peer, red):
    images, infos = peer.subscribe(Image, 'image'), peer.subscribe(CameraInfo, 'camera_info')
    before_s = peer.node.get_clock().now().nanoseconds * 1e-9
    run(source=red, rate=30.0, width=80, hfov=math.pi / 2, frame_id='eye')
    # The two subscriptions may be matched at different times, and a message may be lost.
    wait_until(lambda: len(common_stamps(images, infos)) >= 5)
    stamp = common_stamps(images, infos)[2]
    (image,), (info,) = images.of(stamp), infos.of(stamp)
    assert (image.width, image.height, image.step, image.encoding) == (80, 60, 240, 'rgb8')
    assert bytes(image.data[:3]) == b'\xc8\x00\x00'
    assert len(image.data) == 80 * 60 * 3
    assert image.header.frame_id == info.header.frame_id == 'eye'
    assert before_s - 0.1 < 1e-9 * stamp
    assert (info.width, info.height) == (80, 60)
    assert info.k[0] == pytest.approx(40.0)  # 90 degrees: half the width


def test_the_rate_is_kept_and_can_be_changed(run, peer, red):
    """Simulated time: half a period is not enough for an image."""
    images = peer.subscribe(Image, 'image')
    run(source=red, rate=20.0, use_sim_time=True)

    def tick(ms):
        now = Time(sec=ms // 1000, nanosec=ms % 1000 * 10**6)
        peer.publish('/clock', Clock(clock=now))

    def stamps_ms(since):
        return [stamp_ns(msg.header) // 10**6 for msg in images.messages[since:]]

    def play(period_ms, start_ms):
        before, expected = len(images), []
        for number in range(1, 21):
            tick(start_ms + number * period_ms - period_ms // 2)
            tick(start_ms + number * period_ms)
            expected.append(start_ms + number * period_ms)
            wait_until(lambda: expected[-1] in stamps_ms(before), lambda: f'{stamps_ms(before)}')
        assert stamps_ms(before) == expected

    start_ms = 100_000

    def is_connected():
        nonlocal start_ms
        start_ms += 50  # a later time for each try: an image without a subscriber is lost
        tick(start_ms)
        return images

    wait_until(is_connected, period_s=0.5)
    start_ms += 50
    tick(start_ms)
    wait_until(lambda: start_ms in stamps_ms(0))  # those of earlier tries have come before
    play(50, start_ms)
    peer.target = '/image_source'
    assert peer.set_parameters(rate=50.0) == ['']
    changed_ms = start_ms + 21 * 50  # still at the old rate
    tick(changed_ms)
    wait_until(lambda: changed_ms in stamps_ms(0))
    play(20, changed_ms)
    assert 'read' in peer.set_parameters(frame_id='eye')[0]  # read-only
    assert peer.set_parameters(rate=-1.0) != ['']


def test_a_trajectory_waits_for_subscribers_and_has_ground_truth(run, peer):
    pytest.importorskip('numba')
    depths, domains = (
        peer.subscribe(Image, 'ground_truth/depth'),
        peer.subscribe(Domain, 'ground_truth/domain'),
    )
    infos = peer.subscribe(CameraInfo, 'camera_info')
    trajectory = {'trajectory.width': 48, 'trajectory.seed': 3, 'trajectory.kind': 'room'}
    # `width` does not resize rendered images: their ground truth would no longer fit.
    run(
        source='trajectory', rate=20.0, width=640, wait_for_subscribers=1, frame_id='eye',
        **trajectory,
    )  # fmt: skip
    wait_until(lambda: peer.node.count_publishers('image') == 1)
    assert len(domains) == 0
    images = peer.subscribe(Image, 'image')
    # The first trajectory on a machine compiles its kernels.
    wait_until(lambda: common_stamps(images, depths, domains, infos))
    stamp = common_stamps(images, depths, domains, infos)[0]
    (image,), (depth,), (domain,), (info,) = (
        inbox.of(stamp) for inbox in (images, depths, domains, infos)
    )
    assert (image.width, image.height, image.encoding) == (48, 36, 'rgb8')
    assert (depth.width, depth.height, depth.encoding, depth.step) == (48, 36, '32FC1', 192)
    depth_m = np.frombuffer(depth.data, '<f4')
    assert 0.2 < np.nanmin(depth_m) < np.nanmax(depth_m) < 12.0
    assert depth.header.frame_id == 'eye'
    assert domain.head == 'indoor'
    assert (domain.indoor_probability, domain.outdoor_probability) == (1.0, 0.0)
    # The camera is the rendered one: 68 degrees, not the 60 that are assumed for files.
    assert info.k[0] == pytest.approx(24.0 / np.tan(np.radians(34.0)), rel=1e-6)


@pytest.mark.parametrize('how', [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_a_clean_shutdown(run, red, how):
    tool = run(source=red)
    tool.wait_for_log('red.png')
    assert tool.stop(how) == 0


def test_the_end_of_the_images_is_a_clean_shutdown(run, red):
    assert run(source=red, loop=False, dwell=0.2, rate=20.0).wait() == 0


@pytest.mark.parametrize(
    ('parameters', 'complaint'),
    [
        ({'source': '/nowhere.png'}, '/nowhere.png'),
        ({'source': 300 * 'x'}, 'xxx: File name too long'),
        ({'source': -1}, 'source must be the number of a webcam, a video, a folder, an image or'),
        ({'source': ''}, "got ''"),
        ({'source': 1.5}, 'got 1.5'),
        ({'source': []}, 'got None'),
        ({'source': ['', 'a.png']}, "got ['', 'a.png']"),
        ({'source': 'photographs', 'rate': 10}, 'rate'),
        ({'source': 'photographs', 'camera_info_file': '/nowhere.yaml'}, '/nowhere.yaml'),
        ({'source': 'photographs', 'camera_info_file': '~nowhere/a'}, 'home folder for ~'),
    ],
)
def test_a_wrong_setting_is_one_line_and_exit_code_1(run, parameters, complaint):
    tool = run(**parameters)
    assert tool.wait() == 1
    assert len(tool.lines) == 1
    assert complaint in tool.log
