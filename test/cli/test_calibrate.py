"""`zoedepth calibrate` with a predictor whose depth is wrong by a known factor."""

import math

import cv2
import numpy as np
import pytest
import yaml
from fake_predictor import FakePredictor

from zoedepth_ros.cli.main import main

HEIGHT, WIDTH = 60, 80


@pytest.fixture
def image(tmp_path):
    path = tmp_path / 'a.png'
    cv2.imwrite(str(path), np.full((HEIGHT, WIDTH, 3), 90, np.uint8))
    return path


def floor_m(height_m, pitch_rad=0.0):
    """Depth of a floor, and a wall 6 heights ahead, through 60 degrees."""
    focal_px = WIDTH / 2 / math.tan(math.radians(30))
    y = (np.arange(HEIGHT) - (HEIGHT - 1) / 2) / focal_px
    drop = y * math.cos(pitch_rad) - math.sin(pitch_rad)
    with np.errstate(divide='ignore'):
        rows = np.where(drop > 0, height_m / drop, np.inf)
    return np.tile(np.minimum(rows, 6 * height_m)[:, None], (1, WIDTH))


def heads(path):
    return yaml.safe_load(path.read_text())['heads']


def calibrate(image, tmp_path, *arguments):
    out = tmp_path / 'scale.yaml'
    return main(['calibrate', str(image), '--out', str(out), *arguments]), out


def scale_of(image, tmp_path, *arguments):
    """Return the scale of the indoor head after a command that works."""
    code, out = calibrate(image, tmp_path, *arguments)
    assert code == 0
    return heads(out)['indoor']['scale']


@pytest.mark.parametrize('box', ['10,10,30,20', '10.0,10.0,30.0,20.0'])
def test_a_target_at_a_known_distance_gives_the_scale(image, tmp_path, use, capsys, box):
    depth_m = np.full((HEIGHT, WIDTH), 5.0)
    depth_m[10:20, 10:30] = 1.6  # truly 2.0 m
    use(FakePredictor(depth_m))
    scale = scale_of(image, tmp_path, '--distance', '2.0', '--box', box)
    assert scale == pytest.approx(1.25, rel=1e-3)
    assert f'scale.file:={tmp_path / "scale.yaml"}' in capsys.readouterr().out


def test_a_target_beyond_the_range_of_the_head_is_refused(image, tmp_path, use, capsys):
    use(FakePredictor(12.0))
    code, out = calibrate(image, tmp_path, '--distance', '11.0')
    assert code != 0
    assert not out.exists()
    assert 'within 10 m, the range of this head' in capsys.readouterr().out


def test_without_a_box_the_middle_of_the_image_is_the_target(image, tmp_path, use):
    depth_m = np.full((HEIGHT, WIDTH), 5.0)
    depth_m[25:35, 34:46] = 4.0
    use(FakePredictor(depth_m))
    assert scale_of(image, tmp_path, '--distance', '2.0') == pytest.approx(0.5, rel=1e-3)


@pytest.mark.parametrize('pitch', [[], ['--pitch', '-10']])
def test_the_height_of_the_camera_gives_the_scale(image, tmp_path, use, pitch):
    use(FakePredictor(floor_m(0.8, math.radians(-10))))  # truly 1.2 m
    known = ['--camera-height', '1.2', '--hfov', '60', *pitch]
    assert scale_of(image, tmp_path, *known) == pytest.approx(1.5, rel=0.01)


def test_the_scale_is_for_the_focal_correction_that_the_node_will_use(image, tmp_path, use):
    use(FakePredictor(2.0))
    known = ['--distance', '2.0', '--hfov', '60', '--focal-correction', 'scale']
    factor = (0.5 / math.tan(math.radians(30)) * WIDTH / HEIGHT) / (519.47 / 480)
    assert scale_of(image, tmp_path, *known) == pytest.approx(1 / factor, rel=1e-3)


def test_the_scale_can_be_for_the_warp_and_for_weights_of_other_images(image, tmp_path, use):
    use(FakePredictor(2.0))  # whatever the image, so that the warp changes nothing
    known = ['--distance', '3.0', '--hfov', '60', '--focal-correction']
    assert scale_of(image, tmp_path, *known, 'warp') == pytest.approx(1.5, rel=1e-3)
    scale = scale_of(image, tmp_path, *known, 'scale', '--training-hfov', '60')
    assert scale == pytest.approx(1.5, rel=1e-3)


def test_the_other_heads_scale_in_the_file_stays(image, tmp_path, use):
    use(FakePredictor(2.0))
    assert calibrate(image, tmp_path, '--distance', '3.0')[0] == 0
    code, out = calibrate(image, tmp_path, '--distance', '1.0', '--head', 'outdoor')
    assert code == 0
    assert {head: entry['scale'] for head, entry in heads(out).items()} == {
        'indoor': pytest.approx(1.5), 'outdoor': pytest.approx(0.5),
    }  # fmt: skip


def test_a_floor_that_is_not_found_is_reported_and_nothing_is_written(
    image, tmp_path, use, capsys
):
    use(FakePredictor(1.5))  # a wall
    code, out = calibrate(image, tmp_path, '--camera-height', '1.2', '--hfov', '60')
    assert code == 2
    assert 'for the floor: nothing is written' in capsys.readouterr().err
    assert not out.exists()


def test_the_height_of_the_camera_needs_its_field_of_view(image, tmp_path, use, capsys):
    use(FakePredictor(2.0))
    assert calibrate(image, tmp_path, '--camera-height', '1.2')[0] == 2
    assert '--hfov' in capsys.readouterr().err


def test_random_weights_are_warned_of(image, tmp_path, use, capsys):
    use(FakePredictor(2.0, weights_warning='random weights: not depth'))
    assert calibrate(image, tmp_path, '--distance', '2.0')[0] == 0
    assert 'RANDOM WEIGHTS' in capsys.readouterr().out


def test_weights_that_name_their_camera_need_the_images_for_their_scale(
    image, tmp_path, use, capsys
):
    use(FakePredictor(2.0, training_hfov_rad=math.radians(90)))  # f / W = 0.5; 60 degrees: 0.866
    assert calibrate(image, tmp_path, '--distance', '3.0')[0] == 2
    assert (
        'the scale depends on the field of view of the camera: give --hfov'
        in capsys.readouterr().err
    )
    scale = scale_of(image, tmp_path, '--distance', '3.0', '--hfov', '60')
    assert scale == pytest.approx(3.0 / 3.4641, rel=1e-3)  # 2 m are 3.464 m through 60 degrees
    off = ['--distance', '3.0', '--focal-correction', 'off']
    assert scale_of(image, tmp_path, *off) == pytest.approx(1.5, rel=1e-3)
