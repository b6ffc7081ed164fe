"""Several cameras: what is in common, what is a camera's own, what cannot be."""

import pytest

from zoedepth_ros.ros.parameters.camera_settings import CameraSettings
from zoedepth_ros.ros.parameters.node_settings import NodeSettings, settings_from

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
    ('name', 'value', 'says'),
    [
        ('front.depth.rate', 5, r'must be a double, got 5: write 5\.0'),
        ('front.router.mode', 'mars', 'one of auto, indoor, outdoor'),
        ('rear.depth.rate', 5.0, r'there is no parameter rear\.depth\.rate'),
        ('front.depth.rat', 5.0, 'there is no parameter depth.rat that front could have'),
        ('front.model', 'x', 'model is the same for all cameras'),
        ('front.batch.limit', 2, 'the same for all cameras'),
        ('front.cameras', ('a',), 'the same for all cameras'),
        ('depth.rate', None, 'depth.rate cannot be removed'),
    ],
)
def test_what_cannot_be_is_refused_with_the_reason(name, value, says):
    with pytest.raises(ValueError, match=says):
        TWO.changed({name: value})


def test_one_camera_without_a_name_has_no_parameters_of_its_own():
    single = CameraSettings(NodeSettings())
    assert single.of('') == NodeSettings()
    with pytest.raises(ValueError, match='there is no parameter'):
        single.changed({'front.depth.rate': 1.0})


def test_what_is_fixed_while_active_is_so_for_each_camera():
    after = TWO.changed({'left.image_transport': 'compressed'})
    assert after.why_fixed(TWO, active=False) is None
    assert after.why_fixed(TWO, active=True) == (
        'left.image_transport is fixed while the node is active: deactivate it first'
    )
    assert TWO.changed({'left.depth.rate': 1.0}).why_fixed(TWO, active=True) is None
