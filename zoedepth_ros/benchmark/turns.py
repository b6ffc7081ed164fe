"""Measure our implementation and a baseline in turn, each in its own process; no torch."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.benchmark.implementations import CAMERA_SIZE, Baseline, Size
from zoedepth_ros.benchmark.timing import Spread, ratio, rounds_within, spread
from zoedepth_ros.benchmark.worker import Worker

_TURN_MS = 250.0
_MAX_PER_TURN = 50


@dataclass(frozen=True, slots=True)
class BaselineMeasurement:
    """The measurements of a baseline in turn with our implementation."""

    baseline: Baseline
    facts: Mapping[str, str]
    """What ran."""
    ours_ms: list[float]
    """Time of every image of our implementation in these turns [ms]."""
    times: Spread
    """Of the images of the baseline."""
    ratio: float
    """Time of the baseline over ours: the median over the turns."""
    peak_mb: float
    """Peak memory of the baseline's process [MB]."""
    device_peak_mb: float
    """Peak memory on its device [MB]; 0 on the CPU."""
    depths_m: NDArray[np.float32] | None
    """Its depths of the sample images (n, H, W) [m]; None for images of CAMERA_SIZE."""
    rounds: int
    min_duration_s: float
    """Duration with a single round [s]."""


def compare(
    ours: Worker,
    other: Worker,
    baseline: Baseline,
    size: Size,
    rounds: int,
    *,
    within_s: float = math.inf,
    log: Callable[[str], None] = lambda text: None,
) -> BaselineMeasurement:
    """Measure a baseline in turn with our loaded implementation; WorkerError if it fails.

    size: of the network's images [px].  rounds: maximum number.  within_s: time for everything
    [s]; it limits the number of rounds, of which there is at least one.
    """
    started_s = time.monotonic()
    other.call('runners.load', baseline.implementation)
    image_size = CAMERA_SIZE if baseline.from_camera else size
    workers = (ours, other)
    # the first images warm up
    depths_m = None if baseline.from_camera else other.call('runners.depths', size)
    if baseline.from_camera:
        for worker in workers:
            _run(worker, image_size, 1)
    once_ms = [_run(worker, image_size, 1)[0] for worker in workers]
    per_turn = [min(_MAX_PER_TURN, max(1, math.ceil(_TURN_MS / ms))) for ms in once_ms]
    loading_s = time.monotonic() - started_s
    round_s = 1e-3 * sum(ms * (n + (n > 1)) for ms, n in zip(once_ms, per_turn, strict=True))
    rounds = rounds_within(within_s - loading_s, round_s, rounds)
    log(f'  {rounds} rounds of about {round_s:.1f} s')
    turns: list[list[list[float]]] = [[], []]
    for number in range(rounds):
        for which in (0, 1) if number % 2 == 0 else (1, 0):
            turns[which].append(_turn(workers[which], image_size, per_turn[which]))
    medians = [[spread(turn).median_ms for turn in all_turns] for all_turns in turns]
    peak_mb, device_peak_mb = other.call('runners.memory')
    return BaselineMeasurement(
        baseline,
        other.call('runners.facts'),
        ours_ms=[ms for turn in turns[0] for ms in turn],
        times=spread([ms for turn in turns[1] for ms in turn]),
        ratio=ratio(medians[1], medians[0]),
        peak_mb=peak_mb,
        device_peak_mb=device_peak_mb,
        depths_m=depths_m,
        rounds=rounds,
        min_duration_s=loading_s + round_s,
    )


def _turn(worker: Worker, size: Size, count: int) -> list[float]:
    """Run a turn; if it has several images, one more runs first and is not counted."""
    return _run(worker, size, count) if count == 1 else _run(worker, size, count + 1)[1:]


def _run(worker: Worker, size: Size, count: int) -> list[float]:
    times_ms: list[float] = worker.call('runners.run', size, count)
    return times_ms
