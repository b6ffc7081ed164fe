"""Frames of videos and webcams with their times, and frame rates that a container takes."""

from __future__ import annotations

import math
import time
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.files import name_for_opencv

_INDEXED = ('.avi', '.m4v', '.mov', '.mp4')
_USUAL_FPS = 30.0  # of files without a rate
_LOWEST_FPS = 0.01  # that OpenCV makes a fraction of
_LARGEST_NUMBER = 65_535  # that MPEG-4 has for a rate, in thousandths, hundredths, ...


class VideoFrame(NamedTuple):
    """One image of a video or webcam."""

    time_s: float
    """From the first frame of a video, or since 1970 for a webcam [s]."""

    rgb: NDArray[np.uint8]
    """(H, W, 3)."""


class FrameTimes:
    """Times of frames as they are grabbed: the file's own, where it has them."""

    def __init__(self, video: cv2.VideoCapture) -> None:
        """video: just opened."""
        self._video = video
        fps = float(video.get(cv2.CAP_PROP_FPS))
        self.fps = fps if math.isfinite(fps) and fps > 0.0 else _USUAL_FPS
        """Nominal rate [Hz]; a variable rate differs from it."""
        self._first_s = 0.0
        self.last_s: float | None = None
        """Time of the frame before the next one [s]; None before the first."""

    def next(self) -> float:
        """Return the time of the frame that has just been grabbed, from the first one on [s]."""
        file_s = float(self._video.get(cv2.CAP_PROP_POS_MSEC)) / 1000.0
        if self.last_s is None:
            self._first_s = file_s if math.isfinite(file_s) else 0.0
            self.last_s = 0.0
            return 0.0
        time_s = file_s - self._first_s
        if not time_s > self.last_s:  # missing or impossible
            time_s = self.last_s + 1.0 / self.fps
        self.last_s = time_s
        return time_s


def chosen_times_s(path: Path, rate_hz: float) -> Iterator[float]:
    """Yield the times of a video's selected frames [s]; ValueError if OpenCV cannot read it."""
    with _opened(path) as video:
        yield from _selected(video, rate_hz)


def read_video(path: Path, rate_hz: float = 0.0) -> Generator[VideoFrame, None, None]:
    """Yield the frames of a video at their own times, at most `rate_hz` per second (0: all).

    A damaged frame is left out.  Raises ValueError if OpenCV cannot read the file.
    """
    with _opened(path) as video:
        for time_s in _selected(video, rate_hz):
            is_read, bgr = video.retrieve()
            if is_read:
                yield VideoFrame(time_s, cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB))


def stated_frames(path: Path) -> int:
    """Return the number of frames in the index of a video; 0 for formats that have none."""
    if path.suffix.lower() not in _INDEXED:
        return 0
    with _opened(path) as video:
        return int(video.get(cv2.CAP_PROP_FRAME_COUNT))


def video_shape(path: Path) -> tuple[int, int] | None:
    """Return height and width of a video's first frame; None if it cannot be read."""
    with suppress(ValueError), closing(read_video(path)) as frames:
        for frame in frames:
            return frame.rgb.shape[:2]
    return None


def read_webcam(device: int | str) -> Iterator[VideoFrame]:
    """Yield the newest frames of a webcam without end; raises OSError when it has none."""
    camera = cv2.VideoCapture(device)
    camera.set(cv2.CAP_PROP_BUFFERSIZE, 1)
    try:
        if not camera.isOpened():
            raise OSError(f'webcam {device} cannot be opened')
        while True:
            is_read, bgr = camera.read()
            if not is_read:
                raise OSError(f'webcam {device} returns no images any more')
            yield VideoFrame(time.time(), cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB))
    finally:
        camera.release()


@contextmanager
def _opened(path: Path) -> Iterator[cv2.VideoCapture]:
    video = cv2.VideoCapture(name_for_opencv(path))
    try:
        if not video.isOpened():
            raise ValueError(f'{path} is not a video that OpenCV can read')
        yield video
    finally:
        video.release()


def _selected(video: cv2.VideoCapture, rate_hz: float) -> Iterator[float]:
    """Grab frame after frame and yield the times of those selected [s].

    These are the first one at or after each multiple of 1 / rate_hz; every frame at a rate of 0.
    """
    times, next_s = FrameTimes(video), 0.0
    while video.grab():
        time_s = times.next()
        if time_s + 1e-6 >= next_s:
            yield time_s
            if rate_hz > 0.0:
                next_s = (math.floor((time_s + 1e-6) * rate_hz) + 1) / rate_hz


def container_fps(fps: float) -> float:
    """Return the nearest rate that MPEG-4 holds: a fraction of numbers up to 65,535 [Hz]."""
    for digits in (3, 2, 1, 0):
        rounded = round(max(fps, _LOWEST_FPS), digits)
        if rounded * 10**digits <= _LARGEST_NUMBER:
            return rounded
    return float(_LARGEST_NUMBER)
