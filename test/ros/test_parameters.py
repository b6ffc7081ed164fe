"""Parameters: names, defaults and refusals; what several cameras share and what is their own."""

import math

import pytest

from zoedepth_ros.ros.parameters.camera_settings import CameraSettings
from zoedepth_ros.ros.parameters.node_settings import (
    TABLE,
    NodeSettings,
    PredictorSettings,
    settings_from,
    why_fixed,
)

PROMISED = {
    'model': 'ZoeD_M12_NK',
    'weights': '',
    'backend': 'auto',
    'device': 'auto',
    'precision': 'auto',
    'network.width': 0,
    'network.height': 0,
    'flip_augmentation': False,
    'pad_input': False,
    'image_transport': 'raw',
    'depth.rate': 0.0,
    'depth.encoding': '32FC1',
    'depth.min': 0.1,
    'depth.max': 0.0,
    'depth.scale': 1.0,
    'focal_correction': 'auto',
    'cloud.rate': 10.0,
    'cloud.decimation': 4,
    'cloud.color': True,
    'cloud.organized': True,
    'cloud.max_range': 0.0,
    'filter.edge': True,
    'filter.max_uncertainty': 0.0,
    'router.mode': 'auto',
    'router.rate': 2.0,
    'router.hysteresis': 0.15,
    'router.min_dwell': 1.0,
    'max_image_age': 0.5,
    'camera.hfov': 0.0,
    'autostart': True,
}


def test_the_promised_parameters_have_the_promised_defaults():
    for name, default in PROMISED.items():
        assert TABLE[name].default == default, name
        assert type(TABLE[name].default) is type(default), name


def test_every_parameter_is_described_and_limited():
    for name, spec in TABLE.items():
        assert len(spec.description) > 15, name
        if type(spec.default) in (int, float):
            assert spec.limits is not None, name
            assert spec.limits[0] <= spec.default <= spec.limits[1], name


def test_numbers_say_their_unit():
    pure = {'depth.scale', 'cloud.decimation', 'router.smoothing', 'router.hysteresis'}
    pure |= {'diagnostics.warn_drops', 'diagnostics.error_drops', 'batch.limit', 'cliffs.images'}
    pure |= {'depth.image.compressedDepth.png_level', 'depth.color.compressed.jpeg_quality'}
    for name, spec in TABLE.items():
        if type(spec.default) in (int, float) and name not in pure:
            assert '[' in spec.description or ' px' in spec.description, name


def test_settings_take_values_by_their_ros_names():
    settings = settings_from({'depth.rate': 5.0, 'router.mode': 'outdoor'})
    assert (settings.depth_rate_hz, settings.router_mode) == (5.0, 'outdoor')
    assert settings_from({'depth.min': 0.3}, settings).depth_rate_hz == 5.0


@pytest.mark.parametrize(
    ('name', 'value', 'words'),
    [
        ('depth.rate', math.nan, 'depth.rate must be a finite number, got nan'),
        ('depth.scale', math.inf, 'finite'),
        ('cloud.rate', -1.0, 'at least 0'),
        ('cloud.rate', 1e9, 'at most 1000'),
        ('cloud.decimation', 0, 'at least 1'),
        ('depth.scale', 0.0, 'at least 0.01'),
        ('depth.rate', 5, r'must be a double, got 5: write 5\.0'),
        ('cloud.color', 1, 'must be a bool'),
        ('model', 3, 'must be a string'),
        ('depth.encoding', '64FC1', "one of 32FC1, 16UC1, got '64FC1'"),
        ('router.mode', 'mars', 'one of auto, indoor, outdoor'),
        ('network.width', 500, 'multiple of 32'),
        ('device', 'gpu', "'cpu'.*got 'gpu'"),
        ('device', 'cuda:x', 'cuda:N'),
        ('device', 'cuda:²', 'cuda:N'),
        ('device', 'cpu:0', 'cuda:N'),
        ('depth.max', 0.05, 'more than depth.min'),
        ('router.hysteresis', 1.0, 'at most 0.99'),
        ('weights', 'a\0b', 'zero byte'),
        ('cameras', 'front', 'cameras must be a list of strings'),
        ('cameras', ('front', 3), 'list of strings'),
        ('cameras', ('front', 'left eye'), 'letters, digits and _'),
        ('cameras', ('1st',), 'begin with a letter'),
        ('cameras', ('front', 'front'), 'twice'),
        (
            'cameras',
            ('front', 'depth'),
            'contain the name of a parameter or topic of the node, got depth',
        ),
        ('cameras', ('image',), 'contain the name of a parameter or topic of the node, got image'),
    ],
)
def test_a_wrong_value_is_refused_with_the_reason(name, value, words):
    with pytest.raises(ValueError, match=words):
        settings_from({name: value})


@pytest.mark.parametrize('device', ['auto', 'cpu', 'cuda', 'cuda:0', 'cuda:11'])
def test_devices_are_accepted(device):
    assert settings_from({'device': device}).device == device


def test_minimum_and_maximum_can_move_together():
    settings = settings_from({'depth.min': 20.0, 'depth.max': 50.0})
    with pytest.raises(ValueError, match='more than depth.min'):
        settings_from({'depth.max': 10.0}, settings)
    assert settings_from({'depth.min': 1.0, 'depth.max': 10.0}, settings).depth_max_m == 10.0


def test_what_the_network_is_made_of_is_fixed_while_active():
    now = NodeSettings()
    for name, other in (('model', 'x'), ('device', 'cpu'), ('precision', 'fp32')):
        after = settings_from({name: other})
        assert why_fixed(now, after, active=True) == (
            f'{name} cannot be changed while the node is active: deactivate the node first'
        )
        assert why_fixed(now, after, active=False) is None
    assert why_fixed(now, settings_from({'network.width': 512}), active=True)
    free = settings_from({'depth.rate': 5.0, 'router.mode': 'indoor'})
    assert why_fixed(now, free, active=True) is None


def test_setting_a_fixed_parameter_to_what_it_is_changes_nothing():
    assert why_fixed(NodeSettings(), settings_from({'model': 'ZoeD_M12_NK'}), active=True) is None


def test_the_predictor_is_made_from_its_own_part():
    settings = settings_from({'model': 'm', 'weights': 'w', 'network.height': 64})
    assert settings.predictor == PredictorSettings(
        model='m',
        weights='w',
        backend='auto',
        device='auto',
        precision='auto',
        optimization='auto',
        network_height=64,
        network_width=0,
        flip_augmentation=False,
        pad_input=False,
    )


def test_every_angle_of_a_parameter_is_in_radians():
    from zoedepth_ros.demo.source_parameters import PARAMETERS

    described = {name: spec.description for name, spec in TABLE.items()}
    described |= {spec.name: spec.description for spec in PARAMETERS}
    for name, text in described.items():
        assert 'deg' not in name, name
        assert '[degrees]' not in text, f'{name}: {text}'
        assert '[deg]' not in text, f'{name}: {text}'


TWO = CameraSettings(settings_from({'cameras': ['front', 'left']}))


def test_a_camera_without_anything_of_its_own_has_what_is_common():
    settings = TWO.changed({'depth.rate': 5.0})
    assert settings.of('front').depth_rate_hz == settings.of('left').depth_rate_hz == 5.0
    assert TWO.of('front').depth_rate_hz == 0.0


def test_a_cameras_own_value_stays_when_the_common_one_changes_until_it_is_taken_away():
    settings = TWO.changed({'front.depth.rate': 2.0}).changed({'depth.rate': 5.0})
    assert (settings.of('front').depth_rate_hz, settings.of('left').depth_rate_hz) == (2.0, 5.0)
    settings = settings.changed({'front.depth.rate': None})
    assert settings.of('front').depth_rate_hz == 5.0


def test_several_changes_are_judged_together():
    settings = TWO.changed({'front.depth.min': 20.0, 'front.depth.max': 40.0})
    assert settings.of('front').depth_min_m == 20.0
    with pytest.raises(ValueError, match=r'camera front: depth\.max must be'):
        settings.changed({'front.depth.max': 10.0})


@pytest.mark.parametrize(
    ('name', 'value', 'words'),
    [
        ('front.depth.rate', 5, r'must be a double, got 5: write 5\.0'),
        ('front.router.mode', 'mars', 'one of auto, indoor, outdoor'),
        ('rear.depth.rate', 5.0, r'rear\.depth\.rate is not a parameter'),
        ('front.depth.rat', 5.0, 'depth.rat is not a parameter of the camera front'),
        ('front.model', 'x', 'model has one value for all cameras'),
        ('front.batch.limit', 2, 'one value for all cameras'),
        ('front.cameras', ('a',), 'one value for all cameras'),
        ('depth.rate', None, 'depth.rate cannot be removed'),
    ],
)
def test_what_cannot_be_is_refused_with_the_reason(name, value, words):
    with pytest.raises(ValueError, match=words):
        TWO.changed({name: value})


def test_one_camera_without_a_name_has_no_parameters_of_its_own():
    single = CameraSettings(NodeSettings())
    assert single.of('') == NodeSettings()
    with pytest.raises(ValueError, match='is not a parameter'):
        single.changed({'front.depth.rate': 1.0})


def test_what_is_fixed_while_active_is_so_for_each_camera():
    after = TWO.changed({'left.image_transport': 'compressed'})
    assert after.why_fixed(TWO, active=False) is None
    assert after.why_fixed(TWO, active=True) == (
        'left.image_transport cannot be changed while the node is active: deactivate the node '
        'first'
    )
    assert TWO.changed({'left.depth.rate': 1.0}).why_fixed(TWO, active=True) is None
