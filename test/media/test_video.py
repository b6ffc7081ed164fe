import cv2
import numpy as np
import pytest
from videos import write_mkv

from zoedepth_ros.media.video import FrameTimes, chosen_times_s, container_fps

TIMES_MS = [0, 40, 80, 700, 1010, 1050, 1990, 2040, 3500, 3510]


def test_the_frames_own_times_are_given(tmp_path):
    path = write_mkv(tmp_path / 'a.mkv', TIMES_MS)
    assert list(chosen_times_s(path, 0.0)) == pytest.approx([t / 1000 for t in TIMES_MS])
    assert list(chosen_times_s(path, 1.0)) == pytest.approx([0.0, 1.01, 2.04, 3.5])
    later = write_mkv(tmp_path / 'b.mkv', [t + 5000 for t in TIMES_MS])  # begins late
    assert list(chosen_times_s(later, 0.0)) == pytest.approx([t / 1000 for t in TIMES_MS])


class Untold:
    """A video without times, or with some that make no sense."""

    def __init__(self, reported_ms, fps=10.0):
        self._reported, self._fps = iter(reported_ms), fps

    def get(self, what):
        return self._fps if what == cv2.CAP_PROP_FPS else next(self._reported)


@pytest.mark.parametrize(
    ('reported_ms', 'fps', 'times_s'),
    [
        ([0.0] * 4, 10.0, [0.0, 0.1, 0.2, 0.3]),
        ([float('nan')] * 3, 10.0, [0.0, 0.1, 0.2]),
        ([0.0, 200.0, 150.0, 400.0], 10.0, [0.0, 0.2, 0.3, 0.4]),
        ([0.0] * 3, 0.0, [0.0, 1 / 30, 2 / 30]),
        ([0.0] * 3, float('inf'), [0.0, 1 / 30, 2 / 30]),
    ],
)
def test_times_that_are_not_reported_or_go_back_come_from_the_rate(reported_ms, fps, times_s):
    times = FrameTimes(Untold(reported_ms, fps))
    assert [times.next() for _ in reported_ms] == pytest.approx(times_s)


def test_after_a_gap_the_rate_is_kept(tmp_path):
    times_ms = [0, 300, 500, 700, 5100, 5200, 5300, 5500, 5900, 6000]
    path = write_mkv(tmp_path / 'a.mkv', times_ms)
    assert list(chosen_times_s(path, 2.0)) == pytest.approx([0.0, 0.5, 5.1, 5.5, 6.0])


@pytest.mark.parametrize(
    'fps', [211.222, 99.129, 23.976, 29.97, 30.0, 59.94, 119.88, 239.76, 959.04, 1e9, 0.2, 1e-9]
)
def test_a_container_takes_the_rate(tmp_path, fps):
    code = cv2.VideoWriter.fourcc(*'mp4v')
    if not cv2.VideoWriter(str(tmp_path / 'b.mp4'), code, 25.0, (64, 48)).isOpened():
        pytest.skip('this OpenCV writes no mp4')
    rate = container_fps(fps)
    writer = cv2.VideoWriter(str(tmp_path / 'a.mp4'), code, rate, (64, 48))
    assert writer.isOpened()
    for _ in range(3):
        writer.write(np.zeros((48, 64, 3), np.uint8))
    writer.release()
    assert len(list(chosen_times_s(tmp_path / 'a.mp4', 0.0))) == 3
    if 0.1 < fps < 1000.0:
        assert rate == pytest.approx(fps, rel=1e-3)
