"""The part `size`: time and memory by image size and batch; imports no torch."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path

import numpy as np

from zoedepth_ros.benchmark.benchmark_report import Section, Table
from zoedepth_ros.benchmark.implementations import Implementation, Size
from zoedepth_ros.benchmark.network_benchmark import StartWorker, node_environment
from zoedepth_ros.benchmark.parts import BenchmarkOptions
from zoedepth_ros.benchmark.timing import Spread, rounds_within, spread
from zoedepth_ros.benchmark.worker import Worker, WorkerError
from zoedepth_ros.model.config import ModelConfig
from zoedepth_ros.model.presets import preset

SMALL_MODEL = 'ZoeD_S_NK'
"""The model that is measured by default: it runs at all sizes on any machine."""
SIZES: tuple[Size, ...] = ((256, 320), (384, 512), (512, 640), (640, 832), (768, 1024))
BATCHES = (2, 4, 8)
BATCH_SIZE: Size = (256, 320)
_ROUNDS = 5
NOTE = (
    'With N pixels, the time is fitted by a constant plus a term for the operations '
    'outside attention (proportional to N) and a term for attention (proportional to '
    'N squared). The memory is fitted by a constant plus a term for activations '
    '(proportional to N) and a term for the position bias (proportional to N squared).'
)
_MIN_POINTS = 4  # of a fit
_MIN_DURATION_MS = 2000.0


@dataclass(frozen=True, slots=True)
class Point:
    """The measurement of one size and batch, in its own process."""

    size: Size
    """Size of the network's input [px]."""
    batch: int
    times: Spread
    """Of the whole batch."""
    peak_mb: float
    """Peak memory of the process, or of the GPU [MB]."""
    flops: int
    """Operations of the batch outside attention."""
    attention_flops: int
    """Operations of the batch in the products of queries, keys and values."""


def measure(options: BenchmarkOptions, start: StartWorker = Worker) -> Section:
    """Measure every size and batch; failures are reported as missing.

    Raises ValueError for a model that supports one image size only.
    """
    config = preset(options.model or SMALL_MODEL)
    if config.backbone.only_size:
        raise ValueError(
            f'{config.name} accepts only images of {config.backbone.only_size} px (height, '
            'width), but the part size measures several sizes'
        )
    points, missing = list[Point](), list[str]()
    with tempfile.TemporaryDirectory(prefix='zoedepth-benchmark-') as folder:
        path = Path(folder) / 'weights.safetensors'
        with start(node_environment()) as worker:
            worker.call('runners.half_precision', options.device, options.precision)
            worker.call('conditioned_weights.write_weights', config, options.weights, path)
        plan = [(size, 1) for size in SIZES] + [(BATCH_SIZE, batch) for batch in BATCHES]
        for number, (size, batch) in enumerate(plan):
            if len(points) >= _MIN_POINTS and options.budget.left_s < 0:
                missing.append(
                    f'{batch} x {size[0]} x {size[1]}: not started, to finish within '
                    f'{options.budget.text}'
                )
                continue
            within_s = options.budget.left_s / (len(plan) - number)
            options.log(f'{config.name}: measuring batch {batch} of {size[0]} x {size[1]} px')
            try:
                points.append(_point(config, options, path, size, batch, within_s, start))
            except WorkerError as error:
                missing.append(f'{batch} x {size[0]} x {size[1]}: {error}')
    if len(points) < _MIN_POINTS:
        raise WorkerError('; '.join(missing))
    return _section(config, points, tuple(missing))


def _point(
    config: ModelConfig,
    options: BenchmarkOptions,
    path: Path,
    size: Size,
    batch: int,
    within_s: float,
    start: StartWorker,
) -> Point:
    """Measure in a new process, whose peak memory is that of this point."""
    implementation = Implementation(
        'ours',
        config.name,
        str(path),
        options.device,
        options.precision,
        options.optimization,
        network_size=size,
    )
    with start(node_environment()) as worker:
        flops, attention_flops = worker.call('flops.image_flops', config, size)
        worker.call('runners.load', implementation)
        worker.call('runners.run', size, 1, batch)
        (once_ms,) = worker.call('runners.run', size, 1, batch)
        rounds = options.rounds or max(_ROUNDS, math.ceil(_MIN_DURATION_MS / once_ms))
        rounds = rounds_within(within_s, 1e-3 * once_ms, rounds)
        times = spread(worker.call('runners.run', size, rounds, batch))
        peak_mb, device_peak_mb = worker.call('runners.memory')
        return Point(
            size,
            batch,
            times,
            device_peak_mb or peak_mb,
            batch * (flops - attention_flops),
            batch * attention_flops,
        )


def _section(config: ModelConfig, points: list[Point], missing: tuple[str, ...]) -> Section:
    times, expected_ms_of = fit(
        [p.times.median_ms for p in points],
        [(1.0, p.flops, p.attention_flops) for p in points],
    )
    memory, expected_mb_of = fit(
        [p.peak_mb for p in points],
        [(1.0, p.batch * math.prod(p.size), math.prod(p.size) ** 2) for p in points],
    )
    fitted = list(zip(points, expected_ms_of, expected_mb_of, strict=True))
    values = {
        'model': config.name,
        'points': [
            {**asdict(point), 'expected_ms': expected_ms, 'expected_mb': expected_mb}
            for point, expected_ms, expected_mb in fitted
        ],
        'time_fit': {
            'constant_ms': times[0],
            'tflops': _rate(times[1]),
            'attention_tflops': _rate(times[2]),
        },
        'memory_fit': {
            'constant_mb': memory[0],
            'mb_per_megapixel': 1e6 * memory[1],
            'mb_per_megapixel_squared': 1e12 * memory[2],
        },
    }
    rows = [
        (
            f'{point.batch} x {point.size[0]} x {point.size[1]}',
            f'{1e-12 * (point.flops + point.attention_flops):.3g}',
            f'{point.attention_flops / (point.flops + point.attention_flops):.0%}',
            f'{point.times.median_ms:.4g}',
            f'{point.times.median_ms / expected_ms - 1.0:+.0%}',
            f'{point.peak_mb:.0f}',
            f'{point.peak_mb / expected_mb - 1.0:+.0%}',
        )
        for point, expected_ms, expected_mb in fitted
    ]
    columns = ('size', 'TFLOP', 'in attention', 'median ms', 'from fit', 'peak MB', 'from fit')
    table = Table(f'{config.name}: batch x height x width', columns, tuple(rows))
    return Section('size', values, (table,), (NOTE,), missing)


def _rate(ms_per_operation: float) -> float | None:
    """Convert a factor into a rate [TFLOP/s]; None for 0."""
    return 1e-9 / ms_per_operation if ms_per_operation else None


def fit(
    amounts: Sequence[float], quantities: Sequence[Sequence[float]]
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return the non-negative factor of each quantity, and the fitted amount of each point.

    amounts: one per point, positive.  quantities: of each point.  The relative error is smallest.
    """
    values = np.asarray(amounts, np.float64)
    table = np.asarray(quantities, np.float64) / values[:, None]  # equal weights
    count = table.shape[1]
    best, least = np.zeros(count), np.inf
    # Solve table @ factors = 1 with factors >= 0: the best of all subsets.
    for used in (s for n in range(1, count + 1) for s in combinations(range(count), n)):
        scale = table[:, used].max(axis=0)  # the quantities differ by many orders of magnitude
        if not scale.all():  # a network without attention
            continue
        found = np.linalg.lstsq(table[:, used] / scale, np.ones(len(table)), rcond=None)[0] / scale
        error = float(((table[:, used] @ found - 1.0) ** 2).sum())
        if (found >= 0).all() and error < least:
            least, best = error, np.zeros(count)
            best[list(used)] = found
    return tuple(best), tuple((table @ best) * values)
