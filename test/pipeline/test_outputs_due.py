"""What an image is used for: requested outputs and independent rates."""

import numpy as np
import pytest

from zoedepth_ros.pipeline.outputs_due import Schedule
from zoedepth_ros.pipeline.settings import settings_from

ALL = frozenset({'depth/image', 'depth/points', 'domain'})


def counts(requested, seconds=10.0, camera_hz=30.0, **rates):
    settings = settings_from({f'{name}.rate': rate for name, rate in rates.items()})
    schedule, done = Schedule(), {'depth': 0, 'cloud': 0, 'router': 0, 'frames': 0}
    for now in np.arange(0.0, seconds, 1.0 / camera_hz).tolist():
        due = schedule.due(now, requested, settings)
        if due:
            schedule.done(due, now)
            done['frames'] += 1
            done['depth'] += bool(due.depth)
            done['cloud'] += 'depth/points' in due.clouds
            done['router'] += due.router
    return done


def test_the_rates_are_independent():
    done = counts(ALL, depth=5.0, cloud=3.0, router=2.0)
    assert done['depth'] == pytest.approx(50, abs=2)
    assert done['cloud'] == pytest.approx(30, abs=2)
    assert done['router'] == pytest.approx(20, abs=2)


def test_the_cloud_may_be_faster_than_the_depth():
    done = counts(ALL, depth=2.0, cloud=15.0, router=2.0)
    assert done['cloud'] == pytest.approx(150, abs=2)
    assert done['depth'] == pytest.approx(20, abs=2)


def test_depth_follows_the_camera_by_default():
    assert counts(ALL)['depth'] == 300


def test_without_requests_there_is_nothing_to_do():
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
