"""`zoedepth calibrate --camera-height` of tilted and rolled cameras, and of calibration files."""

import math

import cv2
import numpy as np
import pytest
import tilted
import yaml
from fake_predictor import FakePredictor

from zoedepth_ros.cli.main import main

WIDTH, HEIGHT, FOCAL_PX = 320, 240, 200.0
HFOV_DEG = math.degrees(2.0 * math.atan(0.5 * WIDTH / FOCAL_PX))
TRUE = 1.3  # times the predicted depth


def rays_of(cx_px, cy_px):
    columns, rows = np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT))
    return np.stack(((columns - cx_px) / FOCAL_PX, (rows - cy_px) / FOCAL_PX), axis=-1)


@pytest.fixture
def calibrate(tmp_path, use, capsys):
    """Run the command on an image of the room; gives exit code, scale or None, and the output."""

    def run(pitch_deg, roll_deg, *arguments, noise=0.02, axis=None, count=1):
        axis = ((WIDTH - 1) / 2, (HEIGHT - 1) / 2) if axis is None else axis
        room = tilted.ROOMS['room']
        depth_m, _ = tilted.look(room, rays_of(*axis), pitch_deg, roll_deg, 1.2)
        depth_m = depth_m * tilted.smooth_noise(depth_m.shape, noise, 1) / np.float32(TRUE)
        use(FakePredictor(depth_m, heads=('indoor',)))
        images, out = [str(tmp_path / f'{i}.png') for i in range(count)], tmp_path / 'scale.yaml'
        for image in images:
            cv2.imwrite(image, np.full((HEIGHT, WIDTH, 3), 90, np.uint8))
        known = ['--hfov', str(HFOV_DEG)] if '--calibration' not in arguments else []
        arguments = ['--camera-height', '1.2', *known, *arguments]
        code = main(['calibrate', *images, '--out', str(out), *arguments])
        output = capsys.readouterr()
        scale = yaml.safe_load(out.read_text())['heads']['indoor']['scale'] if code == 0 else None
        return code, scale, output.out + output.err

    return run


@pytest.mark.parametrize('pitch_deg', [-60, -30, -25])
def test_a_floor_that_is_seen_far_off_the_level_gives_no_scale_and_the_option_that_helps(
    calibrate, pitch_deg
):
    code, scale, output = calibrate(pitch_deg, 0)
    assert (code, scale) == (2, None)
    assert 'check --pitch and --roll' in output
    code, scale, output = calibrate(pitch_deg, 0, '--pitch', str(pitch_deg))
    assert scale == pytest.approx(TRUE, rel=0.04)
    assert 'judging by the floor in the image, the camera has' not in output


@pytest.mark.parametrize('roll_deg', [10, 15, 20, -12])
def test_a_roll_is_an_option_and_is_noticed_where_it_is_missing(calibrate, roll_deg):
    code, scale, output = calibrate(-15, roll_deg, '--pitch', '-15')
    assert 'check --pitch and --roll' in output
    assert scale is None or abs(scale / TRUE - 1.0) < 0.2
    code, scale, output = calibrate(-15, roll_deg, '--pitch', '-15', '--roll', str(roll_deg))
    assert code == 0
    assert scale == pytest.approx(TRUE, rel=0.04)
    assert 'judging by the floor in the image, the camera has' not in output


def test_a_small_roll_is_noticed_by_the_mean_of_five_images(calibrate):
    for count in (4, 5):
        code, _, output = calibrate(-15, 2, '--pitch', '-15', noise=0.0, count=count)
        assert code == 0
        assert output.count('a roll of 2.0 degrees, expected') == (count == 5)


def test_without_pitch_and_roll_both_are_found_within_20_degrees(calibrate):
    _, scale, output = calibrate(-12, 8)
    assert scale == pytest.approx(TRUE, rel=0.04)
    assert 'judging by the floor in the image, the camera has' not in output


def calibration_file(path, **changes):
    values = {'fx': FOCAL_PX, 'cx': (WIDTH - 1) / 2, 'cy': (HEIGHT - 1) / 2, **changes}
    fx, cx, cy = values['fx'], values['cx'], values['cy']
    content = {
        'image_width': WIDTH, 'image_height': HEIGHT, 'distortion_model': 'plumb_bob',
        'camera_matrix': {'data': [fx, 0.0, cx, 0.0, fx, cy, 0.0, 0.0, 1.0]},
        'distortion_coefficients': {'data': [0.0] * 5},
        'rectification_matrix': {'data': [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]},
        'projection_matrix': {'data': [fx, 0.0, cx, 0.0, 0.0, fx, cy, 0.0, 0.0, 0.0, 1.0, 0.0]},
    }  # fmt: skip
    path.write_text(yaml.safe_dump(content))
    return str(path)


def test_the_principal_point_of_a_calibration_file_counts(calibrate, tmp_path):
    axis = (WIDTH - 1) / 2 + 6.0, (HEIGHT - 1) / 2 + 20.0
    _, without, output = calibrate(-12, 0, '--pitch', '-12', noise=0.0, axis=axis)
    assert without is None or abs(without / TRUE - 1.0) > 0.05
    assert 'judging by the floor in the image, the camera has' in output
    file = calibration_file(tmp_path / 'camera.yaml', cx=axis[0], cy=axis[1])
    given = ['--pitch', '-12', '--calibration', file]
    _, scale, output = calibrate(-12, 0, *given, noise=0.0, axis=axis)
    assert scale == pytest.approx(TRUE, rel=0.005)
    assert 'note' not in output


def test_a_calibration_of_no_camera_is_refused_and_a_doubtful_one_noted(calibrate, tmp_path):
    identity = calibration_file(tmp_path / 'identity.yaml', fx=1.0, cx=0.0, cy=0.0)
    code, _, output = calibrate(-12, 0, '--calibration', identity)
    assert code != 0
    assert 'is impossible: fx = 1 px' in output
    shifted = calibration_file(tmp_path / 'shifted.yaml', cx=80.0)
    *_, output = calibrate(-12, 0, '--calibration', shifted)
    assert 'shifted.yaml: camera_info: the principal point cx = 80 px' in output
