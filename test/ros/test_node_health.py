"""Over DDS, from another process: what the node reports about itself is true."""

import itertools
import time

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray
from lifecycle_msgs.msg import Transition
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from ros_harness import image_message, rgb_image, stamp_ns, wait_until
from sensor_msgs.msg import Image, PointCloud2
from std_srvs.srv import Trigger
from zoedepth_ros.msg import Status

from zoedepth_ros.ros.publishers import TOPICS

WARN, ERROR = b'\x01', b'\x02'
RELIABLE_ONLY = {
    'qos_overrides./image.subscription.reliability': 'reliable',
    'diagnostics.warn_no_input': 0.5,
}


def test_the_numbers_agree_with_what_an_outside_subscriber_sees(peer, start):
    """Counts to the last image; times between what is certain from outside."""
    start(
        {'cloud.rate': 0.0, 'device': 'cpu'}, delay_s=0.03, preprocess_ms=10.0, weights_warning=''
    )
    depth = peer.subscribe(Image, '/depth/image')
    cloud = peer.subscribe(PointCloud2, '/depth/points')
    status = peer.subscribe(Status, '/zoedepth/status')
    diagnostics = peer.subscribe(DiagnosticArray, '/diagnostics')
    peer.send_until(lambda: depth and cloud)
    peer.exchange(depth, cloud)
    before = peer.fresh(status)
    depth.clear()
    for _ in range(300):  # more than the windows of the medians hold
        peer.exchange(depth, cloud)
    reported = peer.fresh(status)
    peer.fresh(diagnostics)
    values = {pair.key: pair.value for pair in diagnostics.last.status[0].values}
    assert (
        reported.published - before.published == reported.received - before.received == len(depth)
    )
    stamps_s = [1e-9 * stamp_ns(msg.header) for msg in depth.messages]
    # It may arrive before the node looks at the clock; the node has done so when the next does.
    longest_s = (np.array(depth.arrived_s)[1:] - stamps_s[:-1])[-256:]
    assert 0.0299 <= reported.depth_age_median <= np.median(longest_s)
    stages = {stage.name: stage.median for stage in reported.stages}
    assert stages['preprocess'] == pytest.approx(0.01)
    assert 0.0199 <= stages['network'] <= np.median(longest_s) - 0.01  # 30 ms at least, less 10
    assert values['preprocess, median / p95 [s]'] == '0.01000 / 0.01000'
    assert int(values['published']) == reported.published
    assert 20e6 < reported.memory < 2000e6
    assert reported.device_memory == 0
    assert 0.0 < reported.input_age <= time.time() - stamps_s[-1]
    assert reported.message == diagnostics.last.status[0].message == 'images are processed'
    assert list(reported.notices) == []
    assert ['camera_info is used for' in text for text in reported.assumptions] == [True]
    assert values['assumption 1'] == reported.assumptions[0]
    assert [one.level for one in diagnostics.last.status] == [b'\x00'], diagnostics.last.status


@pytest.fixture
def picky(peer):
    """Give functions that publish images and subscribe to depth with a QoS that cannot work."""
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
    node = start(RELIABLE_ONLY)
    node.wait_for_log('active')
    publisher, subscriber = picky
    peer.subscribe(Image, '/depth/image')
    status = peer.subscribe(Status, '/zoedepth/status')
    diagnostics = peer.subscribe(DiagnosticArray, '/diagnostics')
    publisher('/image', QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT))
    subscriber('/depth/image', QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL))

    def reported(text):
        return status and any(text in notice for notice in status.last.notices)

    wait_until(
        lambda: reported(
            '/image: /peer publishes with reliability best_effort, but this node requests reliable'
        )
    )
    wait_until(lambda: reported('/peer requests transient_local'))
    wait_until(lambda: reported('qos_overrides./image.subscription.reliability to best_effort'))
    wait_until(
        lambda: reported('qos_overrides./depth/image.publisher.durability to transient_local')
    )
    wait_until(lambda: any('/peer ' in m.status[0].message for m in diagnostics.messages))
    node.wait_for_log('no message arrives')
    assert node.log.count('no message arrives') == 1


def test_a_mismatch_that_is_mended_is_no_longer_reported(peer, start, picky):
    start(RELIABLE_ONLY).wait_for_log('active')
    status = peer.subscribe(Status, '/zoedepth/status')
    peer.subscribe(Image, '/depth/image')
    profile = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
    bad = peer.node.create_publisher(Image, '/image', profile)
    wait_until(lambda: status and any('no message arrives' in n for n in status.last.notices))
    peer.node.destroy_publisher(bad)
    wait_until(lambda: not any('no message arrives' in n for n in status.last.notices))


def test_a_lost_device_and_a_full_one_are_survived_reported_and_recovered_from(peer, start):
    """Brightness 10 is when the device has too little memory, 20 when it is lost."""
    node = start(device='cuda:0', lost_at=20, full_at=10)
    depth = peer.subscribe(Image, '/depth/image')
    status = peer.subscribe(Status, '/zoedepth/status')
    peer.send_until(lambda: depth)

    def look(value):
        return lambda p: image_message(rgb_image(value=value), p.now())

    def failures(reported):
        return {d.reason: d.count for d in reported.drops}.get('inference failed', 0)

    def failed_on(value):
        """Send an image that fails, and only then one that is well."""
        before = failures(peer.fresh(status))
        peer.send(look(value))
        wait_until(lambda: failures(status.last) > before)
        peer.exchange(depth)
        return peer.fresh(status)

    peer.exchange(depth)
    reported = failed_on(10)
    assert (reported.device, reported.network_height, reported.network_width) == (
        'cuda:0',
        288,
        384,
    )
    assert 'out of memory' in reported.notices[0]
    reported = failed_on(20)
    assert (reported.device, reported.network_height) == ('cpu', 288)
    assert any('CPU instead of cuda:0 (cuda:0: CUDA error: gone)' in n for n in reported.notices)
    assert failures(reported) == 2
    assert peer.call(Trigger, '/zoedepth/recover', Trigger.Request()).success
    reported = failed_on(30)  # the image is dropped during the recovery
    assert (reported.device, reported.network_height, list(reported.notices)) == (
        'cuda:0',
        384,
        [],
    )
    node.wait_for_log('CPU instead of cuda:0')


def test_a_bag_that_loops_with_its_clock_brings_every_round_in_order(peer, start):
    """Two seconds of images at 10 Hz, three times, as `ros2 bag play --clock --loop`."""
    from builtin_interfaces.msg import Time
    from rosgraph_msgs.msg import Clock

    start({'use_sim_time': True, 'cloud.rate': 0.0}).wait_for_log('active')
    depth = peer.subscribe(Image, '/depth/image')
    status = peer.subscribe(Status, '/zoedepth/status')

    def play(count=20):
        for i in range(count):
            now = Time(sec=100 + i // 10, nanosec=i % 10 * 10**8)
            peer.publish('/clock', Clock(clock=now))
            if i == 0:  # the node knows that time has gone back
                wait_until(lambda now=now: peer.fresh(status).header.stamp == now)
            before = len(depth)
            peer.send(lambda p, now=now: image_message(rgb_image(), now))
            wait_until(lambda before=before: len(depth) > before)

    peer.publish('/clock', Clock(clock=Time(sec=90)))
    stamps = (Time(sec=90, nanosec=i) for i in itertools.count())
    peer.send_until(lambda: depth, lambda p: image_message(rgb_image(), next(stamps)))
    peer.exchange(depth, make=lambda p: image_message(rgb_image(), next(stamps)))
    jumps = peer.fresh(status).clock_jumps
    depth.clear()
    for _ in range(3):
        play()
    assert peer.fresh(status).clock_jumps == jumps + 2
    tenths = [m.header.stamp.sec * 10 + m.header.stamp.nanosec // 10**8 for m in depth.messages]
    rounds = [[]]
    for tenth in tenths:
        if rounds[-1] and tenth <= rounds[-1][-1]:
            rounds.append([])
        rounds[-1].append(tenth)
    assert rounds == [[*range(1000, 1020)]] * 3


def test_the_quality_of_service_of_every_topic_can_be_overridden(peer, start):
    from rcl_interfaces.srv import ListParameters

    # A name of its own: of a node that has died the graph may keep the name, without its topics.
    start(remap={'__node': 'tuned'}).wait_for_log('active')
    peer.subscribe(Image, '/depth/image')
    node = peer.node
    wait_until(lambda: ('tuned', '/') in node.get_node_names_and_namespaces())

    def names(function):
        return {topic for topic, _ in function('tuned', '/')}

    def published():
        return names(node.get_publisher_names_and_types_by_node)

    def subscribed():
        return names(node.get_subscriber_names_and_types_by_node)

    def is_all_known():  # the graph grows one by one
        outputs = {f'/{topic}' for topic in TOPICS} | {'/tuned/status', '/diagnostics'}
        return outputs <= published() and {'/image', '/camera_info'} <= subscribed()

    wait_until(is_all_known, lambda: f'{published()}, {subscribed()}')
    request = ListParameters.Request(prefixes=['qos_overrides'], depth=0)
    answer = peer.call(ListParameters, '/tuned/list_parameters', request)
    declared = set(answer.result.names)
    ends = [(t, 'publisher') for t in published()] + [(t, 'subscription') for t in subscribed()]
    for topic, end in ends:
        # /bond: both ends have the quality of service of bond_core's protocol
        if topic in ('/rosout', '/parameter_events', '/clock', '/tuned/transition_event', '/bond'):
            continue
        for policy in ('history', 'depth', 'reliability', 'durability'):
            assert f'qos_overrides.{topic}.{end}.{policy}' in declared


def test_a_lost_context_is_reported_in_a_last_status_and_ends_the_process_with_its_own_code(
    peer, start
):
    node = start(device='cuda:0', broken_at=20)
    depth = peer.subscribe(Image, '/depth/image')
    status = peer.subscribe(Status, '/zoedepth/status')
    diagnostics = peer.subscribe(DiagnosticArray, '/diagnostics')
    peer.send_until(lambda: depth)
    wait_until(lambda: status and diagnostics)  # the last ones come to who is connected
    peer.send(lambda p: image_message(rgb_image(value=20), p.now()))
    assert node.wait() == 75
    wait_until(lambda: status.last.state == Status.STATE_FAILED)
    assert 'unspecified launch failure: only a new process can' in status.last.notices[0]
    wait_until(lambda: 'cannot run' in diagnostics.last.status[0].message)
    node.wait_for_log('the CUDA context is lost, so the process of the node ends')


@pytest.mark.parametrize('phase', [{'broken_load': 1}, {'broken_warm_up': True}])
@pytest.mark.parametrize('autostart', [True, False])
def test_a_context_lost_while_the_network_is_loaded_ends_the_process_with_the_same_code(
    peer, start, phase, autostart
):
    status = peer.subscribe(Status, '/zoedepth/status')
    node = start({'autostart': autostart}, device='cuda:0', **phase)
    if not autostart:
        wait_until(lambda: status)  # the last one comes to who is connected
        assert not peer.transition(Transition.TRANSITION_CONFIGURE)
    assert node.wait() == 75
    node.wait_for_log('configure failed: cuda:0: CUDA error: unspecified launch failure')
    node.wait_for_log('the CUDA context is lost, so the process of the node ends')
    if not autostart:
        wait_until(lambda: status.last.state == Status.STATE_FAILED)
        assert 'unspecified launch failure' in status.last.notices[0]


def test_a_context_lost_while_a_changed_network_is_loaded_ends_the_process_with_the_same_code(
    peer, start
):
    node = start({'autostart': False}, device='cuda:0', broken_load=2)
    assert peer.transition(Transition.TRANSITION_CONFIGURE)
    assert peer.set_parameters(network__width=256) == ['']
    assert not peer.transition(Transition.TRANSITION_ACTIVATE)
    assert node.wait() == 75
    node.wait_for_log('activate failed: cuda:0: CUDA error: unspecified launch failure')


def test_a_context_lost_in_a_recovery_ends_the_process_with_the_same_code(peer, start):
    node = start(device='cuda:0', full_at=20, broken_load=3)
    depth = peer.subscribe(Image, '/depth/image')
    peer.send_until(lambda: depth)
    peer.send(lambda p: image_message(rgb_image(value=20), p.now()))
    node.wait_for_log("the depth network's input is reduced from 384 x 512 to 288 x 384 px")
    assert peer.call(Trigger, '/zoedepth/recover', Trigger.Request()).success
    peer.send(lambda p: image_message(rgb_image(value=30), p.now()))
    assert node.wait() == 75
    node.wait_for_log(
        'the recovery of the depth network failed: cuda:0: CUDA error: unspecified launch failure'
    )
