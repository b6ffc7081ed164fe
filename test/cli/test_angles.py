"""Camera options: fields of view in degrees, never radians, and calibration files."""

import argparse
import math

import cv2
import numpy as np
import pytest
import yaml
from fake_predictor import FakePredictor

from zoedepth_ros.cli.arguments import field_of_view_deg
from zoedepth_ros.cli.main import main

COMMANDS = {
    'predict': ['a.png', '--hfov'],
    'view': ['a.png', '--hfov'],
    'bag': ['a.mcap', 'out.mcap', '--hfov'],
    'calibrate': ['a.png', '--distance', '2.0', '--hfov'],
    'calibrate ': ['a.png', '--distance', '2.0', '--training-hfov'],
}


CALIBRATION = """\
cam0:
  camera_model: pinhole
  distortion_coeffs: [0.0, 0.0, 0.0, 0.0]
  distortion_model: radtan
  intrinsics: [40.0, 40.0, 39.5, 29.5]
  resolution: [80, 60]
cam1:
  camera_model: pinhole
  distortion_coeffs: [0.0, 0.0, 0.0, 0.0]
  distortion_model: radtan
  intrinsics: [80.0, 80.0, 39.5, 29.5]
  resolution: [80, 60]
"""


@pytest.fixture
def place(tmp_path, use, monkeypatch):
    """An image of half the size of the calibration beside it, and a network that returns 2 m."""
    use(FakePredictor(2.0, training_hfov_rad=math.pi / 2))  # f / W = 0.5
    monkeypatch.chdir(tmp_path)
    cv2.imwrite('a.png', np.zeros((30, 40, 3), np.uint8))
    cv2.imwrite('wide.png', np.zeros((30, 50, 3), np.uint8))
    (tmp_path / 'chain.yaml').write_text(CALIBRATION)
    return tmp_path


@pytest.mark.parametrize(('camera', 'factor'), [('cam0', 1.0), ('cam1', 2.0)])
def test_predict_uses_the_camera_of_a_calibration(place, camera, factor):
    calibration = f'chain.yaml:{camera}'
    assert main(['predict', 'a.png', '--out', 'out', '--calibration', calibration]) == 0
    # depth is proportional to the focal length: that of the training camera or twice that
    np.testing.assert_allclose(np.load('out/a_depth.npy'), 2.0 * factor, rtol=1e-5)
    cloud = (place / 'out' / 'a.ply').read_bytes().split(b'end_header\n')[1]
    x_m = np.frombuffer(cloud, np.dtype([('xyz', '<f4', 3), ('rgb', 'u1', 3)]))['xyz'][:, 0]
    # the outermost pixel's centre is 19.5 px off the axis, at a focal length of 20 or 40 px
    np.testing.assert_allclose(x_m.max(), 2.0 * factor * 19.5 / (20.0 * factor), rtol=1e-5)


def test_calibrate_uses_the_camera_of_a_calibration(place):
    arguments = ['a.png', '--distance', '8', '--calibration', 'chain.yaml:cam1', '--out', 's.yaml']
    assert main(['calibrate', *arguments]) == 0
    heads = yaml.safe_load((place / 's.yaml').read_text())['heads']
    assert heads['indoor']['scale'] == pytest.approx(2.0)  # 2 m through twice the focal length


def test_view_uses_the_camera_of_a_calibration(place, monkeypatch):
    pytest.importorskip('rerun')
    from zoedepth_ros.viewing.rerun_log import RerunLog

    cameras = []
    monkeypatch.setattr(RerunLog, 'log', lambda self, frame: cameras.append(frame.camera))
    arguments = ['a.png', '--save', 'v.rrd', '--calibration', 'chain.yaml:cam1']
    main(['view', *arguments])
    assert [camera.intrinsics.fx_px for camera in cameras] == [40.0]


@pytest.mark.parametrize(
    ('options', 'complaint', 'code'),
    [
        (['--calibration', 'chain.yaml'], 'contains the cameras cam0, cam1', 2),
        (['--calibration', 'none.yaml'], 'none.yaml', 2),
        (['--calibration', 'a.png'], 'a.png', 2),
        (['--calibration', 'chain.yaml:cam0'], 'wide.png: the image is 50 x 30', 1),
    ],
)
def test_an_unsuitable_calibration_is_named(place, capsys, options, complaint, code):
    assert main(['predict', 'a.png', 'wide.png', '--out', 'out', *options]) == code
    assert complaint in capsys.readouterr().err


@pytest.mark.parametrize('command', COMMANDS)
@pytest.mark.parametrize(
    ('value', 'message'),
    [
        ('1.2', '1.2 radians are 68.8 degrees'),
        ('3.1', 'expected 5 to 150 degrees, got 3.1'),
        ('0.5', '0.5 radians are 28.6 degrees'),
        ('4.9', 'expected 5 to 150 degrees, got 4.9'),
        ('0', 'expected 5 to 150 degrees'),
        ('-60', 'expected'),
        ('150.1', 'expected 5 to 150 degrees'),
        ('nan', 'expected 5 to 150 degrees'),
        ('inf', 'expected 5 to 150 degrees'),
        ('wide', 'expected 5 to 150 degrees, got wide'),
    ],
)
def test_every_command_rejects_an_implausible_field_of_view(command, value, message, capsys):
    with pytest.raises(SystemExit) as leaving:
        main([command.strip(), *COMMANDS[command], value])
    assert leaving.value.code == 2
    err = capsys.readouterr().err
    assert COMMANDS[command][-1] in err
    assert message in err


@pytest.mark.parametrize('value', ['5', '55', '68.8', '150'])
def test_a_plausible_field_of_view_is_accepted(value):
    assert field_of_view_deg(value) == float(value)


def test_more_than_pi_is_not_reported_as_radians():
    with pytest.raises(argparse.ArgumentTypeError) as error:
        field_of_view_deg(str(math.pi + 0.1))
    assert 'radians' not in str(error.value)
