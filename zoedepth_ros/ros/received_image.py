"""Reject stale, future-stamped and out-of-order images."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from rclpy.clock import Clock

from zoedepth_ros.ros.health.statistics import Statistics

TOO_OLD = 'too old'
TOO_NEW = 'stamp in the future'
OUT_OF_ORDER = 'out of order'
CLOCK_JUMPED_BACK = 'clock jumped back'
SUPERSEDED = 'superseded by a newer image'
FAILED = 'inference failed'
"""Reasons why an image does not become depth."""

Order = Literal['next', 'restart', 'behind']

_RESTART_AFTER_S = 1.0  # a stamp farther back starts a new stream, where images of any age count


@dataclass(frozen=True, slots=True)
class ReceivedImage:
    """Hold an image message and when it arrived."""

    msg: Any
    """Image or CompressedImage."""

    arrived_s: float
    """When it arrived, on the node's clock [s]; may jump back."""

    arrived_monotonic_s: float
    """When it arrived, by time.monotonic [s]."""

    @property
    def stamp_ns(self) -> int:
        """Stamp of the message [ns]."""
        stamp = self.msg.header.stamp
        return int(stamp.sec * 10**9 + stamp.nanosec)


class StampOrder:
    """Distinguish late images of one stream from a stream that starts again, as a looped bag."""

    def __init__(self) -> None:
        self._newest_s = -math.inf
        self._arrived_s = -math.inf

    def check(self, stamp_s: float, arrived_s: float, max_age_s: float) -> Order:
        """Return whether an image continues the stream, restarts it, or comes too late.

        stamp_s: of the image.  arrived_s: on the node's clock.  max_age_s: older images have been
        dropped already, so that one farther behind shows that the clock has jumped back; 0.0 if
        images of any age are accepted.  A stamp of zero is no stamp and always passes.
        """
        clock_jumped_back = arrived_s < self._arrived_s
        self._arrived_s = arrived_s
        if stamp_s == 0.0:
            return 'next'
        behind_s = self._newest_s - stamp_s
        if behind_s < 0.0:
            self._newest_s = stamp_s
            return 'restart' if clock_jumped_back else 'next'
        if clock_jumped_back or behind_s > (max_age_s or _RESTART_AFTER_S):
            self._newest_s = stamp_s
            return 'restart'
        return 'behind'


class AgeFilter:
    """Check the stamps of one camera's images."""

    def __init__(
        self,
        clock: Clock,
        statistics: Statistics,
        drop: Callable[[str, str], None],
        warn: Callable[[str], None],
    ) -> None:
        """clock: the node's.  drop: called with reason and message for each rejected image."""
        self._clock, self._statistics = clock, statistics
        self._drop, self._warn = drop, warn
        self._order = StampOrder()

    def accepts(self, image: ReceivedImage, max_age_s: float) -> bool:
        """Return whether to process an image; drop it otherwise.

        max_age_s: largest difference to the clock, in the past or the future; 0.0 accepts any.
        """
        age_s = self.age_s(image)
        if 0.0 < max_age_s < age_s:
            message = (
                f'the image is {age_s:.3g} s old, max_image_age is {max_age_s} s; with a bag '
                'set use_sim_time, with two machines synchronise their clocks'
            )
            self._drop(TOO_OLD, message)
            return False
        if 0.0 < max_age_s < -age_s:
            message = (
                f"the image's stamp is {-age_s:.3g} s ahead of the clock, max_image_age is "
                f'{max_age_s} s; with use_sim_time a node must publish /clock'
            )
            self._drop(TOO_NEW, message)
            return False
        return self._is_in_order(image, max_age_s)

    def is_current(self, image: ReceivedImage) -> bool:
        """Return whether the clock did not jump back while the image was processed."""
        if 1e-9 * self._clock.now().nanoseconds >= image.arrived_s:
            return True
        self._drop(CLOCK_JUMPED_BACK, 'the clock jumped back while an image was processed')
        return False

    def age_s(self, image: ReceivedImage) -> float:
        """Return the time since the image's stamp."""
        return 1e-9 * (self._clock.now().nanoseconds - image.stamp_ns)

    def _is_in_order(self, image: ReceivedImage, max_age_s: float) -> bool:
        stamp = image.msg.header.stamp
        order = self._order.check(
            float(stamp.sec + 1e-9 * stamp.nanosec), image.arrived_s, max_age_s
        )
        if order == 'behind':
            self._drop(OUT_OF_ORDER, 'an image is not newer than the one before it')
        elif order == 'restart' and self._statistics.note_clock_jump():
            self._warn('the clock jumped back, as in a bag that loops: the stream starts again')
        return order != 'behind'
