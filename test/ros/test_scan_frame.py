"""The level frame of scans: its name, its rotation, and when its transform is published."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from processor_bench import Bench
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from ros_harness import image_message, rgb_image, wait_until
from sensor_msgs.msg import LaserScan
from std_msgs.msg import Header

from zoedepth_ros.geometry.ground import up_from_angles
from zoedepth_ros.geometry.scan import level_rotation
from zoedepth_ros.messages.types import TF_MESSAGE
from zoedepth_ros.ros import publishers
from zoedepth_ros.ros.transforms import Transforms, rotation_matrix

ROWS = {'scan.enabled': True}
HEIGHT = {'scan.enabled': True, 'scan.mode': 'height', 'camera.height': 1.0}


def test_the_rotation_of_a_level_camera_is_that_of_rep_103():
    """Body (x forward, y left, z up) to optical (z forward, x right, y down): -90, 0, -90 deg."""
    found = np.array(level_rotation(up_from_angles(0.0)))
    np.testing.assert_allclose(found * np.sign(found[0]), (0.5, -0.5, 0.5, 0.5), atol=1e-9)


@pytest.mark.parametrize('roll_deg', [-20, 0, 7])
@pytest.mark.parametrize('pitch_deg', [-89, -60, -35, -10, 0, 10])
def test_the_frame_of_a_tilted_camera_is_level_and_looks_where_the_camera_looks(
    pitch_deg, roll_deg
):
    up = np.array(up_from_angles(math.radians(pitch_deg), math.radians(roll_deg)))
    turn = rotation_matrix(*level_rotation(tuple(up)))
    np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-9)
    assert np.linalg.det(turn) == pytest.approx(1.0)
    np.testing.assert_allclose(turn @ (0, 0, 1), up, atol=1e-9)
    axis = turn.T @ (0, 0, 1)  # the optical axis in the level frame
    assert axis[1] == pytest.approx(0.0, abs=1e-9)
    assert axis[0] == pytest.approx(math.cos(math.radians(pitch_deg)))
    assert axis[2] == pytest.approx(math.sin(math.radians(pitch_deg)))


class Nodding:
    """Know where base is, as tf2_ros.Buffer does: a camera of a pitch that is set.

    earlier: pitch at earlier times [ns]; every other time but the newest is unknown.
    """

    def __init__(self):
        self.pitch_rad, self.earlier = 0.0, {}

    def lookup_transform(self, target, source, time):
        assert (source, target) == ('base', 'camera_optical')
        if time.nanoseconds and time.nanoseconds not in self.earlier:
            raise LookupError(time)
        x, y, z, w = level_rotation(
            up_from_angles(self.earlier.get(time.nanoseconds, self.pitch_rad))
        )
        return SimpleNamespace(
            header=Header(stamp=Time(sec=1000)),
            transform=SimpleNamespace(rotation=SimpleNamespace(x=x, y=y, z=z, w=w)),
        )


@pytest.fixture
def with_tf(ros, monkeypatch):
    """Act as if tf2_msgs were installed."""
    monkeypatch.setitem(publishers._TYPES, TF_MESSAGE, SimpleNamespace)


def pitch_in(message):
    """Give the pitch of the camera in the level frame of a transform."""
    (stamped,) = message.transforms
    turn = stamped.transform.rotation
    return math.asin((rotation_matrix(turn.x, turn.y, turn.z, turn.w).T @ (0, 0, 1))[2])


@pytest.mark.parametrize('mode', [ROWS, HEIGHT], ids=['rows', 'height'])
def test_without_a_frame_a_level_one_is_published_once_and_again_when_the_pitch_changes(
    with_tf, mode
):
    bench = Bench(**mode)
    for _ in range(3):
        bench.process(bench.message(rgb_image()))
        bench.now_s += 0.1
    assert {scan.header.frame_id for scan in bench.sent('scan')} == {'camera_optical_scan'}
    (static,) = bench.sent('/tf_static')
    (stamped,) = static.transforms
    assert (stamped.header.frame_id, stamped.child_frame_id) == (
        'camera_optical',
        'camera_optical_scan',
    )
    at = stamped.transform.translation
    assert (at.x, at.y, at.z) == (0.0, 0.0, 0.0)
    assert pitch_in(static) == pytest.approx(0.0)
    bench.set({'camera.pitch': -0.3})
    bench.now_s += 0.1
    bench.process(bench.message(rgb_image()))
    assert len(bench.sent('/tf_static')) == 2
    assert pitch_in(bench.sent('/tf_static')[-1]) == pytest.approx(-0.3)
    assert '/tf' not in bench.publishers.sent
    assert not bench.processor.notices


@pytest.mark.parametrize('mode', [ROWS, HEIGHT], ids=['rows', 'height'])
def test_with_a_base_frame_every_scan_comes_with_the_tilt_of_its_moment(with_tf, mode):
    bench, tf = Bench(**mode, **{'camera.base_frame': 'base'}), Nodding()
    bench.processor.follow(bench.camera, None, Transforms(tf))
    pitches = (-0.1, -0.2, -0.2)
    for tf.pitch_rad in pitches:
        bench.process(bench.message(rgb_image()))
        bench.now_s += 0.1
    moving = bench.sent('/tf')
    assert [pitch_in(message) for message in moving] == pytest.approx(pitches)
    stamps = [message.transforms[0].header.stamp for message in moving]
    assert stamps == [scan.header.stamp for scan in bench.sent('scan')]
    assert '/tf_static' not in bench.publishers.sent


def test_a_camera_that_turns_while_the_network_works_has_the_tilt_of_its_image(with_tf):
    bench, tf = Bench(**ROWS, **{'camera.base_frame': 'base'}), Nodding()
    bench.processor.follow(bench.camera, None, Transforms(tf))
    tf.pitch_rad, tf.earlier = 0.3, {round(1e9 * (bench.now_s - 0.4)): -0.2}
    for age_s in (0.4, 0.0):  # TF has nothing of the time of the second image yet
        bench.process(bench.message(rgb_image(), stamp_s=bench.now_s - age_s))
        bench.now_s += 0.1
    assert [pitch_in(message) for message in bench.sent('/tf')] == pytest.approx([-0.2, 0.3])


def test_a_frame_that_is_given_is_taken_and_nothing_is_published(with_tf):
    bench = Bench(**ROWS, **{'scan.frame_id': 'base_scan'})
    bench.process(bench.message(rgb_image()))
    assert bench.sent('scan')[0].header.frame_id == 'base_scan'
    assert not {'/tf', '/tf_static'} & set(bench.publishers.sent)


def test_without_tf2_msgs_the_frame_is_named_and_the_missing_transform_is_reported(
    ros, monkeypatch
):
    monkeypatch.setitem(publishers._TYPES, TF_MESSAGE, None)
    bench = Bench(**ROWS)
    bench.process(bench.message(rgb_image()))
    assert bench.sent('scan')[0].header.frame_id == 'camera_optical_scan'
    assert bench.processor.notices == (
        'tf2_msgs is not installed, so no transform from camera_optical to camera_optical_scan is '
        'published: publish this transform from another node, or set scan.frame_id',
    )
    bench.set({'scan.frame_id': 'base_scan'})
    bench.now_s += 0.1
    bench.process(bench.message(rgb_image()))
    assert bench.processor.notices == ()


def test_images_without_a_frame_are_reported(with_tf):
    bench = Bench(**ROWS)
    bench.process(image_message(rgb_image(), bench.clock.now().to_msg(), frame_id=''))
    assert bench.sent('scan')[0].header.frame_id == 'camera_scan'
    assert 'no frame_id' in bench.processor.notices[0]
    assert not {'/tf', '/tf_static'} & set(bench.publishers.sent)


def test_a_subscriber_of_tf_that_comes_later_has_the_transform(peer, start):
    TFMessage = pytest.importorskip('tf2_msgs.msg').TFMessage  # noqa: N806
    start({**ROWS, 'camera.pitch': -0.2})
    scans = peer.subscribe(LaserScan, '/scan')
    peer.send_until(lambda: scans)
    profile = QoSProfile(
        depth=1,
        reliability=ReliabilityPolicy.RELIABLE,
        durability=DurabilityPolicy.TRANSIENT_LOCAL,
    )
    found = []
    subscription = peer.node.create_subscription(TFMessage, '/tf_static', found.append, profile)
    wait_until(lambda: found)
    assert pitch_in(found[0]) == pytest.approx(-0.2)
    assert found[0].transforms[0].child_frame_id == scans.last.header.frame_id
    peer.node.destroy_subscription(subscription)


def test_with_tf2_ros_the_frame_stays_level_while_the_camera_nods(peer, start):
    TFMessage = pytest.importorskip('tf2_msgs.msg').TFMessage  # noqa: N806
    pytest.importorskip('tf2_ros')
    from geometry_msgs.msg import TransformStamped

    start({**ROWS, 'camera.base_frame': 'base'})
    peer.subscribe(LaserScan, '/scan')
    transforms = peer.subscribe(TFMessage, '/tf')
    nods = peer.node.create_publisher(TFMessage, '/tf', 10)

    def published(pitch_rad):
        """Move the camera, send an image, and give the last pitch that the node published."""
        msg = TransformStamped(child_frame_id='camera_optical')
        msg.header.stamp, msg.header.frame_id = peer.now(), 'base'
        x, y, z, w = level_rotation(up_from_angles(pitch_rad))
        turn = msg.transform.rotation
        turn.x, turn.y, turn.z, turn.w = -x, -y, -z, w  # the other way round
        nods.publish(TFMessage(transforms=[msg]))
        peer.send()
        ours = [m for m in transforms.messages if m.transforms[0].child_frame_id.endswith('_scan')]
        return pitch_in(ours[-1]) if ours else None

    for pitch_rad in (-0.1, -0.3, 0.2):
        wait_until(lambda p=pitch_rad: published(p) == pytest.approx(p, abs=1e-6))
    peer.node.destroy_publisher(nods)
