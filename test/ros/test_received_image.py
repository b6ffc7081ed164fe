"""Stamps in order, late, and from the second round of a bag."""

import pytest

from zoedepth_ros.ros.received_image import StampOrder


def decisions(stamps_s, arrivals_s=None, max_age_s=0.5):
    order = StampOrder()
    arrivals_s = range(len(stamps_s)) if arrivals_s is None else arrivals_s
    return [order.check(s, a, max_age_s) for s, a in zip(stamps_s, arrivals_s, strict=True)]


def test_an_image_older_than_the_last_one_is_behind():
    assert decisions([1.0, 1.2, 1.1, 1.3]) == ['next', 'next', 'behind', 'next']


def test_the_same_stamp_twice_is_behind():
    assert decisions([1.0, 1.0]) == ['next', 'behind']


def test_images_without_stamps_all_pass():
    assert decisions([0.0, 0.0, 0.0], max_age_s=0.0) == ['next'] * 3


def test_a_bag_that_loops_begins_anew_though_the_clock_goes_on():
    assert decisions([10.0, 20.0, 10.0, 10.1], max_age_s=0.0) == [
        'next',
        'next',
        'restart',
        'next',
    ]


def test_a_clock_that_goes_back_begins_anew_however_little():
    assert decisions([10.0, 10.2, 10.1], [10.0, 10.2, 10.1]) == ['next', 'next', 'restart']


def test_a_late_image_after_a_restart_is_still_behind():
    assert decisions([10.0, 20.0, 10.0, 10.2, 10.1], max_age_s=0.0)[-1] == 'behind'


@pytest.mark.parametrize(('max_age_s', 'decision'), [(2.0, 'behind'), (1.4, 'restart')])
def test_what_counts_as_another_time_is_the_age_that_is_still_taken(max_age_s, decision):
    assert decisions([10.0, 8.5], max_age_s=max_age_s)[-1] == decision
