"""Images from OpenCV's VideoCapture: video files and webcams."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import cv2

from zoedepth_ros.demo.sources.base import NoImageError, Rgb, SourceError, SourceImage
from zoedepth_ros.files import name_for_opencv
from zoedepth_ros.media.video import FrameTimes

_ROUNDING_S = 1e-6
_REOPEN_PERIOD_S = 1.0
_STALE_AFTER_S = 2.0


class Video:
    """Give the frames of a video file at their own times, independent of the rate of reads."""

    def __init__(self, path: Path, *, loop: bool) -> None:
        """Open the file; raises SourceError if its first frame is not readable."""
        self.description = f'video {path}'
        self._path, self._loop = path, loop
        self._start_s = 0.0
        self._open()
        if self._times.last_s is None:
            raise SourceError(f'{path}: expected an image or a video that OpenCV can read')

    def _open(self) -> None:
        self._capture = cv2.VideoCapture(name_for_opencv(self._path))
        self._times = FrameTimes(self._capture)
        self._current: SourceImage | None = None
        self._at_end = False
        self._next_s = self._grab()

    def _grab(self) -> float:
        """Grab the next frame without decoding it; returns its time, or that of the end [s]."""
        if self._capture.grab():
            return self._times.next()
        self._at_end = True
        return (self._times.last_s or 0.0) + 1.0 / self._times.fps

    def read(self, time_s: float) -> SourceImage | None:
        """Return the frame of this time [s]; None at the end.

        Raises ValueError if time goes backwards, NoImageError for a damaged frame and SourceError
        if the file is no longer readable.
        """
        if time_s < self._start_s:
            raise ValueError(f'the time stamps of the video went backwards to {time_s} s')
        while self._next_s <= time_s - self._start_s + _ROUNDING_S:
            if self._at_end:
                if not self._loop:
                    return None
                self._open()
                self._start_s = time_s
                if self._at_end:
                    raise SourceError(f'the video is no longer readable: {self._path}')
                continue
            decoded, bgr = self._capture.retrieve()  # before the next grab replaces it
            rgb = cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB) if decoded else None
            self._current = None if rgb is None else SourceImage(rgb, self._path.name)
            self._next_s = self._grab()
        if self._current is None:
            raise NoImageError(f'{self._path}: a frame of the video is damaged')
        return self._current

    def close(self) -> None:
        """Close the file."""
        self._capture.release()


class Webcam:
    """Keep the newest image of a camera in a thread, and reopen a camera that disappears."""

    def __init__(self, device: int | str) -> None:
        """Open the device and wait for its first image; raises SourceError without one."""
        self.description = f'webcam {device}'
        self._device = device
        self._capture = cv2.VideoCapture(device)
        success, bgr = self._capture.read()
        if not success:
            self._capture.release()
            raise SourceError(f'webcam {device} cannot be opened or gives no image')
        self._newest: tuple[Rgb, float] = cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), time.monotonic()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._keep_newest, name='webcam', daemon=True)
        self._thread.start()

    def _keep_newest(self) -> None:
        while not self._stop.is_set():
            success, bgr = self._capture.read()
            if success:
                self._newest = cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), time.monotonic()
                continue
            self._capture.release()
            self._stop.wait(_REOPEN_PERIOD_S)
            self._capture = cv2.VideoCapture(self._device)
        self._capture.release()

    def read(self, time_s: float) -> SourceImage | None:
        """Return the newest image; raises NoImageError if the camera has stopped."""
        rgb, captured_s = self._newest
        age_s = time.monotonic() - captured_s
        if age_s > _STALE_AFTER_S:
            raise NoImageError(
                f'{self.description} gives no images; the image source tries to open this webcam '
                'again'
            )
        return SourceImage(rgb, self.description, age_s)

    def close(self) -> None:
        """Stop the thread and release the device."""
        self._stop.set()
        self._thread.join(timeout=3.0)
