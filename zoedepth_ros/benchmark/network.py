"""The part `network`: ours as the node runs it, beside what one would take instead."""

from __future__ import annotations

import math
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.benchmark.network_report import NetworkFigures, section
from zoedepth_ros.benchmark.pairs import Compared, compare, depths
from zoedepth_ros.benchmark.parts import Settings
from zoedepth_ros.benchmark.process import SideError, Worker
from zoedepth_ros.benchmark.report import Section
from zoedepth_ros.benchmark.rivals import Rival, rivals
from zoedepth_ros.benchmark.sides import Side, Size
from zoedepth_ros.benchmark.timing import spread
from zoedepth_ros.model.presets import preset
from zoedepth_ros.ros.environment import native_environment

DEFAULT_MODEL = 'ZoeD_M12_NK'
_ROUNDS, _ROUNDS_IN_SHORT = 7, 2
_SUSTAINED_FRAMES, _SUSTAINED_WITHIN_S = 1000, 60.0

StartWorker = Callable[[dict[str, str] | None], Worker]


@dataclass(frozen=True, slots=True)
class _Pivot:
    """Our side, which stays open while its rivals come and go."""

    worker: Worker
    facts: dict[str, str]
    depths_m: NDArray[np.float32]


def measure(settings: Settings, start: StartWorker = Worker) -> Section:
    """Measure; a side that cannot be had is named and left out, our own raises SideError."""
    config = preset(settings.model or DEFAULT_MODEL)
    rounds = settings.rounds or (_ROUNDS_IN_SHORT if settings.short else _ROUNDS)
    with tempfile.TemporaryDirectory(prefix='zoedepth-benchmark-') as folder:
        path = Path(folder) / 'weights.safetensors'
        settings.tell(f'{config.name}: making the weights that all sides take')
        origin, work = _prepare(config.name, settings, path, start)
        ours = Side(
            'ours',
            config.name,
            str(path),
            settings.device,
            settings.precision,
            settings.optimization,
        )
        with start(_node_environment()) as worker:
            settings.tell('starting our side')
            pivot = _opened(worker, ours, config.image_size)
            compared, missing = _all_compared(
                pivot, _rivals(pivot, ours, settings), config.image_size, rounds, settings, start
            )
            sustained_ms = _sustained(worker, config.image_size, settings)
            memory = worker.ask('memory')
        with start(_node_environment()) as worker:
            settings.tell('measuring how fast this machine multiplies matrices')
            rate = worker.ask(
                'products', device=pivot.facts['device'], precision=pivot.facts['precision']
            )
    return section(
        NetworkFigures(
            config.name,
            config.image_size,
            origin,
            pivot.facts,
            pivot.depths_m,
            tuple(compared),
            work['all'],
            rate['matmul_tflops'],
            memory['peak_mb'],
            memory['device_peak_mb'],
            sustained_ms,
            tuple(missing),
        )
    )


def _node_environment() -> dict[str, str]:
    """Return what the node's launch file adds for allocator and threads."""
    return native_environment(os.environ)


def _prepare(
    model: str, settings: Settings, path: Path, start: StartWorker
) -> tuple[str, dict[str, Any]]:
    """Write the weights of all sides; return their origin and the operations of a picture."""
    with start(_node_environment()) as worker:
        origin = worker.ask('weights', model=model, weights=settings.weights, path=str(path))
        work = worker.ask('work', model=model, size=preset(model).image_size)
    return str(origin['origin']), work


def _opened(worker: Worker, ours: Side, size: Size) -> _Pivot:
    facts = worker.open(ours)
    return _Pivot(worker, facts, depths(worker, size))


def _rivals(pivot: _Pivot, ours: Side, settings: Settings) -> list[Rival]:
    on_gpu = pivot.facts['device'] != 'cpu'
    known = replace(ours, precision=pivot.facts['precision'])
    return rivals(known, 'fp16' if on_gpu else 'bf16', short=settings.short, on_gpu=on_gpu)


def _all_compared(
    pivot: _Pivot,
    others: list[Rival],
    size: Size,
    rounds: int,
    settings: Settings,
    start: StartWorker,
) -> tuple[list[Compared], list[str]]:
    """Measure one rival after the other in turn with our side; say what could not be had."""
    compared, reasons = [], dict[str, list[str]]()
    for rival in others:
        settings.tell(f'in turn with {rival.title}')
        with start(None if rival.own_environment else _node_environment()) as worker:
            try:
                compared.append(compare(pivot.worker, worker, rival, size, rounds))
            except SideError as error:
                reasons.setdefault(str(error), []).append(rival.title)
    if not compared:  # alone, then, but measured
        alone = Rival('ours_alone', 'ours, once more', replace(others[0].side, kind='ours'))
        with start(_node_environment()) as worker:
            compared.append(compare(pivot.worker, worker, alone, size, rounds))
    return compared, [f'{"; ".join(titles)}: {reason}' for reason, titles in reasons.items()]


def _sustained(worker: Worker, size: Size, settings: Settings) -> list[float]:
    """Run a thousand pictures without a pause where they take less than a minute; else ()."""
    once_s = 1e-3 * spread(worker.frames(size, 3)).median_ms
    if not math.isfinite(once_s) or _SUSTAINED_FRAMES * once_s > _SUSTAINED_WITHIN_S:
        return []
    settings.tell(f'{_SUSTAINED_FRAMES} pictures without a pause')
    return worker.frames(size, _SUSTAINED_FRAMES)
