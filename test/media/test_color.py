"""Colours of depth: near warm, far cold, unknown black, and ticks where they belong."""

import numpy as np
import pytest

from zoedepth_ros.media.color import depth_range, depth_to_bgr, linear_ticks, nice_ticks, scale_bar


def test_near_is_warm_and_far_is_cold():
    bgr = depth_to_bgr(np.array([[1.0, 10.0]], np.float32), 1.0, 10.0).astype(int)
    near, far = bgr[0]
    assert near[2] > 100 + near[0], 'near must be red'
    assert far[0] > 100 + far[2], 'far must be blue'


@pytest.mark.parametrize('unknown', [np.nan, np.inf, -np.inf, 0.0, -1.0])
def test_unknown_is_black_and_nothing_known_is(unknown):
    depth_m = np.array([[unknown, 0.01, 1.0, 10.0, 1e6]], np.float32)
    bgr = depth_to_bgr(depth_m, 1.0, 10.0)
    assert (bgr.shape, bgr.dtype) == ((1, 5, 3), np.uint8)
    assert bgr[0, 0].tolist() == [0, 0, 0]
    assert (bgr[0, 1:].max(axis=-1) > 100).all()
    assert not depth_to_bgr(np.full((4, 4), unknown, np.float32)).any()


def test_depth_beyond_the_limits_has_the_colour_of_the_limit():
    bgr = depth_to_bgr(np.array([[0.5, 1.0, 10.0, 99.0]], np.float32), 1.0, 10.0)[0]
    assert bgr[0].tolist() == bgr[1].tolist()
    assert bgr[2].tolist() == bgr[3].tolist()
    assert bgr[1].tolist() != bgr[2].tolist()


def test_equal_ratios_of_distance_are_equal_steps_of_colour():
    # 2 lies as far between 1 and 4 as 4 between 2 and 8: half way
    half = depth_to_bgr(np.array([[2.0]], np.float32), 1.0, 4.0)
    other_half = depth_to_bgr(np.array([[4.0]], np.float32), 2.0, 8.0)
    assert half.tolist() == other_half.tolist()


@pytest.mark.parametrize('limits', [(0.0, 1.0), (2.0, 1.0), (1.0, 1.0), (1.0, np.inf)])
def test_impossible_limits_are_refused(limits):
    with pytest.raises(ValueError, match='0 < near_m < far_m'):
        depth_to_bgr(np.ones((2, 2), np.float32), *limits)


@pytest.mark.parametrize('limits', [{'near_m': 50.0}, {'far_m': 0.5}])
def test_one_given_limit_wins_over_what_the_depth_holds(limits):
    assert depth_to_bgr(np.linspace(1, 9, 20, dtype=np.float32)[None], **limits).any()


def test_the_range_ignores_unknown_pixels_and_a_few_outliers():
    depth_m = np.linspace(2.0, 3.0, 1000, dtype=np.float32)
    depth_m[:3] = [np.nan, 1e9, -5.0]
    near_m, far_m = depth_range(depth_m)
    assert near_m == pytest.approx(2.0, abs=0.02)
    assert far_m == pytest.approx(3.0, abs=0.02)


def test_a_flat_wall_gets_a_range_around_it():
    near_m, far_m = depth_range(np.full((9, 9), 2.0, np.float32))
    assert near_m < 2.0 < far_m < 2.5


@pytest.mark.parametrize(
    ('near', 'far', 'count', 'expected'),
    [
        (0.9, 80.0, 8, [1, 2, 5, 10, 20, 50]),
        (0.09, 900.0, 8, [0.1, 0.3, 1, 3, 10, 30, 100, 300]),
        (1.9, 2.1, 4, [1.9, 1.95, 2, 2.05, 2.1]),
        (0.5, 10.0, 5, [0.5, 1, 2, 5, 10]),
    ],
)
def test_ticks_are_round_numbers(near, far, count, expected):
    assert nice_ticks(near, far, count) == expected


def test_linear_ticks_are_round_and_pass_zero():
    assert linear_ticks(-0.5, 1.0, 3) == [-0.5, 0.0, 0.5, 1.0]
    assert linear_ticks(0.0, 80.0, 8) == [0, 10, 20, 30, 40, 50, 60, 70, 80]


def test_the_scale_has_the_colours_of_the_image_far_on_top():
    bar = scale_bar(300, 1.0, 10.0, text_px=12.0)
    near_far = depth_to_bgr(np.array([[1.0, 10.0]], np.float32), 1.0, 10.0)[0]
    rows = [np.flatnonzero((bar == color).all(axis=2).any(axis=1)) for color in near_far]
    assert rows[1].min() < 60
    assert rows[0].max() > 270
    assert rows[1].max() < rows[0].min()


@pytest.mark.parametrize('height', [8, 30, 64, 2000])
def test_a_scale_fits_any_height(height):
    assert scale_bar(height, 0.3, 80.0, text_px=12.0).shape[0] == height


@pytest.mark.parametrize(('near', 'far'), [(1e-3, 1e4), (1.0, 1.1), (79.0, 80.0), (0.1, 0.35)])
def test_every_scale_has_at_least_two_ticks_inside_it(near, far):
    for count in range(2, 9):
        ticks = nice_ticks(near, far, count)
        assert len(ticks) >= 2
        assert all(near * 0.999 <= tick <= far * 1.001 for tick in ticks)
        assert len(ticks) <= count + 3
