"""Which pictures are of now: neither old nor of the future, in order, of one stretch of time."""

from __future__ import annotations

from collections.abc import Callable

from rclpy.clock import Clock

from zoedepth_ros.ros.frame import (
    BEHIND,
    TIME_WENT_BACK,
    TOO_NEW,
    TOO_OLD,
    Frame,
    stamp_ns,
    stamp_s,
)
from zoedepth_ros.ros.stamps import StampOrder
from zoedepth_ros.ros.statistics import Statistics


class Freshness:
    """Judge the pictures of one camera by their stamps."""

    def __init__(
        self,
        clock: Clock,
        statistics: Statistics,
        drop: Callable[[str, str], None],
        warn: Callable[[str], None],
    ) -> None:
        """clock: the node's.  drop: told reason and message of what is not taken."""
        self._clock, self._statistics = clock, statistics
        self._drop, self._warn = drop, warn
        self._order = StampOrder()

    def admits(self, frame: Frame, max_age_s: float) -> bool:
        """Tell whether to work on a frame; what is not to be is dropped.

        max_age_s: for the past and, as clocks differ, for the future; 0.0 takes any.
        """
        age_s = self.age_s(frame)
        if 0.0 < max_age_s < age_s:
            message = (
                f'the picture is {age_s:.3g} s old, max_image_age is {max_age_s} s; with a bag '
                'set use_sim_time, with two machines synchronise their clocks'
            )
            self._drop(TOO_OLD, message)
            return False
        if 0.0 < max_age_s < -age_s:
            message = (
                f"the picture's stamp is {-age_s:.3g} s ahead of the clock, max_image_age is "
                f'{max_age_s} s; with use_sim_time somebody must publish /clock'
            )
            self._drop(TOO_NEW, message)
            return False
        return self._is_in_order(frame, max_age_s)

    def is_of_now(self, frame: Frame) -> bool:
        """Tell whether time did not go back while the frame was worked on."""
        if 1e-9 * self._clock.now().nanoseconds >= frame.arrived_s:
            return True
        self._drop(TIME_WENT_BACK, 'time went back while a picture was worked on')
        return False

    def age_s(self, frame: Frame) -> float:
        """Give the time since the picture's stamp."""
        return 1e-9 * (self._clock.now().nanoseconds - stamp_ns(frame.msg))

    def _is_in_order(self, frame: Frame, max_age_s: float) -> bool:
        verdict = self._order.judge(stamp_s(frame.msg), frame.arrived_s, max_age_s)
        if verdict == 'behind':
            self._drop(BEHIND, 'a picture is not newer than the one before it')
        elif verdict == 'restart' and self._statistics.note_clock_jump():
            self._warn('time went back, as in a bag that loops: the stream begins anew')
        return verdict != 'behind'
