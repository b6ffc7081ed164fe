from __future__ import annotations

import dataclasses
import json
import subprocess
import sys

import pytest

from zoedepth_ros.model.backbones.config import BeitConfig
from zoedepth_ros.model.config import BinsConfig, HeadConfig, ModelConfig, RouterConfig
from zoedepth_ros.model.presets import PRESETS, preset


@pytest.mark.parametrize('name', PRESETS)
def test_settings_survive_json(name: str) -> None:
    config = preset(name)
    assert ModelConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


def test_settings_of_files_from_before_there_were_families_are_those_of_a_beit() -> None:
    values = preset('ZoeD_tiny_NK').to_dict()
    del values['backbone']['kind']
    assert ModelConfig.from_dict(values) == preset('ZoeD_tiny_NK')


def test_settings_are_not_loaded_with_torch() -> None:
    code = "import sys, zoedepth_ros.model.presets; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, '-c', code], check=False).returncode == 0


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"no model 'ZoeD_X': .*ZoeD_M12_NK.*ZoeD_tiny_N"):
        preset('ZoeD_X')


@pytest.mark.parametrize('size', ['M12', 'B12', 'BeitL512', 'Swin2T', 'Swin2B', 'Swin2L', 'tiny'])
def test_heads_are_named_after_what_they_were_trained_on(size: str) -> None:
    assert preset(f'ZoeD_{size}_N').head_names == ('indoor',)
    assert preset(f'ZoeD_{size}_K').head_names == ('outdoor',)
    assert preset(f'ZoeD_{size}_NK').head_names == ('indoor', 'outdoor')


def test_training_sizes_are_those_of_the_released_networks() -> None:
    assert preset('ZoeD_M12_N').image_size == (384, 512)
    assert preset('ZoeD_M12_K').image_size == (384, 768)
    assert preset('ZoeD_M12_NK').image_size == (384, 512)


def test_k_reaches_eighty_metres() -> None:
    assert preset('ZoeD_M12_K').heads[0].depth_range_m == (1e-3, 80.0)


def test_attractors_are_as_strong_and_as_many_as_in_the_released_networks() -> None:
    assert preset('ZoeD_M12_N').bins.n_attractors == (16, 8, 4, 1)
    assert preset('ZoeD_M12_NK').bins.n_attractors == (16, 16, 16, 16)
    assert {preset(f'ZoeD_M12_{v}').bins.attractor_strength for v in ('N', 'K', 'NK')} == {300.0}


BACKBONE = {'embed_dim': 32, 'depth': 4, 'num_heads': 4, 'channels': (8, 8, 8, 8)}


@pytest.mark.parametrize(
    ('wrong', 'message'),
    [
        (
            lambda: BeitConfig(**BACKBONE, taps=(0, 1, 2, 4)),
            'taps must be blocks from 0 to 3, got 4',
        ),
        (
            lambda: BeitConfig(**BACKBONE, taps=(0, 2, 1, 3)),
            'taps .numbers of blocks. must be 0 or more and increase',
        ),
        (
            lambda: BeitConfig(**BACKBONE | {'num_heads': 5}, taps=(0, 1, 2, 3)),
            'embed_dim must be a multiple of num_heads, got 32 and 5',
        ),
        (lambda: BinsConfig(n_bins=1), 'at least 2, got 1'),
        (lambda: BinsConfig(n_attractors=(4, 4, 0, 1)), 'n_attractors must be 1 or more'),
        (lambda: BinsConfig(min_temperature=60.0), '60.0 and 50.0'),
        (lambda: RouterConfig(embed_dim=30), 'even and a multiple of num_heads, got 30 and 4'),
        (lambda: HeadConfig('outdoor', bin_type='normed'), 'needs depth_range_m'),
        (lambda: HeadConfig('indoor', depth_range_m=(0.1, 10.0)), 'allows none'),
        (lambda: HeadConfig('outdoor', 'normed', (5.0, 2.0)), 'near < far'),
        (lambda: HeadConfig('outdoor', 'linear'), "got 'linear'"),  # type: ignore[arg-type]
    ],
)
def test_impossible_settings_are_refused(wrong: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        wrong()  # type: ignore[operator]


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'image_size': (384, 500)}, 'positive multiples of 32, got 384 x 500'),
        ({'router': None}, 'expected a router with several heads'),
        ({'heads': (HeadConfig('indoor'), HeadConfig('indoor'))}, 'unique names'),
    ],
)
def test_parts_that_do_not_fit_together_are_refused(
    change: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(preset('ZoeD_tiny_NK'), **change)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    'change',
    [
        {'bins': {'n_bin': 3}},
        {'heads': 3},
        {'backbone': None},
        {'backbone': {'kind': 'x'}},
        {'a': 1},
    ],
)
def test_settings_with_other_fields_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match='the settings of the model are not valid'):
        ModelConfig.from_dict(preset('ZoeD_tiny_N').to_dict() | change)
