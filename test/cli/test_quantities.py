"""Invalid numbers: other units, implausible values, text instead of a number."""

import argparse
import re

import numpy as np
import pytest
from fake_predictor import FakePredictor

from zoedepth_ros.cli.main import _parser, main
from zoedepth_ros.geometry.field_of_view import NARROWEST_RAD, WIDEST_RAD
from zoedepth_ros.media.files import write_image
from zoedepth_ros.ros.parameters.node_settings import settings_from

BAG, VIEW = ['bag', 'a.mcap', 'out.mcap'], ['view', 'a.png']
PREDICT, CALIBRATE = ['predict', 'a.png'], ['calibrate', 'a.png']
FOLDER = ['evaluate', '--dataset', 'folder', '--root', 'x']
EXPORT = ['export', 'onnx', '--out', 'x.onnx']
AT = [*CALIBRATE, '--distance', '2']


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (
            [*CALIBRATE, '--distance', '250'],
            '0.1 to 100 metres, got 250; 250 centimetres are 2.5 metres',
        ),
        ([*CALIBRATE, '--distance', '25000'], 'got 25000; 25000 millimetres are 25 metres'),
        ([*CALIBRATE, '--distance', '-2'], 'expected 0.1 to 100 metres, got -2'),
        ([*CALIBRATE, '--distance', '2m'], 'expected 0.1 to 100 metres, got 2m'),
        ([*CALIBRATE, '--camera-height', '120'], '120 centimetres are 1.2 metres'),
        ([*CALIBRATE, '--camera-height', '1', '--pitch', '100'], 'expected -89 to 89 degrees'),
        ([*AT, '--box', '1,2,3'], 'left,top,right,bottom'),
        ([*AT, '--box', '0.4,0.4,0.6,0.6'], 'bottom, got 0.4,0.4,0.6,0.6'),
        ([*AT, '--box', '30,30,10,40'], 'left < right'),
        ([*AT, '--box=-5,0,10,10'], 'left < right'),
        ([*AT, '--bits', '17'], 'camera.bits must be at most 16, got 17'),
        ([*BAG, '--cloud-decimation', '0'], 'cloud.decimation must be at least 1, got 0'),
        ([*BAG, '--cloud-decimation', '2.5'], "must be an integer, got '2.5'"),
        ([*BAG, '--depth-rate', '-1'], 'depth.rate must be at least 0.0, got -1'),
        ([*BAG, '--depth-rate', 'nan'], 'must be a finite number, got nan'),
        ([*BAG, '--depth-rate', '30fps'], "depth.rate must be a double, got '30fps'"),
        ([*BAG, '--jobs', '0'], 'integer of 1 to 1000, got 0'),
        ([*BAG, '--pitch', '100'], 'expected -85.94 to 85.94 degrees, got 100'),
        ([*VIEW, '--rate', '-1'], 'expected 0 to 1000 Hz'),
        ([*VIEW, '--frames', '-1'], '0 or more'),
        ([*PREDICT, '--rate', 'inf'], 'expected 0 to 1000 Hz'),
        ([*FOLDER, '--steps-per-m', 'nan'], 'steps per metre'),
        ([*FOLDER, '--samples', '0'], '1 or more'),
        ([*FOLDER, '--steps-per-m', '0.001'], 'expected 1 to 1e+06 steps per metre, got 0.001'),
        ([*EXPORT, '--height', '4'], 'integer of 16 to 8192 pixels, got 4'),
        ([*EXPORT, '--max-deviation', 'nan'], 'a number above 0'),
        (['benchmark', 'size', '--minutes', '-1'], 'expected 0 to 1440 minutes, got -1'),
        (['benchmark', 'size', '--minutes', 'nan'], 'expected 0 to 1440 minutes'),
        (['benchmark', 'size', '--rounds', '-1'], ', got -1'),
        (['benchmark', 'size', '--minutes', '3600'], '3600 seconds are 60 minutes'),
    ],
)
def test_an_implausible_number_is_rejected_with_its_unit(arguments, message, capsys):
    with pytest.raises(SystemExit) as leaving:
        main(arguments)
    assert leaving.value.code == 2
    err = capsys.readouterr().err
    assert message in err
    option = next(word for word in reversed(arguments) if word.startswith('--'))
    assert option.partition('=')[0] in err


def test_every_number_of_every_command_is_checked():
    """int and float alone accept nan, negative numbers and other units."""
    commands = next(
        action for action in _parser([])._actions if isinstance(action, argparse._SubParsersAction)
    ).choices
    unchecked = [
        f'{name} {"/".join(action.option_strings)}'
        for name, command in commands.items()
        for action in command._actions
        if action.type in (int, float)
    ]
    assert unchecked == []
    assert len(commands) > 10


@pytest.fixture
def image(tmp_path, use):
    use(FakePredictor(2.0, heads=('indoor',)))
    write_image(tmp_path / 'p.png', np.full((60, 80, 3), 90, np.uint8))
    return str(tmp_path / 'p.png')


def calibrate(image, tmp_path, *arguments):
    return main(['calibrate', image, '--out', str(tmp_path / 'scale.yaml'), *arguments])


@pytest.mark.parametrize('box', ['70,10,81,20', '10,50,20,61', '500,0,600,10'])
def test_a_box_outside_the_image_is_rejected_not_clipped(image, tmp_path, capsys, box):
    assert calibrate(image, tmp_path, '--distance', '2', '--box', box) == 2
    assert 'expected a box inside the 80 x 60 image' in capsys.readouterr().err
    assert calibrate(image, tmp_path, '--distance', '2', '--box', '70,50,80,60') == 0


def test_an_implausible_scale_is_rejected_and_an_unusual_one_is_reported(image, tmp_path, capsys):
    assert calibrate(image, tmp_path, '--distance', '45') == 2  # 2 m measured
    assert 'is --distance in metres?' in capsys.readouterr().err
    assert calibrate(image, tmp_path, '--distance', '8') == 0
    assert 'a scale of 4 is unusual' in capsys.readouterr().out
    assert calibrate(image, tmp_path, '--distance', '4') == 0
    assert 'unusual' not in capsys.readouterr().out


@pytest.mark.parametrize(
    ('pitch', 'hint'), [('-0.35', '-0.35 rad would be -20.1'), ('-20', ''), ('-1', '')]
)
def test_a_pitch_that_may_be_in_radians_is_reported(image, tmp_path, capsys, pitch, hint):
    calibrate(image, tmp_path, '--camera-height', '1.2', '--hfov', '60', '--pitch', pitch)
    assert bool(re.search('would be', capsys.readouterr().err)) is bool(hint)


@pytest.mark.parametrize('command', [['predict', 'a.png'], ['bag', 'a', 'b'], ['view', 'a']])
@pytest.mark.parametrize('option', ['--pitch', '--roll', '--camera-pitch-tolerance'])
def test_every_command_reports_an_angle_that_may_be_in_radians(command, option, capsys):
    main([*command, option, '0.35'])
    assert (
        f'{option} 0.35 is interpreted as degrees; 0.35 rad would be 20.1'
        in capsys.readouterr().err
    )
    main([*command, option, '20'])
    assert 'would be' not in capsys.readouterr().err


@pytest.mark.parametrize(
    ('name', 'value', 'message'),
    [
        ('camera.hfov', 69.0, '69 degrees are 1.2043 rad'),
        ('camera.training_hfov', 65.0, '65 degrees are 1.1345 rad'),
        ('camera.pitch', -20.0, '-20 degrees are -0.3491 rad'),
        ('camera.pitch_tolerance', 20.0, '20 degrees are 0.3491 rad'),
        ('camera.hfov', 2.9, '0.087 to 2.618 rad (5 to 150 degrees)'),
        ('camera.hfov', 0.02, '5 to 150 degrees'),
    ],
)
def test_an_angle_of_the_node_in_degrees_is_rejected_with_its_value_in_radians(
    name, value, message
):
    with pytest.raises(ValueError, match=re.escape(message)):
        settings_from({name: value})


def test_node_and_commands_have_the_same_widest_and_narrowest_field_of_view():
    for limit in (NARROWEST_RAD, WIDEST_RAD):
        assert settings_from({'camera.hfov': limit}).camera_hfov_rad == limit


ROS_FILE = """
image_width: 80
image_height: 60
distortion_model: plumb_bob
camera_matrix: {rows: 3, cols: 3, data: [70, 0, 39.5, 0, 70, 29.5, 0, 0, 1]}
distortion_coefficients: {rows: 1, cols: 5, data: [0, 0, 0, 0, 0]}
projection_matrix: {rows: 3, cols: 4, data: [77, 0, 39.5, 0, 0, 77, 29.5, 0, 0, 0, 1, 0]}
"""


@pytest.mark.parametrize(('chosen', 'focal_px'), [([], 70), (['raw'], 70), (['rectified'], 77)])
def test_predict_and_calibrate_use_k_or_p_of_a_calibration_as_configured(
    tmp_path, use, capsys, chosen, focal_px
):
    use(FakePredictor(2.0, heads=('indoor',), training_hfov_rad=np.pi / 2))  # 40 px at 80
    (tmp_path / 'cam.yaml').write_text(ROS_FILE)
    write_image(tmp_path / 'p.png', np.full((60, 80, 3), 90, np.uint8))
    options = ['--calibration', str(tmp_path / 'cam.yaml')]
    options += ['--rectified', *chosen] if chosen else []
    image, out = str(tmp_path / 'p.png'), tmp_path / 'out'
    assert main(['predict', image, '--out', str(out), *options]) == 0
    how = 'rectified images (P)' if focal_px == 77 else 'raw images (K with D)'
    assert how in capsys.readouterr().err
    depth_m = 2.0 * focal_px / 40
    np.testing.assert_allclose(np.load(out / 'p_depth.npy'), depth_m, rtol=1e-5)
    known = ['--distance', '4.0', '--out', str(tmp_path / 'scale.yaml')]
    assert main(['calibrate', image, *known, *options]) == 0
    assert f'scale {4.0 / depth_m:.3f}' in capsys.readouterr().out
