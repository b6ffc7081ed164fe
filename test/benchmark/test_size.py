"""Cost against size: expected growth is told from a kink, in words."""

import math

import pytest
from fake_worker import FakeMachine

from zoedepth_ros.benchmark.parts import Settings
from zoedepth_ros.benchmark.process import SideError
from zoedepth_ros.benchmark.size import BATCHES, SIZES, measure

SETTINGS = Settings(model='ZoeD_tiny_NK', rounds=2)


def grows(side, size, batch):
    """10 TFLOP/s outside attention, 1 in it: what the fake machine says of both."""
    pixels = math.prod(size)
    return batch * (1e-9 * 10_000 * pixels / 10 + 1e-9 * pixels**2 / 1)


def test_the_rates_come_out_and_nothing_sticks_out():
    machine = FakeMachine(grows)
    section = measure(SETTINGS, machine)
    assert section.values['time_fit']['tflops'] == pytest.approx(10.0, rel=1e-3)
    assert section.values['time_fit']['attention_tflops'] == pytest.approx(1.0, rel=1e-3)
    assert section.values['kinks_in_time'] == []
    assert len(section.values['points']) == len(SIZES) + len(BATCHES)
    assert {p['batch'] for p in section.values['points']} == {1, *BATCHES}
    assert {side.network_size for side in machine.opened} == set(SIZES)
    assert 'Time has no kink' in ' '.join(section.words)


def test_a_size_that_takes_twice_as_long_is_named():
    section = measure(
        SETTINGS, FakeMachine(lambda s, size, b: grows(s, size, b) * (1 + (size == (512, 640))))
    )
    assert '1 x 512 x 640' in section.values['kinks_in_time']
    assert any('kink at 1 x 512 x 640' in text for text in section.words)


def test_a_network_of_one_size_is_refused_and_a_broken_one_said():
    with pytest.raises(ValueError, match='ZoeD_Swin2T_N takes pictures of'):
        measure(Settings(model='ZoeD_Swin2T_N'), FakeMachine())
    with pytest.raises(SideError, match='too little memory'):
        measure(SETTINGS, FakeMachine(lacking={'ours': 'too little memory'}))
