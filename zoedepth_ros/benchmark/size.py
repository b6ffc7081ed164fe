"""The part `size`: time and memory against the size of the picture and the batch."""

from __future__ import annotations

import math
import os
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from zoedepth_ros.benchmark.budget import rounds_within
from zoedepth_ros.benchmark.growth import KINK, Fit, fit
from zoedepth_ros.benchmark.parts import Settings
from zoedepth_ros.benchmark.process import SideError, Worker
from zoedepth_ros.benchmark.report import Section, Table
from zoedepth_ros.benchmark.sides import Side, Size
from zoedepth_ros.benchmark.timing import Spread, spread
from zoedepth_ros.model.config import ModelConfig
from zoedepth_ros.model.presets import preset
from zoedepth_ros.ros.environment import native_environment

DEFAULT_MODEL = 'ZoeD_S_NK'
SIZES: tuple[Size, ...] = ((256, 320), (384, 512), (512, 640), (640, 832), (768, 1024))
BATCHES = (2, 4, 8)
BATCH_SIZE: Size = (256, 320)
_ROUNDS = 5
_FEWEST = 4  # points for a fit
_AT_LEAST_MS = 2000.0

StartWorker = Callable[[dict[str, str] | None], Worker]


@dataclass(frozen=True, slots=True)
class Point:
    """One size and batch, as measured in a process of its own."""

    size: Size
    """Of the network's pictures [px]."""

    batch: int
    """Pictures at once."""

    times: Spread
    """Of the whole batch."""

    peak_mb: float
    """Most memory the process (on a GPU: the device) has held [MB]."""

    loaded_mb: float
    """The same before the first picture [MB]."""

    flops: int
    """Operations of the whole batch, but for those in attention."""

    attention_flops: int
    """Operations of the whole batch in the products of queries, keys and values."""

    @property
    def name(self) -> str:
        """Size and batch."""
        return f'{self.batch} x {self.size[0]} x {self.size[1]}'


def measure(settings: Settings, start: StartWorker = Worker) -> Section:
    """Measure every size and batch; one that fails is named and left out.

    Raises ValueError for a model that takes pictures of one size only.
    """
    config = preset(settings.model or DEFAULT_MODEL)
    if config.backbone.only_size:
        raise ValueError(f'{config.name} takes pictures of {config.backbone.only_size} only')
    points, missing = list[Point](), list[str]()
    with tempfile.TemporaryDirectory(prefix='zoedepth-benchmark-') as folder:
        path = str(Path(folder) / 'weights.safetensors')
        with start(_environment()) as worker:
            worker.ask('half', device=settings.device, precision=settings.precision)
            worker.ask('weights', model=config.name, weights=settings.weights, path=path)
        plan = [(size, 1) for size in SIZES] + [(BATCH_SIZE, batch) for batch in BATCHES]
        for number, (size, batch) in enumerate(plan):
            if len(points) >= _FEWEST and settings.budget.left_s < 0:
                missing.append(
                    f'{batch} x {size[0]} x {size[1]}: no time within {settings.budget.words}'
                )
                continue
            within_s = settings.budget.left_s / (len(plan) - number)
            settings.tell(f'{config.name}: {batch} x {size[0]} x {size[1]}')
            try:
                points.append(_point(config, settings, path, size, batch, within_s, start))
            except SideError as error:
                missing.append(f'{batch} x {size[0]} x {size[1]}: {error}')
    if len(points) < _FEWEST:
        raise SideError('; '.join(missing))
    return _section(config, points, tuple(missing))


def _environment() -> dict[str, str]:
    return native_environment(os.environ)


def _point(
    config: ModelConfig,
    settings: Settings,
    path: str,
    size: Size,
    batch: int,
    within_s: float,
    start: StartWorker,
) -> Point:
    """Measure in a fresh process, whose peak of memory is this point's."""
    side = Side(
        'ours',
        config.name,
        path,
        settings.device,
        settings.precision,
        settings.optimization,
        network_size=size,
    )
    with start(_environment()) as worker:
        work = worker.ask('work', model=config.name, size=size)
        worker.open(side)
        loaded = _held(worker)
        worker.frames(size, 1, batch=batch)
        (once_ms,) = worker.frames(size, 1, batch=batch)
        rounds = settings.rounds or max(_ROUNDS, math.ceil(_AT_LEAST_MS / once_ms))
        rounds = rounds_within(within_s, 1e-3 * once_ms, rounds)
        times = spread(worker.frames(size, rounds, batch=batch))
        return Point(
            size,
            batch,
            times,
            _held(worker),
            loaded,
            batch * (work['all'] - work['attention']),
            batch * work['attention'],
        )


def _held(worker: Worker) -> float:
    """Return the most memory held until now [MB]: the device's where there is one."""
    memory = worker.ask('memory')
    return float(memory['device_peak_mb'] or memory['peak_mb'])


def _section(config: ModelConfig, points: list[Point], missing: tuple[str, ...]) -> Section:
    times = fit(
        [p.times.median_ms for p in points],
        [(1.0, p.flops, p.attention_flops) for p in points],
    )
    memory = fit(
        [p.peak_mb for p in points],
        [(1.0, p.batch * math.prod(p.size), math.prod(p.size) ** 2) for p in points],
    )
    values = {
        'model': config.name,
        'points': [
            _values(p, times.expected[i], memory.expected[i]) for i, p in enumerate(points)
        ],
        'time_fit': {
            'constant_ms': times.factors[0],
            'tflops': _rate(times.factors[1]),
            'attention_tflops': _rate(times.factors[2]),
        },
        'memory_fit': {
            'constant_mb': memory.factors[0],
            'mb_per_megapixel': 1e6 * memory.factors[1],
            'mb_per_megapixel_squared': 1e12 * memory.factors[2],
        },
        'kinks_in_time': [points[i].name for i in times.kinks],
        'kinks_in_memory': [points[i].name for i in memory.kinks],
    }
    table = _table(config, points, times, memory)
    return Section('size', values, (table,), _words(points, times, memory), missing)


def _values(point: Point, expected_ms: float, expected_mb: float) -> dict[str, Any]:
    return {**asdict(point), 'expected_ms': expected_ms, 'expected_mb': expected_mb}


def _rate(ms_per_operation: float) -> float | None:
    """Turn a factor into a rate [TFLOP/s]; None where the fit has no use for it."""
    return 1e-9 / ms_per_operation if ms_per_operation else None


def _table(config: ModelConfig, points: list[Point], times: Fit, memory: Fit) -> Table:
    rows = [
        (
            point.name,
            f'{1e-12 * (point.flops + point.attention_flops):.3g}',
            f'{point.attention_flops / (point.flops + point.attention_flops):.0%}',
            f'{point.times.median_ms:.4g}',
            f'{times.off[i]:+.0%}',
            f'{point.peak_mb:.0f}',
            f'{memory.off[i]:+.0%}',
        )
        for i, point in enumerate(points)
    ]
    columns = ('TFLOP', 'in attention', 'median ms', 'off the fit', 'peak MB', 'off the fit')
    return Table(f'{config.name}: batch x height x width', ('size', *columns), tuple(rows))


def _words(points: list[Point], times: Fit, memory: Fit) -> tuple[str, ...]:
    words = [
        'Expected are a constant, time in proportion to the arithmetic outside attention (which '
        'grows with the number of pixels) and in proportion to that in attention (which grows '
        'with its square); memory likewise: what is loaded, maps, and the position bias.'
    ]
    for what, found in (('Time', times), ('Memory', memory)):
        worst = max(map(abs, found.off))
        if not found.kinks:
            words.append(f'{what} has no kink: no point is more than {worst:.0%} off.')
        for index in found.kinks:
            words.append(
                f'{what} has a kink at {points[index].name}: {found.off[index]:+.0%} from what '
                f'the other sizes lead to expect (more than {KINK:.0%}).'
            )
    return tuple(words)
