"""The part `network`: the network as the node runs it, compared with its alternatives."""

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

from zoedepth_ros.benchmark.benchmark_report import Section
from zoedepth_ros.benchmark.implementations import (
    Baseline,
    Implementation,
    Size,
    baselines,
    exported_bytes,
    runtime_baselines,
)
from zoedepth_ros.benchmark.network_report import NetworkResults, section
from zoedepth_ros.benchmark.parts import RUNTIMES_ONLY, BenchmarkOptions
from zoedepth_ros.benchmark.timing import spread
from zoedepth_ros.benchmark.turns import BaselineMeasurement, compare, sample_depths
from zoedepth_ros.benchmark.worker import Worker, WorkerError
from zoedepth_ros.environment import native_environment
from zoedepth_ros.model.config import ModelConfig
from zoedepth_ros.model.presets import preset

DEFAULT_MODEL = 'ZoeD_M12_NK'
_ROUNDS = 7
_FIRST = ('transformers', 'ours_fp32', 'transformers_half')  # the most important ones
_SUSTAINED_IMAGES, _SUSTAINED_WITHIN_S = 1000, 60.0

StartWorker = Callable[[dict[str, str] | None], Worker]


@dataclass(frozen=True, slots=True)
class _Ours:
    """Our implementation, which stays loaded for all baselines."""

    worker: Worker
    facts: dict[str, str]
    depths_m: NDArray[np.float32]
    loading_s: float


@dataclass(frozen=True, slots=True)
class _Prepared:
    """What is known before the measurement."""

    origin: str
    flops: dict[str, Any]
    half: str
    half_reason: str


def measure(options: BenchmarkOptions, start: StartWorker = Worker) -> Section:
    """Measure; baselines that fail or exceed the budget are reported as missing.

    Raises WorkerError if our implementation fails.
    """
    config = preset(options.model or DEFAULT_MODEL)
    with tempfile.TemporaryDirectory(prefix='zoedepth-benchmark-') as folder:
        path = Path(folder) / 'weights.safetensors'
        options.log(f'{config.name}: writing the weights of all implementations')
        prepared = _prepare(config.name, options, path, start)
        exported, reason = _exported(config, path, options, start)
        implementation = Implementation(
            'ours',
            config.name,
            str(path),
            options.device,
            options.precision,
            options.optimization,
        )
        with start(_node_environment()) as worker:
            options.log('loading our implementation')
            ours = _loaded(worker, implementation, config.image_size)
            others = _baselines(ours, implementation, exported, prepared.half, options)
            comparisons, missing = _compare_all(
                ours, implementation, others, config.image_size, options, start
            )
            sustained_ms = _sustained(worker, config.image_size, options)
            memory = worker.request('memory')
        with start(_node_environment()) as worker:
            options.log('measuring the rate of matrix products')
            rate = worker.request(
                'matmul', device=ours.facts['device'], precision=ours.facts['precision']
            )
    return section(
        NetworkResults(
            config.name,
            config.image_size,
            prepared.origin,
            ours.facts,
            ours.depths_m,
            tuple(comparisons),
            prepared.flops['all'],
            rate['matmul_tflops'],
            memory['peak_mb'],
            memory['device_peak_mb'],
            sustained_ms,
            (*missing, *filter(None, [reason, prepared.half_reason])),
            _shortened(comparisons, options),
        )
    )


def _shortened(comparisons: list[BaselineMeasurement], options: BenchmarkOptions) -> str:
    """Report how the budget has reduced the rounds; '' if it has not."""
    rounds, full = {x.rounds for x in comparisons}, options.rounds or _ROUNDS
    if min(rounds) >= full:
        return ''
    ran = ' to '.join(map(str, sorted({min(rounds), max(rounds)})))
    return (
        f'To finish within {options.budget.text} every implementation ran {ran} rounds instead '
        f'of {full}.'
    )


def _node_environment() -> dict[str, str]:
    """Return the variables of allocator and threads that the launch file adds."""
    return native_environment(os.environ)


def _prepare(model: str, options: BenchmarkOptions, path: Path, start: StartWorker) -> _Prepared:
    """Write the weights; WorkerError for a precision that is not measured."""
    with start(_node_environment()) as worker:
        half = worker.request('half_precision', device=options.device, precision=options.precision)
        origin = worker.request('weights', model=model, weights=options.weights, path=str(path))
        flops = worker.request('flops', model=model, size=preset(model).image_size)
    return _Prepared(str(origin['origin']), flops, half['half'], half['reason'])


def _exported(
    config: ModelConfig, weights: Path, options: BenchmarkOptions, start: StartWorker
) -> tuple[str, str]:
    """Write the file of the other runtimes, if requested; return it, or '' and the reason."""
    if not options.runtimes:
        return '', ''
    path = weights.with_name(f'{config.name}.onnx')
    needed = exported_bytes(config, config.image_size, weights.stat().st_size)
    free = shutil.disk_usage(path.parent).free
    what, where = 'other runtimes', path.parent.parent
    if free < needed:
        return '', (
            f'{what}: the exported file needs {1e-9 * needed:.1f} GB in {where}, where '
            f'{1e-9 * free:.1f} GB are free; set TMPDIR to another folder'
        )
    options.log(
        f'exporting the network for {what}: {1e-9 * needed:.1f} GB in {where}, may take minutes'
    )
    with start(_node_environment()) as worker:
        try:
            worker.request('export', model=config.name, weights=str(weights), path=str(path))
        except WorkerError as error:
            return '', f'{what}: {error}'
    return str(path), ''


def _loaded(worker: Worker, implementation: Implementation, size: Size) -> _Ours:
    started_s = time.monotonic()
    worker.load(implementation)
    depths_m = sample_depths(worker, size)
    return _Ours(worker, worker.facts(), depths_m, time.monotonic() - started_s)


def _baselines(
    ours: _Ours,
    implementation: Implementation,
    exported: str,
    half: str,
    options: BenchmarkOptions,
) -> list[Baseline]:
    on_gpu = ours.facts['device'] != 'cpu'
    known = replace(implementation, precision=ours.facts['precision'])
    found = baselines(known, half, short=options.short, on_gpu=on_gpu)
    if options.runtimes == RUNTIMES_ONLY:
        # the other precision of ours stays, for deviations are from fp32
        found = [x for x in found if x.name in ('ours_fp32', f'ours_{half}')]
    if exported:
        known = replace(known, device=ours.facts['device'])
        found += runtime_baselines(known, exported, half, on_gpu=on_gpu)
    return found


def _compare_all(
    ours: _Ours,
    implementation: Implementation,
    others: list[Baseline],
    size: Size,
    options: BenchmarkOptions,
    start: StartWorker,
) -> tuple[list[BaselineMeasurement], list[str]]:
    """Measure one baseline after the other; return comparisons, and what is missing and why.

    The most important come first.  None starts that would exceed the budget, estimated from the
    loading time of our implementation and from the slowest baseline so far.
    """
    rounds, budget = options.rounds or _ROUNDS, options.budget
    comparisons, reasons = list[BaselineMeasurement](), dict[str, list[str]]()
    needed_s = ours.loading_s
    for number, baseline in enumerate(sorted(others, key=_priority)):
        left_s = budget.left_s - ours.loading_s  # the steps after this loop take about as long
        if left_s < needed_s:
            reasons.setdefault(f'no time within {budget.text}', []).append(baseline.title)
            continue
        options.log(f'{number + 1} of {len(others)}: in turn with {baseline.title}')
        with start(None if baseline.own_environment else _node_environment()) as worker:
            worker.kill_after(left_s)
            try:
                comparison = compare(
                    ours.worker,
                    worker,
                    baseline,
                    size,
                    rounds,
                    within_s=left_s / (len(others) - number),
                    log=options.log,
                )
                comparisons.append(comparison)
                needed_s = max(needed_s, comparison.min_duration_s)
            except WorkerError as error:
                reasons.setdefault(str(error), []).append(baseline.title)
    if not comparisons:  # ours is measured in turn with itself
        alone = Baseline('ours_alone', 'ours, once more', implementation)
        with start(_node_environment()) as worker:
            comparisons.append(
                compare(ours.worker, worker, alone, size, rounds, within_s=budget.left_s)
            )
    comparisons.sort(key=lambda x: [*others, x.baseline].index(x.baseline))
    return comparisons, [f'{"; ".join(titles)}: {reason}' for reason, titles in reasons.items()]


def _priority(baseline: Baseline) -> int:
    return _FIRST.index(baseline.name) if baseline.name in _FIRST else len(_FIRST)


def _sustained(worker: Worker, size: Size, options: BenchmarkOptions) -> list[float]:
    """Run a thousand images without a pause, unless they take more than a minute."""
    if options.budget.left_s <= 0.0:
        return []
    once_s = 1e-3 * spread(worker.run(size, 3)).median_ms
    within_s = min(_SUSTAINED_WITHIN_S, options.budget.left_s)
    if not math.isfinite(once_s) or _SUSTAINED_IMAGES * once_s > within_s:
        return []
    options.log(f'{_SUSTAINED_IMAGES} images without a pause')
    return worker.run(size, _SUSTAINED_IMAGES)
