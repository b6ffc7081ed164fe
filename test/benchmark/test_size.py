"""Time and memory by size: growth as fitted."""

import math

import pytest
from fake_worker import FakeMachine

from zoedepth_ros.benchmark.parts import BenchmarkOptions
from zoedepth_ros.benchmark.size_benchmark import BATCHES, SIZES, fit, measure
from zoedepth_ros.benchmark.worker import WorkerError

OPTIONS = BenchmarkOptions(model='ZoeD_tiny_NK', rounds=2)


def grows(implementation, size, batch):
    """10 TFLOP/s outside attention, 1 in it: the operations are those of the fake machine."""
    pixels = math.prod(size)
    return batch * (1e-9 * 10_000 * pixels / 10 + 1e-9 * pixels**2 / 1)


def test_the_rates_are_found_and_all_points_are_on_the_fit():
    machine = FakeMachine(grows)
    section = measure(OPTIONS, machine)
    assert section.values['time_fit']['tflops'] == pytest.approx(10.0, rel=1e-3)
    assert section.values['time_fit']['attention_tflops'] == pytest.approx(1.0, rel=1e-3)
    assert len(section.values['points']) == len(SIZES) + len(BATCHES)
    assert {p['batch'] for p in section.values['points']} == {1, *BATCHES}
    assert {x.network_size for x in machine.opened} == set(SIZES)
    assert {row[4].lstrip('+-') for row in section.tables[0].rows} == {'0%'}


def test_a_size_that_takes_twice_as_long_is_far_from_the_fit():
    section = measure(
        OPTIONS, FakeMachine(lambda s, size, b: grows(s, size, b) * (1 + (size == (512, 640))))
    )
    from_fit = {row[0]: float(row[4].rstrip('%')) for row in section.tables[0].rows}
    assert max(from_fit, key=from_fit.get) == '1 x 512 x 640'
    assert from_fit['1 x 512 x 640'] > 25


def test_a_network_of_one_size_is_rejected_and_a_failure_reported():
    with pytest.raises(ValueError, match='ZoeD_Swin2T_N accepts only images of'):
        measure(BenchmarkOptions(model='ZoeD_Swin2T_N'), FakeMachine())
    with pytest.raises(WorkerError, match='too little memory'):
        measure(OPTIONS, FakeMachine(lacking={'ours': 'too little memory'}))


QUANTITIES = [(1.0, n, n * n) for n in (1e9, 2e9, 4e9, 8e9, 1.6e10)]


def test_the_factors_of_a_combination_are_found():
    amounts = [5.0 + 3e-9 * n + 2e-19 * n2 for _, n, n2 in QUANTITIES]
    factors, expected = fit(amounts, QUANTITIES)
    assert factors == pytest.approx((5.0, 3e-9, 2e-19), rel=1e-6)
    assert expected == pytest.approx(amounts)


def test_no_factor_is_negative():
    amounts = [3e-9 * n - 1e-21 * n2 for _, n, n2 in QUANTITIES]
    factors, _ = fit(amounts, QUANTITIES)
    assert min(factors) >= 0
    assert factors[1] == pytest.approx(3e-9, rel=0.05)


def test_a_network_without_attention_grows_linearly():
    without = [(1.0, n, 0.0) for _, n, _ in QUANTITIES]
    factors, _ = fit([5.0 + 3e-9 * n for _, n, _ in without], without)
    assert factors == pytest.approx((5.0, 3e-9, 0.0), rel=1e-6)
