"""Which messages go into a recording of limited size; those of one picture stay together."""

from __future__ import annotations

from collections import OrderedDict

SMALL_BYTES = 2**12
"""Messages up to this size are always kept."""

_REMEMBERED = 400  # pictures whose other messages may still come
_COMPANION_PERIOD_S = 1.0
_NOTHING, _PLAIN, _WHOLE = 'nothing', 'all but companions', 'everything'
_HEAD_START_S = 1.0  # or the second picture would be left out for the first


class Selection:
    """Keep pictures and all that was made of them as often as a rate of bytes allows.

    What a small picture leaves of the rate, larger ones may take later.
    """

    def __init__(self, bytes_per_s: float) -> None:
        """bytes_per_s: how fast the recording may grow, before compression."""
        self._bytes_per_s = bytes_per_s
        self._taken_bytes = 0
        self._first_ns: int | None = None
        self._last_whole_ns: int | None = None
        self._decided: OrderedDict[int, str] = OrderedDict()

    def keeps(self, stamp_ns: int, size: int, *, companion: bool = False) -> bool:
        """Decide about a message.

        companion: of a topic that is kept once a second only.
        """
        if size <= SMALL_BYTES:
            return True
        if stamp_ns not in self._decided:
            self._decided[stamp_ns] = self._decide(stamp_ns)
            if len(self._decided) > _REMEMBERED:
                self._decided.popitem(last=False)
        kept = self._decided[stamp_ns] in ((_WHOLE,) if companion else (_WHOLE, _PLAIN))
        self._taken_bytes += size * kept
        return kept

    def _decide(self, stamp_ns: int) -> str:
        """Settle whether a picture's messages are kept, and whether companions are."""
        if self._first_ns is None:
            self._first_ns = stamp_ns
        allowed_bytes = self._bytes_per_s * (_HEAD_START_S + 1e-9 * (stamp_ns - self._first_ns))
        if self._taken_bytes > allowed_bytes:
            return _NOTHING
        last_ns = self._last_whole_ns
        if last_ns is not None and stamp_ns - last_ns < _COMPANION_PERIOD_S * 1e9:
            return _PLAIN
        self._last_whole_ns = stamp_ns
        return _WHOLE
