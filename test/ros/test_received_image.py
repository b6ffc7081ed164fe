"""Stamps in order, late, and from the second round of a bag."""

import pytest

from zoedepth_ros.ros.received_image import StampOrder

NEXT, BEHIND, RESTART = 'next', 'behind', 'restart'


@pytest.mark.parametrize(
    ('stamps_s', 'max_age_s', 'expected'),
    [
        ([1.0, 1.2, 1.1, 1.3], 0.5, [NEXT, NEXT, BEHIND, NEXT]),
        ([1.0, 1.0], 0.5, [NEXT, BEHIND]),
        ([0.0, 0.0, 0.0], 0.0, [NEXT, NEXT, NEXT]),  # images without stamps
        # a bag that loops although the clock goes on, and a late image of its second round
        ([10.0, 20.0, 10.0, 10.2, 10.1], 0.0, [NEXT, NEXT, RESTART, NEXT, BEHIND]),
        # farther behind than any image that is not too old
        ([10.0, 8.5], 2.0, [NEXT, BEHIND]),
        ([10.0, 8.5], 1.4, [NEXT, RESTART]),
    ],
)
def test_a_stamp_continues_the_stream_or_restarts_it_or_comes_too_late(
    stamps_s, max_age_s, expected
):
    order = StampOrder()
    found = [order.check(s, float(i), max_age_s) for i, s in enumerate(stamps_s)]
    assert found == expected


def test_a_clock_that_goes_back_begins_anew_however_little():
    order = StampOrder()
    assert [order.check(s, s, 0.5) for s in (10.0, 10.2, 10.1)] == [NEXT, NEXT, RESTART]
