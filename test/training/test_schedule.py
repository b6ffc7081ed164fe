"""Numbers of the official code: a tiny BEiT, N and NK, along a run of 100 steps."""

import pytest
import torch

from zoedepth_ros.model.backbones.config import BeitConfig
from zoedepth_ros.model.config import BinsConfig, DecoderConfig, ModelConfig, RouterConfig
from zoedepth_ros.model.presets import INDOOR, OUTDOOR
from zoedepth_ros.model.zoedepth import ZoeDepth
from zoedepth_ros.training.config import DivisorsConfig, ScheduleConfig
from zoedepth_ros.training.optimizers import one_cycle, parameter_groups

TINY_BEIT = BeitConfig(
    embed_dim=64, depth=4, num_heads=4, taps=(0, 1, 2, 3), channels=(16, 24, 32, 32), window=(6, 6)
)
NK_BINS = BinsConfig(
    seed_hidden=64,
    projector_hidden=64,
    n_attractors=(16, 16, 16, 16),
    conditioned_on_relative_depth=False,
    bottleneck_factor=4,
)
DECODER = DecoderConfig(features=32, relative_hidden=16, relative_features=32)
N = ModelConfig('N', (96, 96), TINY_BEIT, (INDOOR,), DECODER)
NK = ModelConfig('NK', (96, 96), TINY_BEIT, (INDOOR, OUTDOOR), DECODER, NK_BINS, RouterConfig())
DEAD_ENCODER = 10 * 64 + 10 + 2 * 64
"""The official class head (ten classes there) and last norm, which nothing reads."""
DEAD_DECODER = 2 * (9 * 32 * 32 + 32)
"""The official unit for the skip that the coarsest level does not have."""

N_DIVISORS = DivisorsConfig()
NK_DIVISORS = DivisorsConfig(decoder=10.0)


def groups(config, learning_rate, divisors):
    return parameter_groups(ZoeDepth(config), learning_rate, divisors)


def counts(config):
    return [sum(p.numel() for p in g['params']) for g in groups(config, 1.0, N_DIVISORS)]


def test_parts_of_nk_have_the_official_numbers_of_parameters():
    official = [305722 - DEAD_ENCODER, 1984, 191441 - DEAD_DECODER, 1567994]
    assert counts(NK) == official


def test_parts_of_n_have_the_official_numbers_of_parameters():
    official = [305722 - DEAD_ENCODER, 1984, 191441 - DEAD_DECODER, 212705]
    assert counts(N) == official


def test_every_parameter_is_in_exactly_one_group():
    model = ZoeDepth(NK)
    grouped = [id(p) for g in parameter_groups(model, 1.0, N_DIVISORS) for p in g['params']]
    assert sorted(grouped) == sorted(id(p) for p in model.parameters())


@pytest.mark.parametrize(
    ('config', 'learning_rate', 'divisors', 'expected'),
    [
        (
            N,
            1.61e-4,
            N_DIVISORS,
            {
                0: ([1.61e-5, 1.61e-5, 1.61e-4, 1.61e-4], 0.95),
                1: ([1.61e-5, 1.61e-5, 1.61e-4, 1.61e-4], 0.9499481836823364),
                35: ([1.61e-5, 1.61e-5, 1.61e-4, 1.61e-4], 0.8988618401071947),
                69: ([1.61e-5, 1.61e-5, 1.61e-4, 1.61e-4], 0.85),
                70: (
                    [1.605590566758883e-05] * 2 + [0.0001605590566758883] * 2,
                    0.8502739052315863,
                ),
                85: (
                    [7.209435016108322e-06] * 2 + [7.209435016108323e-05] * 2,
                    0.9052264231633826,
                ),
                98: (
                    [4.570433241117148e-08] * 2 + [4.570433241117148e-07] * 2,
                    0.9497260947684136,
                ),
                99: ([1.61e-09] * 2 + [1.61e-08] * 2, 0.95),
            },
        ),
        (
            NK,
            2.512e-4,
            NK_DIVISORS,
            {
                0: ([2.512e-05] * 3 + [0.0002512], 0.95),
                35: ([2.512e-05] * 3 + [0.0002512], 0.8988618401071947),
                70: ([2.5051201886324926e-05] * 3 + [0.0002505120188632493], 0.8502739052315863),
                85: ([1.1248509789108137e-05] * 3 + [0.00011248509789108137], 0.9052264231633826),
                99: ([2.512e-09] * 3 + [2.512e-08], 0.95),
            },
        ),
    ],
    ids=['N', 'NK'],
)
def test_rates_and_momentum_follow_the_official_schedule(
    config, learning_rate, divisors, expected
):
    optimizer = torch.optim.AdamW(groups(config, learning_rate, divisors), weight_decay=0.01)
    schedule = one_cycle(optimizer, ScheduleConfig(), 100)
    for step in range(100):
        if step in expected:
            rates, momentum = expected[step]
            assert [g['lr'] for g in optimizer.param_groups] == pytest.approx(rates, rel=1e-12)
            assert optimizer.param_groups[0]['betas'][0] == pytest.approx(momentum, rel=1e-12)
        optimizer.step()
        if step < 99:
            schedule.step()


@pytest.mark.parametrize(('rising_part', 'steps'), [(0.1, 10), (0.5, 2), (1.0, 7)])
def test_a_rate_that_begins_to_fall_at_the_first_or_the_last_step(rising_part, steps):
    optimizer = torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], lr=2.0)
    schedule = one_cycle(optimizer, ScheduleConfig(rising_part=rising_part), steps)
    rates = [optimizer.param_groups[0]['lr']]
    for _ in range(steps):
        optimizer.step()
        schedule.step()
        rates.append(optimizer.param_groups[0]['lr'])
    first, *others = rates[:steps]
    assert first == pytest.approx(2.0)
    assert others == sorted(others, reverse=True)
