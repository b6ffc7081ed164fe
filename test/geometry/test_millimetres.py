"""Depth in 16 bits, compared with fractions: the same for the node, recordings and files."""

from fractions import Fraction

import numpy as np
import pytest
from std_msgs.msg import Header

from zoedepth_ros.geometry.filters import write_depth
from zoedepth_ros.geometry.millimetres import to_millimetres
from zoedepth_ros.media.files import read_depth_png, write_depth_png
from zoedepth_ros.pipeline.outputs import ImageWriter
from zoedepth_ros.ros.publishers import make

NAN, INF = np.nan, np.inf


def halves():
    """Return the float32 numbers around every half millimetre up to 66 m, and random ones."""
    random = np.random.default_rng(1)
    near_m = ((np.arange(0, 66000, 7) + 0.5) / 1000).astype(np.float32)
    ends_m = np.float32([65.5345, 65.535, 65.5355, 65.53551, 65.536, 66.0, 1e30, 0.0005, 0.0004])
    return np.concatenate([
        near_m, np.nextafter(near_m, np.float32(0)), np.nextafter(near_m, np.float32(99)),
        random.uniform(0.0, 70.0, 5000).astype(np.float32), ends_m,
    ])[None]  # fmt: skip


def exactly(depth_m):
    """Round without any floating point; what 16 bits do not hold is 0."""
    found = [round(Fraction(float(value)) * 1000) for value in depth_m.ravel()]
    return np.array([mm if mm <= 65535 else 0 for mm in found]).reshape(depth_m.shape)


@pytest.mark.parametrize(
    ('metres', 'expected'),
    [(1.2345, 1235), (65.5355, 65535), (65.536, 0), (0.0004, 0), (0.0015, 2), (2.5, 2500)],
)
def test_single_numbers(metres, expected):
    assert to_millimetres(np.float32([[metres]]))[0] == expected


def test_every_number_is_rounded_once():
    depth_m = halves()
    found, too_far = to_millimetres(depth_m)
    np.testing.assert_array_equal(found, exactly(depth_m))
    assert too_far == (np.rint(depth_m.astype(float) * 1000) > 65535).sum() > 100


def test_what_is_unknown_or_out_of_range_is_0():
    row = np.float32([[NAN, INF, -INF, -1.0, 0.0, 0.5, 1.0, 5.0, 5.1, 70.0]])
    found, too_far = to_millimetres(row, min_m=1.0, max_m=5.0)
    assert found.tolist() == [[0, 0, 0, 0, 0, 0, 1000, 5000, 0, 0]]
    assert too_far == 0  # out of the configured range
    assert to_millimetres(row)[1] == 1


def test_message_and_file_hold_the_same_numbers(tmp_path):
    depth_m = halves()
    expected = exactly(depth_m)
    writer = ImageWriter(make, '16UC1')
    write_depth(depth_m, writer.pixels(*depth_m.shape), min_m=0.0, max_m=0.0)
    in_message = np.frombuffer(writer.message(Header()).data, np.uint16)
    write_depth_png(tmp_path / 'a.png', depth_m)
    filed = np.nan_to_num(read_depth_png(tmp_path / 'a.png')) * 1000
    for numbers in (in_message, np.rint(filed)):
        np.testing.assert_array_equal(numbers.reshape(depth_m.shape), expected)
