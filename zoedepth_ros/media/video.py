"""Times of a video's frames, and frame rates that a container takes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import cv2

from zoedepth_ros.files import name_for_opencv

_USUAL_FPS = 30.0  # of files that do not say
_LOWEST_FPS = 0.01  # that OpenCV makes a fraction of
_LARGEST_NUMBER = 65_535  # that MPEG-4 has for a rate, in thousandths, hundredths, ...


class FrameTimes:
    """Give the times of frames as they are grabbed: the file's own, where it has them."""

    def __init__(self, video: cv2.VideoCapture) -> None:
        """video: just opened."""
        self._video = video
        fps = float(video.get(cv2.CAP_PROP_FPS))
        self.fps = fps if math.isfinite(fps) and fps > 0.0 else _USUAL_FPS
        """Nominal rate [Hz]; frames of a variable rate are elsewhere."""
        self._first_s = 0.0
        self.last_s: float | None = None
        """Time of the frame before the next one [s]; None before the first."""

    def next(self) -> float:
        """Give the time of the frame that has just been grabbed, from the first one on [s]."""
        told_s = float(self._video.get(cv2.CAP_PROP_POS_MSEC)) / 1000.0
        if self.last_s is None:
            self._first_s = told_s if math.isfinite(told_s) else 0.0
            self.last_s = 0.0
            return 0.0
        time_s = told_s - self._first_s
        if not time_s > self.last_s:  # not told, or nonsense
            time_s = self.last_s + 1.0 / self.fps
        self.last_s = time_s
        return time_s


class Due:
    """Choose frames, at most so many a second: the first one at or after each multiple."""

    def __init__(self, rate_hz: float) -> None:
        """rate_hz: 0 for every frame."""
        self._rate_hz, self._next_s = rate_hz, 0.0

    def take(self, time_s: float) -> bool:
        """Tell whether the frame of this time is chosen."""
        if self._rate_hz <= 0.0:
            return True
        if time_s + 1e-6 < self._next_s:
            return False
        self._next_s = (math.floor((time_s + 1e-6) * self._rate_hz) + 1) / self._rate_hz
        return True


def chosen_times_s(path: Path, rate_hz: float) -> Iterator[float]:
    """Give the times of a video's chosen frames [s]; ValueError when OpenCV cannot read it."""
    video = cv2.VideoCapture(name_for_opencv(path))
    try:
        if not video.isOpened():
            raise ValueError(f'{path}: not a film that OpenCV reads')
        times, due = FrameTimes(video), Due(rate_hz)
        while video.grab():
            time_s = times.next()
            if due.take(time_s):
                yield time_s
    finally:
        video.release()


def container_fps(fps: float) -> float:
    """Give the nearest rate that MPEG-4 holds: a fraction of numbers up to 65,535 [Hz]."""
    for digits in (3, 2, 1, 0):
        rounded = round(max(fps, _LOWEST_FPS), digits)
        if rounded * 10**digits <= _LARGEST_NUMBER:
            return rounded
    return float(_LARGEST_NUMBER)
