"""Which pictures may follow which: stamps only go forward, until time itself goes back."""

from __future__ import annotations

import math
from typing import Literal

Verdict = Literal['next', 'restart', 'behind']

_RESTART_AFTER_S = 1.0  # how far back is another time, when pictures of any age are taken


class StampOrder:
    """Tell late pictures of one stream from a stream that begins anew, as a bag that loops."""

    def __init__(self) -> None:
        self._newest_s = -math.inf
        self._arrived_s = -math.inf

    def judge(self, stamp_s: float, arrived_s: float, max_age_s: float) -> Verdict:
        """Say whether a picture continues the stream, begins it anew, or comes too late.

        stamp_s: the picture's.  arrived_s: on the node's clock.  max_age_s: pictures older than
        this have been dropped already, so that one farther behind shows that time has gone back;
        0.0 when pictures of any age are taken.  A stamp of zero says nothing and always passes.
        """
        clock_went_back = arrived_s < self._arrived_s
        self._arrived_s = arrived_s
        if stamp_s == 0.0:
            return 'next'
        behind_s = self._newest_s - stamp_s
        if behind_s < 0.0:
            self._newest_s = stamp_s
            return 'restart' if clock_went_back else 'next'
        if clock_went_back or behind_s > (max_age_s or _RESTART_AFTER_S):
            self._newest_s = stamp_s
            return 'restart'
        return 'behind'
