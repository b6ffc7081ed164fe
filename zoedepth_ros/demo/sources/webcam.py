"""A webcam that may go away and come back."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import cv2

from zoedepth_ros.demo.sources.image import NoPictureError, Picture, Rgb, SourceError

_REOPEN_PERIOD_S = 1.0
_SILENT_AFTER_S = 2.0


class Webcam:
    """Keep the newest picture of a camera, so that reading slowly does not mean reading late."""

    def __init__(
        self, device: int | str, open_capture: Callable[[Any], Any] | None = None
    ) -> None:
        """Open the device and wait for its first picture; raises SourceError without one."""
        self.description = f'webcam {device}'
        self._device = device
        self._open_capture = cv2.VideoCapture if open_capture is None else open_capture
        self._capture = self._open_capture(device)
        got, bgr = self._capture.read()
        if not got:
            self._capture.release()
            raise SourceError(f'webcam {device} cannot be opened or gives no picture')
        self._newest: tuple[Rgb, float] = cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), time.monotonic()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._keep_newest, name='webcam', daemon=True)
        self._thread.start()

    def _keep_newest(self) -> None:
        while not self._stop.is_set():
            got, bgr = self._capture.read()
            if got:
                self._newest = cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), time.monotonic()
                continue
            self._capture.release()
            self._stop.wait(_REOPEN_PERIOD_S)
            self._capture = self._open_capture(self._device)
        self._capture.release()

    def read(self, time_s: float) -> Picture | None:
        """Give the newest picture; raises NoPictureError when the camera has stopped."""
        rgb, taken_s = self._newest
        age_s = time.monotonic() - taken_s
        if age_s > _SILENT_AFTER_S:
            raise NoPictureError(f'{self.description} gives no pictures; trying to open it again')
        return Picture(rgb, self.description, age_s)

    def close(self) -> None:
        """Stop reading and let go of the device."""
        self._stop.set()
        self._thread.join(timeout=3.0)
