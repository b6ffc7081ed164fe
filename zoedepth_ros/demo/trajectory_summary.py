"""Scores and router outputs along a camera trajectory: means by domain, delays at the doors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.media.sample import DOMAINS

_FAR_FROM_DOOR_S = 1.5
_BEFORE_DOOR_S = 1.0  # the street is visible through the open door
_MAX_KEPT = 48


@dataclass(frozen=True, slots=True)
class Score:
    """Error of one depth map over the pixels whose ground truth is in range and depth is known."""

    abs_rel: float
    """Mean of |true - depth| / true; NaN without pixels."""

    delta1: float
    """Share of pixels within a factor of 1.25 of the ground truth; NaN without pixels."""

    measured: float
    """Share of the pixels with ground truth in range whose depth is known; NaN without any."""


@dataclass(frozen=True, slots=True)
class ScoredFrame:
    """One image with ground truth, its depth and its score."""

    time_s: float
    """Stamp [s], of any clock."""

    rgb: NDArray[np.uint8]
    """(H, W, 3)."""

    true_m: NDArray[np.float32]
    """(H, W) [m]; NaN without ground truth."""

    depth_m: NDArray[np.float32]
    """(H, W) [m]; NaN unknown, infinite out of range."""

    domain: str
    """The true domain."""

    score: Score


@dataclass(frozen=True, slots=True)
class RouterOutput:
    """What the router reported for one image."""

    time_s: float
    """Stamp of the image [s]."""

    head: str
    """The active head."""

    outdoor: float
    """Probability of 'outdoor'; NaN for a model without a router."""


@dataclass(frozen=True, slots=True)
class Crossing:
    """A passage of the camera through the door."""

    time_s: float
    """Time from the start of the trajectory [s]."""
    to: str
    """Domain that the camera enters."""
    delay_s: float | None
    """Delay of the head switch [s]; negative if it was early, None if there was none."""


class EvenSample:
    """Keep a limited number of items, evenly spaced over all that were added."""

    def __init__(self, max_kept: int = _MAX_KEPT) -> None:
        """max_kept: an even number."""
        self._max_kept, self._stride, self._added = max_kept, 1, 0
        self._kept: list[Any] = []

    def add(self, item: Any) -> None:
        """Add an item; keep every `stride`-th one."""
        if self._added % self._stride == 0:
            if len(self._kept) == self._max_kept:
                self._kept, self._stride = self._kept[::2], 2 * self._stride
            if self._added % self._stride == 0:
                self._kept.append(item)
        self._added += 1

    def __iter__(self) -> Iterator[Any]:
        return iter(self._kept)


class TrajectorySummary:
    """Collect scored frames and the router outputs."""

    def __init__(self) -> None:
        """Start without frames."""
        self.domains: list[tuple[float, str]] = []
        """Time [s] and true domain of every image, with or without depth."""
        self.router_outputs: list[RouterOutput] = []
        """Of all images, also of those without ground truth."""
        self._scores: list[tuple[str, Score]] = []
        self._kept = {domain: EvenSample() for domain in DOMAINS}

    def add(self, frame: ScoredFrame) -> None:
        """Add an image with ground truth and depth."""
        self._scores.append((frame.domain, frame.score))
        self._kept[frame.domain].add(frame)

    @property
    def start_s(self) -> float:
        """Stamp of the first image with ground truth [s]; NaN without any."""
        return min((time_s for time_s, _ in self.domains), default=np.nan)

    def timeline(self) -> Timeline:
        """Return the events from the first to the last image with ground truth."""
        start_s = self.start_s
        domains = sorted((time_s - start_s, domain) for time_s, domain in self.domains)
        true_domain = dict(domains)
        end_s = domains[-1][0] if domains else -1.0
        outputs = [
            RouterOutput(output.time_s - start_s, output.head, output.outdoor)
            for output in sorted(self.router_outputs, key=lambda output: output.time_s)
            if 0.0 <= output.time_s - start_s <= end_s
        ]
        switches = _changes([(output.time_s, output.head) for output in outputs])
        doors = []
        for time_s, to in _changes(domains):
            delays_s = [switch_s - time_s for switch_s, head in switches if head == to]
            doors.append(Crossing(time_s, to, min(delays_s, key=abs, default=None)))
        correct = [
            (output.outdoor > 0.5) == (true_domain[output.time_s] == 'outdoor')
            for output in outputs
            if output.time_s in true_domain and np.isfinite(output.outdoor)
        ]
        accuracy = float(np.mean(correct)) if correct else np.nan
        return Timeline(domains, outputs, doors, switches, accuracy)

    def examples(self) -> dict[str, ScoredFrame]:
        """Choose an indoor image, one before the first door and an outdoor one.

        The first and the last are from the first half of the first stay, far from doors, and
        typical: from the third whose error is nearest to the mean of the domain, the one with the
        largest depth range.
        """
        doors_s = [door.time_s + self.start_s for door in self.timeline().doors]
        chosen = {'indoors': self._typical('indoor', doors_s)}
        all_frames = [frame for kept in self._kept.values() for frame in kept]
        if doors_s and all_frames:
            at_s = doors_s[0] - _BEFORE_DOOR_S
            chosen['at the door'] = min(all_frames, key=lambda frame: abs(frame.time_s - at_s))
        chosen['outdoors'] = self._typical('outdoor', doors_s)
        return {where: frame for where, frame in chosen.items() if frame is not None}

    def _typical(self, domain: str, doors_s: Sequence[float]) -> ScoredFrame | None:
        frames = [frame for frame in self._kept[domain] if np.isfinite(frame.score.abs_rel)]
        times_s = [time_s for time_s, of in self.domains if of == domain]
        enter_s = min(times_s, default=0.0)
        later_s = [door_s for door_s in doors_s if door_s > enter_s]
        half_s = (enter_s + min(later_s, default=max(times_s, default=0.0))) / 2.0
        far = [
            frame
            for frame in frames
            if frame.time_s <= half_s
            and all(abs(frame.time_s - door_s) >= _FAR_FROM_DOOR_S for door_s in doors_s)
        ]
        mean = self.mean(domain).abs_rel
        typical = sorted(far or frames, key=lambda f: abs(f.score.abs_rel - mean))
        return max(typical[: len(typical) // 3 or 1], key=_depth_ratio, default=None)

    def mean(self, domain: str) -> Score:
        """Return the unweighted mean over the images of a domain; NaN without any."""
        scores = [one for of, one in self._scores if of == domain]
        names = ('abs_rel', 'delta1', 'measured')
        columns = (np.array([getattr(one, name) for one in scores]) for name in names)
        known = (column[np.isfinite(column)] for column in columns)
        return Score(*(float(values.mean()) if values.size else np.nan for values in known))

    def summary(self) -> dict[str, Any]:
        """Return plain values for a report; {} without ground truth."""
        if not self.domains:
            return {}
        timeline = self.timeline()
        summary: dict[str, Any] = {
            'images': len(self.domains),
            'compared': len(self._scores),
            'duration_s': round(timeline.domains[-1][0], 2),
        }
        for domain in DOMAINS:
            frames = sum(of == domain for of, _ in self._scores)
            if frames:
                mean = self.mean(domain)
                summary[domain] = {
                    'compared': frames,
                    'abs_rel_percent': round(100.0 * mean.abs_rel, 2),
                    'delta1': round(mean.delta1, 4),
                    'measured': round(mean.measured, 4),
                }
        summary['router'] = {
            'accuracy': round(timeline.accuracy, 4),
            'doors': [
                {
                    'time_s': round(door.time_s, 2),
                    'to': door.to,
                    'delay_s': None if door.delay_s is None else round(door.delay_s, 3),
                }
                for door in timeline.doors
            ],
            'switches': [{'time_s': round(at_s, 2), 'to': to} for at_s, to in timeline.switches],
        }
        return summary


@dataclass(frozen=True, slots=True)
class Timeline:
    """The events of a trajectory; times are from its first image with ground truth [s]."""

    domains: list[tuple[float, str]]
    """Time and true domain of every image."""

    router_outputs: list[RouterOutput]

    doors: list[Crossing]
    """Every passage through a door, with the delay of the nearest switch to the same domain."""

    switches: list[tuple[float, str]]
    """Time and new head of every switch."""

    accuracy: float
    """Share of router outputs that match the true domain; NaN without any."""


def _changes(states: Sequence[tuple[float, str]]) -> list[tuple[float, str]]:
    """Return the times and new states of the changes in a sequence of both."""
    return [after for before, after in pairwise(states) if before[1] != after[1]]


def _depth_ratio(frame: ScoredFrame) -> float:
    """Return the ratio of far (90th percentile) to near (10th) true depth; 0 without any."""
    known_m = frame.true_m[np.isfinite(frame.true_m) & (frame.true_m > 0.0)]
    if known_m.size == 0:
        return 0.0
    near_m, far_m = np.percentile(known_m, (10.0, 90.0))
    return float(far_m / near_m)
