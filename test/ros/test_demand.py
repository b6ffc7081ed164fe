"""Whether the node is subscribed to its camera, as the camera's own publishers see it."""

from types import SimpleNamespace

import pytest
from lifecycle_msgs.msg import Transition
from rclpy.qos import QoSProfile
from ros_harness import camera_info_message, image_message, rgb_image, wait_until
from sensor_msgs.msg import CameraInfo, Image, LaserScan, PointCloud2
from std_srvs.srv import SetBool
from zoedepth_ros.msg import Status

from zoedepth_ros.ros.health.status import _state
from zoedepth_ros.ros.inputs import HOLD_S, Demand
from zoedepth_ros.ros.parameters.node_settings import NodeSettings
from zoedepth_ros.ros.publishers import TOPICS

IDLE, INACTIVE, NO_INPUT = Status.STATE_IDLE, Status.STATE_INACTIVE, Status.STATE_NO_INPUT


def test_demand_lasts_a_moment_longer_than_the_need_and_no_more():
    now_s = [100.0]
    demand = Demand(lambda: now_s[0])
    assert not demand.update(is_needed=False)
    assert demand.update(is_needed=True)
    now_s[0] = 100.0 + HOLD_S
    assert demand.update(is_needed=False)
    assert demand.update(is_needed=True)  # it came back
    now_s[0] += HOLD_S + 0.5
    assert not demand.update(is_needed=False)
    assert demand.update(is_needed=True)
    demand.drop()
    assert not demand.update(is_needed=False)


class Camera:
    """The publishers of one camera, which count their subscribers."""

    def __init__(self, peer, prefix=''):
        profile = QoSProfile(depth=1)
        self.peer = peer
        self.image = peer.node.create_publisher(Image, f'{prefix}/image', profile)
        self.info = peer.node.create_publisher(CameraInfo, f'{prefix}/camera_info', profile)

    @property
    def counts(self):
        return self.image.get_subscription_count(), self.info.get_subscription_count()

    def wait_for(self, count):
        wait_until(lambda: self.counts == (count, count), message=lambda: f'{self.counts}')

    def send(self):
        msg = image_message(rgb_image(), self.peer.now())
        info = camera_info_message()
        info.header = msg.header
        self.info.publish(info)
        self.image.publish(msg)

    def close(self):
        self.peer.node.destroy_publisher(self.image)
        self.peer.node.destroy_publisher(self.info)


@pytest.fixture
def camera(peer):
    made = []

    def make(prefix=''):
        made.append(Camera(peer, prefix))
        made[-1].wait_for(0)  # the node of an earlier test may have left unheard: for 20 s
        return made[-1]

    yield make
    for one in made:
        one.close()


def reports(status, state):
    """Wait until the last two reports are of a state."""
    wait_until(lambda: [m.state for m in status.messages[-2:]] == [state] * 2)


def test_the_camera_has_a_subscriber_exactly_while_an_output_has_one(peer, start, camera):
    """For each output; the status and the diagnostics do not count."""
    start({'scan.enabled': True, 'diagnostics.warn_no_input': 0.1})
    of = camera()
    status = peer.subscribe(Status, '/zoedepth/status')
    reports(status, IDLE)
    assert of.counts == (0, 0)
    assert not any(m.state == NO_INPUT for m in status.messages)
    for topic, kind in TOPICS.items():
        inbox = peer.subscribe(kind, f'/{topic}')
        of.wait_for(1)
        peer.unsubscribe(inbox)
        of.wait_for(0)
    reports(status, IDLE)
    assert of.counts == (0, 0)
    assert {m.received for m in status.messages} == {0}


def test_without_a_subscriber_missing_images_are_missed_by_nobody(ros):
    """Also while the camera is kept for a moment after the last subscriber has left."""
    missed = {'no_input_s': 99.0, 'settings': NodeSettings()}
    states = {
        is_used: _state(
            SimpleNamespace(
                is_active=True, enabled=True, is_subscribed=True, is_used=is_used, **missed
            ),
            SimpleNamespace(failed=False),
        )
        for is_used in (False, True)
    }
    assert states == {False: IDLE, True: NO_INPUT}


def test_a_scan_that_is_off_needs_no_camera(peer, start, camera):
    start()
    of = camera()
    peer.subscribe(LaserScan, '/scan')
    status = peer.subscribe(Status, '/zoedepth/status')
    reports(status, IDLE)
    assert of.counts == (0, 0)
    assert peer.set_parameters(scan__enabled=True) == ['']
    of.wait_for(1)


def test_one_subscriber_of_two_keeps_the_camera(peer, start, camera):
    start()
    of = camera()
    first, second = (peer.subscribe(PointCloud2, '/depth/points') for _ in range(2))
    of.wait_for(1)
    peer.unsubscribe(first)
    status = peer.subscribe(Status, '/zoedepth/status')
    wait_until(lambda: len(status) >= 5)
    assert of.counts == (1, 1)
    peer.unsubscribe(second)
    of.wait_for(0)


def test_no_lifecycle_state_but_active_has_a_subscription(peer, start, camera):
    start({'autostart': False})
    of = camera()
    status = peer.subscribe(Status, '/zoedepth/status')
    depth = peer.subscribe(Image, '/depth/image')
    for _ in range(2):
        reports(status, Status.STATE_UNCONFIGURED)
        assert peer.transition(Transition.TRANSITION_CONFIGURE)
        reports(status, INACTIVE)
        assert of.counts == (0, 0)
        for _ in range(2):
            assert peer.transition(Transition.TRANSITION_ACTIVATE)
            of.wait_for(1)
            wait_until(lambda inbox=depth: (of.send(), inbox)[1])
            assert peer.transition(Transition.TRANSITION_DEACTIVATE)
            of.wait_for(0)
            depth.clear()
        peer.unsubscribe(depth)
        assert peer.transition(Transition.TRANSITION_ACTIVATE)
        reports(status, IDLE)
        assert of.counts == (0, 0)
        depth = peer.subscribe(Image, '/depth/image')
        of.wait_for(1)
        assert peer.transition(Transition.TRANSITION_DEACTIVATE)
        assert peer.transition(Transition.TRANSITION_CLEANUP)
        of.wait_for(0)
    assert peer.transition(Transition.TRANSITION_UNCONFIGURED_SHUTDOWN)


def test_a_disabled_node_gives_its_camera_up_at_once_and_takes_it_back(peer, start, camera):
    node = start()
    of = camera()
    depth = peer.subscribe(Image, '/depth/image')
    status = peer.subscribe(Status, '/zoedepth/status')
    of.wait_for(1)
    assert peer.call(SetBool, '/zoedepth/enable', SetBool.Request(data=False)).success
    of.wait_for(0)
    reports(status, Status.STATE_DISABLED)
    assert peer.call(SetBool, '/zoedepth/enable', SetBool.Request(data=True)).success
    of.wait_for(1)
    wait_until(lambda: (of.send(), depth)[1])
    assert node.log.count('the node is active; image topics:') == 1


def test_each_camera_of_several_has_a_subscription_of_its_own(peer, start, camera):
    start({'cameras': ['left', 'right']})
    left, right = camera('/left'), camera('/right')
    status = peer.subscribe(Status, '/zoedepth/right/status')
    depth = peer.subscribe(Image, '/left/depth/image')
    left.wait_for(1)
    reports(status, IDLE)
    assert right.counts == (0, 0)
    cloud = peer.subscribe(PointCloud2, '/right/depth/points')
    right.wait_for(1)
    peer.unsubscribe(depth)
    left.wait_for(0)
    assert right.counts == (1, 1)
    peer.unsubscribe(cloud)
    right.wait_for(0)


def test_a_reference_sensor_is_subscribed_to_with_the_camera(peer, start, camera):
    start({'scale.source': 'scan'})
    of = camera()
    laser = peer.node.create_publisher(LaserScan, '/reference/scan', 1)
    depth = peer.subscribe(Image, '/depth/image')
    of.wait_for(1)
    wait_until(lambda: laser.get_subscription_count() == 1)
    peer.unsubscribe(depth)
    of.wait_for(0)
    wait_until(lambda: laser.get_subscription_count() == 0)
    peer.node.destroy_publisher(laser)


def test_a_wrong_quality_of_service_ends_the_start_although_nothing_is_subscribed_yet(start):
    wrong = 'qos_overrides./reference/points.subscription.reliability'
    node = start({'scale.source': 'points', wrong: 'perfect'})
    assert node.wait() == 1
    assert 'reliability' in node.log
