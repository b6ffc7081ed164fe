"""The part `network`: ours as the node runs it, beside what one would take instead."""

from __future__ import annotations

import math
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.benchmark.baselines import Rival, rivals
from zoedepth_ros.benchmark.network_report import NetworkFigures, section
from zoedepth_ros.benchmark.pairs import Compared, compare, depths
from zoedepth_ros.benchmark.parts import RUNTIMES_ONLY, Settings
from zoedepth_ros.benchmark.process import SideError, Worker
from zoedepth_ros.benchmark.report import Section
from zoedepth_ros.benchmark.runtimes import file_bytes, runtimes
from zoedepth_ros.benchmark.sides import Side, Size
from zoedepth_ros.benchmark.timing import spread
from zoedepth_ros.model.config import ModelConfig
from zoedepth_ros.model.presets import preset
from zoedepth_ros.ros.environment import native_environment

DEFAULT_MODEL = 'ZoeD_M12_NK'
_ROUNDS = 7
_FIRST = ('transformers', 'ours_fp32', 'transformers_half')  # while there is time
_SUSTAINED_FRAMES, _SUSTAINED_WITHIN_S = 1000, 60.0

StartWorker = Callable[[dict[str, str] | None], Worker]


@dataclass(frozen=True, slots=True)
class _Pivot:
    """Our side, which stays open while its rivals come and go."""

    worker: Worker
    facts: dict[str, str]
    depths_m: NDArray[np.float32]
    opened_s: float


@dataclass(frozen=True, slots=True)
class _Prepared:
    """What is known before anything runs."""

    origin: str
    work: dict[str, Any]
    half: str
    no_half: str


def measure(settings: Settings, start: StartWorker = Worker) -> Section:
    """Measure; a side that cannot be had is named and left out, our own raises SideError.

    Baselines that the budget has no time for are named and left out, too.
    """
    config = preset(settings.model or DEFAULT_MODEL)
    with tempfile.TemporaryDirectory(prefix='zoedepth-benchmark-') as folder:
        path = Path(folder) / 'weights.safetensors'
        settings.tell(f'{config.name}: making the weights that all sides take')
        prepared = _prepare(config.name, settings, path, start)
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
            others = _rivals(pivot, ours, exported, prepared.half, settings)
            compared, missing = _all_compared(
                pivot, ours, others, config.image_size, settings, start
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
            prepared.origin,
            pivot.facts,
            pivot.depths_m,
            tuple(compared),
            prepared.work['all'],
            rate['matmul_tflops'],
            memory['peak_mb'],
            memory['device_peak_mb'],
            sustained_ms,
            (*missing, *filter(None, [reason, prepared.no_half])),
            _shortened(compared, settings),
        )
    )


def _shortened(compared: list[Compared], settings: Settings) -> str:
    """Return how the budget has cut the rounds; '' where it has not."""
    found = {x.rounds for x in compared}
    if min(found) >= _most_rounds(settings):
        return ''
    least, most = min(found), max(found)
    ran = f'{least}' if least == most else f'{least} to {most}'
    return (
        f'To end within {settings.budget.words} every side ran {ran} rounds instead of '
        f'{_most_rounds(settings)}.'
    )


def _most_rounds(settings: Settings) -> int:
    return settings.rounds or _ROUNDS


def _node_environment() -> dict[str, str]:
    """Return what the node's launch file adds for allocator and threads."""
    return native_environment(os.environ)


def _prepare(model: str, settings: Settings, path: Path, start: StartWorker) -> _Prepared:
    """Write the weights of all sides; SideError for a precision that is not to be measured."""
    with start(_node_environment()) as worker:
        half = worker.ask('half', device=settings.device, precision=settings.precision)
        origin = worker.ask('weights', model=model, weights=settings.weights, path=str(path))
        work = worker.ask('work', model=model, size=preset(model).image_size)
    return _Prepared(str(origin['origin']), work, half['half'], half['reason'])


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
    started_s = time.monotonic()
    worker.open(ours)
    depths_m = depths(worker, size)
    return _Pivot(worker, worker.facts(), depths_m, time.monotonic() - started_s)


def _rivals(
    pivot: _Pivot, ours: Side, exported: str, half: str, settings: Settings
) -> list[Rival]:
    on_gpu = pivot.facts['device'] != 'cpu'
    known = replace(ours, precision=pivot.facts['precision'])
    found = rivals(known, half, short=settings.short, on_gpu=on_gpu)
    if settings.runtimes == RUNTIMES_ONLY:
        # ours in the other precision, for deviations are from fp32
        found = [x for x in found if x.name in ('ours_fp32', f'ours_{half}')]
    if exported:
        known = replace(known, device=pivot.facts['device'])
        found += runtimes(known, exported, half, on_gpu=on_gpu)
    return found


def _all_compared(
    pivot: _Pivot,
    ours: Side,
    others: list[Rival],
    size: Size,
    settings: Settings,
    start: StartWorker,
) -> tuple[list[Compared], list[str]]:
    """Measure one rival after the other in turn with our side; say what could not be had.

    The most important come first.  None is begun that would not be done in time, judged by our
    own side at first and then by the slowest of those before it.
    """
    rounds, budget = _most_rounds(settings), settings.budget
    compared, reasons = list[Compared](), dict[str, list[str]]()
    needed_s = pivot.opened_s
    for number, rival in enumerate(sorted(others, key=_importance)):
        left_s = budget.left_s - pivot.opened_s  # the rest takes about as long as our start
        if left_s < needed_s:
            reasons.setdefault(f'no time within {budget.words}', []).append(rival.title)
            continue
        settings.tell(f'{number + 1} of {len(others)}: in turn with {rival.title}')
        with start(None if rival.own_environment else _node_environment()) as worker:
            worker.end_after(left_s)
            try:
                found = compare(
                    pivot.worker,
                    worker,
                    rival,
                    size,
                    rounds,
                    within_s=left_s / (len(others) - number),
                    tell=settings.tell,
                )
                compared.append(found)
                needed_s = max(needed_s, found.least_s)
            except SideError as error:
                reasons.setdefault(str(error), []).append(rival.title)
    if not compared:  # alone, then, but measured
        alone = Rival('ours_alone', 'ours, once more', replace(ours))
        with start(_node_environment()) as worker:
            compared.append(
                compare(pivot.worker, worker, alone, size, rounds, within_s=budget.left_s)
            )
    compared.sort(key=lambda x: [*others, x.rival].index(x.rival))
    return compared, [f'{"; ".join(titles)}: {reason}' for reason, titles in reasons.items()]


def _importance(rival: Rival) -> int:
    return _FIRST.index(rival.name) if rival.name in _FIRST else len(_FIRST)


def _sustained(worker: Worker, size: Size, settings: Settings) -> list[float]:
    """Run a thousand pictures without a pause where they take less than a minute; else ()."""
    if settings.budget.left_s <= 0.0:
        return []
    once_s = 1e-3 * spread(worker.frames(size, 3)).median_ms
    within_s = min(_SUSTAINED_WITHIN_S, settings.budget.left_s)
    if not math.isfinite(once_s) or _SUSTAINED_FRAMES * once_s > within_s:
        return []
    settings.tell(f'{_SUSTAINED_FRAMES} pictures without a pause')
    return worker.frames(size, _SUSTAINED_FRAMES)
