"""What lies in the bytes of the messages that go out, read back field by field."""

import math
import struct

import numpy as np
import pytest
from cloud_messages import cloud_message
from sensor_msgs.msg import PointField
from std_msgs.msg import Header

from zoedepth_ros.geometry.filters import write_depth
from zoedepth_ros.geometry.intrinsics import CameraModel, Intrinsics
from zoedepth_ros.geometry.rays import rays
from zoedepth_ros.geometry.scan import BandScan
from zoedepth_ros.pipeline.outputs import (
    CloudWriter,
    ColorImage,
    ImageWriter,
    OutputMessages,
    Scan,
)
from zoedepth_ros.ros.publishers import make

NAN, INF = math.nan, math.inf
HEADER = Header(frame_id='optical')


def depth(*values):
    return np.array([values], np.float32)


def write(writer, depth_m, **limits):
    write_depth(depth_m, writer.pixels(*depth_m.shape), **limits)


def test_metres_follow_rep_117():
    writer = ImageWriter(make, '32FC1')
    write(writer, depth(0.05, 0.1, 5.0, 10.5, NAN), min_m=0.1, max_m=10.0)
    msg = writer.message(HEADER)
    assert (msg.encoding, msg.height, msg.width, msg.step) == ('32FC1', 1, 5, 20)
    assert msg.header.frame_id == 'optical'
    values = struct.unpack('=5f', bytes(msg.data))
    assert values[:4] == (-INF, pytest.approx(0.1), 5.0, INF)
    assert math.isnan(values[4])


def test_without_a_maximum_nothing_is_too_far():
    writer = ImageWriter(make, '32FC1')
    write(writer, depth(0.5, 500.0), min_m=0.0, max_m=0.0)
    assert struct.unpack('=2f', bytes(writer.message(HEADER).data)) == (0.5, 500.0)


def test_millimetres_are_rounded_and_zero_where_invalid():
    writer = ImageWriter(make, '16UC1')
    values = depth(1.2345, 1.2344, 0.05, 70.0, NAN, INF, -INF, 65.5355, 9.0)
    write(writer, values, min_m=0.1, max_m=0.0)
    msg = writer.message(HEADER)
    assert (msg.encoding, msg.step) == ('16UC1', 18)
    assert struct.unpack('=9H', bytes(msg.data)) == (1235, 1234, 0, 0, 0, 0, 0, 65535, 9000)
    write(writer, values, min_m=0.1, max_m=5.0)
    assert struct.unpack('=9H', bytes(writer.message(HEADER).data))[-2:] == (0, 0)


def test_a_message_follows_a_change_of_size():
    writer = ImageWriter(make, '32FC1')
    for shape in ((2, 3), (3, 2), (1, 1)):
        write(writer, np.ones(shape, np.float32), min_m=0.1, max_m=0.0)
        msg = writer.message(HEADER)
        assert (msg.height, msg.width, msg.step) == (*shape, 4 * shape[1])
        assert len(msg.data) == 4 * shape[0] * shape[1]


def test_the_same_bytes_are_used_again():
    writer = ImageWriter(make, '32FC1')
    write(writer, depth(1.0), min_m=0.1, max_m=0.0)
    first = writer.message(HEADER).data
    write(writer, depth(2.0), min_m=0.1, max_m=0.0)
    assert writer.message(HEADER).data is first
    assert struct.unpack('=f', bytes(first)) == (2.0,)


def test_a_colour_image_is_written_as_it_is():
    bgr = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    msg = OutputMessages(make).message(ColorImage(bgr), HEADER)
    assert (msg.encoding, msg.height, msg.width, msg.step) == ('bgr8', 2, 4, 12)
    assert bytes(msg.data) == bytes(range(24))


def points():
    """Give depth (2, 3) and rays (2, 3, 2) of points x = column, y = row, z = 1, one unknown."""
    v, u = np.mgrid[:2, :3].astype(np.float32)
    depth_m = np.ones((2, 3), np.float32)
    depth_m[0, 1] = NAN
    return depth_m, np.stack((u, v), axis=-1)


def colors():
    rgb = np.zeros((2, 3, 3), np.uint8)
    rgb[1, 2] = (1, 2, 3)
    rgb[0, 0] = (255, 255, 255)
    return rgb


def test_an_organized_cloud_has_the_layout_of_its_fields():
    msg = cloud_message(HEADER, *points(), colors())
    assert (msg.height, msg.width, msg.point_step, msg.row_step) == (2, 3, 16, 48)
    assert not msg.is_dense
    assert [(f.name, f.offset, f.datatype, f.count) for f in msg.fields] == [
        (name, offset, PointField.FLOAT32, 1)
        for name, offset in (('x', 0), ('y', 4), ('z', 8), ('rgb', 12))
    ]
    assert len(msg.data) == 96
    x, y, z, rgb = struct.unpack_from('=fffI', bytes(msg.data), 1 * msg.row_step + 2 * 16)
    assert (x, y, z, rgb) == (2.0, 1.0, 1.0, 0x010203)
    assert struct.unpack_from('=I', bytes(msg.data), 12) == (0xFFFFFF,)
    assert all(math.isnan(v) for v in struct.unpack_from('=fff', bytes(msg.data), 16))


def test_a_dense_cloud_has_one_row():
    points = np.array([(0, 0, 1, 0), (2, 0, 1, 0), (0, 1, 1, 0), (1, 1, 1, 0)], np.float32)
    points = np.vstack((points, (2, 1, 1, 0))).astype(np.float32)
    points.view(np.uint32)[4, 3] = 0x010203
    msg = CloudWriter(make).one_row(HEADER, points, ('x', 'y', 'z', 'rgb'))
    assert (msg.height, msg.width, msg.row_step, msg.is_dense) == (1, 5, 80, True)
    got = [struct.unpack_from('=fff', bytes(msg.data), 16 * i) for i in range(5)]
    assert got == [(0, 0, 1), (2, 0, 1), (0, 1, 1), (1, 1, 1), (2, 1, 1)]
    assert struct.unpack_from('=I', bytes(msg.data), 4 * 16 + 12) == (0x010203,)


def test_a_dense_cloud_may_be_empty_and_an_organized_one_may_follow():
    writer = CloudWriter(make)
    msg = writer.one_row(HEADER, np.empty((0, 4), np.float32), ('x', 'y', 'z', ''))
    assert (msg.height, msg.width, len(msg.data)) == (1, 0, 0)
    msg = cloud_message(HEADER, *points(), None, writer)
    assert (msg.height, msg.width, len(msg.data), msg.is_dense) == (2, 3, 96, False)


def test_a_cloud_without_colour_has_no_such_field():
    msg = cloud_message(HEADER, *points(), None)
    assert [f.name for f in msg.fields] == ['x', 'y', 'z']
    assert msg.point_step == 16


@pytest.mark.parametrize('unknown', [NAN, INF, -INF])
def test_what_has_no_depth_has_no_coordinate_and_keeps_its_colour(unknown):
    depth_m, directions = points()
    directions[0, 1] = 0.0  # straight ahead
    depth_m[0, 1] = unknown
    rgb = colors()
    rgb[0, 1] = (9, 8, 7)
    msg = cloud_message(HEADER, depth_m, directions, rgb)
    x, y, z, color = struct.unpack_from('=fffI', bytes(msg.data), 16)
    assert math.isnan(x)
    assert math.isnan(y)
    assert math.isnan(z)
    assert color == 0x090807


def test_a_cloud_follows_a_change_of_camera():
    writer = CloudWriter(make)
    depth_m, directions = points()
    cloud_message(HEADER, depth_m, directions, None, writer)
    msg = cloud_message(HEADER, depth_m, 2.0 * directions, None, writer)
    assert struct.unpack_from('=fff', bytes(msg.data), 5 * 16) == (4.0, 2.0, 1.0)


def test_a_cloud_of_loose_points_has_one_row():
    points = np.arange(6, dtype=np.float32).reshape(2, 3)
    msg = CloudWriter(make).one_row(HEADER, points, ('x', 'y', 'z'))
    assert (msg.height, msg.width, msg.row_step, msg.is_dense) == (1, 2, 32, True)
    assert struct.unpack('=8f', bytes(msg.data)) == (0, 1, 2, 0, 3, 4, 5, 0)


def test_a_scan_states_its_angles_and_ranges():
    band = BandScan.from_rays(rays(CameraModel(Intrinsics(50.0, 50.0, 31.5, 23.5, 64, 48))))
    ranges = np.full(band.stretch.shape, 2.0, np.float32)
    scan = Scan(band, ranges, 0.1, 10.0, up=(0.0, -1.0, 0.0))
    msg = OutputMessages(make).message(scan, HEADER)
    assert msg.angle_max == pytest.approx(math.atan(31.5 / 50.0))
    assert msg.angle_min == pytest.approx(-math.atan(31.5 / 50.0))
    assert (msg.range_min, msg.range_max) == (pytest.approx(0.1), 10.0)
    beams = round((msg.angle_max - msg.angle_min) / msg.angle_increment) + 1
    assert len(msg.ranges) == beams
    assert set(msg.ranges) == {2.0}
