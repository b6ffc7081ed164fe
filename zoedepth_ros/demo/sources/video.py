"""A video file, shown in its own time."""

from __future__ import annotations

from pathlib import Path

import cv2

from zoedepth_ros.demo.sources.image import NoPictureError, Picture, SourceError
from zoedepth_ros.files import name_for_opencv
from zoedepth_ros.media.video import FrameTimes

_ROUNDING_S = 1e-6


class Video:
    """Show a video file at the times of its frames, whatever the rate it is read at."""

    def __init__(self, path: Path, *, loop: bool) -> None:
        """Open the file; raises SourceError when it has no readable first frame."""
        self.description = f'video {path}'
        self._path, self._loop = path, loop
        self._start_s = 0.0
        self._open()
        if self._times.last_s is None:
            raise SourceError(f'not a readable picture or video: {path}')

    def _open(self) -> None:
        self._capture = cv2.VideoCapture(name_for_opencv(self._path))
        self._times = FrameTimes(self._capture)
        self._shown: Picture | None = None
        self._is_over = False
        self._next_s = self._grab()

    def _grab(self) -> float:
        """Take the next frame without showing it; gives its time, or that of the end [s]."""
        if self._capture.grab():
            return self._times.next()
        self._is_over = True
        return (self._times.last_s or 0.0) + 1.0 / self._times.fps

    def read(self, time_s: float) -> Picture | None:
        """Give the frame of this time [s]; None at the end.

        Raises ValueError when time goes back, NoPictureError for a damaged frame and SourceError
        when nothing can be read any more.
        """
        if time_s < self._start_s:
            raise ValueError(f'time went back to {time_s} s')
        while self._next_s <= time_s - self._start_s + _ROUNDING_S:
            if self._is_over:
                if not self._loop:
                    return None
                self._open()
                self._start_s = time_s
                if self._is_over:
                    raise SourceError(f'the video cannot be read any more: {self._path}')
                continue
            decoded, bgr = self._capture.retrieve()  # before the next one takes its place
            rgb = cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB) if decoded else None
            self._shown = None if rgb is None else Picture(rgb, self._path.name)
            self._next_s = self._grab()
        if self._shown is None:
            raise NoPictureError(f'a damaged frame in {self._path}')
        return self._shown

    def close(self) -> None:
        """Close the file."""
        self._capture.release()
