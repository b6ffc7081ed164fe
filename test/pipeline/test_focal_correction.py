"""Depth through a known camera; expected: depth' = depth (f / W) / (f_t / W_t), by hand."""

import math

import numpy as np
import pytest
from fake_predictor import FakePredictor

from zoedepth_ros.geometry.intrinsics import CameraModel, Intrinsics
from zoedepth_ros.pipeline.focal_correction import ThroughCamera

RGB = np.zeros((48, 64, 3), np.uint8)
CAMERA = CameraModel(Intrinsics(96.0, 96.0, 31.5, 23.5, 64, 48))  # f / W = 1.5
LEARNT_RAD = math.radians(90.0)  # f / W = 0.5


def fake(**kwargs):
    return FakePredictor(2.0, uncertainty_m=0.1, **kwargs)


def depth_of(look, camera=CAMERA, head='indoor'):
    (depth_m,) = np.unique(look(RGB, camera, head).depth_m)
    return float(depth_m)


def test_weights_that_name_their_camera_are_brought_to_the_pictures():
    result = ThroughCamera(fake(training_hfov_rad=LEARNT_RAD))(RGB, CAMERA, 'outdoor')
    np.testing.assert_allclose(result.depth_m, 6.0, rtol=1e-6)
    np.testing.assert_allclose(result.uncertainty_m, 0.3, rtol=1e-6)
    np.testing.assert_allclose(result.relative_depth, 0.5)
    assert result.depth_m.dtype == np.float32
    assert result.head == 'outdoor'


def test_weights_may_take_only_a_part_of_the_ratio_of_focal_lengths():
    # Three times the focal length: 1.4 completely, of the rest the square root.
    result = ThroughCamera(fake(training_hfov_rad=LEARNT_RAD, focal_exponent=0.5))(RGB, CAMERA)
    np.testing.assert_allclose(result.depth_m, 2.0 * math.sqrt(1.4 * 3.0), rtol=1e-6)


def test_a_picture_of_the_training_camera_stays_as_it_is():
    same = CameraModel(Intrinsics(32.0, 32.0, 31.5, 23.5, 64, 48))
    assert depth_of(ThroughCamera(fake(training_hfov_rad=LEARNT_RAD)), same) == pytest.approx(2.0)


@pytest.mark.parametrize(
    ('correction', 'learnt_rad', 'camera', 'expected_m'),
    [
        ('auto', 0.0, CAMERA, 2.0),  # released weights
        ('auto', LEARNT_RAD, None, 2.0),
        ('off', LEARNT_RAD, CAMERA, 2.0),
        ('scale', 0.0, CAMERA, 2.0 * 2.0 / (519.47 / 480)),  # NYU
        ('warp', LEARNT_RAD, CAMERA, 2.0),  # the same everywhere, so the warp changes nothing
    ],
)
def test_what_is_done_is_what_is_asked_for(correction, learnt_rad, camera, expected_m):
    look = ThroughCamera(fake(training_hfov_rad=learnt_rad), correction)
    assert depth_of(look, camera) == pytest.approx(expected_m, rel=1e-6)


def test_a_field_of_view_that_is_given_counts_more_than_the_weights():
    look = ThroughCamera(fake(training_hfov_rad=LEARNT_RAD), training_hfov_rad=math.pi / 3)
    assert depth_of(look) == pytest.approx(2.0 * 1.5 / (0.5 * math.sqrt(3.0)), rel=1e-6)
    named = ThroughCamera(fake(), training_hfov_rad=LEARNT_RAD)
    assert depth_of(named) == pytest.approx(6.0)


def test_the_head_and_the_router_are_asked_as_without():
    predictor = fake(training_hfov_rad=LEARNT_RAD)
    result = ThroughCamera(predictor)(RGB, CAMERA, 'outdoor', route=False)
    assert predictor.asked_heads == ['outdoor']
    assert (predictor.routed, result.router_probabilities) == (0, {})


def test_the_warp_shows_the_training_cameras_picture():
    wide = CameraModel(Intrinsics(16.0, 16.0, 31.5, 23.5, 64, 48))
    rgb = RGB.copy()
    rgb[12:36, 16:48] = 200  # all that a camera of twice the focal length sees
    predictor = fake(training_hfov_rad=LEARNT_RAD)
    look = ThroughCamera(predictor, 'warp')
    result = look(rgb, wide)
    assert (predictor.last_rgb[2:-2, 2:-2] == 200).all()
    assert np.isfinite(result.depth_m).mean() == pytest.approx(0.25, abs=0.02)
    look(rgb, wide, 'outdoor')  # another head has its own maps
    assert predictor.asked_heads == ['auto', 'indoor', 'outdoor']


def test_a_correction_that_cannot_be_is_refused_and_one_that_lacks_its_camera_is_told():
    with pytest.raises(ValueError, match="auto, off, scale, warp, got 'zoom'"):
        ThroughCamera(fake(), 'zoom')
    for asked in ('scale', 'warp'):
        with pytest.raises(ValueError, match=f"'{asked}' needs the camera"):
            ThroughCamera(fake(), asked)(RGB, None)
    learnt = ThroughCamera(fake(training_hfov_rad=LEARNT_RAD))
    assert learnt.leaves_uncorrected(None)
    assert not learnt.leaves_uncorrected(CAMERA)
    assert not ThroughCamera(fake()).leaves_uncorrected(None)
