"""Sides are measured in turn, and many times become a few numbers."""

import math

import pytest

from zoedepth_ros.benchmark.timing import in_turn, ratio, spread


def test_sides_run_in_turn_and_every_other_round_goes_backwards():
    order = []
    sides = {name: lambda name=name: order.append(name) for name in 'abc'}
    times_ms = in_turn(sides, rounds=3, warm_up=1)
    assert ''.join(order) == 'cba' + 'abc' + 'cba' + 'abc'
    assert {name: len(times) for name, times in times_ms.items()} == {'a': 3, 'b': 3, 'c': 3}


def test_the_time_of_a_side_is_its_own(monkeypatch):
    now_ns = [0]
    monkeypatch.setattr('time.perf_counter_ns', lambda: now_ns[0])

    def takes(ms):
        def run():
            now_ns[0] += ms * 1_000_000

        return run

    times_ms = in_turn({'slow': takes(7), 'fast': takes(2)}, rounds=2)
    assert times_ms == {'slow': [7.0, 7.0], 'fast': [2.0, 2.0]}


def test_a_spread_names_the_middle_and_the_ends():
    found = spread([*range(1, 101)])
    assert (found.median_ms, found.p5_ms, found.p95_ms, found.p99_ms) == (50.5, 5, 95, 99)
    assert found.n == 100
    assert found.relative == pytest.approx(45 / 50.5)


def test_few_times_are_their_own_ends():
    assert spread([3.0]).p99_ms == spread([3.0]).p5_ms == 3.0
    assert spread([1.0, 2.0, 9.0]).p95_ms == 9.0
    assert math.isnan(spread([0.0]).relative)
    with pytest.raises(ValueError, match='no time was measured'):
        spread([])


def test_a_ratio_is_taken_round_by_round():
    # a machine that is half as fast in one round: both sides double, the ratio stays
    assert ratio([8.0, 4.0, 4.0], [2.0, 1.0, 1.0]) == 4.0
    with pytest.raises(ValueError, match='shorter'):
        ratio([1.0, 2.0], [1.0])
