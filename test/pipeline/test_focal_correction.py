"""Depth through a known camera; expected: depth' = depth (f / W) / (f_t / W_t), by hand."""

import math

import fake_predictor
import numpy as np
import pytest
from fake_predictor import FakePredictor

from zoedepth_ros.geometry.camera import Camera
from zoedepth_ros.geometry.intrinsics import CameraModel, Intrinsics
from zoedepth_ros.pipeline.camera_pipeline import CameraPipeline
from zoedepth_ros.pipeline.outputs import DEPTH, UNCERTAINTY
from zoedepth_ros.pipeline.request import correction_in_use
from zoedepth_ros.pipeline.settings import settings_from

RGB = np.zeros((48, 64, 3), np.uint8)
CAMERA = Camera(CameraModel(Intrinsics(96.0, 96.0, 31.5, 23.5, 64, 48)))  # f / W = 1.5
LEARNT_RAD = math.radians(90.0)  # f / W = 0.5


def fake(**kwargs):
    return FakePredictor(2.0, uncertainty_m=0.1, **kwargs)


def outputs_of(predictor, camera=CAMERA, rgb=RGB, **values):
    """Give name -> array."""
    values = {name.replace('__', '.'): value for name, value in values.items()}
    pipeline = CameraPipeline(predictor, settings_from({'depth.min': 0.0, **values}))
    made = fake_predictor.outputs_of(pipeline, predictor, rgb, camera, 0.0, {DEPTH, UNCERTAINTY})
    return {name: output.pixels for name, output in made.items()}


def depth_of(predictor, camera=CAMERA, **values):
    (depth_m,) = np.unique(outputs_of(predictor, camera, router__mode='indoor', **values)[DEPTH])
    return float(depth_m)


def test_weights_that_name_their_camera_are_brought_to_the_images():
    made = outputs_of(fake(training_hfov_rad=LEARNT_RAD), router__mode='outdoor')
    np.testing.assert_allclose(made[DEPTH], 6.0, rtol=1e-6)
    np.testing.assert_allclose(made[UNCERTAINTY], 0.3, rtol=1e-6)
    assert made[DEPTH].dtype == np.float32


def test_weights_may_take_only_a_part_of_the_ratio_of_focal_lengths():
    # Three times the focal length: 1.4 completely, of the rest the square root.
    depth_m = depth_of(fake(training_hfov_rad=LEARNT_RAD, focal_exponent=0.5))
    assert depth_m == pytest.approx(2.0 * math.sqrt(1.4 * 3.0), rel=1e-6)


def test_an_image_of_the_training_camera_stays_as_it_is():
    same = Camera(CameraModel(Intrinsics(32.0, 32.0, 31.5, 23.5, 64, 48)))
    assert depth_of(fake(training_hfov_rad=LEARNT_RAD), same) == pytest.approx(2.0)


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
def test_what_is_done_is_what_is_requested(correction, learnt_rad, camera, expected_m):
    predictor = fake(training_hfov_rad=learnt_rad)
    depth_m = depth_of(predictor, camera, focal_correction=correction)
    assert depth_m == pytest.approx(expected_m, rel=1e-6)


def test_a_field_of_view_that_is_given_counts_more_than_the_weights():
    given = depth_of(fake(training_hfov_rad=LEARNT_RAD), camera__training_hfov=math.pi / 3)
    assert given == pytest.approx(2.0 * 1.5 / (0.5 * math.sqrt(3.0)), rel=1e-6)
    assert depth_of(fake(), camera__training_hfov=LEARNT_RAD) == pytest.approx(6.0)


def test_the_head_and_the_router_are_used_as_without():
    predictor = fake(training_hfov_rad=LEARNT_RAD)
    outputs_of(predictor, router__mode='outdoor')
    assert predictor.requested_heads == ['outdoor']
    assert predictor.routed == 0


def test_the_warp_shows_the_training_cameras_rgb_image():
    wide = Camera(CameraModel(Intrinsics(16.0, 16.0, 31.5, 23.5, 64, 48)))
    rgb = RGB.copy()
    rgb[12:36, 16:48] = 200  # all that a camera of twice the focal length sees
    predictor = fake(training_hfov_rad=LEARNT_RAD)
    depth_m = outputs_of(predictor, wide, rgb, focal_correction='warp')[DEPTH]
    assert (predictor.last_rgb[2:-2, 2:-2] == 200).all()
    assert np.isfinite(depth_m).mean() == pytest.approx(0.25, abs=0.02)
    # another head has its own maps
    outputs_of(predictor, wide, rgb, focal_correction='warp', router__mode='outdoor')
    assert predictor.requested_heads == ['auto', 'indoor', 'outdoor']


def test_a_correction_that_cannot_be_is_refused_and_one_that_lacks_its_camera_is_reported():
    with pytest.raises(ValueError, match="one of auto, off, scale, warp, got 'zoom'"):
        settings_from({'focal_correction': 'zoom'})
    for requested in ('scale', 'warp'):
        settings = settings_from({'focal_correction': requested})
        assert CameraPipeline(fake(), settings).prepare(RGB, None, 0.0, {DEPTH}) is None
    for hfov_rad, camera, lacks in (
        (LEARNT_RAD, None, True), (LEARNT_RAD, CAMERA, False), (0.0, None, False),
    ):  # fmt: skip
        pipeline = CameraPipeline(fake(training_hfov_rad=hfov_rad), settings_from({}))
        pipeline.prepare(RGB, camera, 0.0, {DEPTH})
        assert pipeline.lacks_camera is lacks


@pytest.mark.parametrize(
    ('asked', 'hfov_rad', 'known', 'used'),
    [
        ('auto', 1.1, True, 'scale'),
        ('auto', 1.1, False, 'off'),
        ('auto', 0.0, True, 'off'),
        ('off', 1.1, True, 'off'),
        ('scale', 0.0, False, 'scale'),
        ('warp', 1.1, True, 'warp'),
    ],
)
def test_auto_corrects_only_where_both_cameras_are_known(asked, hfov_rad, known, used):
    assert correction_in_use(asked, hfov_rad, camera_known=known) == used


@pytest.mark.parametrize('domain', ['indoor', 'outdoor'])
def test_the_camera_of_wide_and_tall_images_makes_the_embedded_network_s_depth_better(domain):
    pytest.importorskip('numba')
    from zoedepth_ros.build import build_predictor
    from zoedepth_ros.geometry.canonical import focal_factor
    from zoedepth_ros.synthetic.scene import render_scene

    predictor = build_predictor('ZoeD_S_NK', device='cpu', precision='fp32')
    errors = {'none': [], 'camera': []}
    for size in ((180, 320), (222, 222), (256, 192), (112, 372)):
        for seed in range(2):
            sample = render_scene(domain, 2**40 + 5000 + seed, *size)
            depth_m = predictor(sample.rgb, domain, route=False).depth_m
            factor = focal_factor(
                sample.camera,
                domain,
                training_hfov_rad=predictor.training_hfov_rad,
                exponent=predictor.focal_exponent,
            )
            for name, by in (('none', 1.0), ('camera', factor)):
                error = np.abs(by * depth_m - sample.depth_m) / sample.depth_m
                errors[name].append(np.nanmean(error))
    assert np.mean(errors['camera']) < np.mean(errors['none'])
