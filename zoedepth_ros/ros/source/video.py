"""A video file, shown in its own time."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from zoedepth_ros.ros.source.picture import NoPictureError, Picture, SourceError

_USUAL_FPS_HZ = 30.0  # for files that do not say


class Video:
    """Show a video file in its own time, whatever the rate it is read at."""

    def __init__(self, path: Path, *, loop: bool) -> None:
        """Open the file; raises SourceError when it has no readable first frame."""
        self.description = f'video {path}'
        self._path, self._loop = path, loop
        self._start_s = 0.0
        self._open()
        if not self._capture.grab():
            raise SourceError(f'not a readable picture or video: {path}')
        self._open()
        fps = float(self._capture.get(cv2.CAP_PROP_FPS))
        self._fps = fps if np.isfinite(fps) and fps > 0.0 else _USUAL_FPS_HZ
        self._shown: Picture | None = None

    def _open(self) -> None:
        self._capture = cv2.VideoCapture(str(self._path))
        self._next_frame = 0

    def read(self, time_s: float) -> Picture | None:
        """Skip to the frame of this time [s]; None at the end.

        Raises ValueError when time goes back, NoPictureError for a damaged frame and SourceError
        when nothing can be read any more.
        """
        if time_s < self._start_s:
            raise ValueError(f'time went back to {time_s} s')
        while self._next_frame <= int((time_s - self._start_s) * self._fps):
            if self._capture.grab():
                self._next_frame += 1
                self._shown = None
                continue
            if not self._loop:
                return None
            if self._next_frame == 0:
                raise SourceError(f'the video cannot be read any more: {self._path}')
            self._open()
            self._start_s = time_s
        if self._shown is None:
            decoded, bgr = self._capture.retrieve()
            if not decoded:
                raise NoPictureError(f'a damaged frame in {self._path}')
            self._shown = Picture(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), self._path.name)
        return self._shown

    def close(self) -> None:
        """Close the file."""
        self._capture.release()
