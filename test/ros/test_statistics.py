"""Rates and stage times of ~/status."""

import math

import numpy as np
import pytest

from zoedepth_ros.ros.health.statistics import RateMeter, Window


def test_the_rate_of_a_regular_stream_is_measured():
    meter = RateMeter()
    for now in np.arange(0, 10, 0.05):
        meter.add(now)
    assert meter.rate_hz(9.96) == pytest.approx(20.0, rel=0.01)


def test_the_measured_rate_falls_when_the_stream_stops_and_rises_again():
    meter = RateMeter(window_s=5.0)
    for now in np.arange(0, 10, 0.1):
        meter.add(now)
    assert meter.rate_hz(12.0) < 9.0
    assert meter.rate_hz(16.0) == 0.0
    for now in np.arange(20, 21, 0.1):
        meter.add(now)
    assert meter.rate_hz(20.95) == pytest.approx(10.0, rel=0.05)


def test_percentiles_are_those_of_the_last_values():
    window = Window(size=100)
    assert all(math.isnan(v) for v in window.median_and_p95())
    for value in range(1000):
        window.add(float(value))
    assert window.median_and_p95() == (pytest.approx(949.5), pytest.approx(994.05))
