import numpy as np
import pytest

from zoedepth_ros.demo.sources.resize import CropResize, calibration_of, scaled_to
from zoedepth_ros.geometry.intrinsics import CalibrationFields, CameraError, Intrinsics


@pytest.mark.parametrize(
    ('wanted', 'expected'),
    [
        ((0, 0), CropResize(0, 0, 600, 400, 600, 400)),
        ((300, 0), CropResize(0, 0, 600, 400, 300, 200)),
        ((0, 100), CropResize(0, 0, 600, 400, 150, 100)),
        ((640, 480), CropResize(33, 0, 533, 400, 640, 480)),  # 400 * 4 / 3 = 533.3 columns stay
        ((400, 100), CropResize(0, 125, 600, 150, 400, 100)),
    ],
)
def test_one_side_keeps_the_aspect_ratio_and_two_crop_the_centre(wanted, expected):
    assert CropResize.to(600, 400, width=wanted[0], height=wanted[1]) == expected


def test_the_image_is_cropped_then_resized():
    rgb = np.zeros((4, 10, 3), np.uint8)
    rgb[:, 3:7] = 200
    fitted = CropResize.to(10, 4, width=8, height=8).image(rgb)
    assert fitted.shape == (8, 8, 3)
    assert (fitted == 200).all()


def test_a_cropped_and_resized_pixel_keeps_its_ray():
    # A dot that covers columns 300..303 and rows 200..203 has its middle at 301.5, 201.5. Without
    # 100 columns and 40 rows, halved, it covers 100..101 and 80..81: its middle is 100.5, 80.5.
    camera = CalibrationFields(
        width=640,
        height=480,
        d=(),
        distortion_model='plumb_bob',
        k=(500.0, 0.0, 310.0, 0.0, 510.0, 230.0, 0.0, 0.0, 1.0),
        p=(400.0, 0.0, 300.0, -40.0, 0.0, 410.0, 220.0, 0.0, 0.0, 0.0, 1.0, 0.0),
    )
    fitted = CropResize(100, 40, 440, 400, 220, 200).calibration(camera)
    for old, new, rows in ((camera.k, fitted.k, 3), (camera.p, fitted.p, 4)):
        fx, cx, fy, cy = (old[i] for i in (0, 2, rows + 1, rows + 2))
        fx2, cx2, fy2, cy2 = (new[i] for i in (0, 2, rows + 1, rows + 2))
        assert (100.5 - cx2) / fx2 == pytest.approx((301.5 - cx) / fx)
        assert (80.5 - cy2) / fy2 == pytest.approx((201.5 - cy) / fy)
    assert fitted.p[3] == pytest.approx(-20.0)  # fx times the baseline halves with fx
    assert (fitted.width, fitted.height) == (220, 200)


def test_a_field_of_view_gives_the_focal_length():
    camera = calibration_of(Intrinsics.from_hfov(640, 480, np.pi / 2))
    assert camera.k == pytest.approx((320.0, 0, 319.5, 0, 320.0, 239.5, 0, 0, 1))
    assert camera.p == pytest.approx((320.0, 0, 319.5, 0, 0, 320.0, 239.5, 0, 0, 0, 1, 0))


def test_an_image_of_another_aspect_ratio_than_the_calibration_is_refused():
    camera = calibration_of(Intrinsics.from_hfov(640, 480, 1.0))
    assert scaled_to(camera, 320, 240).k[0] == pytest.approx(camera.k[0] / 2)
    with pytest.raises(CameraError, match='the same aspect ratio'):
        scaled_to(camera, 640, 400)
