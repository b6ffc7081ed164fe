"""The numbers of a calibration; expected values worked out by hand or by OpenCV."""

import math

import cv2
import numpy as np
import pytest

from zoedepth_ros.geometry.intrinsics import (
    CalibrationFields,
    CameraError,
    CameraModel,
    Intrinsics,
    Roi,
    camera_from_calibration,
)
from zoedepth_ros.geometry.rays import rays_at

K = [500.0, 0.0, 320.0, 0.0, 510.0, 240.0, 0.0, 0.0, 1.0]
P = [450.0, 0.0, 300.0, -45.0, 0.0, 450.0, 200.0, 0.0, 0.0, 0.0, 1.0, 0.0]
D = [-0.3, 0.1, 0.001, -0.002, 0.0]


def calibrated(**changes) -> CameraModel:
    fields = {
        'k': K, 'd': D, 'p': P, 'distortion_model': 'plumb_bob', 'width': 640, 'height': 480,
        'rectified': False, **changes,
    }  # fmt: skip
    image = {'height': fields.pop('image_height', 480), 'width': fields.pop('image_width', 640)}
    return camera_from_calibration(CalibrationFields(**fields), **image)


@pytest.mark.parametrize('size', [{'width': 0, 'height': 0}, {'height': 0}, {'width': 0}])
@pytest.mark.parametrize('rectified', [True, False])
def test_a_calibration_without_a_size_is_refused_and_both_sizes_are_named(size, rectified):
    size = {'width': 640, 'height': 480} | size
    named = f'width and height of the calibration are {size["width"]} x {size["height"]}'
    with pytest.raises(CameraError, match=f'{named}: .*of these images .640 x 480'):
        calibrated(**size, rectified=rectified)


def test_a_right_angle_field_of_view_has_a_focal_length_of_half_the_width():
    camera = Intrinsics.from_hfov(640, 480, math.pi / 2)
    assert camera.fx_px == pytest.approx(320.0)
    assert camera.fy_px == camera.fx_px
    assert camera.hfov_rad == pytest.approx(math.pi / 2)


def test_convention_the_middle_of_a_two_pixel_row_lies_between_the_centres_0_and_1():
    camera = Intrinsics.from_hfov(2, 1, 1.0)
    assert (camera.cx_px, camera.cy_px) == (0.5, 0.0)


@pytest.mark.parametrize('hfov_rad', [0.0, -1.0, math.pi, math.nan])
def test_an_impossible_field_of_view_is_refused(hfov_rad):
    with pytest.raises(CameraError, match='field of view'):
        Intrinsics.from_hfov(640, 480, hfov_rad)


def test_convention_resizing_moves_the_principal_point_as_opencv_moves_the_image():
    image = np.zeros((40, 60), np.float32)
    image[8:12, 20:24] = 1.0  # a spot around row 9.5, column 21.5
    small = cv2.resize(image, (30, 20), interpolation=cv2.INTER_AREA)
    rows, columns = np.nonzero(small)
    scaled = Intrinsics(50.0, 50.0, 21.5, 9.5, 60, 40).scaled_to(30, 20)
    assert (scaled.cx_px, scaled.cy_px) == (columns.mean(), rows.mean())
    assert (scaled.fx_px, scaled.fy_px, scaled.width, scaled.height) == (25.0, 25.0, 30, 20)


@pytest.mark.parametrize(
    'size', [(621, 187), (621, 188), (310, 93), (311, 94), (427, 129), (4968, 1500)]
)
def test_an_oblong_image_whose_size_is_rounded_is_scaled(size):
    scaled = Intrinsics(721.5, 721.5, 609.6, 172.9, 1242, 375).scaled_to(*size)
    assert scaled.fy_px == pytest.approx(721.5 * size[1] / 375)
    assert scaled.scaled_to(1242, 375).cy_px == pytest.approx(172.9)


def test_a_raw_image_takes_k_and_the_distortion():
    camera = calibrated()
    assert camera.intrinsics == Intrinsics(500.0, 510.0, 320.0, 240.0, 640, 480)
    assert (camera.distortion_model, camera.distortion) == ('plumb_bob', tuple(D))


def test_a_rectified_image_takes_p_without_the_stereo_baseline_and_no_distortion():
    camera = calibrated(rectified=True)
    assert camera == CameraModel(Intrinsics(450.0, 450.0, 300.0, 200.0, 640, 480))


def test_a_rectified_image_without_p_takes_k_when_the_lens_does_not_distort():
    camera = calibrated(rectified=True, p=[0.0] * 12, d=[])
    assert camera.intrinsics.fx_px == 500.0


@pytest.mark.parametrize('rectified', [False, True])
def test_the_region_of_interest_is_subtracted_before_binning_divides(rectified):
    # the numbers of REP 104: K is for the full image, the ROI is in full-resolution pixels
    camera = calibrated(
        rectified=rectified, binning_x=2, binning_y=4, roi=Roi(100, 40, 400, 320),
        image_width=200, image_height=80,
    )  # fmt: skip
    inner = camera.intrinsics
    if rectified:
        assert (inner.fx_px, inner.fy_px) == (225.0, 112.5)
        assert (inner.cx_px, inner.cy_px) == (100.0, 40.0)
    else:
        assert (inner.fx_px, inner.fy_px) == (250.0, 127.5)
        assert (inner.cx_px, inner.cy_px) == (110.0, 50.0)
    assert (inner.width, inner.height) == (200, 80)


def test_zeros_as_distortion_are_no_distortion_whatever_the_model_is_called():
    assert calibrated(d=[0.0] * 5, distortion_model='').distortion_model == 'none'
    assert calibrated(d=[0.0] * 8, distortion_model='magic').distortion_model == 'none'
    assert calibrated(d=[], distortion_model='equidistant').distortion_model == 'none'
    uninitialised = (0.0, 0.0, 0.0, 0.0, 7e-310)
    assert calibrated(d=uninitialised).distortion_model == 'none'


@pytest.mark.parametrize('name', ['equidistant', 'fisheye', 'Kannala Brandt4'])
def test_a_fisheye_lens_is_known_by_its_usual_names(name):
    camera = calibrated(d=[1e-9, 0.0, 0.0, 0.0], distortion_model=name)
    angle_rad = 0.7  # r = f theta
    column, row = 320.0 + 500.0 * angle_rad, 240.0
    np.testing.assert_allclose(
        rays_at(np.array([column, row]), camera), [math.tan(angle_rad), 0.0], atol=1e-6
    )


LONG_D = (-0.3, 0.1, 0.001, -0.002, 0.02, 0.1, -0.05, 0.01, 2e-3, -1e-3, 1e-3, 5e-4, 0.01, -0.02)


@pytest.mark.parametrize('count', [4, 5, 8, 12, 14])
@pytest.mark.parametrize('name', ['plumb_bob', 'rational_polynomial', 'Plumb Bob', 'radtan', ''])
def test_every_length_of_d_that_opencv_takes_is_taken_under_every_name(name, count):
    camera = calibrated(d=LONG_D[:count], distortion_model=name)
    pixels = np.array([[120.0, 90.0], [600.0, 400.0], [320.0, 470.0]])
    directions = rays_at(pixels, camera)
    points = np.column_stack((directions, np.ones(3)))
    none, d = np.zeros(3), np.array(LONG_D[:count])
    seen = cv2.projectPoints(points, none, none, np.reshape(K, (3, 3)), d)[0]
    np.testing.assert_allclose(seen[:, 0], pixels, atol=1e-2)


@pytest.mark.parametrize(('name', 'used'), [('equidistant', 4), ('plumb_bob', 5)])
@pytest.mark.parametrize('zeros', [1, 2, 6])
def test_zeros_that_a_driver_fills_d_up_with_do_not_matter(name, used, zeros):
    d = LONG_D[:used]
    padded = calibrated(d=[*d, *[0.0] * zeros], distortion_model=name)
    assert padded.distortion[:used] == d
    assert not any(padded.distortion[used:])


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'k': [0.0] * 9}, r'not calibrated: K\[0\]'),
        ({'k': [math.nan, *K[1:]]}, 'K must be finite'),
        ({'k': [500.0, 0.0, math.inf, *K[3:]]}, 'K must be finite'),
        ({'k': [-500.0, *K[1:]]}, 'positive'),
        ({'k': K[:8]}, 'K must have 9 numbers, got 8'),
        ({'p': P[:9], 'rectified': True}, 'P must have 12 numbers, got 9'),
        ({'d': [0.1, math.nan, 0.0, 0.0, 0.0]}, 'D must be finite'),
        ({'d': [0.1, 1e200, 0.0, 0.0, 0.0]}, 'D has values that are too large for a lens'),
        ({'d': D[:3]}, 'plumb_bob must have 4 or 5 or 8 or 12 or 14 numbers, got 3'),
        ({'d': LONG_D[:5], 'distortion_model': 'equidistant'}, 'must have 4 numbers, got 5'),
        ({'distortion_model': 'magic'}, "'magic': expected one of plumb_bob"),
        ({'rectified': True, 'p': [0.0] * 12}, r'not calibrated.*P\[0\]'),
        ({'image_height': 360}, r'640 x 360.*640 x 480'),
        ({'roi': (400, 0, 400, 480)}, 'region of interest'),
        ({'width': 0}, 'expected the size of the images'),
    ],
)
def test_a_calibration_that_cannot_be_used_reports_why(changes, message):
    with pytest.raises(CameraError, match=message):
        calibrated(**changes)
