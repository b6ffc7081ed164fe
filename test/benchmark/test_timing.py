"""Statistics of measured times."""

import pytest

from zoedepth_ros.benchmark.timing import ratio, spread


def test_a_spread_has_median_and_percentiles():
    found = spread([*range(1, 101)])
    assert (found.median_ms, found.p5_ms, found.p95_ms, found.p99_ms) == (50.5, 5, 95, 99)
    assert found.n == 100


def test_percentiles_of_few_times_are_their_extremes():
    assert spread([3.0]).p99_ms == spread([3.0]).p5_ms == 3.0
    assert spread([1.0, 2.0, 9.0]).p95_ms == 9.0
    with pytest.raises(ValueError, match='no time was measured'):
        spread([])


def test_a_ratio_is_taken_round_by_round():
    # a machine that is half as fast in one round: both times double, the ratio stays
    assert ratio([8.0, 4.0, 4.0], [2.0, 1.0, 1.0]) == 4.0
    with pytest.raises(ValueError, match='shorter'):
        ratio([1.0, 2.0], [1.0])
