"""Distances of other sensors, in their own frames, against depth; without DDS."""

import array
import math
from types import SimpleNamespace

import numpy as np
import pytest
from processor_bench import Bench
from sensor_msgs.msg import LaserScan, PointCloud2, PointField, Range
from std_msgs.msg import Header

from zoedepth_ros.geometry.camera import Camera
from zoedepth_ros.geometry.intrinsics import CameraModel, Intrinsics
from zoedepth_ros.ros.references import References, scan_points
from zoedepth_ros.ros.transforms import Transforms, rotation_matrix

CAMERA = Camera(CameraModel(Intrinsics.from_hfov(64, 48, 1.0)))
# x forward, y left, z up of a base frame, seen from the optical frame
BASE_TO_OPTICAL = (0.5, -0.5, 0.5, 0.5)


class FakeNode:
    """Keep what is subscribed, so that the test can speak."""

    def __init__(self):
        self.warnings = []

    def create_subscription(self, kind, topic, callback, *_, **__):
        self.kind, self.topic, self.hear = kind, topic, callback
        self.topic_name = topic
        return self

    def get_logger(self):
        return self

    def warning(self, text, **_):
        self.warnings.append(text)

    def destroy_subscription(self, _):
        self.hear = None
        del self.topic_name  # rclpy raises InvalidHandle


class OneTransform:
    """Know one transform, as tf2_ros.Buffer does: 'base' stands 0.1 m behind the camera."""

    def lookup_transform(self, target, source, _):
        if (source, target) != ('base', 'camera'):
            raise LookupError(source)
        x, y, z, w = BASE_TO_OPTICAL
        return SimpleNamespace(
            transform=SimpleNamespace(
                translation=SimpleNamespace(x=0.0, y=0.0, z=-0.1),
                rotation=SimpleNamespace(x=x, y=y, z=z, w=w),
            )
        )


def header(frame='camera', sec=5):
    made = Header(frame_id=frame)
    made.stamp.sec = sec
    return made


def heard(source, msg, image=None, frames=None):
    node = FakeNode()
    references = References(node, source, Transforms(OneTransform()) if frames is None else frames)
    node.hear(msg)
    depth_m = np.full((48, 64), 2.0, np.float32)
    return references.pairs(header() if image is None else image, depth_m, CAMERA).ratios


def cloud(points, frame='camera', **fields):
    data = np.asarray(points, np.float32)
    names = [PointField(name=n, offset=4 * i, datatype=PointField.FLOAT32, count=1)
             for i, n in enumerate('xyz')]  # fmt: skip
    msg = PointCloud2(header=header(frame), height=1, width=len(data), fields=names,
                      point_step=12, row_step=12 * len(data))  # fmt: skip
    msg.data = array.array('B', data.tobytes())
    for name, value in fields.items():
        setattr(msg, name, value)
    return msg


def wall_scan(distance_m, frame='base'):
    angles = np.linspace(-0.4, 0.4, 41)
    return LaserScan(
        header=header(frame), angle_min=-0.4, angle_max=0.4, angle_increment=0.02,
        range_min=0.1, range_max=10.0, ranges=(distance_m / np.cos(angles)).tolist(),
    )  # fmt: skip


def test_convention_x_of_a_base_frame_is_ahead_of_the_camera():
    forward = rotation_matrix(*BASE_TO_OPTICAL) @ (1.0, 0.0, 0.0)
    np.testing.assert_allclose(forward, (0.0, 0.0, 1.0), atol=1e-9)
    np.testing.assert_allclose(
        rotation_matrix(*BASE_TO_OPTICAL) @ (0, 1, 0), (-1, 0, 0), atol=1e-9
    )
    np.testing.assert_allclose(rotation_matrix(0, 0, math.sin(0.3), math.cos(0.3)) @ (1, 0, 0),
                               (math.cos(0.6), math.sin(0.6), 0))  # fmt: skip


def test_a_laser_that_sees_a_wall_reports_how_far_it_is():
    ratios = heard('scan', wall_scan(3.1))  # 3.0 m ahead of the camera, which measures 2.0
    assert len(ratios) > 30
    np.testing.assert_allclose(ratios, 1.5, rtol=1e-4)


def test_points_in_the_cameras_own_frame_need_no_tf():
    points = [(0.1 * i, 0.0, 4.0) for i in range(-5, 6)]
    np.testing.assert_allclose(heard('points', cloud(points), frames=Transforms()), 2.0)
    assert heard('points', cloud(points, 'base'), frames=Transforms()).size == 0


def test_a_range_finder_looks_along_its_x():
    msg = Range(header=header('base'), field_of_view=0.3, min_range=0.1, max_range=9.0, range=3.0)
    assert heard('range', msg) == pytest.approx([1.5], rel=0.02)
    msg.range = math.inf
    assert heard('range', msg).size == 0


def test_what_is_old_unknown_or_heard_already_is_not_compared():
    assert heard('scan', wall_scan(3.1), image=header(sec=7)).size == 0
    assert heard('scan', wall_scan(3.1, 'elsewhere')).size == 0
    node = FakeNode()
    references = References(node, 'scan', Transforms(OneTransform()))
    node.hear(wall_scan(3.1))
    depth_m = np.full((48, 64), 2.0, np.float32)
    assert references.pairs(header(), depth_m, CAMERA).ratios.size > 0
    assert references.pairs(header(), depth_m, CAMERA).ratios.size == 0


def test_scans_lose_what_is_no_hit():
    scan = wall_scan(3.0)
    scan.ranges[0], scan.ranges[1], scan.ranges[2] = math.nan, math.inf, 0.01
    assert scan_points(scan).shape == (38, 3)


def test_a_cloud_that_cannot_be_read_is_not_compared_and_reported():
    node = FakeNode()
    references = References(node, 'points', Transforms())
    depth_m = np.full((48, 64), 2.0, np.float32)
    for _ in range(3):
        node.hear(cloud([(1, 2, 3)], width=5))
        assert references.pairs(header(), depth_m, CAMERA).ratios.size == 0
    assert node.warnings[0].startswith(
        'reference/points: the cloud does not contain its 5 x 1 points'
    )
    expected = 'is not compared with depth: the cloud does not contain its 5 x 1 points'
    assert expected in references.notice


@pytest.mark.parametrize(
    ('source', 'topic'),
    [('scan', 'reference/scan'), ('points', 'reference/points'), ('range', 'reference/range')],
)
def test_each_source_has_its_topic(source, topic):
    node = FakeNode()
    References(node, source, Transforms())
    assert node.topic == topic


def test_a_level_frame_states_where_up_is_for_the_camera():
    frames, stamp = Transforms(OneTransform()), header().stamp
    np.testing.assert_allclose(frames.up('base', 'camera', stamp), (0.0, -1.0, 0.0), atol=1e-9)
    assert frames.up('base', 'elsewhere', stamp) is None
    assert Transforms().up('base', 'camera', stamp) is None
    assert Transforms().up('camera', 'camera', stamp) == (0.0, 0.0, 1.0)


class TenSeconds:
    """Keep transforms as tf2_ros.Buffer does: those at most 10 s older than the newest."""

    def __init__(self):
        self.known = {}

    def clear(self):
        self.known.clear()

    def hear(self, sec, z_m):
        self.known[sec] = z_m
        newest = max(self.known)
        self.known = {at: z_m for at, z_m in self.known.items() if at >= newest - 10}

    def lookup_transform(self, target, source, time):
        sec = time.nanoseconds // 10**9 or max(self.known)
        return SimpleNamespace(
            header=header(sec=sec),
            transform=SimpleNamespace(
                translation=SimpleNamespace(x=0.0, y=0.0, z=self.known[sec]),
                rotation=SimpleNamespace(x=0.0, y=0.0, z=0.0, w=1.0),
            ),
        )


@pytest.mark.parametrize('left_over', [False, True])
def test_the_transforms_of_a_bag_that_loops_are_used_in_its_second_round(left_over):
    buffer = TenSeconds()
    frames = Transforms(buffer)

    def z_m(sec):
        pose = frames.pose('odom', 'camera', header(sec=sec).stamp)
        return None if pose is None else pose.position_m[2]

    for sec in range(5, 30):
        buffer.hear(sec, 1.0)
        assert z_m(sec) == 1.0
    buffer.hear(5, 2.0)
    assert z_m(5) is None
    if left_over:  # read after the clock has jumped
        buffer.hear(30, 1.0)
        assert z_m(6) is None
    for sec in range(7, 30):
        buffer.hear(sec, 2.0)
        assert z_m(sec) == 2.0


def test_the_newest_transform_serves_images_that_are_older_than_tf_keeps():
    buffer = TenSeconds()
    for sec in range(5, 30):
        buffer.hear(sec, 1.0)
        assert Transforms(buffer).up('base', 'camera', header(sec=1).stamp) is not None


def test_the_last_transform_before_tf_broke_off_is_used_for_ten_seconds():
    buffer = TenSeconds()
    buffer.hear(5, 1.0)
    frames = Transforms(buffer)
    assert frames.up('base', 'camera', header(sec=15).stamp) == (0.0, 0.0, 1.0)
    assert frames.up('base', 'camera', header(sec=16).stamp) is None


class Drive:
    """Know the pose of a camera that drives along its axis at 1 m/s, from 5 s on."""

    def lookup_transform(self, target, source, time):
        time_s = time.nanoseconds * 1e-9
        if (target, source) == ('camera', 'camera'):
            forward_m = 0.0
        elif (target, source) == ('odom', 'camera') and 5.0 <= time_s <= 9.0:
            forward_m = time_s - 5.0
        else:
            raise LookupError(target)
        return SimpleNamespace(
            transform=SimpleNamespace(
                translation=SimpleNamespace(x=0.0, y=0.0, z=forward_m),
                rotation=SimpleNamespace(x=0.0, y=0.0, z=0.0, w=1.0),
            )
        )


def at_time(msg, time_s):
    msg.header.stamp.sec = int(time_s)
    msg.header.stamp.nanosec = round(1e9 * (time_s % 1.0))
    return msg


def driven_past(*clouds, image_s=None, fixed='odom'):
    """Return the pairs of an image, by default at the last cloud; clouds: time and points."""
    node, depth_m = FakeNode(), np.full((48, 64), 2.0, np.float32)
    references = References(node, 'points', Transforms(Drive()))
    images_s = [time_s for time_s, _ in clouds]
    if image_s is not None:
        images_s[-1] = image_s
    for (time_s, points), image_s in zip(clouds, images_s, strict=True):
        if points is not None:
            node.hear(at_time(cloud(points), time_s))
        image = at_time(SimpleNamespace(header=header()), image_s)
        pairs = references.pairs(image.header, depth_m, CAMERA, fixed=fixed)
    return pairs


def test_points_of_the_last_second_are_used_again_where_they_are_now():
    pairs = driven_past((5.0, [(0.3, 0.1, 3.0)]), (5.5, [(0.0, 0.0, 4.0)]))
    np.testing.assert_allclose(pairs.true_m, (4.0, 2.5), rtol=1e-6)
    focal_px, middle = 32 / math.tan(0.5), (31.5, 23.5)
    expected = middle + focal_px * np.array([(0.0, 0.0), (0.3 / 2.5, 0.1 / 2.5)])
    np.testing.assert_allclose(pairs.pixels, expected, atol=1e-4)


def test_points_that_are_older_than_the_image_move_with_the_camera():
    pairs = driven_past((5.0, [(0.0, 0.0, 3.0)]), image_s=5.1)
    np.testing.assert_allclose(pairs.true_m, [2.9], rtol=1e-6)


@pytest.mark.parametrize(('first_s', 'fixed'), [(5.0, 'odom'), (5.9, ''), (7.0, 'odom')])
def test_neither_old_points_nor_those_before_a_jump_in_time_are_used_again(first_s, fixed):
    clouds = (first_s, [(0.3, 0.1, 3.0)]), (6.1, [(0.0, 0.0, 4.0)])
    assert len(driven_past(*clouds, fixed=fixed).true_m) == 1


def test_an_image_between_two_messages_has_the_points_of_earlier_ones():
    pairs = driven_past((5.0, [(0.3, 0.1, 3.0)]), (5.5, [(0.0, 0.0, 4.0)]), (5.8, None))
    np.testing.assert_allclose(pairs.true_m, (3.7, 2.2), rtol=1e-6)
    assert len(driven_past((5.0, [(0.0, 0.0, 3.0)]), (5.1, None), fixed='').true_m) == 0


def test_without_a_pose_the_newest_points_alone_are_compared():
    clouds = (4.0, [(0.3, 0.1, 3.0)]), (4.5, [(0.0, 0.0, 4.0)])
    np.testing.assert_allclose(driven_past(*clouds).true_m, [4.0])


def test_only_as_many_earlier_points_as_a_shape_lacks_are_used():
    grid = np.stack(np.meshgrid(np.linspace(-0.4, 0.4, 16), np.linspace(-0.3, 0.3, 16)), axis=-1)
    points = np.concatenate((grid.reshape(-1, 2), np.full((256, 1), 3.0)), axis=1)
    pairs = driven_past((5.0, points), (5.5, points))
    assert np.isclose(pairs.true_m, 3.0).sum() == 256
    assert np.isclose(pairs.true_m, 2.5).sum() == 300 - 256


@pytest.mark.parametrize(
    ('msg_header', 'image_header', 'text'),
    [
        (
            header(sec=9),
            header(),
            'the stamps of the sensor messages differ by 4 s from those of the images',
        ),
        (
            header(sec=0),
            header(),
            'the stamps of the sensor messages differ by -5 s',
        ),  # a driver without stamps
        (header('lidar'), header(), "TF has no recent transform from 'lidar' to 'camera'"),
        (header('/camera'), header(), "TF has no recent transform from '/camera' to 'camera'"),
    ],
)
@pytest.mark.parametrize('source', ['scan', 'range'])
def test_a_reference_that_cannot_be_compared_is_reported(source, msg_header, image_header, text):
    def message(header):
        if source == 'scan':
            return LaserScan(header=header, range_max=9.0, ranges=[2.0], angle_increment=0.1)
        return Range(header=header, range=2.0, max_range=9.0, field_of_view=0.1)

    node = FakeNode()
    references = References(node, source, Transforms(OneTransform()))
    depth_m = np.full((48, 64), 2.0, np.float32)
    for _ in range(3):
        assert references.notice == ''
        node.hear(message(msg_header))
        assert not len(references.pairs(image_header, depth_m, CAMERA).ratios)
    assert text in references.notice
    assert references.notice.startswith(f'reference/{source} is not compared with depth')
    node.hear(message(header('base')))
    references.pairs(header(), depth_m, CAMERA)
    assert references.notice == ''


def test_the_notice_of_a_reference_can_be_read_after_its_subscription_is_gone():
    node = FakeNode()
    references = References(node, 'scan', Transforms())
    for _ in range(3):
        node.hear(wall_scan(3.1, 'elsewhere'))
        references.pairs(header(), np.full((48, 64), 2.0, np.float32), CAMERA)
    references.destroy()
    assert references.notice.startswith('reference/scan is not compared with depth')


def test_the_notice_of_a_reference_is_one_of_the_node():
    bench = Bench()
    bench.processor.follow(bench.camera, SimpleNamespace(notice='reference/scan is not compared'))
    assert 'reference/scan is not compared' in bench.processor.notices
