"""Calibrations of real cameras are taken without a word, mistaken ones with one or not at all."""

import re

import pytest

from zoedepth_ros.geometry.intrinsics import (
    CalibrationFields,
    CameraError,
    camera_from_calibration,
)
from zoedepth_ros.geometry.plausibility import calibration_warnings


def calibration(fx, fy, cx, cy, width, height, *, d=(), model='plumb_bob', p=None, **changes):
    """Return the fields of a camera_info; p: focal length in P, None for that of K."""
    px, py = (fx, fy) if p is None else (p, p)
    return {
        'k': [fx, 0.0, cx, 0.0, fy, cy, 0.0, 0.0, 1.0], 'd': list(d),
        'p': [px, 0.0, cx, 0.0, 0.0, py, cy, 0.0, 0.0, 0.0, 1.0, 0.0],
        'distortion_model': model, 'width': width, 'height': height, 'rectified': False,
        **changes,
    }  # fmt: skip


def look(fields, image=None):
    """Return what is doubtful of a calibration, for images of its own size unless given."""
    width, height = (fields['width'], fields['height']) if image is None else image
    read = CalibrationFields(**fields)
    return calibration_warnings(camera_from_calibration(read, height=height, width=width), read)


REAL = {
    'RealSense D435, colour': calibration(616.82, 616.61, 321.82, 239.91, 640, 480, d=[0.0] * 5),
    'RealSense D435, depth': calibration(384.09, 384.09, 322.47, 240.64, 640, 480, d=[0.0] * 5),
    'RealSense T265': calibration(
        284.5091, 282.9419, 421.896, 398.1, 848, 800, p=284.5, model='equidistant',
        d=(-0.014216, 0.060412, -0.054711, 0.011151),
    ),
    'OAK-D Lite, preview': calibration(
        196.79, 196.79, 123.86, 127.05, 250, 250, model='rational_polynomial',
        d=(-4.0934, 9.19078, 0.00125, -0.00103, -8.91725, -4.18796, 9.55683, -9.30353),
    ),
    'Orbbec Gemini 336L': calibration(
        689.6, 689.5, 641.0, 398.6, 1280, 800,
        d=(-0.0306, 0.0352, -0.000138, -0.000146, -0.01204, 0.0, 0.0, 0.0),
    ),
    'phone, five numbers under rational_polynomial': calibration(
        1484.12, 1483.3, 982.19, 543.06, 1920, 1080, model='rational_polynomial',
        d=(0.0937, -0.1641, 0.0, 0.0, 0.1224),
    ),
    'car, 120 degrees': calibration(
        1495.317, 1494.779, 1424.459, 943.464, 2880, 1860, model='rational_polynomial', p=1320.0,
        d=(0.92999, 0.16592, -2.4e-5, -1.4e-5, 0.002886, 1.33143, 0.43583, 0.0276),
    ),
    'EuRoC': calibration(
        458.654, 457.296, 367.215, 248.375, 752, 480, p=435.2,
        d=(-0.28341, 0.07396, 0.000194, 1.76e-5, 0.0),
    ),
    'TUM VI': calibration(
        190.978, 190.973, 254.932, 256.897, 512, 512, model='equidistant', p=150.0,
        d=(0.00348, 0.00072, -0.00205, 0.0002),
    ),
    'KITTI, rectified': calibration(721.54, 721.54, 609.56, 172.85, 1242, 375),
    'Kinect': calibration(518.86, 519.47, 324.58, 252.74, 640, 480, d=(0.2, -0.5, 0.002, 0.001)),
    'webcam': calibration(580.47, 576.63, 315.27, 247.47, 640, 480, p=587.7,
                          d=(0.1345, -0.3119, 0.0023, 0.0031, 0.0)),
    'PAL, 768 x 576 in 704 columns': calibration(770.0, 840.0, 351.5, 287.5, 704, 576),
    'telephoto': calibration(9000.0, 9000.0, 960.0, 540.0, 1920, 1080),
    'binned': calibration(500.0, 500.0, 319.5, 239.5, 640, 480, binning_x=2, binning_y=2),
    'a corner of the sensor': calibration(
        500.0, 500.0, 319.5, 239.5, 640, 480, roi=(400, 300, 240, 180)
    ),
}  # fmt: skip


@pytest.mark.parametrize('name', REAL)
def test_a_real_camera_raises_no_doubt(name):
    fields = REAL[name]
    image = {'binned': (320, 240), 'a corner of the sensor': (240, 180)}.get(name)
    assert look(fields, image) == ()


IMPOSSIBLE = {
    'identity': (calibration(1.0, 1.0, 0.0, 0.0, 640, 480, p=525.0), 'K is impossible.*fx'),
    'focal length in millimetres': (calibration(3.6, 3.6, 320.0, 240.0, 640, 480), '17[89].*deg'),
    'focal length in micrometres': (
        calibration(500_000.0, 500_000.0, 320.0, 240.0, 640, 480), 'K is impossible',
    ),
    'identity, fisheye': (
        calibration(1.0, 1.0, 320.0, 240.0, 640, 480, model='equidistant', d=[0.01] * 4),
        'K is impossible',
    ),
    'K of four times the image': (
        calibration(2000.0, 2000.0, 1280.0, 960.0, 640, 480), 'K does not fit this image.*cx',
    ),
    'K of twice the image': (calibration(1000.0, 1000.0, 639.5, 479.5, 640, 480), 'cx = 639.5'),
    'axis above the image': (calibration(500.0, 500.0, 320.0, -30.0, 640, 480), 'cy = -30'),
    'columns and rows interchanged': (
        calibration(500.0, 500.0, 320.0, 240.0, 640, 480)
        | {'k': [500.0, 0.0, 0.0, 0.0, 500.0, 0.0, 320.0, 240.0, 1.0]},
        'last row of K.*interchanged',
    ),
    'P of identity, rectified': (
        calibration(500.0, 500.0, 320.0, 240.0, 640, 480, p=1.0, rectified=True, d=[0.1] * 5),
        'P is impossible',
    ),
    'another shape': (calibration(500.0, 500.0, 320.0, 180.0, 640, 360), '640 x 480'),
}  # fmt: skip


@pytest.mark.parametrize('name', IMPOSSIBLE)
def test_a_calibration_of_no_camera_is_refused(name):
    fields, message = IMPOSSIBLE[name]
    with pytest.raises(CameraError, match=message):
        look(fields, (640, 480))


DOUBTFUL = {
    'axis at a quarter of the width': (
        calibration(500.0, 500.0, 160.0, 240.0, 640, 480), 'cx = 160 px in K is far from',
    ),
    'K of half the image': (
        calibration(250.0, 250.0, 160.0, 120.0, 640, 480), 'cx = 160.*another image size',
    ),
    'K of half the image, P of the whole': (
        calibration(250.0, 250.0, 310.0, 250.0, 640, 480, p=500.0), r'K \(250.*P \(500.*K is used',
    ),
    'K of one and a half of the image': (
        calibration(750.0, 750.0, 480.0, 360.0, 640, 480), 'cx = 480.*another image size',
    ),
    'P of another camera, rectified': (
        calibration(500.0, 500.0, 310.0, 250.0, 640, 480, p=1100.0, d=[0.1] * 5, rectified=True),
        'P is used',
    ),
    'K of three quarters of the image': (
        calibration(375.0, 375.0, 240.0, 180.0, 640, 480), 'about 481 x 361.*another image size',
    ),
    'K of 800 x 600': (
        calibration(625.0, 625.0, 402.0, 297.0, 640, 480), 'cx = 402.*another image size',
    ),
    'cx and cy interchanged': (
        calibration(500.0, 500.0, 240.0, 320.0, 640, 480), 'cx and cy interchanged',
    ),
    'skewed': (
        calibration(500.0, 500.0, 320.0, 240.0, 640, 480)
        | {'k': [500.0, 60.0, 320.0, 0.0, 500.0, 240.0, 0.0, 0.0, 1.0]},
        r'K is not of the form.*\[500.0, 60.0, 320.0\]',
    ),
    'K times two': (
        calibration(500.0, 500.0, 320.0, 240.0, 640, 480)
        | {'k': [500.0, 0.0, 320.0, 0.0, 500.0, 240.0, 0.0, 0.0, 2.0]},
        r'K is not of the form.*\[0.0, 0.0, 2.0\]',
    ),
    'P times two, rectified': (
        calibration(500.0, 500.0, 320.0, 240.0, 640, 480, d=[0.1] * 5, rectified=True)
        | {'p': [500.0, 0, 320.0, -40.0, 0, 500.0, 240.0, 0, 0, 0, 2.0, 0]},
        'P is not of the form',
    ),
    'a pincushion of no lens': (
        calibration(500.0, 500.0, 320.0, 240.0, 640, 480, d=[50.0, 0.0, 0.0, 0.0, 0.0]),
        'narrower by up to [67].% .tangent',
    ),
    'numbers of plumb_bob called fisheye': (
        calibration(458.0, 457.0, 367.0, 248.0, 752, 480, model='equidistant',
                    d=(-0.28341, 0.07396, 0.000194, 1.76e-5)),
        'tangential.*another distortion model than',
    ),
    'only one side scaled': (
        calibration(500.0, 1000.0, 320.0, 240.0, 640, 480), 'not square',
    ),
    '1280 x 720 scaled by sides, images of 640 x 480 cut out': (
        calibration(450.0, 600.0, 319.5, 239.5, 640, 480), 'not square',
    ),
    '1280 x 800 scaled by sides, images of 1280 x 720 cut out': (
        calibration(900.0, 810.0, 639.5, 359.5, 1280, 720), 'not square',
    ),
    'nearly everything in view': (
        calibration(60.0, 60.0, 320.0, 240.0, 640, 480), 'unusual field of view, 159',
    ),
    'a needle': (calibration(9000.0, 9000.0, 320.0, 240.0, 640, 480), 'unusual field of view, 4'),
    'fisheye numbers called plumb_bob': (
        calibration(284.5, 282.9, 421.9, 398.1, 848, 800,
                    d=(-0.014216, 0.060412, -0.054711, 0.011151, 0.0)), 'tangential.*equidistant',
    ),
    'a fold in the image': (
        calibration(250.0, 250.0, 320.0, 240.0, 640, 480, d=(-0.4, 0.0, 0.0, 0.0, 0.0)),
        'inverted in 2[0-5]% of the image',
    ),
    'a fisheye without coefficients': (
        calibration(284.5, 282.9, 421.9, 398.1, 848, 800, d=[0.0] * 4, model='equidistant'),
        'ideal fisheye',
    ),
    'a fisheye without coefficients, P equal to K': (
        calibration(284.5, 282.9, 421.9, 398.1, 848, 800, d=[0.0] * 4, model='equidistant',
                    rectified=True),
        'ideal fisheye',
    ),
    'K of 640 x 480 for 640 x 360 that were cut out': (
        calibration(525.0, 525.0, 319.5, 239.5, 640, 360), 'cy = 239.5 px in K is far from',
    ),
    'K of 1280 x 720 for 1280 x 960': (
        calibration(900.0, 900.0, 639.5, 359.5, 1280, 960), 'cy = 359.5 px in K is far from',
    ),
    'RealSense colour, raw': (
        calibration(
            616.0, 616.0, 320.0, 240.0, 640, 480, d=(0.15, -0.48, 1e-3, 2e-4, 0.43),
            model='inverse_brown_conrady',
        ),
        "model 'inverse_brown_conrady' is used as that of plumb_bob",
    ),
    'an unknown lens whose numbers are elsewhere': (
        calibration(300.0, 300.0, 320.0, 240.0, 640, 480, d=[0.0] * 5, model='double sphere'),
        "'double sphere' is not known and D is 0",
    ),
    'R is a reflection': (
        calibration(500.0, 500.0, 320.0, 240.0, 640, 480, r=[-1, 0, 0, 0, 1, 0, 0, 0, 1]),
        'R is not a rotation',
    ),
    'R is stretched, of rectified images': (
        calibration(
            500.0, 500.0, 320.0, 240.0, 640, 480, rectified=True, r=[1.1, 0, 0, 0, 1, 0, 0, 0, 1]
        ),
        'R is not a rotation',
    ),
    'R has rows that are not perpendicular': (
        calibration(500.0, 500.0, 320.0, 240.0, 640, 480, r=[1, 0, 0, 0.6, 0.8, 0, 0, 0, 1]),
        'R is not a rotation',
    ),
    'R is not finite': (
        calibration(500.0, 500.0, 320.0, 240.0, 640, 480, r=[float('nan'), *[0, 0, 0, 1] * 2]),
        'R is not a rotation',
    ),
    'no name of a model': (
        calibration(500.0, 500.0, 320.0, 240.0, 640, 480, d=[-0.1, 0.0, 0.0, 0.0, 0.0], model=''),
        'plumb_bob is assumed',
    ),
}  # fmt: skip


@pytest.mark.parametrize('name', DOUBTFUL)
def test_a_calibration_that_is_probably_mistaken_is_taken_with_a_notice(name):
    fields, message = DOUBTFUL[name]
    found = look(fields)
    assert any(re.search(message, text) for text in found), found
    assert all(text.startswith('camera_info: ') for text in found)


@pytest.mark.parametrize(
    'changes',
    [
        {'model': 'none'},
        {'model': 'Pinhole', 'd': [0.0] * 8},
        {'model': 'inverse_brown_conrady', 'd': [0.0] * 5},
        {'model': 'double_sphere', 'rectified': True, 'p': 480.0},
    ],
)
def test_a_lens_without_distortion_raises_no_doubt_whatever_its_name(changes):
    assert look(calibration(500.0, 500.0, 320.0, 240.0, 640, 480, **changes)) == ()


@pytest.mark.parametrize(
    'r',
    [
        [0.0] * 9,  # a driver that fills nothing in
        [0.9997, 0.0139, 0.0201, -0.0137, 0.9998, -0.0115, -0.0202, 0.0112, 0.9997],  # four digits
        [-1.0, 0.0, 0.0, 0.0, -1.0, 0.0, 0.0, 0.0, 1.0],  # upside down
    ],
)
def test_a_rotation_or_none_in_r_raises_no_doubt(r):
    assert look(calibration(500.0, 500.0, 320.0, 240.0, 640, 480, r=r)) == ()


def test_images_of_another_size_than_camera_info_are_noticed():
    (text,) = look(calibration(500.0, 500.0, 320.0, 240.0, 640, 480), image=(1280, 960))
    assert '640 x 480' in text
    assert '1280 x 960' in text
