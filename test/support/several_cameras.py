"""Several cameras from this process, each with images of a different brightness."""

from __future__ import annotations

from collections.abc import Callable

from ros_harness import camera_info_message, image_message, rgb_image, wait_until

BRIGHTNESS = {'front': 60, 'left': 90, 'right': 120, 'rear': 150}


class Cameras:
    """Send images of several cameras, one of each at a time."""

    def __init__(self, peer, names=tuple(BRIGHTNESS), values=None) -> None:
        self._peer, self._names = peer, names
        self._values = {**BRIGHTNESS, **(values or {})}

    def send(self, names=None) -> dict[str, object]:
        """Send an image of each and return their headers."""
        return {name: self._send(name) for name in names or self._names}

    def send_until(self, condition: Callable[[], object]) -> None:
        """Send until the node has discovered all topics and answers."""
        wait_until(lambda: (self.send(), condition())[1], period_s=0.1)

    def exchange(self, *outputs) -> list[dict]:
        """Send an image of each camera, one after the other; return what comes of each.

        outputs: name -> inbox, of topics that are due with every image.
        """
        answers: list[dict] = [{} for _ in outputs]
        for name in self._names:
            inboxes = [inboxes_of[name] for inboxes_of in outputs]
            found = self._peer.exchange(*inboxes, header=self._send(name))
            for answer, msg in zip(answers, found, strict=True):
                answer[name] = msg
        return answers

    def _send(self, name: str):
        rgb = rgb_image(value=self._values[name])
        msg = image_message(rgb, self._peer.now(), f'{name}_optical')
        focal_px = 40.0 + self._values[name]
        info = camera_info_message(fx=focal_px, fy=focal_px)
        info.header = msg.header
        self._peer.publish(f'/{name}/camera_info', info)
        self._peer.publish(f'/{name}/image', msg)
        return msg.header
