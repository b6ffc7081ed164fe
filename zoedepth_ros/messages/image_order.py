"""Tell images that arrive late from those of a stream that starts again."""

from __future__ import annotations

import math

OUT_OF_ORDER = 'out of order'
"""Reason of a drop."""

LATE = 'the stamp of an image is not later than that of the image before it'

RESTART_AFTER_S = 1.0
"""A stamp that is farther behind starts the stream again, where images of any age count [s]."""


class ImageOrder:
    """Decide by the stamps of a stream which images are out of order."""

    def __init__(self) -> None:
        self._newest_s = -math.inf
        self.restarted = False
        """Whether the last image that was accepted has started the stream again."""

    def accepts(
        self, stamp_s: float, *, restarts: bool = False, latest_s: float = RESTART_AFTER_S
    ) -> bool:
        """Return whether an image is in order, or starts the stream again, as in a looped bag.

        stamp_s: its stamp [s]; zero is no stamp and always passes.  restarts: whether the clock
        has jumped back.  latest_s: an image whose stamp is at most this time behind the newest
        one is out of order [s].
        """
        self.restarted = False
        if stamp_s == 0.0:
            return True
        behind_s = self._newest_s - stamp_s
        if 0.0 <= behind_s <= latest_s and not restarts:
            return False
        self.restarted = behind_s >= 0.0 or restarts
        self._newest_s = stamp_s
        return True
