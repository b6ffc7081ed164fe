"""Several cameras from this process, each with pictures of its own brightness."""

from __future__ import annotations

import threading
import time

from ros_harness import camera_info_message, image_message, picture

BRIGHTNESS = {'front': 60, 'left': 90, 'right': 120, 'rear': 150}


class Cameras:
    """Send pictures of several cameras from one thread until closed, all at once each time."""

    def __init__(self, peer, rate_hz: float, names=tuple(BRIGHTNESS), values=None) -> None:
        self._peer, self._names, self._rate_hz = peer, names, rate_hz
        self._values = {**BRIGHTNESS, **(values or {})}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        next_s = time.monotonic()
        while not self._stop.is_set():
            for name in self._names:
                self.send(name)
            now_s = time.monotonic()
            next_s = max(next_s + 1.0 / self._rate_hz, now_s)
            time.sleep(next_s - now_s)

    def send(self, name: str) -> None:
        rgb = picture(value=self._values[name])
        msg = image_message(rgb, self._peer.now(), f'{name}_optical')
        info = camera_info_message(fx=40.0 + self._values[name])
        info.header = msg.header
        self._peer.publish(f'/{name}/camera_info', info)
        self._peer.publish(f'/{name}/image', msg)

    def close(self) -> None:
        self._stop.set()
        self._thread.join(20.0)
