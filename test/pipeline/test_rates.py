"""Rates hold on average, whatever the camera's rate and the clock's moods."""

import numpy as np
import pytest

from zoedepth_ros.pipeline.rates import RateLimiter


def taken(limiter, times):
    count = 0
    for now in times:
        if limiter.is_due(now):
            limiter.take(now)
            count += 1
    return count


def frames(rate_hz, seconds, jitter_s=0.0, start_s=1000.0):
    times = start_s + np.arange(round(rate_hz * seconds)) / rate_hz
    return times + np.random.default_rng(1).uniform(-jitter_s, jitter_s, len(times))


@pytest.mark.parametrize('wanted_hz', [1.0, 7.0, 10.0, 20.0, 25.0, 29.0, 30.0])
@pytest.mark.parametrize('jitter_s', [0.0, 0.004])
def test_any_rate_below_the_cameras_comes_out_on_average(wanted_hz, jitter_s):
    count = taken(RateLimiter(wanted_hz), frames(30.0, 20.0, jitter_s))
    assert count == pytest.approx(20.0 * wanted_hz, rel=0.03, abs=1)


def test_a_rate_above_the_cameras_takes_every_frame():
    assert taken(RateLimiter(60.0), frames(30.0, 10.0, 0.004)) >= 298


def test_zero_is_every_frame():
    assert taken(RateLimiter(0.0), frames(30.0, 10.0)) == 300


def test_asking_changes_nothing():
    limiter = RateLimiter(1.0)
    assert limiter.is_due(0.0)
    assert limiter.is_due(0.0)
    limiter.take(0.0)
    assert not limiter.is_due(0.5)
    assert limiter.is_due(1.0)


def test_a_clock_that_jumps_back_goes_on_at_once():
    limiter = RateLimiter(10.0)
    taken(limiter, frames(30.0, 5.0, start_s=1000.0))
    assert taken(limiter, frames(30.0, 5.0, start_s=10.0)) == pytest.approx(50, abs=1)


def test_a_pause_is_not_made_up_for():
    limiter = RateLimiter(10.0)
    taken(limiter, frames(30.0, 1.0, start_s=0.0))
    assert taken(limiter, frames(30.0, 1.0, start_s=100.0)) == pytest.approx(10, abs=1)


def test_a_new_rate_holds_at_once():
    limiter = RateLimiter(0.1)
    taken(limiter, [0.0])
    limiter.set_rate(10.0)
    assert taken(limiter, frames(30.0, 2.0, start_s=0.1)) == pytest.approx(20, abs=1)
