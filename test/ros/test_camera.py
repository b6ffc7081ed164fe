"""From camera_info to rays and to the CameraInfo of the depth image."""

import math

import numpy as np
import pytest
from camera_keeper import CameraKeeper
from ros_harness import camera_info_message
from sensor_msgs.msg import RegionOfInterest
from std_msgs.msg import Header

from zoedepth_ros.messages.camera_info import CameraUnknown
from zoedepth_ros.ros.parameters.node_settings import NodeSettings, settings_from


def keeper(msg=None, topic='/camera/image_raw'):
    made = CameraKeeper(topic)
    if msg is not None:
        made.set_info(msg)
    return made


def test_nothing_is_computed_twice_until_something_changes():
    kept = keeper(camera_info_message())
    first = kept.camera(48, 64, NodeSettings())
    kept.set_info(camera_info_message())  # the next message is equal
    assert kept.camera(48, 64, NodeSettings()) is first
    assert first.rays(4) is first.rays(4)
    kept.set_info(camera_info_message(fx=51.0))
    assert kept.camera(48, 64, NodeSettings()) is not first


def test_camera_info_passes_through_with_the_header_of_the_rgb_image():
    msg = camera_info_message(d=[0.1, 0.01, 0.0, 0.0, 0.0])
    camera = keeper(msg).camera(48, 64, NodeSettings())
    info = camera.info(Header(frame_id='f'))
    assert info.header.frame_id == 'f'
    assert (info.height, info.width) == (48, 64)
    assert list(info.k) == list(msg.k)
    assert list(info.d) == list(msg.d)
    assert list(info.p) == list(msg.p)


def test_an_image_of_half_the_size_gets_half_the_intrinsics():
    msg = camera_info_message(96, 128, fx=100.0, fy=104.0)
    msg.p[3] = -10.0  # a stereo baseline of 0.1 m
    camera = keeper(msg).camera(48, 64, NodeSettings())
    info = camera.info(Header())
    assert (info.height, info.width) == (48, 64)
    # pixel centres: 63.5 + 0.5 = 64 from the left edge, of 128; 32 of 64
    np.testing.assert_allclose(info.k, [50, 0, 31.5, 0, 52, 23.5, 0, 0, 1])
    np.testing.assert_allclose(info.p, [50, 0, 31.5, -5.0, 0, 52, 23.5, 0, 0, 0, 1, 0])
    np.testing.assert_allclose(camera.rays()[0, 0], [-31.5 / 50, -23.5 / 52], rtol=1e-6)


def test_binning_and_region_of_interest_that_fit_the_image_stay_as_they_are():
    roi = RegionOfInterest(x_offset=20, y_offset=10, width=128, height=96)
    msg = camera_info_message(200, 300, binning_x=2, binning_y=2, roi=roi)
    info = keeper(msg).camera(48, 64, NodeSettings()).info(Header())
    assert (info.height, info.width, info.binning_x, info.roi.x_offset) == (200, 300, 2, 20)


@pytest.mark.parametrize('bad', [math.nan, math.inf, -50.0])
def test_impossible_focal_lengths_are_refused(bad):
    msg = camera_info_message()
    msg.k[0] = bad
    with pytest.raises(CameraUnknown):
        keeper(msg).camera(48, 64, NodeSettings())


@pytest.mark.parametrize(
    ('msg', 'reason', 'text'),
    [
        (None, 'no camera_info', r'camera\.hfov'),
        (camera_info_message(k=[0.0] * 9), 'uncalibrated camera', 'uncalibrated'),
        (camera_info_message(48, 100), 'unusable camera_info', r'64 x 48.*100 x 48'),
    ],
)
def test_what_is_no_camera_is_named_with_the_reason(msg, reason, text):
    with pytest.raises(CameraUnknown, match=text) as caught:
        keeper(msg).camera(48, 64, NodeSettings())
    assert caught.value.reason == reason


def test_a_field_of_view_stands_in_for_a_missing_calibration_only():
    guess = settings_from({'camera.hfov': math.pi / 2})
    camera = keeper().camera(48, 64, guess)
    assert camera.model.intrinsics.fx_px == pytest.approx(32.0)
    assert list(camera.info(Header()).k)[:3] == pytest.approx([32.0, 0.0, 31.5])
    msg = camera_info_message()
    msg.k = [0.0] * 9
    assert keeper(msg).camera(48, 64, guess).model.intrinsics.fx_px == pytest.approx(32.0)
    real = keeper(camera_info_message()).camera(48, 64, guess)
    assert real.model.intrinsics.fx_px == 50.0


def test_a_rectified_topic_takes_p_and_a_raw_one_k():
    msg = camera_info_message(d=[0.1, 0.0, 0.0, 0.0, 0.0])
    msg.p[0] = 40.0
    focal = {
        (topic, value): keeper(msg, topic)
        .camera(48, 64, settings_from({'camera.rectified': value}))
        .model.intrinsics.fx_px
        for topic in ('/cam/image_raw', '/cam/color/rect/image')
        for value in ('auto', 'rectified', 'raw')
    }
    raw, rect = '/cam/image_raw', '/cam/color/rect/image'
    assert focal[raw, 'auto'] == focal[raw, 'raw'] == focal[rect, 'raw'] == 50.0
    assert focal[rect, 'auto'] == focal[rect, 'rectified'] == focal[raw, 'rectified'] == 40.0
