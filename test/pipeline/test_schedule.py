"""What an image is used for: requested outputs and independent rates."""

import numpy as np
import pytest

from zoedepth_ros.pipeline.request import RateLimiter, Schedule
from zoedepth_ros.pipeline.settings import settings_from

ALL = frozenset({'depth/image', 'depth/points', 'domain'})


def counts(requested, **rates):
    """Count what the images of a camera of 30 Hz are used for in 10 s."""
    settings = settings_from({f'{name}.rate': rate for name, rate in rates.items()})
    schedule, done = Schedule(), {'depth': 0, 'cloud': 0, 'router': 0, 'frames': 0}
    for now in np.arange(0.0, 10.0, 1.0 / 30.0).tolist():
        due = schedule.due(now, requested, settings)
        if due:
            schedule.done(due, now)
            done['frames'] += 1
            done['depth'] += bool(due.depth)
            done['cloud'] += 'depth/points' in due.clouds
            done['router'] += due.router
    return done


@pytest.mark.parametrize('rates', [(5.0, 3.0, 2.0), (2.0, 15.0, 2.0)])
def test_the_rates_are_independent(rates):
    depth_hz, cloud_hz, router_hz = rates
    done = counts(ALL, depth=depth_hz, cloud=cloud_hz, router=router_hz)
    expected = [10.0 * rate_hz for rate_hz in rates]
    assert [done['depth'], done['cloud'], done['router']] == pytest.approx(expected, abs=2)


def test_depth_follows_the_camera_by_default_and_without_requests_there_is_nothing_to_do():
    assert counts(ALL)['depth'] == 300
    assert counts(frozenset())['frames'] == 0


def test_camera_info_alone_follows_the_depth_rate_without_the_network():
    settings = settings_from({'depth.rate': 10.0})
    schedule, published = Schedule(), 0
    for now in np.arange(0.0, 10.0, 1.0 / 30.0).tolist():
        due = schedule.due(now, frozenset({'depth/camera_info'}), settings)
        assert not due.needs_network
        if due:
            schedule.done(due, now)
            published += due.camera_info
    assert published == pytest.approx(100, abs=2)


def test_the_domain_alone_comes_at_the_routers_rate():
    done = counts(frozenset({'domain'}), router=2.0)
    assert done['frames'] == done['router'] == pytest.approx(20, abs=1)


def test_the_router_runs_for_depth_even_if_the_domain_is_not_requested():
    assert counts(frozenset({'depth/image'}), router=2.0)['router'] == pytest.approx(20, abs=1)


def test_the_scan_is_off_unless_enabled():
    schedule, requested = Schedule(), frozenset({'scan'})
    assert not schedule.due(0.0, requested, settings_from({}))
    due = schedule.due(0.0, requested, settings_from({'scan.enabled': True}))
    assert due.depth == {'scan'}


def test_without_a_camera_the_depth_remains():
    due = Schedule().due(0.0, ALL | {'scan'}, settings_from({'scan.enabled': True}))
    assert due.without_camera(depth=True).depth == {'depth/image'}
    assert not due.without_camera(depth=True).clouds
    assert due.without_camera(depth=False).depth == frozenset()


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


def test_zero_and_a_rate_above_the_cameras_take_every_frame():
    assert taken(RateLimiter(0.0), frames(30.0, 10.0)) == 300
    assert taken(RateLimiter(60.0), frames(30.0, 10.0, 0.004)) >= 298


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
