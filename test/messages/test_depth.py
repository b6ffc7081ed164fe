"""Depth of Image messages becomes metres."""

import struct
from types import SimpleNamespace

import numpy as np
import pytest

from zoedepth_ros.messages.images import depth_from_image


def image(encoding, rows, step, *, big=False):
    """Make an Image with padded rows."""
    data = b''.join(row.ljust(step, b'\xa5') for row in rows)
    return SimpleNamespace(
        encoding=encoding, height=len(rows), width=2, step=step, is_bigendian=int(big), data=data
    )


@pytest.mark.parametrize('order', ['<', '>'])
def test_metres_and_millimetres_of_padded_rows_in_either_byte_order(order):
    floats = [struct.pack(order + 'ff', *row) for row in ((1.0, 2.5), (3.0, float('nan')))]
    millimetres = [struct.pack(order + 'HH', *row) for row in ((1000, 2500), (3000, 0))]
    expected = [[1.0, 2.5], [3.0, np.nan]]
    for encoding, rows, step in (('32FC1', floats, 12), ('16UC1', millimetres, 6)):
        depth_m = depth_from_image(image(encoding, rows, step, big=order == '>'))
        assert depth_m.dtype == np.float32
        np.testing.assert_allclose(depth_m, expected, rtol=1e-6)


def test_another_encoding_is_not_depth():
    with pytest.raises(ValueError, match='bgr8'):
        depth_from_image(image('bgr8', [b'123456'] * 2, 6))


@pytest.mark.parametrize(('rows', 'step'), [([b'1234'] * 2, 4), ([], 8)])
def test_data_that_do_not_fit_the_size_are_refused(rows, step):
    msg = image('32FC1', rows, step)
    msg.height = 2
    with pytest.raises(ValueError, match=r'2 x 2 px 32FC1 needs step >= 8'):
        depth_from_image(msg)
