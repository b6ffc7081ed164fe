import time
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from videos import write_avi, write_mkv
from waiting import wait_until

from zoedepth_ros.demo.sources import capture, still_images
from zoedepth_ros.demo.sources.base import NoImageError, SourceError
from zoedepth_ros.demo.sources.capture import Video, Webcam
from zoedepth_ros.demo.sources.open_source import open_source


def write_image(path, value):
    assert cv2.imwrite(str(path), np.full((6, 8, 3), value, np.uint8))


@pytest.fixture
def folder(tmp_path):
    for name, value in (('b.png', 20), ('a.png', 10), ('c.png', 30)):
        write_image(tmp_path / name, value)
    (tmp_path / 'notes.txt').write_text('no image')
    return tmp_path


@pytest.fixture
def video(tmp_path):
    """Twenty frames at 10 Hz; frame i has the grey value 10 i."""
    return write_avi(tmp_path / 'video.avi', 20, step=10)


def opened(source, *, loop=True, dwell_s=1.0, warn=lambda text: None):
    return open_source(source, loop=loop, dwell_s=dwell_s, warn=warn, trajectory=None)


def test_a_folder_is_shown_by_name_each_image_for_its_time(folder):
    source = opened(str(folder))
    names = [source.read(time_s).name for time_s in (0.0, 0.9, 1.1, 2.5, 3.1)]
    assert names == ['a.png', 'a.png', 'b.png', 'c.png', 'a.png']


def test_without_a_dwell_every_read_is_the_next_image(folder):
    source = opened(str(folder), dwell_s=0.0)
    assert [source.read(0.0).rgb[0, 0, 0] for _ in range(4)] == [10, 20, 30, 10]


def test_without_loop_the_last_image_is_the_end(folder):
    source = opened([str(folder / 'a.png'), str(folder / 'b.png')], loop=False)
    assert source.read(1.5).name == 'b.png'
    assert source.read(2.1) is None


def test_images_are_rgb(tmp_path):
    bgr = np.zeros((4, 4, 3), np.uint8)
    bgr[..., 2] = 200  # red
    cv2.imwrite(str(tmp_path / 'red.png'), bgr)
    assert opened(str(tmp_path / 'red.png')).read(0.0).rgb[0, 0].tolist() == [200, 0, 0]


def test_a_damaged_image_among_others_is_skipped_with_a_warning(folder):
    (folder / 'b.png').write_bytes((folder / 'b.png').read_bytes()[:30])
    warnings = []
    source = opened(str(folder), warn=warnings.append)
    assert [source.read(t).name for t in (0.0, 1.1)] == ['a.png', 'c.png']
    assert len(warnings) == 1
    assert 'b.png' in warnings[0]


@pytest.mark.parametrize('content', [b'', b'not an image', None])
def test_a_damaged_image_alone_is_an_error_that_names_it(tmp_path, content):
    path = tmp_path / 'alone.jpg'
    write_image(path, 100)
    path.write_bytes(path.read_bytes()[:-40] if content is None else content)
    with pytest.raises(SourceError, match='alone.jpg'):
        opened(str(path))


@pytest.mark.parametrize(
    'source', ['/nowhere/a.png', '/nowhere', ['/nowhere/a.png'], '~nowhere', ['~nowhere/a.png']]
)
def test_a_source_that_does_not_exist_is_named(source):
    with pytest.raises(SourceError, match='[/~]nowhere'):
        opened(source)


def test_a_video_is_shown_at_its_own_rate(video):
    source = opened(str(video))
    shown = [int(source.read(time_s).rgb.mean()) for time_s in (0.0, 0.52, 0.55, 1.01)]
    assert np.allclose(shown, [0, 50, 50, 100], atol=4)


def test_a_video_of_a_variable_rate_is_shown_at_its_frames_times(tmp_path):
    times_ms = [0, 40, 80, 700, 1010, 1050, 1990, 2040, 3500, 3510]
    source = opened(str(write_mkv(tmp_path / 'phone.mkv', times_ms)), loop=False)
    times_s = (0.0, 0.06, 0.5, 0.699, 0.7, 1.0, 1.02, 2.5, 3.505)
    shown = [round(source.read(time_s).rgb.mean() / 5) for time_s in times_s]
    assert shown == [0, 1, 2, 2, 3, 3, 4, 7, 8]


def test_a_video_starts_again_or_ends(video):
    again, once = Video(video, loop=True), Video(video, loop=False)
    assert once.read(1.95) is not None
    assert once.read(2.5) is None
    again.read(1.95)
    assert np.isclose(again.read(2.5).rgb.mean(), 0.0, atol=4)
    assert np.isclose(again.read(2.5 + 0.35).rgb.mean(), 30.0, atol=4)


def test_a_folder_without_images_an_empty_list_and_a_file_that_is_no_video_are_errors(tmp_path):
    (tmp_path / 'video.mp4').write_text('no video')
    for source, reason in (
        (str(tmp_path), 'no images in'),
        ([], 'list of images is empty'),
        (str(tmp_path / 'video.mp4'), r'video\.mp4'),
    ):
        with pytest.raises(SourceError, match=reason):
            opened(source)


class FakeCapture:
    """A camera that works while `works` is true and gives numbered images."""

    works = True
    count = 0

    def __init__(self, device):
        self.opened = FakeCapture.works

    def read(self):
        time.sleep(0.005)
        if not (self.opened and FakeCapture.works):
            self.opened = False
            return False, None
        FakeCapture.count += 1
        number = (0, *divmod(FakeCapture.count, 256))  # blue, green, red
        return True, np.full((4, 4, 3), number, np.uint8)

    def release(self):
        self.opened = False


def number_of(image):
    red, green, _ = image.rgb[0, 0].tolist()
    return 256 * green + red


@pytest.fixture
def fake_camera(monkeypatch):
    FakeCapture.works, FakeCapture.count = True, 0
    monkeypatch.setattr(capture, '_REOPEN_PERIOD_S', 0.02)
    monkeypatch.setattr(capture.cv2, 'VideoCapture', FakeCapture)
    return FakeCapture


def test_a_webcam_that_disappears_is_opened_again(fake_camera, monkeypatch):
    now_s = [100.0]
    monkeypatch.setattr(capture, 'time', SimpleNamespace(monotonic=lambda: now_s[0]))
    camera = Webcam(0)
    assert camera.read(0.0).age_s == 0.0
    fake_camera.works = False
    wait_until(lambda: not camera._capture.opened)
    last = fake_camera.count
    now_s[0] += 2.0
    assert camera.read(0.0).age_s == 2.0
    now_s[0] += 0.5
    with pytest.raises(NoImageError, match='webcam 0 gives no images'):
        camera.read(0.0)
    fake_camera.works = True
    wait_until(lambda: fake_camera.count > last + 1)  # the one before was handed over
    assert camera.read(0.0).age_s == 0.0
    assert number_of(camera.read(0.0)) > last
    camera.close()


def test_a_webcam_read_slowly_gives_its_newest_image(fake_camera):
    camera = Webcam(0)
    wait_until(lambda: fake_camera.count > 5)
    newest = fake_camera.count - 1  # the very newest may be under way
    assert number_of(camera.read(0.0)) >= newest
    camera.close()


def test_a_webcam_that_is_not_there_is_an_error(fake_camera):
    fake_camera.works = False
    with pytest.raises(SourceError, match='webcam 3'):
        Webcam(3)


@pytest.mark.parametrize('source', [2, '2'])
def test_a_number_names_a_webcam(fake_camera, monkeypatch, source):
    devices = []
    monkeypatch.setattr(capture.cv2, 'VideoCapture', lambda n: devices.append(n) or fake_camera(n))
    opened(source).close()
    assert devices == [2]


def test_photographs_come_with_packages_at_a_size_for_the_demo():
    pytest.importorskip('skimage')
    images = [still.load() for still in still_images.photographs()]
    assert all(rgb.shape[1] <= 640 and rgb.dtype == np.uint8 for rgb in images)
    assert images[0].std() > 20.0  # not one colour


def test_without_their_packages_photographs_report_what_is_missing(monkeypatch):
    def missing(name):
        raise ImportError(name)

    monkeypatch.setattr(still_images, 'import_module', missing)
    with pytest.raises(SourceError, match='scikit-image and scikit-learn'):
        opened('photographs')
