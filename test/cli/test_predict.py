"""`zoedepth predict` with a predictor whose depth is known."""

import struct

import cv2
import numpy as np
import pytest
from fake_predictor import FakePredictor
from PIL import Image
from videos import write_avi, write_mkv

from zoedepth_ros.cli.main import main
from zoedepth_ros.inference.result import InferenceError
from zoedepth_ros.viewing.moments import image_frames
from zoedepth_ros.weights import known_weights


@pytest.fixture
def fake(use):
    return use(FakePredictor(2.0, weights_warning=''))


@pytest.fixture
def folder(tmp_path):
    (tmp_path / 'in').mkdir()
    for name, shade in (('a.png', 50), ('b.png', 200)):
        cv2.imwrite(str(tmp_path / 'in' / name), np.full((30, 40, 3), shade, np.uint8))
    return tmp_path / 'in'


def predict(*arguments):
    return main(['predict', *map(str, arguments)])


@pytest.mark.parametrize('options', [[], ['--focal-correction', 'off']])
def test_an_image_becomes_four_files(folder, tmp_path, fake, options):
    assert predict(folder / 'a.png', '--out', tmp_path / 'out', *options) == 0
    names = sorted(path.name for path in (tmp_path / 'out').iterdir())
    assert names == ['a.ply', 'a_color.png', 'a_depth.npy', 'a_depth.png']
    mm = cv2.imread(str(tmp_path / 'out' / 'a_depth.png'), cv2.IMREAD_UNCHANGED)
    assert mm.dtype == np.uint16
    assert mm.shape == (30, 40)
    assert (mm == 2000).all()
    metres = np.load(tmp_path / 'out' / 'a_depth.npy')
    assert metres.dtype == np.float32
    assert (metres == 2.0).all()
    assert cv2.imread(str(tmp_path / 'out' / 'a_color.png')).shape[0] == 30


def read_points(path):
    """Read x, y, z, red, green, blue by hand."""
    return np.array(
        list(struct.iter_unpack('<fffBBB', path.read_bytes().split(b'end_header\n')[1]))
    )


def test_the_cloud_spans_the_field_of_view_that_was_given(folder, tmp_path, fake):
    predict(folder / 'a.png', '--out', tmp_path / 'out', '--hfov', '90')
    points = read_points(tmp_path / 'out' / 'a.ply')
    assert len(points) == 30 * 40
    # at 2 m, 90 degrees span from -2 to 2 m between the outer edges of the outer pixels
    half_pixel_m = 2.0 / 40
    assert points[:, 0].min() == pytest.approx(-2.0 + half_pixel_m, abs=1e-5)
    assert points[:, 0].max() == pytest.approx(2.0 - half_pixel_m, abs=1e-5)
    assert (points[:, 2] == 2.0).all()
    assert (points[:, 3:] == 50).all()


def test_without_a_field_of_view_the_assumed_one_is_printed(folder, tmp_path, fake, capsys):
    predict(folder, '--out', tmp_path / 'out')
    assert '55 degrees' in capsys.readouterr().out
    predict(folder, '--out', tmp_path / 'out', '--hfov', '70')
    assert 'degrees' not in capsys.readouterr().out


def test_range_head_and_router_are_printed(folder, tmp_path, fake, capsys):
    fake.depth = lambda rgb, head: np.linspace(1.0, 3.0, 1200, dtype=np.float32).reshape(30, 40)
    predict(folder / 'a.png', '--out', tmp_path / 'out')
    text = capsys.readouterr().out
    assert '1.00 to 3.00 m, median 2.00 m' in text
    assert 'head indoor' in text
    assert 'indoor 90.0%, outdoor 10.0%' in text
    assert '40 x 30 px' in text
    assert '[1/1]' in text


def test_the_reason_of_no_depth_is_printed(folder, tmp_path, fake, capsys):
    fake.depth = 0.05
    predict(folder / 'a.png', '--out', tmp_path / 'out', '--depth-min', '0.1')
    assert 'no depth: 100% of the pixels are nearer than --depth-min' in capsys.readouterr().out


def test_options_reach_the_predictor(folder, tmp_path, fake):
    predict(
        folder / 'a.png', '--out', tmp_path / 'out', '--model', 'ZoeD_tiny_N', '--weights', 'w.pt',
        '--device', 'cpu', '--precision', 'fp32', '--preprocessing', 'official', '--flip',
        '--head', 'outdoor',
    )  # fmt: skip
    assert fake.arguments == ('ZoeD_tiny_N', 'w.pt', 'cpu', 'fp32', 'official', True)
    assert fake.requested_heads == ['outdoor']


def test_the_defaults_are_the_released_model_and_its_own_weights(folder, tmp_path, fake):
    predict(folder / 'a.png', '--out', tmp_path / 'out')
    assert fake.arguments == ('ZoeD_M12_NK', None, 'auto', 'auto', 'metric', False)
    assert fake.requested_heads == ['auto']


def test_random_weights_are_warned_of_in_the_output_and_in_the_image(
    folder, tmp_path, fake, capsys
):
    predict(folder / 'a.png', '--out', tmp_path / 'plain')
    assert 'WARNING' not in capsys.readouterr().out
    fake.weights_warning = 'random weights: not depth'
    predict(folder / 'a.png', '--out', tmp_path / 'warned')
    assert capsys.readouterr().out.count('WARNING  RANDOM WEIGHTS: NOT DEPTH') == 2
    plain, warned = (
        cv2.imread(str(tmp_path / which / 'a_color.png')) for which in ('plain', 'warned')
    )
    assert (plain != warned).any()


def test_a_bad_image_is_named_and_the_others_go_on(folder, tmp_path, fake, capsys):
    (folder / 'aa.jpg').write_bytes(b'not an image')
    assert predict(folder, tmp_path / 'missing.png', '--out', tmp_path / 'out') == 1
    errors = capsys.readouterr().err
    assert 'aa.jpg' in errors
    assert 'missing.png' in errors
    assert '2 of 4 inputs failed' in errors
    assert (tmp_path / 'out' / 'a.ply').exists()
    assert (tmp_path / 'out' / 'b.ply').exists()


def test_an_image_that_a_calibration_does_not_fit_is_named_and_the_others_go_on(
    folder, tmp_path, fake, capsys
):
    height, width = cv2.imread(str(folder / 'a.png')).shape[:2]
    cv2.imwrite(str(folder / 'z.png'), np.zeros((width, height, 3), np.uint8))
    (tmp_path / 'camera.yaml').write_text(
        f'width: {width}\nheight: {height}\n'
        f'k: [{width}, 0, {width / 2}, 0, {width}, {height / 2}, 0, 0, 1]\n'
    )
    given = ('--calibration', tmp_path / 'camera.yaml', '--out', tmp_path / 'out')
    assert predict(folder, *given) == 1
    errors = capsys.readouterr().err
    assert f'z.png: the image is {height} x {width}' in errors
    assert '1 of 3 inputs failed' in errors
    assert fake.calls == 2


def test_a_failed_prediction_is_named_and_counted(folder, tmp_path, fake, capsys):
    fake.fail_with = InferenceError('the network returned NaN')
    assert predict(folder, '--out', tmp_path / 'out') == 1
    assert 'a.png: the network returned NaN' in capsys.readouterr().err


def test_images_of_the_same_name_are_kept_apart(folder, tmp_path, fake):
    (tmp_path / 'other').mkdir()
    cv2.imwrite(str(tmp_path / 'other' / 'a.png'), np.full((30, 40, 3), 99, np.uint8))
    predict(folder / 'a.png', tmp_path / 'other' / 'a.png', '--out', tmp_path / 'out')
    assert (read_points(tmp_path / 'out' / 'in_a.ply')[:, 3:] == 50).all()
    assert (read_points(tmp_path / 'out' / 'other_a.ply')[:, 3:] == 99).all()


def test_a_second_run_into_the_folder_of_the_images_takes_the_same_images(folder, fake):
    assert predict(folder, '--out', folder) == 0
    assert predict(folder, '--out', folder) == 0
    assert fake.calls == 4


def test_an_image_is_never_overwritten(folder, tmp_path, fake, capsys):
    image = folder / 'a_color.png'
    image.write_bytes((folder / 'a.png').read_bytes())
    before = image.read_bytes()
    assert predict(folder, '--out', folder) == 2
    assert 'a_color.png' in capsys.readouterr().err
    assert image.read_bytes() == before


def test_an_image_held_sideways_is_turned_and_that_is_reported(tmp_path, fake, capsys):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.zeros((20, 40, 3), np.uint8)).save(tmp_path / 'p.jpg', exif=exif)
    assert predict(tmp_path / 'p.jpg', '--out', tmp_path / 'out') == 0
    assert fake.shapes == [(40, 20, 3)]
    assert 'EXIF: rotated clockwise by 90 degrees' in capsys.readouterr().out


def test_depth_beyond_the_png_is_reported(folder, tmp_path, fake, capsys):
    fake.depth = 80.0
    predict(folder / 'a.png', '--out', tmp_path / 'out')
    assert '1200 pixels beyond 65.535 m are 0' in capsys.readouterr().out


def test_a_head_the_model_lacks_is_reported_once_before_any_image(folder, tmp_path, fake, capsys):
    fake.heads = ('indoor',)
    assert predict(folder, '--out', tmp_path / 'out', '--head', 'outdoor') == 2
    assert fake.calls == 0
    assert capsys.readouterr().err.count('outdoor') == 1


@pytest.mark.parametrize('embedded', [True, False])
def test_weights_that_cannot_be_fetched_are_an_error_that_lists_alternatives(
    folder, tmp_path, monkeypatch, capsys, embedded
):
    monkeypatch.setenv('HF_HUB_OFFLINE', '1')
    monkeypatch.setenv('ZOEDEPTH_HOME', str(tmp_path / 'home'))
    monkeypatch.setenv('TORCH_HOME', str(tmp_path / 'torch'))
    monkeypatch.setattr(known_weights, 'EMBEDDED_FOLDER', tmp_path)
    if embedded:
        (tmp_path / 'ZoeD_S_NK.safetensors').write_bytes(b'weights')
    assert predict(folder, '--out', tmp_path / 'out') == 2
    text = capsys.readouterr().err
    assert 'ZoeD_M12_NK could not be fetched' in text
    assert '--weights PATH' in text
    assert '--model ZoeD_tiny_NK --weights random' in text
    assert ('--model ZoeD_S_NK' in text) == embedded
    assert not (tmp_path / 'out').exists()


def test_the_real_small_network_runs_with_random_weights(folder, tmp_path, capsys):
    arguments = ['--model', 'ZoeD_tiny_NK', '--weights', 'random', '--device', 'cpu']
    assert predict(folder, '--out', tmp_path / 'out', *arguments) == 0
    assert 'WARNING  RANDOM WEIGHTS: NOT DEPTH' in capsys.readouterr().out
    assert np.isfinite(np.load(tmp_path / 'out' / 'b_depth.npy')).all()


def test_only_the_frames_of_an_earlier_run_are_removed(video, tmp_path, fake):
    depth = tmp_path / 'out' / 'drive_depth'
    depth.mkdir(parents=True)
    for name in ('000012.png', '1732960000.png', '7.png'):  # of an earlier run; of the user
        (depth / name).write_bytes(b'before')
    assert predict(video, '--out', tmp_path / 'out') == 0
    others = {path.name for path in depth.iterdir()} - {
        f'{number:06d}.png' for number in range(12)
    }
    assert others == {'1732960000.png', '7.png'}


@pytest.fixture
def video(tmp_path):
    """Twelve frames at 10 Hz, each brighter than the last."""
    return write_avi(tmp_path / 'drive.avi', 12, size=(31, 40))


def test_a_video_becomes_a_depth_png_a_frame_a_video_of_colours_and_a_table(video, tmp_path, fake):
    fake.depth = lambda rgb, head: np.full(rgb.shape[:2], 1.0 + rgb.mean() / 100.0, np.float32)
    assert predict(video, '--out', tmp_path / 'out') == 0
    names = sorted(path.name for path in (tmp_path / 'out' / 'drive_depth').iterdir())
    assert names == [f'{number:06d}.png' for number in range(12)]
    last = cv2.imread(str(tmp_path / 'out' / 'drive_depth' / '000011.png'), cv2.IMREAD_UNCHANGED)
    assert last.dtype == np.uint16
    assert last.mean() == pytest.approx(3200, abs=20)  # 220 of brightness, through JPEG
    table = (tmp_path / 'out' / 'drive_frames.csv').read_text().splitlines()
    assert table[0] == 'frame,time_s,head,indoor,outdoor,median_depth_m'
    assert table[5].startswith('4,0.400,indoor,0.900,0.100,1.7')  # 80, through JPEG
    assert len(table) == 13
    colors = cv2.VideoCapture(str(tmp_path / 'out' / 'drive_color.mp4'))
    assert colors.get(cv2.CAP_PROP_FRAME_COUNT) == 12
    assert colors.get(cv2.CAP_PROP_FPS) == pytest.approx(10.0)
    assert colors.get(cv2.CAP_PROP_FRAME_WIDTH) == 80  # image and depth beside each other


@pytest.mark.parametrize('fps', [211.222, 99.129])
def test_a_video_of_any_rate_becomes_depth_and_a_video(tmp_path, fake, fps):
    path = write_avi(tmp_path / 'slow.avi', 42, size=(32, 40), fps=fps, step=0)
    assert predict(path, '--out', tmp_path / 'out') == 0
    assert len(list((tmp_path / 'out' / 'slow_depth').iterdir())) == 42
    colors = cv2.VideoCapture(str(tmp_path / 'out' / 'slow_color.mp4'))
    assert colors.get(cv2.CAP_PROP_FRAME_COUNT) == 42
    assert colors.get(cv2.CAP_PROP_FPS) == pytest.approx(fps, rel=0.01)


def test_frames_of_a_variable_rate_keep_their_times(tmp_path, fake):
    times_ms = [0, 40, 80, 700, 1010, 1050, 1990, 2040, 3500, 3510]
    path = write_mkv(tmp_path / 'phone.mkv', times_ms)
    assert predict(path, '--out', tmp_path / 'all') == 0
    times = [line.split(',')[1] for line in (tmp_path / 'all/phone_frames.csv').open()]
    assert [float(t) for t in times[1:]] == pytest.approx([t / 1000 for t in times_ms])
    colors = cv2.VideoCapture(str(tmp_path / 'all' / 'phone_color.mp4'))
    shown_s = colors.get(cv2.CAP_PROP_FRAME_COUNT) / colors.get(cv2.CAP_PROP_FPS)
    assert shown_s == pytest.approx(3.51, abs=1.0)
    assert predict(path, '--out', tmp_path / 'one', '--rate', '1') == 0
    times = [line.split(',')[1] for line in (tmp_path / 'one/phone_frames.csv').open()]
    assert times[1:] == ['0.000', '1.010', '2.040', '3.500']


def test_a_video_of_colours_that_cannot_be_written_costs_no_depth(
    video, tmp_path, fake, monkeypatch, capsys
):
    writer = cv2.VideoWriter
    monkeypatch.setattr(cv2, 'VideoWriter', lambda *_: writer())  # never opened
    assert predict(video, '--out', tmp_path / 'out') == 0
    assert len(list((tmp_path / 'out' / 'drive_depth').iterdir())) == 12
    assert len((tmp_path / 'out' / 'drive_frames.csv').read_text().splitlines()) == 13
    out = capsys.readouterr().out
    assert 'the colour video could not be written, but the depth is complete: ' in out
    assert 'cannot write a video of 80 x 30 px, 10 frames per second' in out
    assert not (tmp_path / 'out' / 'drive_color.mp4').exists()


def test_a_video_that_is_none_is_named_and_the_images_go_on(folder, tmp_path, fake, capsys):
    (tmp_path / 'bad.mp4').write_bytes(b'not a video')
    arguments = (tmp_path / 'bad.mp4', tmp_path / 'missing.mp4', folder / 'a.png')
    assert predict(*arguments, '--out', tmp_path / 'out') == 1
    errors = capsys.readouterr().err
    assert 'bad.mp4' in errors
    assert 'missing.mp4' in errors
    names = sorted(path.name for path in (tmp_path / 'out').iterdir())
    assert names == ['a.ply', 'a_color.png', 'a_depth.npy', 'a_depth.png']


def test_frames_of_a_cut_video_that_cannot_be_read_are_counted(video, tmp_path, fake, capsys):
    assert predict(video, '--out', tmp_path / 'whole') == 0
    assert 'cannot be read' not in capsys.readouterr().out
    whole = len(list((tmp_path / 'whole').glob('*_depth/*.png')))
    cut = video.with_name(f'cut{video.suffix}')
    content = video.read_bytes()
    cut.write_bytes(content[: len(content) * 4 // 5])
    assert predict(cut, '--out', tmp_path / 'cut') == 0
    read = len(list((tmp_path / 'cut').glob('*_depth/*.png')))
    assert 0 < read < whole
    assert f'{whole - read} more frames cannot be read' in capsys.readouterr().out


def test_a_video_is_never_overwritten(video, tmp_path, fake):
    inside = tmp_path / 'walk_color.mp4'
    video.rename(inside)
    assert predict(inside, tmp_path / 'walk.mp4', '--out', tmp_path) == 2


def test_without_a_field_of_view_the_image_is_the_training_cameras(folder, tmp_path, fake, capsys):
    fake.training_hfov_rad = np.pi / 2
    predict(folder / 'a.png', '--out', tmp_path / 'out')
    assert (
        'a field of view of 90 degrees is assumed for depth and cloud' in capsys.readouterr().out
    )
    assert (np.load(tmp_path / 'out' / 'a_depth.npy') == 2.0).all()
    x_m = read_points(tmp_path / 'out' / 'a.ply')[:, 0]
    assert x_m.max() == pytest.approx(2.0 - 2.0 / 40, abs=1e-5)  # 90 degrees at 2 m


def with_focal_length(path, focal_mm):
    """Write a JPEG of 40 x 30 px whose EXIF has this 35 mm equivalent focal length."""
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0xA405] = focal_mm
    Image.fromarray(np.zeros((30, 40, 3), np.uint8)).save(path, exif=exif)
    return path


def test_the_focal_length_of_exif_is_used(tmp_path, fake, capsys):
    fake.training_hfov_rad = np.pi / 2  # f / W = 0.5
    with_focal_length(tmp_path / 'p.jpg', 35)
    assert predict(tmp_path / 'p.jpg', '--out', tmp_path / 'out') == 0
    # 4 to 3 of a diagonal of 43.267 mm is 34.613 mm wide
    assert 'EXIF: field of view 53 degrees' in capsys.readouterr().out
    depth_m = np.load(tmp_path / 'out' / 'p_depth.npy')
    np.testing.assert_allclose(depth_m, 2.0 * (35 / 34.613) / 0.5, rtol=1e-3)
    predict(tmp_path / 'p.jpg', '--out', tmp_path / 'out', '--hfov', '90')  # an option wins
    assert (np.load(tmp_path / 'out' / 'p_depth.npy') == 2.0).all()


@pytest.mark.parametrize('focal_mm', [1, 800])
def test_a_focal_length_of_exif_that_no_lens_has_is_not_used(tmp_path, fake, capsys, focal_mm):
    fake.training_hfov_rad = np.pi / 2
    with_focal_length(tmp_path / 'p.jpg', focal_mm)
    assert predict(tmp_path / 'p.jpg', '--out', tmp_path / 'out') == 0
    assert 'EXIF' not in capsys.readouterr().out.replace('without a focal length in EXIF', '')
    assert (np.load(tmp_path / 'out' / 'p_depth.npy') == 2.0).all()


def test_the_viewer_uses_the_focal_length_of_exif_too(tmp_path, fake, capsys):
    pytest.importorskip('rerun')
    image = str(with_focal_length(tmp_path / 'p.jpg', 35))
    save = ['--save', str(tmp_path / 'p.rrd')]
    assert main(['view', image, *save]) == 0
    assert 'EXIF: field of view 53 degrees' in capsys.readouterr().err
    assert main(['view', image, *save, '--hfov', '90']) == 0  # an option wins
    assert 'EXIF' not in capsys.readouterr().err
    (frame,) = image_frames([tmp_path / 'p.jpg'], by_exif=True)
    np.testing.assert_allclose(frame.camera.intrinsics.fx_px, 40 * 35 / 34.613, rtol=1e-4)


def test_the_help_names_the_default_of_this_command_not_of_the_node(capsys):
    with pytest.raises(SystemExit):
        main(['predict', '--help'])
    words = ' '.join(capsys.readouterr().out.split())
    assert 'of the depth image. 1 uses all pixels. (default: 1)' in words
