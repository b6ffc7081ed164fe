"""Our side and a rival in turn, each in a process of its own; imports no torch."""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.benchmark.baselines import Rival
from zoedepth_ros.benchmark.budget import rounds_within
from zoedepth_ros.benchmark.process import Worker
from zoedepth_ros.benchmark.sides import CAMERA_SIZE, Size
from zoedepth_ros.benchmark.timing import Spread, ratio, spread

_TURN_MS = 250.0
_MOST_PER_TURN = 50


@dataclass(frozen=True, slots=True)
class Compared:
    """What measuring a rival in turn with our side has given."""

    rival: Rival
    """What it is."""

    facts: Mapping[str, str]
    """What it says about itself."""

    ours_ms: list[float]
    """Every picture of our side in these turns [ms]."""

    rival_ms: list[float]
    """Every picture of the rival [ms]."""

    times_longer: float
    """How many times longer the rival takes, turn by turn; the median."""

    peak_mb: float
    """Most memory the rival's process has held [MB]."""

    device_peak_mb: float
    """Likewise on its device [MB]; 0 on the CPU."""

    depths_m: NDArray[np.float32] | None
    """Its depths of the pictures (n, H, W) [m]; None for a side that begins with a camera's."""

    rounds: int
    """How often both sides had a turn."""

    least_s: float
    """What measuring it takes with a single round [s]."""

    @property
    def spread(self) -> Spread:
        """Its times."""
        return spread(self.rival_ms)


def compare(
    ours: Worker,
    theirs: Worker,
    rival: Rival,
    size: Size,
    rounds: int,
    *,
    within_s: float = math.inf,
    tell: Callable[[str], None] = lambda text: None,
) -> Compared:
    """Measure a rival in turn with our side, which is open already; SideError when it fails.

    size: of the network's pictures [px].  rounds: how many at most.  within_s: time for all of
    it [s]; as many rounds are run as fit, by the time that one takes, and at least one.
    """
    started_s = time.monotonic()
    theirs.open(rival.side)
    seen = CAMERA_SIZE if rival.from_camera else size
    workers = (ours, theirs)
    # the first pictures warm a side up
    depths_m = None if rival.from_camera else depths(theirs, size)
    if rival.from_camera:
        for worker in workers:
            worker.frames(seen, 1)
    once_ms = [worker.frames(seen, 1)[0] for worker in workers]
    per_turn = [_pictures_per_turn(ms) for ms in once_ms]
    opened_s = time.monotonic() - started_s
    round_s = 1e-3 * sum(ms * (n + (n > 1)) for ms, n in zip(once_ms, per_turn, strict=True))
    rounds = rounds_within(within_s - opened_s, round_s, rounds)
    tell(f'  {rounds} rounds of about {round_s:.1f} s')
    turns: list[list[list[float]]] = [[], []]
    for number in range(rounds):
        for which in (0, 1) if number % 2 == 0 else (1, 0):
            turns[which].append(_turn(workers[which], seen, per_turn[which]))
    middles = [[spread(turn).median_ms for turn in side] for side in turns]
    memory = theirs.ask('memory')
    return Compared(
        rival,
        theirs.facts(),
        ours_ms=[time for turn in turns[0] for time in turn],
        rival_ms=[time for turn in turns[1] for time in turn],
        times_longer=ratio(middles[1], middles[0]),
        peak_mb=memory['peak_mb'],
        device_peak_mb=memory['device_peak_mb'],
        depths_m=depths_m,
        rounds=rounds,
        least_s=opened_s + round_s,
    )


def _pictures_per_turn(once_ms: float) -> int:
    """Return how many pictures make a turn of a quarter of a second."""
    return min(_MOST_PER_TURN, max(1, math.ceil(_TURN_MS / once_ms)))


def _turn(worker: Worker, size: Size, count: int) -> list[float]:
    """Run a turn; where it is of several pictures, the first wakes the side up."""
    return worker.frames(size, count) if count == 1 else worker.frames(size, count + 1)[1:]


def depths(worker: Worker, size: Size) -> NDArray[np.float32]:
    """Return the depths of the pictures (n, H, W) [m]."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / 'depths.npy'
        worker.ask('depths', size=size, path=str(path))
        return np.load(path)


def mean_relative_deviation(found: NDArray[np.float32], expected: NDArray[np.float32]) -> float:
    """Return the mean over all pixels of |found - expected| / expected."""
    return float(np.mean(np.abs(found.astype(np.float64) - expected) / expected))
