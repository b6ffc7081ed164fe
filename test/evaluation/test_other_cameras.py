"""Other focal lengths: every correction removes the error that theory predicts."""

import math
from dataclasses import replace

import cv2
import numpy as np
import pytest
from fake_predictor import FakePredictor

from zoedepth_ros.build import build_predictor
from zoedepth_ros.evaluation.other_cameras import (
    IMAGE_SIZES,
    RULES,
    SYNTHETIC_HFOV_RAD,
    abs_rel,
    aspect_table,
    calibrated,
    predict_views,
    table,
    zoom_exponents,
)


class Truth(FakePredictor):
    """Predict a constant; the scenes below carry their own depth."""


def scenes(domain, count, factor):
    """Scenes whose network measures everything `factor` times as far."""
    views = predict_views(Truth(2.0), domain, range(count), 1.0)
    reported = [np.nan_to_num(s.sample.depth_m, nan=80.0) * np.float32(factor) for s in views]
    return [replace(s, depth_m=depth_m) for s, depth_m in zip(views, reported, strict=True)]


@pytest.mark.parametrize('domain', ['indoor', 'outdoor'])
@pytest.mark.parametrize('true', [0.5, 2.0])
@pytest.mark.parametrize('method', ['height', 'laser', 'one distance'])
def test_each_reference_finds_a_wrong_scale_within_3_percent(domain, true, method):
    found = calibrated(scenes(domain, 8, 1.0 / true), method)
    # outdoors the camera may stand on the kerb, 12 cm above the street it sees
    slack = 0.08 if (domain, method) == ('outdoor', 'height') else 0.03
    assert found == pytest.approx(true, rel=slack)


def test_a_camera_of_another_focal_length_sees_another_angle():
    (seen,) = predict_views(Truth(2.0), 'indoor', [3], 1.7)
    focal = 0.5 / math.tan(SYNTHETIC_HFOV_RAD / 2)
    assert seen.sample.camera.fx_px / 256 == pytest.approx(1.7 * focal)


def test_an_exact_map_has_no_error_and_a_scaled_one_has_its_share():
    (seen,) = scenes('indoor', 1, 1.25)
    assert abs_rel(seen, 'none', 0.8, Truth(2.0)) == pytest.approx(0.0, abs=1e-5)
    assert abs_rel(seen, 'none', 1.0, Truth(2.0)) == pytest.approx(0.25, abs=1e-4)


def test_the_table_has_every_method_for_every_focal_length():
    result = table(Truth(2.0), 'indoor', focal_ratios=(0.6, 1.0), scenes=2, calibration_scenes=2)
    assert set(result) == {0.6, 1.0}
    for row in result.values():
        assert set(row) == {'none', 'scale', 'warp', 'height', 'laser', 'one distance'}
        assert np.isfinite(list(row.values())).all()
    assert result[1.0]['none'] == pytest.approx(result[1.0]['scale'])


def test_the_training_camera_is_the_one_that_the_weights_name():
    predictor = Truth(2.0, training_hfov_rad=math.radians(90.0))
    (seen,) = predict_views(predictor, 'indoor', [3], 1.7)
    assert seen.sample.camera.fx_px / 256 == pytest.approx(1.7 * 0.5)
    true_m = np.nan_to_num(seen.sample.depth_m, nan=80.0)
    small = replace(seen, depth_m=true_m / np.float32(1.7))
    assert abs_rel(small, 'scale', 1.0, predictor) == pytest.approx(0.0, abs=1e-5)


def test_image_sizes_have_the_aspect_ratio_of_their_name_and_about_as_many_pixels():
    for name, (height, width) in IMAGE_SIZES.items():
        across, down = (float(part) for part in name.split(':'))
        assert width / height == pytest.approx(across / down, rel=0.01)
        assert height * width == pytest.approx(192 * 256, rel=0.2)


RAMPS = np.stack(np.broadcast_arrays(np.arange(256)[None], np.arange(256)[:, None], 0), -1)


@pytest.mark.parametrize('size', [(256, 256), (160, 320), (320, 160)])
@pytest.mark.parametrize(
    ('across', 'down'), [(0.0, 1.0), (1.0, 0.0), (0.5, 0.5), (0.2, 0.3), (0.0, 0.0)]
)
def test_the_powers_of_a_zoom_are_those_with_which_depth_follows_the_apparent_size(
    size, across, down
):
    # Red grows to the right and green downwards, so the size of things is one over their ranges.
    def depth_m(rgb, head):
        width, height = (float(np.ptp(rgb[..., color])) for color in (0, 1))
        return np.full(rgb.shape[:2], 3.0 * width**across * height**down, np.float32)

    rgb = cv2.resize(RAMPS.astype(np.uint8), size[::-1], interpolation=cv2.INTER_AREA)
    found = zoom_exponents(FakePredictor(depth_m), 'indoor', rgb)
    expected = {'both': across + down, 'width': across, 'height': down}
    assert found == pytest.approx(expected, abs=0.02)


@pytest.mark.parametrize('domain', ['indoor', 'outdoor'])
def test_the_embedded_networks_depth_follows_the_apparent_height_and_not_the_width(domain):
    predictor = build_predictor('ZoeD_S_NK', device='cpu', precision='fp32')
    views = predict_views(predictor, domain, range(3), 1.0)
    found = [zoom_exponents(predictor, domain, view.sample.rgb) for view in views]
    mean = {axes: np.mean([image[axes] for image in found]) for axes in ('width', 'height')}
    assert mean['height'] > 0.7
    assert abs(mean['width']) < 0.3


@pytest.mark.parametrize('domain', ['indoor', 'outdoor'])
def test_knowing_the_camera_of_wide_and_tall_images_makes_the_embedded_networks_depth_better(
    domain,
):
    predictor = build_predictor('ZoeD_S_NK', device='cpu', precision='fp32')
    aspects = ('16:9', '1:1', '3:4', '3.3:1')
    errors = aspect_table(predictor, domain, aspects=aspects, scenes=2, warp=False)
    mean = {rule: np.mean([errors[aspect][rule] for aspect in aspects]) for rule in RULES[:-1]}
    assert mean['weights'] < mean['none']
    assert mean['height'] < mean['width']
