"""Hold a stream against its truth: errors by domain, and the head in use against the domain."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Generic, TypeVar

import numpy as np

from zoedepth_ros.demo.record.ground_truth import DOMAINS, Frame, Score, Verdict
from zoedepth_ros.evaluation.crossings import Crossing, changes, match

_FAR_FROM_DOOR_S = 1.5
_BEFORE_DOOR_S = 1.0  # the street seen through the door
_KEPT = 48

T = TypeVar('T')


class Spread(Generic[T]):
    """Keep some of many things, spread evenly over all that came."""

    def __init__(self, most: int = _KEPT) -> None:
        """most: how many to keep, an even number."""
        self._most, self._every, self._came = most, 1, 0
        self._kept: list[T] = []

    def add(self, thing: T) -> None:
        """Take a thing; keep it when its turn has come."""
        if self._came % self._every == 0:
            if len(self._kept) == self._most:
                self._kept, self._every = self._kept[::2], 2 * self._every
            if self._came % self._every == 0:
                self._kept.append(thing)
        self._came += 1

    def __iter__(self) -> Iterator[T]:
        return iter(self._kept)


class Comparison:
    """Collect frames with truth, and the router's verdicts on them."""

    def __init__(self) -> None:
        """Start without any."""
        self.domains: list[tuple[float, str]] = []
        self.verdicts: list[Verdict] = []
        self._scores: list[tuple[float, str, Score]] = []
        self._kept = {domain: Spread[Frame]() for domain in DOMAINS}

    def add_domain(self, time_s: float, domain: str) -> None:
        """Note the true domain of a picture, whether it becomes depth or not."""
        self.domains.append((time_s, domain))

    def add_verdict(self, verdict: Verdict) -> None:
        """Note what the router said; of pictures without truth too."""
        self.verdicts.append(verdict)

    def add(self, frame: Frame) -> None:
        """Note a picture with truth and depth."""
        self._scores.append((frame.time_s, frame.domain, frame.score))
        self._kept[frame.domain].add(frame)

    @property
    def start_s(self) -> float:
        """Stamp of the first picture with truth [s]; NaN before it."""
        return min((time_s for time_s, _ in self.domains), default=np.nan)

    @property
    def duration_s(self) -> float:
        """Time from the first to the last picture with truth [s]; NaN before the first."""
        return max((time_s for time_s, _ in self.domains), default=np.nan) - self.start_s

    def timeline(self) -> Timeline:
        """Give what happened when, from the first picture with truth to the last."""
        start_s = self.start_s
        domains = sorted((time_s - start_s, domain) for time_s, domain in self.domains)
        true_domain = dict(domains)
        ends_s = domains[-1][0] if domains else -1.0
        verdicts = [
            Verdict(verdict.time_s - start_s, verdict.head, verdict.outdoor)
            for verdict in sorted(self.verdicts, key=lambda verdict: verdict.time_s)
            if 0.0 <= verdict.time_s - start_s <= ends_s
        ]
        doors = changes(*_columns(domains))
        switches = changes(*_columns([(verdict.time_s, verdict.head) for verdict in verdicts]))
        right = [
            (verdict.outdoor > 0.5) == (true_domain[verdict.time_s] == 'outdoor')
            for verdict in verdicts
            if verdict.time_s in true_domain and np.isfinite(verdict.outdoor)
        ]
        accuracy = float(np.mean(right)) if right else np.nan
        return Timeline(domains, verdicts, match(doors, switches), switches, accuracy)

    def moments(self) -> dict[str, Frame]:
        """Choose an indoor picture, one before the first door and an outdoor one.

        The first and the last are of the first half of the first stay, far from doors, and
        typical: of the third whose error is nearest to the mean of the domain, the one that
        shows most depth.
        """
        doors_s = [door.time_s + self.start_s for door in self.timeline().doors]
        chosen = {'indoors': self._typical('indoor', doors_s)}
        every = [frame for kept in self._kept.values() for frame in kept]
        if doors_s and every:
            at_s = doors_s[0] - _BEFORE_DOOR_S
            chosen['at the door'] = min(every, key=lambda frame: abs(frame.time_s - at_s))
        chosen['outdoors'] = self._typical('outdoor', doors_s)
        return {where: frame for where, frame in chosen.items() if frame is not None}

    def _typical(self, domain: str, doors_s: Sequence[float]) -> Frame | None:
        frames = [frame for frame in self._kept[domain] if np.isfinite(frame.score.abs_rel)]
        times_s = [time_s for time_s, of in self.domains if of == domain]
        enters_s = min(times_s, default=0.0)
        later_s = [door_s for door_s in doors_s if door_s > enters_s]
        half_s = (enters_s + min(later_s, default=max(times_s, default=0.0))) / 2.0
        far = [
            frame
            for frame in frames
            if frame.time_s <= half_s
            and all(abs(frame.time_s - door_s) >= _FAR_FROM_DOOR_S for door_s in doors_s)
        ]
        mean = self.mean(domain).abs_rel
        typical = sorted(far or frames, key=lambda f: abs(f.score.abs_rel - mean))
        return max(typical[: len(typical) // 3 or 1], key=_depth_shown, default=None)

    def mean(self, domain: str) -> Score:
        """Give the unweighted mean over the pictures of a domain; NaN without any."""
        scores = [one for _, of, one in self._scores if of == domain]
        names = ('abs_rel', 'delta1', 'measured')
        columns = (np.array([getattr(one, name) for one in scores]) for name in names)
        known = (column[np.isfinite(column)] for column in columns)
        return Score(*(float(values.mean()) if values.size else np.nan for values in known))

    def summary(self) -> dict[str, Any]:
        """Give everything as plain values for a report; {} without any truth."""
        if not self.domains:
            return {}
        timeline = self.timeline()
        summary: dict[str, Any] = {
            'pictures': len(self.domains),
            'compared': len(self._scores),
            'duration_s': round(self.duration_s, 2),
        }
        for domain in DOMAINS:
            frames = sum(of == domain for _, of, _ in self._scores)
            if frames:
                summary[domain] = {'compared': frames, **_rounded(self.mean(domain))}
        summary['router'] = {
            'accuracy': round(timeline.accuracy, 4),
            'doors': [_door(door) for door in timeline.doors],
            'switches': [{'time_s': round(at_s, 2), 'to': to} for at_s, to in timeline.switches],
        }
        return summary


@dataclass(frozen=True, slots=True)
class Timeline:
    """What happened when; all times from the first picture with truth [s]."""

    domains: list[tuple[float, str]]
    """Time and true domain of every picture."""

    verdicts: list[Verdict]
    """What the router said."""

    doors: tuple[Crossing, ...]
    """Every passage through the door, with the delay of the switch that belongs to it."""

    switches: list[tuple[float, str]]
    """Every change of the head in use: when, and to what."""

    accuracy: float
    """Share of verdicts that name the true domain; NaN without any."""


def _depth_shown(frame: Frame) -> float:
    """Give how many times farther the far part of a picture is than the near one; 0 for none."""
    known_m = frame.truth_m[np.isfinite(frame.truth_m) & (frame.truth_m > 0.0)]
    if known_m.size == 0:
        return 0.0
    near_m, far_m = np.percentile(known_m, (10.0, 90.0))
    return float(far_m / near_m)


def _columns(pairs: Sequence[tuple[float, str]]) -> tuple[list[float], list[str]]:
    return [time_s for time_s, _ in pairs], [state for _, state in pairs]


def _rounded(mean: Score) -> dict[str, float]:
    return {
        'abs_rel_percent': round(100.0 * mean.abs_rel, 2),
        'delta1': round(mean.delta1, 4),
        'measured': round(mean.measured, 4),
    }


def _door(door: Crossing) -> dict[str, Any]:
    delay_s = None if door.delay_s is None else round(door.delay_s, 3)
    return asdict(door) | {'time_s': round(door.time_s, 2), 'delay_s': delay_s}
