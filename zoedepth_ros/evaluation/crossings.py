"""Passages through a door, and the switches that belong to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Crossing:
    """The camera goes through the door."""

    time_s: float
    """When, from the start of the walk [s]."""
    to: str
    """The domain it enters."""
    delay_s: float | None
    """When the head followed, after the door (below 0: before) [s]; None when it never did."""


def changes(times_s: Sequence[float], states: Sequence[str]) -> list[tuple[float, str]]:
    """Return when a sequence changes and to what; its beginning is no change."""
    return [
        (time_s, after)
        for time_s, before, after in zip(times_s[1:], states[:-1], states[1:], strict=True)
        if before != after
    ]


def match(
    doors: Sequence[tuple[float, str]], switches: Sequence[tuple[float, str]]
) -> tuple[Crossing, ...]:
    """Give each passage through the door the delay of the nearest switch to the same domain."""
    crossings = []
    for time_s, to in doors:
        delays_s = [switch_s - time_s for switch_s, target in switches if target == to]
        crossings.append(Crossing(time_s, to, min(delays_s, key=abs) if delays_s else None))
    return tuple(crossings)
