"""PointCloud2 of any layout, by sensor_msgs_py where it is installed and by numpy."""

import array
import math
import struct
import sys

import pytest
from sensor_msgs.msg import PointCloud2, PointField

from zoedepth_ros.messages.clouds import (
    CloudError,
    best_reader,
    cloud_points,
    read_with_numpy,
    read_with_sensor_msgs_py,
)

FLOAT32, FLOAT64 = PointField.FLOAT32, PointField.FLOAT64
POINTS = [(1.0, -2.0, 3.5), (0.25, 0.5, 8.0), (4.0, 5.0, 6.0), (-7.0, 8.0, 9.0)]


@pytest.fixture(params=['numpy', 'sensor_msgs_py'])
def read(request):
    if request.param == 'numpy':
        return read_with_numpy
    pytest.importorskip('sensor_msgs_py')
    return read_with_sensor_msgs_py


def cloud(rows, *, layout='fff', big_endian=False, before=0, after=0, padding=0, **fields):
    """Pack rows of points by hand, with rubbish before and after each and after each row."""
    order = '>' if big_endian else '<'
    at, described = before, []
    for name, kind in zip('xyz', layout, strict=True):
        datatype = {'f': FLOAT32, 'd': FLOAT64}[kind]
        described.append(PointField(name=name, offset=at, datatype=datatype, count=1))
        at += struct.calcsize(kind)
    data = b''
    for row in rows:
        for point in row:
            data += b'\xa5' * before + struct.pack(order + layout, *point) + b'\xa5' * after
        data += b'\xa5' * padding
    msg = PointCloud2(height=len(rows), width=len(rows[0]), fields=described)
    msg.is_bigendian, msg.point_step = big_endian, at + after
    msg.row_step = msg.width * msg.point_step + padding
    msg.data = array.array('B', data)
    for name, value in fields.items():
        setattr(msg, name, value)
    return msg


def as_lists(points_m):
    return [tuple(point) for point in points_m.tolist()]


@pytest.mark.parametrize('big_endian', [False, True])
@pytest.mark.parametrize('layout', ['fff', 'ddd', 'fdf'])
@pytest.mark.parametrize('padding', [0, 7])
def test_points_come_back_from_every_layout(read, big_endian, layout, padding):
    msg = cloud(
        [POINTS[:2], POINTS[2:]],
        layout=layout, big_endian=big_endian, before=4, after=5, padding=padding,
    )  # fmt: skip
    for _ in range(2):  # reading changes nothing in the message
        points_m = cloud_points(msg, read)
        assert points_m.dtype.name == 'float32'
        assert as_lists(points_m) == POINTS


def test_the_fields_may_lie_in_any_order_among_others(read):
    msg = cloud([[(1.0, 2.0, 3.0)]], after=4)
    x, y, z = msg.fields
    x.offset, z.offset = z.offset, x.offset
    intensity = PointField(name='intensity', offset=12, datatype=PointField.UINT16, count=2)
    msg.fields = [intensity, z, x, y]
    assert as_lists(cloud_points(msg, read)) == [(3.0, 2.0, 1.0)]


@pytest.mark.parametrize('is_dense', [False, True])
@pytest.mark.parametrize('unknown', [math.nan, math.inf, -math.inf])
def test_points_that_are_not_finite_are_left_out(read, is_dense, unknown):
    rows = [[(1.0, 2.0, 3.0), (unknown, 0.0, 1.0), (0.0, 1.0, unknown)]]
    msg = cloud(rows, is_dense=is_dense)
    assert as_lists(cloud_points(msg, read)) == [(1.0, 2.0, 3.0)]


def test_what_float32_does_not_hold_is_left_out(read):
    msg = cloud([[(1e300, 0.0, 1.0), (1.0, 2.0, 3.0)]], layout='ddd')
    assert as_lists(cloud_points(msg, read)) == [(1.0, 2.0, 3.0)]


@pytest.mark.parametrize('rows', [[[]], [[], []]])
def test_an_empty_cloud_has_no_points(read, rows):
    assert cloud_points(cloud(rows), read).shape == (0, 3)


def test_the_row_step_of_a_single_row_says_nothing(read):
    assert len(cloud_points(cloud([POINTS], row_step=0), read)) == len(POINTS)


def renamed(msg, index, **changes):
    for name, value in changes.items():
        setattr(msg.fields[index], name, value)
    return msg


@pytest.mark.parametrize(
    ('msg', 'says'),
    [
        (cloud([POINTS], fields=[]), 'no field x and y and z: expected x, y and z, got none'),
        (renamed(cloud([POINTS]), 2, name='depth'), 'no field z: .* got x, y, depth'),
        (renamed(cloud([POINTS]), 1, datatype=PointField.INT32), 'field y: .* got datatype 5'),
        (renamed(cloud([POINTS]), 1, datatype=99), 'field y: .* got datatype 99'),
        (renamed(cloud([POINTS]), 1, count=3), 'field y: .* count 3'),
        (renamed(cloud([POINTS]), 2, offset=9), 'field z ends at byte 13 of 12'),
        (cloud([POINTS], point_step=0), r'ends at byte 4 of 0 \(point_step\)'),
        (cloud([POINTS], width=5), '5 x 1 points of 12 bytes .* and 48 bytes'),
        (cloud([POINTS], data=array.array('B')), 'and 0 bytes'),
        (cloud([POINTS[:2], POINTS[2:]], row_step=23), 'row_step >= 24 .* got row_step 23'),
        (cloud([POINTS], width=2**32 - 1, height=2**32 - 1), 'got row_step 48'),
    ],
)
def test_a_message_that_is_no_cloud_is_refused_by_name(read, msg, says):
    with pytest.raises(CloudError, match=says):
        cloud_points(msg, read)


@pytest.fixture
def unknown_best():
    best_reader.cache_clear()
    yield
    best_reader.cache_clear()


def test_sensor_msgs_py_reads_where_it_is_installed(unknown_best):
    pytest.importorskip('sensor_msgs_py')
    assert best_reader() is read_with_sensor_msgs_py


def test_numpy_reads_where_sensor_msgs_py_is_missing_or_broken(monkeypatch, unknown_best):
    monkeypatch.setitem(sys.modules, 'sensor_msgs_py', None)  # import fails
    assert best_reader() is read_with_numpy
    assert as_lists(cloud_points(cloud([POINTS]))) == POINTS
