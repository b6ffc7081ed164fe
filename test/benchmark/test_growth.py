"""Growth is told from known quantities; a point that sticks out is found."""

import pytest

from zoedepth_ros.benchmark.growth import fit

QUANTITIES = [(1.0, n, n * n) for n in (1e9, 2e9, 4e9, 8e9, 1.6e10)]


def test_amounts_that_are_such_a_sum_are_taken_apart():
    amounts = [5.0 + 3e-9 * n + 2e-19 * n2 for _, n, n2 in QUANTITIES]
    found = fit(amounts, QUANTITIES)
    assert found.factors == pytest.approx((5.0, 3e-9, 2e-19), rel=1e-6)
    assert found.kinks == ()
    assert found.expected == pytest.approx(amounts)


def test_a_quantity_of_no_use_gets_no_negative_factor():
    amounts = [3e-9 * n - 1e-21 * n2 for _, n, n2 in QUANTITIES]
    found = fit(amounts, QUANTITIES)
    assert min(found.factors) >= 0
    assert found.factors[1] == pytest.approx(3e-9, rel=0.05)


def test_a_point_that_takes_twice_as_long_is_a_kink():
    amounts = [3e-9 * n for _, n, _ in QUANTITIES]
    amounts[1] *= 2
    assert 1 in fit(amounts, QUANTITIES).kinks
    with pytest.raises(ValueError, match='positive'):
        fit([0.0, 1.0], QUANTITIES[:2])
