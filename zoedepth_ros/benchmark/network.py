"""The part `network`: ours as the node runs it, beside what one would take instead."""

from __future__ import annotations

import math
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.benchmark.network_report import NetworkFigures, section
from zoedepth_ros.benchmark.pairs import Compared, compare, depths
from zoedepth_ros.benchmark.parts import RUNTIMES_ONLY, Settings
from zoedepth_ros.benchmark.process import SideError, Worker
from zoedepth_ros.benchmark.report import Section
from zoedepth_ros.benchmark.rivals import Rival, rivals
from zoedepth_ros.benchmark.runtimes import file_bytes, runtimes
from zoedepth_ros.benchmark.sides import Side, Size
from zoedepth_ros.benchmark.timing import spread
from zoedepth_ros.model.config import ModelConfig
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
        exported, reason = _exported(config, path, settings, start)
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
                pivot,
                _rivals(pivot, ours, exported, settings),
                config.image_size,
                rounds,
                settings,
                start,
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
            (*missing, *filter(None, [reason])),
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


def _exported(
    config: ModelConfig, weights: Path, settings: Settings, start: StartWorker
) -> tuple[str, str]:
    """Write the file of the other runtimes, if asked for; return it, or '' and the reason."""
    if not settings.runtimes:
        return '', ''
    path = weights.with_name(f'{config.name}.onnx')
    needed = file_bytes(config, config.image_size, weights.stat().st_size)
    free = shutil.disk_usage(path.parent).free
    who, where = 'other runtimes', path.parent.parent
    if free < needed:
        return '', (
            f'{who}: the exported file takes {1e-9 * needed:.1f} GB in {where}, where '
            f'{1e-9 * free:.1f} GB are free; TMPDIR names another place'
        )
    settings.tell(
        f'exporting the network for {who}: {1e-9 * needed:.1f} GB in {where}, minutes if it is big'
    )
    with start(_node_environment()) as worker:
        try:
            worker.ask('export', model=config.name, weights=str(weights), path=str(path))
        except SideError as error:
            return '', f'{who}: {error}'
    return str(path), ''


def _opened(worker: Worker, ours: Side, size: Size) -> _Pivot:
    worker.open(ours)
    depths_m = depths(worker, size)
    return _Pivot(worker, worker.facts(), depths_m)


def _rivals(pivot: _Pivot, ours: Side, exported: str, settings: Settings) -> list[Rival]:
    on_gpu = pivot.facts['device'] != 'cpu'
    known = replace(ours, precision=pivot.facts['precision'])
    half = 'fp16' if on_gpu else 'bf16'
    found = rivals(known, half, short=settings.short, on_gpu=on_gpu)
    if settings.runtimes == RUNTIMES_ONLY:
        found = found[:1]  # ours in the other precision, for deviations are from fp32
    if exported:
        known = replace(known, device=pivot.facts['device'])
        found += runtimes(known, exported, half, on_gpu=on_gpu)
    return found


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
