"""Over DDS, from another process: what the node says about itself is true."""

import time

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from ros_harness import image_message, picture, wait_until
from sensor_msgs.msg import Image, PointCloud2
from std_srvs.srv import Trigger
from zoedepth_ros.msg import Status

WARN, ERROR = b'\x01', b'\x02'


def rate_hz(inbox):
    return (len(inbox) - 1) / (inbox.arrived_s[-1] - inbox.arrived_s[0])


def test_the_numbers_agree_with_what_an_outside_subscriber_measures(peer, start):
    start({'cloud.rate': 5.0, 'device': 'cpu'}, delay_s=0.03, preprocess_ms=10.0, trained_on='')
    depth = peer.subscribe(Image, '/depth/image')
    cloud = peer.subscribe(PointCloud2, '/depth/points')
    status = peer.subscribe(Status, '/zoedepth/status')
    diagnostics = peer.subscribe(DiagnosticArray, '/diagnostics')
    peer.start_camera(15.0)
    wait_until(lambda: depth and cloud)
    time.sleep(1.0)
    depth.clear(), cloud.clear(), status.clear(), diagnostics.clear()
    time.sleep(5.3)  # the node's own window is 5 s
    told = status.last
    values = {pair.key: pair.value for pair in diagnostics.last.status[0].values}
    stamps_s = [m.header.stamp.sec + 1e-9 * m.header.stamp.nanosec for m in depth.messages]
    ages_s = np.array(depth.arrived_s) - stamps_s
    assert told.depth_rate == pytest.approx(rate_hz(depth), rel=0.05)
    assert told.input_rate == pytest.approx(15.0, rel=0.05)
    assert told.cloud_rate == pytest.approx(rate_hz(cloud), rel=0.1)
    assert told.depth_age_median == pytest.approx(np.median(ages_s), abs=0.01)
    counted = status.messages[-1].published - status.messages[0].published
    arrived = sum(
        status.arrived_s[0] <= arrived_s <= status.arrived_s[-1] for arrived_s in depth.arrived_s
    )
    assert counted == pytest.approx(arrived, abs=2)
    stages = {stage.name: stage.median for stage in told.stages}
    assert stages['preprocess'] == pytest.approx(0.01)
    assert stages['network'] == pytest.approx(0.02, abs=0.005)  # 30 ms less 10
    assert values['preprocess, median / p95 [s]'] == '0.01000 / 0.01000'
    assert float(values['depth_rate [Hz]']) == pytest.approx(rate_hz(depth), rel=0.1)
    assert 20e6 < told.memory < 2000e6
    assert told.device_memory == 0
    assert told.input_age < 0.2
    assert told.message == diagnostics.last.status[0].message == 'depth is published'
    assert list(told.notices) == []
    assert diagnostics.last.status[0].level == b'\x00', diagnostics.last.status[0].message


def test_a_camera_that_stops_is_told_at_once_and_one_that_comes_back_is_followed(peer, start):
    start({'diagnostics.warn_silence': 0.5, 'diagnostics.error_silence': 2.0, 'device': 'cpu'})
    depth = peer.subscribe(Image, '/depth/image')
    diagnostics = peer.subscribe(DiagnosticArray, '/diagnostics')
    status = peer.subscribe(Status, '/zoedepth/status')

    def level():
        return diagnostics.last.status[0].level

    peer.start_camera(20.0)
    wait_until(lambda: depth and status and status.last.state == Status.STATE_WORKING)
    peer.stop_camera()
    wait_until(lambda: status.last.state == Status.STATE_NO_INPUT, 2.5)
    wait_until(lambda: level() == WARN and 'nothing arrives' in diagnostics.last.status[0].message)
    wait_until(lambda: level() == ERROR, 4.0)
    depth.clear()
    peer.start_camera(20.0)
    wait_until(lambda: len(depth) > 3, 1.0)
    wait_until(lambda: status.last.state == Status.STATE_WORKING, 2.5)


@pytest.fixture
def picky(peer):
    """Give functions that publish pictures and subscribe to depth with a QoS that cannot work."""
    made = []

    def publisher(topic, profile):
        made.append(
            (peer.node.destroy_publisher, peer.node.create_publisher(Image, topic, profile))
        )

    def subscriber(topic, profile):
        made.append(
            (
                peer.node.destroy_subscription,
                peer.node.create_subscription(Image, topic, lambda msg: None, profile),
            )
        )

    yield publisher, subscriber
    for destroy, entity in made:
        destroy(entity)


def test_peers_that_can_never_be_heard_are_named_with_both_sides_and_the_remedy(
    peer, start, picky
):
    node = start({'qos_overrides./image.subscription.reliability': 'reliable'})
    node.wait_for_log('active')
    publisher, subscriber = picky
    peer.subscribe(Image, '/depth/image')
    status = peer.subscribe(Status, '/zoedepth/status')
    diagnostics = peer.subscribe(DiagnosticArray, '/diagnostics')
    publisher('/image', QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT))
    subscriber('/depth/image', QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL))

    def told(text):
        return status and any(text in notice for notice in status.last.notices)

    wait_until(lambda: told('/image: /peer publishes best_effort, this node asks for reliable'))
    wait_until(lambda: told('/peer asks for transient_local'))
    wait_until(lambda: told('qos_overrides./image.subscription.reliability to best_effort'))
    wait_until(lambda: told('qos_overrides./depth/image.publisher.durability to transient_local'))
    wait_until(lambda: any('/peer ' in m.status[0].message for m in diagnostics.messages))
    node.wait_for_log('nothing arrives')
    assert node.log.count('nothing arrives') == 1


def test_a_mismatch_that_is_mended_is_no_longer_told(peer, start, picky):
    start({'qos_overrides./image.subscription.reliability': 'reliable'}).wait_for_log('active')
    status = peer.subscribe(Status, '/zoedepth/status')
    peer.subscribe(Image, '/depth/image')
    profile = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
    bad = peer.node.create_publisher(Image, '/image', profile)
    wait_until(lambda: status and any('nothing arrives' in n for n in status.last.notices))
    peer.node.destroy_publisher(bad)
    wait_until(lambda: not any('nothing arrives' in n for n in status.last.notices))


def test_a_lost_device_and_a_full_one_are_survived_told_and_recovered_from(peer, start):
    """Brightness 10 is when the device has too little memory, 20 when it is lost."""
    node = start(device='cuda:0', lost_at=20, full_at=10)
    depth = peer.subscribe(Image, '/depth/image')
    status = peer.subscribe(Status, '/zoedepth/status')
    peer.send_until(lambda: depth)

    def look(value):
        return lambda p: image_message(picture(value=value), p.now())

    def after(value):
        peer.send(look(value))
        time.sleep(0.2)  # or the next picture takes its place
        depth.clear()
        peer.send_until(lambda: depth)
        status.clear()
        wait_until(lambda: status)
        return status.last

    told = after(10)
    assert (told.device, told.network_height, told.network_width) == ('cuda:0', 288, 384)
    assert 'out of memory' in told.notices[0]
    told = after(20)
    assert (told.device, told.network_height) == ('cpu', 288)
    assert any('CPU instead of cuda:0 (cuda:0: CUDA error: gone)' in n for n in told.notices)
    assert {d.reason: d.count for d in told.drops}['inference failed'] == 2
    assert peer.call(Trigger, '/zoedepth/recover', Trigger.Request()).success
    told = after(30)
    assert (told.device, told.network_height, list(told.notices)) == ('cuda:0', 384, [])
    assert 'CPU instead of cuda:0' in node.log


def test_a_guessed_field_of_view_is_told(peer, start):
    start({'camera.hfov': 1.0, 'device': 'cpu'})
    cloud = peer.subscribe(PointCloud2, '/depth/points')
    status = peer.subscribe(Status, '/zoedepth/status')

    def seen():
        peer.publish('/image', image_message(picture(), peer.now()))
        time.sleep(0.1)
        return cloud and status and list(status.last.notices)

    wait_until(seen)
    assert status.last.notices[0] == 'no usable camera_info: camera.hfov 1 rad is assumed'


def test_a_bag_that_loops_with_its_clock_brings_every_round_in_order(peer, start):
    """Two seconds of pictures at 10 Hz, three times, as `ros2 bag play --clock --loop`."""
    from builtin_interfaces.msg import Time
    from rosgraph_msgs.msg import Clock

    start({'use_sim_time': True, 'cloud.rate': 0.0}).wait_for_log('active')
    depth = peer.subscribe(Image, '/depth/image')
    status = peer.subscribe(Status, '/zoedepth/status')

    def play():
        for i in range(20):
            now = Time(sec=100 + i // 10, nanosec=i % 10 * 10**8)
            peer.publish('/clock', Clock(clock=now))
            time.sleep(0.02)
            peer.send(lambda p, now=now: image_message(picture(), now))
            time.sleep(0.03)

    wait_until(lambda: (play(), len(depth) > 5)[1], 20.0)
    depth.clear()
    for _ in range(3):
        play()
    wait_until(
        lambda: status.clear() or wait_until(lambda: status) or status.last.clock_jumps >= 3
    )
    tenths = [m.header.stamp.sec * 10 + m.header.stamp.nanosec // 10**8 for m in depth.messages]
    rounds = [[]]
    for tenth in tenths:
        if rounds[-1] and tenth <= rounds[-1][-1]:
            rounds.append([])
        rounds[-1].append(tenth)
    assert len(rounds) == 3, tenths
    assert all(len(found) >= 15 for found in rounds), tenths
    assert {d.reason for d in status.last.drops} <= {
        'superseded by a newer picture',
        'time went back',
        'stamp in the future',
    }


def test_the_quality_of_service_of_every_topic_can_be_overridden(peer, start):
    from rcl_interfaces.srv import ListParameters

    start().wait_for_log('active')
    request = ListParameters.Request(prefixes=['qos_overrides'], depth=0)
    answer = peer.call(ListParameters, '/zoedepth/list_parameters', request)
    declared = set(answer.result.names)
    node = peer.node
    wait_until(lambda: ('zoedepth', '/') in node.get_node_names_and_namespaces())
    ends = [
        *(
            (topic, 'publisher')
            for topic, _ in node.get_publisher_names_and_types_by_node('zoedepth', '/')
        ),
        *(
            (topic, 'subscription')
            for topic, _ in node.get_subscriber_names_and_types_by_node('zoedepth', '/')
        ),
    ]
    own = [
        (t, end)
        for t, end in ends
        if t not in ('/rosout', '/parameter_events', '/clock', '/zoedepth/transition_event')
    ]
    assert len(own) > 10
    for topic, end in own:
        for policy in ('history', 'depth', 'reliability', 'durability'):
            assert f'qos_overrides.{topic}.{end}.{policy}' in declared
