"""Door crossings of a camera trajectory, and the delays of the head switches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Crossing:
    """A passage of the camera through the door."""

    time_s: float
    """Time from the start of the trajectory [s]."""
    to: str
    """Domain that the camera enters."""
    delay_s: float | None
    """Delay of the head switch [s]; negative if it was early, None if there was none."""


def changes(times_s: Sequence[float], states: Sequence[str]) -> list[tuple[float, str]]:
    """Return the times and new states of the changes in a sequence."""
    return [
        (time_s, after)
        for time_s, before, after in zip(times_s[1:], states[:-1], states[1:], strict=True)
        if before != after
    ]


def match(
    doors: Sequence[tuple[float, str]], switches: Sequence[tuple[float, str]]
) -> tuple[Crossing, ...]:
    """Match each door crossing with the nearest switch to the same domain."""
    crossings = []
    for time_s, to in doors:
        delays_s = [switch_s - time_s for switch_s, target in switches if target == to]
        crossings.append(Crossing(time_s, to, min(delays_s, key=abs) if delays_s else None))
    return tuple(crossings)
