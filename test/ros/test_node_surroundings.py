"""Over DDS, from another process: ground, obstacles, free rays, scale."""

import array
import json
import math

import numpy as np
import pytest
from geometry_msgs.msg import TransformStamped
from rclpy.qos import DurabilityPolicy, QoSProfile
from ros_harness import wait_until
from sensor_msgs.msg import Image, PointCloud2, PointField
from std_srvs.srv import Trigger
from zoedepth_ros.msg import Status

SPLIT = ('ground', 'obstacles', 'clearing')
# A floor 1 m below a camera that looks down by 0.3: y cos + z sin = 1
FLOOR = {'plane': (0.0, math.cos(0.3), math.sin(0.3), 1.0), 'camera': (50.0, 52.0, 31.5, 23.5)}


def xyz(msg):
    return np.frombuffer(msg.data, np.float32).reshape(-1, 4)[:, :3].astype(float)


def test_a_bare_floor_is_ground_and_nothing_is_in_the_way(peer, start):
    start({'cloud.rate': 0.0, 'cloud.decimation': 1, 'obstacles.max_range': 3.0}, **FLOOR)
    inboxes = {name: peer.subscribe(PointCloud2, f'/depth/points/{name}') for name in SPLIT}
    status = peer.subscribe(Status, '/zoedepth/status')
    peer.send_until(lambda: all(inboxes.values()))
    ground, obstacles, clearing = (inboxes[name].last for name in SPLIT)
    assert ground.header.frame_id == 'camera_optical'
    assert (ground.height, ground.is_dense) == (1, True)
    points = xyz(ground)
    assert len(points) > 500
    np.testing.assert_allclose(points @ (0.0, math.cos(0.3), math.sin(0.3)), 1.0, atol=1e-3)
    assert obstacles.width == 0
    assert clearing.width > 0  # the floor beyond the trusted range
    wait_until(lambda: not math.isnan(peer.fresh(status).camera_height))
    assert status.last.camera_height == pytest.approx(1.0, abs=0.01)
    assert status.last.camera_pitch == pytest.approx(-0.3, abs=0.01)


def test_a_scale_file_is_applied_reported_and_saved_again(peer, start, tmp_path):
    path = tmp_path / 'scale.yaml'
    path.write_text('format: zoedepth scale 1\nheads:\n  indoor: {scale: 1.5, confidence: 0.9}\n')
    start({'scale.file': str(path), 'cloud.decimation': 1, 'cloud.rate': 0.0}, depth=2.0)
    cloud = peer.subscribe(PointCloud2, '/depth/points')
    status = peer.subscribe(Status, '/zoedepth/status')
    peer.send_until(lambda: cloud)
    z = xyz(cloud.last)[:, 2]
    assert np.unique(z[np.isfinite(z)]) == pytest.approx(3.0)
    wait_until(lambda: status and status.last.scale == pytest.approx(1.5))
    assert status.last.scale_state == Status.SCALE_CONVERGED
    assert status.last.scale_target == pytest.approx(1.5)
    path.unlink()
    answer = peer.call(Trigger, '/zoedepth/save_scale', Trigger.Request())
    assert (answer.success, answer.message) == (True, str(path))
    assert 'scale: 1.5' in path.read_text()


def test_a_wrong_scale_file_stops_the_start(start, tmp_path):
    path = tmp_path / 'scale.yaml'
    path.write_text(json.dumps({'format': 'zoedepth scale 1', 'heads': {'indoor': 3}}))
    node = start({'scale.file': str(path)})
    node.wait_for_log('scale.yaml: indoor: expected')
    assert node.wait() != 0


def test_points_of_another_sensor_correct_the_scale_while_it_runs(peer, start):
    parameters = {'scale.source': 'points', 'scale.max_rate': 1.0, 'cloud.rate': 0.0}
    start(parameters, depth=2.0)
    depth = peer.subscribe(Image, '/depth/image')
    reference = peer.node.create_publisher(PointCloud2, '/reference/points', 5)
    wall = np.array([(0.01 * i, 0.0, 3.0) for i in range(-60, 60)], np.float32)
    expected_m = pytest.approx(3.0, rel=0.03)  # the scale approaches it over several images

    def say():
        reference.publish(cloud_of(wall, peer.now()))
        return depth and np.frombuffer(depth.last.data, np.float32)[0] == expected_m

    peer.send_until(say)
    peer.node.destroy_publisher(reference)


def cloud_of(points_m, stamp):
    msg = PointCloud2(height=1, width=len(points_m), point_step=12, row_step=12 * len(points_m))
    msg.header.stamp, msg.header.frame_id = stamp, 'camera_optical'
    msg.fields = [
        PointField(name=name, offset=4 * i, datatype=PointField.FLOAT32, count=1)
        for i, name in enumerate('xyz')
    ]
    msg.data = array.array('B', points_m.astype(np.float32).tobytes())
    return msg


def test_points_of_several_messages_correct_the_shape_where_tf_knows_the_odometry(peer, start):
    tf2_msgs = pytest.importorskip(
        'tf2_msgs.msg', reason='tf2_ros is not among the wheels of PyPI'
    )
    pytest.importorskip('tf2_ros')
    parameters = {'scale.source': 'points', 'scale.shape': 'curve', 'scale.max_rate': 0.001}
    start({**parameters, 'cloud.rate': 0.0}, **FLOOR)
    static = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    tf = peer.node.create_publisher(tf2_msgs.TFMessage, '/tf_static', static)
    msg = TransformStamped(child_frame_id='camera_optical')
    msg.header.frame_id = 'odom'
    tf.publish(tf2_msgs.TFMessage(transforms=[msg]))
    depth = peer.subscribe(Image, '/depth/image')
    reference = peer.node.create_publisher(PointCloud2, '/reference/points', 5)
    random = np.random.default_rng(0)
    fx, fy, cx, cy = FLOOR['camera']

    def say():
        """Send 20 points of a floor 1.3 m below: fewer than a shape needs."""
        rays = np.ones((20, 3))
        rays[:, 0] = (random.uniform(0, 63, 20) - cx) / fx
        rays[:, 1] = (random.uniform(12, 47, 20) - cy) / fy
        points_m = rays * (1.3 / (rays @ FLOOR['plane'][:3]))[:, None]
        reference.publish(cloud_of(points_m, peer.now()))
        if not depth:
            return False
        found_m = np.frombuffer(depth.last.data, np.float32).reshape(48, 64)[40, 32]
        below = (40 - cy) / fy * math.cos(0.3) + math.sin(0.3)
        return found_m == pytest.approx(1.3 / below, rel=0.02)

    peer.send_until(say)
    for publisher in (reference, tf):
        peer.node.destroy_publisher(publisher)


def test_without_the_transform_the_pitch_parameter_holds_and_that_is_reported(peer, start):
    parameters = {'camera.base_frame': 'base_link', 'camera.pitch': -0.3, 'cloud.rate': 0.0}
    start({**parameters, 'camera.pitch_tolerance': 0.0, 'cloud.decimation': 1}, **FLOOR)
    ground = peer.subscribe(PointCloud2, '/depth/points/ground')
    status = peer.subscribe(Status, '/zoedepth/status')
    peer.send_until(lambda: ground)
    np.testing.assert_allclose(xyz(ground.last) @ FLOOR['plane'][:3], 1.0, atol=1e-3)
    wait_until(lambda: status and any('base_link' in text for text in status.last.notices))


def test_tf_gives_the_pitch(peer, start):
    tf2_msgs = pytest.importorskip(
        'tf2_msgs.msg', reason='tf2_ros is not among the wheels of PyPI'
    )
    pytest.importorskip('tf2_ros')
    parameters = {'camera.base_frame': 'base_link', 'camera.pitch': 0.4, 'cloud.rate': 0.0}
    start({**parameters, 'camera.pitch_tolerance': 0.0, 'cloud.decimation': 1}, **FLOOR)
    static = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    publisher = peer.node.create_publisher(tf2_msgs.TFMessage, '/tf_static', static)
    # Optical axes in base_link, level: x is right (-y), z ahead (x); then nose down by 0.3.
    level = np.array([[0, 0, 1], [-1, 0, 0], [0, -1, 0]], float)
    nod = np.array(
        [
            [1, 0, 0],
            [0, math.cos(-0.3), -math.sin(-0.3)],
            [0, math.sin(-0.3), math.cos(-0.3)],
        ]
    )
    msg = TransformStamped(child_frame_id='camera_optical')
    msg.header.frame_id = 'base_link'
    x, y, z, w = quaternion(level @ nod)
    turn = msg.transform.rotation
    turn.x, turn.y, turn.z, turn.w = x, y, z, w
    publisher.publish(tf2_msgs.TFMessage(transforms=[msg]))
    status = peer.subscribe(Status, '/zoedepth/status')
    peer.subscribe(PointCloud2, '/depth/points/ground')
    pitch = pytest.approx(-0.3, abs=1e-3)
    peer.send_until(lambda: status and status.last.camera_pitch == pitch)
    assert status.last.camera_height == pytest.approx(1.0, abs=0.01)
    peer.node.destroy_publisher(publisher)


def quaternion(rotation):
    """Give x, y, z, w of a rotation whose trace is above -1."""
    w = 0.5 * math.sqrt(max(0.0, 1.0 + np.trace(rotation)))
    skew = rotation - rotation.T
    return (*(float(part) / (4 * w) for part in (skew[2, 1], skew[0, 2], skew[1, 0])), w)


def test_off_that_yaml_has_made_false_is_explained(start):
    node = start({'focal_correction': False})
    node.wait_for_log('parameter focal_correction: ')
    node.wait_for_log('YAML reads off as false: write "off" in quotes')
    assert node.wait() != 0
