"""A picture as it comes in, and the reasons why one does not become depth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

TOO_OLD = 'too old'
TOO_NEW = 'stamp in the future'
BEHIND = 'out of order'
TIME_WENT_BACK = 'time went back'
SUPERSEDED = 'superseded by a newer picture'
FAILED = 'inference failed'


@dataclass(frozen=True, slots=True)
class Frame:
    """Hold a picture as it came in."""

    msg: Any
    """Image or CompressedImage."""

    arrived_s: float
    """When it came, in the node's clock [s]; may jump back."""

    arrived_monotonic_s: float
    """When it came, in time.monotonic [s]."""


def stamp_s(msg: Any) -> float:
    """Give a message's stamp [s]."""
    stamp = msg.header.stamp
    return float(stamp.sec + 1e-9 * stamp.nanosec)


def stamp_ns(msg: Any) -> int:
    """Give a message's stamp [ns]."""
    stamp = msg.header.stamp
    return int(stamp.sec * 10**9 + stamp.nanosec)
