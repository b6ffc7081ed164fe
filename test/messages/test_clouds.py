"""PointCloud2 of any layout becomes arrays."""

import array
import math
import struct

import pytest
from sensor_msgs.msg import PointCloud2, PointField

from zoedepth_ros.messages.clouds import CloudError, cloud_arrays, cloud_points

FLOAT32, FLOAT64 = PointField.FLOAT32, PointField.FLOAT64
POINTS = [(1.0, -2.0, 3.5), (0.25, 0.5, 8.0), (4.0, 5.0, 6.0), (-7.0, 8.0, 9.0)]


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
def test_points_come_back_from_every_layout(big_endian, layout, padding):
    msg = cloud(
        [POINTS[:2], POINTS[2:]],
        layout=layout, big_endian=big_endian, before=4, after=5, padding=padding,
    )  # fmt: skip
    for _ in range(2):  # reading changes nothing in the message
        points_m = cloud_points(msg)
        assert points_m.dtype.name == 'float32'
        assert as_lists(points_m) == POINTS


def test_the_fields_may_lie_in_any_order_among_others():
    msg = cloud([[(1.0, 2.0, 3.0)]], after=4)
    x, y, z = msg.fields
    x.offset, z.offset = z.offset, x.offset
    intensity = PointField(name='intensity', offset=12, datatype=PointField.UINT16, count=2)
    msg.fields = [intensity, z, x, y]
    assert as_lists(cloud_points(msg)) == [(3.0, 2.0, 1.0)]


@pytest.mark.parametrize('is_dense', [False, True])
@pytest.mark.parametrize('unknown', [math.nan, math.inf, -math.inf])
def test_points_that_are_not_finite_are_left_out(is_dense, unknown):
    rows = [[(1.0, 2.0, 3.0), (unknown, 0.0, 1.0), (0.0, 1.0, unknown)]]
    msg = cloud(rows, is_dense=is_dense)
    assert as_lists(cloud_points(msg)) == [(1.0, 2.0, 3.0)]


def test_what_float32_does_not_hold_is_left_out():
    msg = cloud([[(1e300, 0.0, 1.0), (1.0, 2.0, 3.0)]], layout='ddd')
    assert as_lists(cloud_points(msg)) == [(1.0, 2.0, 3.0)]


@pytest.mark.parametrize('rows', [[[]], [[], []]])
def test_an_empty_cloud_has_no_points(rows):
    assert cloud_points(cloud(rows)).shape == (0, 3)


def test_the_row_step_of_a_single_row_states_nothing():
    assert len(cloud_points(cloud([POINTS], row_step=0))) == len(POINTS)


def renamed(msg, index, **changes):
    for name, value in changes.items():
        setattr(msg.fields[index], name, value)
    return msg


@pytest.mark.parametrize(
    ('msg', 'words'),
    [
        (
            cloud([POINTS], fields=[]),
            'the cloud has no field x and y and z: expected x, y and z, got none',
        ),
        (renamed(cloud([POINTS]), 2, name='depth'), 'no field z: .* got x, y, depth'),
        (renamed(cloud([POINTS]), 1, datatype=PointField.INT32), 'field y: .* got datatype 5'),
        (renamed(cloud([POINTS]), 1, datatype=99), 'field y: .* got datatype 99'),
        (renamed(cloud([POINTS]), 1, count=3), 'field y: .* count 3'),
        (renamed(cloud([POINTS]), 2, offset=9), 'field z ends at byte 13, .* at byte 12'),
        (cloud([POINTS], point_step=0), r'ends at byte 4, .* at byte 0 \(point_step\)'),
        (cloud([POINTS], width=5), '5 x 1 points of 12 bytes: .* and 48 bytes of data'),
        (cloud([POINTS], data=array.array('B')), 'and 0 bytes'),
        (
            cloud([POINTS[:2], POINTS[2:]], row_step=23),
            'row_step of 24 or more .* got row_step 23',
        ),
        (cloud([POINTS], width=2**32 - 1, height=2**32 - 1), 'got row_step 48'),
    ],
)
def test_a_message_that_is_no_cloud_is_refused_by_name(msg, words):
    with pytest.raises(CloudError, match=words):
        cloud_points(msg)


def test_sensor_msgs_py_reads_the_same_where_it_is_installed():
    point_cloud2 = pytest.importorskip('sensor_msgs_py.point_cloud2')
    msg = cloud([POINTS], before=4, after=5)
    table = point_cloud2.read_points(msg, field_names=['x', 'y', 'z'])
    assert [tuple(row) for row in table.tolist()] == as_lists(cloud_points(msg))


def with_colors(rows, colors, padding=0):
    """Add the field rgb, the bits 0x00RRGGBB, behind each point; of one point in each row."""
    msg = cloud(rows, after=4, padding=padding)
    msg.fields = [PointField(name='rgb', offset=12, datatype=FLOAT32, count=1), *msg.fields]
    for number, bits in enumerate(colors):
        at = msg.row_step * number + 12
        msg.data[at : at + 4] = array.array('B', struct.pack('<I', bits))
    return msg


@pytest.mark.parametrize('padding', [0, 4])
def test_points_and_colours_come_row_by_row_with_unknown_ones(padding):
    rows = [[(1.0, 2.0, 3.0)], [(math.nan, 5.0, 6.0)]]
    msg = with_colors(rows, [0x00102030, 0x00FFFEFD], padding)
    points_m, rgb = cloud_arrays(msg)
    assert str(points_m.tolist()) == '[[1.0, 2.0, 3.0], [nan, 5.0, 6.0]]'
    assert rgb.tolist() == [[0x10, 0x20, 0x30], [0xFF, 0xFE, 0xFD]]


def test_a_cloud_without_colour_is_grey():
    assert cloud_arrays(cloud([POINTS[:2]]))[1].tolist() == [[128, 128, 128]] * 2


def test_colours_that_are_declared_as_whole_numbers_are_read_too():
    msg = renamed(with_colors([[(1.0, 2.0, 3.0)]], [0x00102030]), 0, datatype=PointField.UINT32)
    assert cloud_arrays(msg)[1].tolist() == [[0x10, 0x20, 0x30]]


def test_a_colour_beyond_the_end_of_the_point_is_refused():
    msg = renamed(with_colors([[(1.0, 2.0, 3.0)]], [0]), 0, offset=13)
    with pytest.raises(CloudError, match='field rgb ends at byte 17, .* at byte 16'):
        cloud_arrays(msg)
