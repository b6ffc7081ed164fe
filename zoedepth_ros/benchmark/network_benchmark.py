"""The part `network`: the network as the node runs it, compared with its alternatives."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from zoedepth_ros.benchmark.benchmark_report import Section
from zoedepth_ros.benchmark.implementations import (
    IN_SHORT,
    Baseline,
    Implementation,
    baselines,
    runtime_baselines,
)
from zoedepth_ros.benchmark.network_report import NetworkResults, section
from zoedepth_ros.benchmark.parts import RUNTIMES_ONLY, BenchmarkOptions
from zoedepth_ros.benchmark.timing import spread
from zoedepth_ros.benchmark.turns import BaselineMeasurement, compare
from zoedepth_ros.benchmark.worker import Worker, WorkerError, plain_environment
from zoedepth_ros.environment import native_environment
from zoedepth_ros.model.config import ModelConfig
from zoedepth_ros.model.presets import preset
from zoedepth_ros.weights.known_weights import DEFAULT_MODEL

_ROUNDS = 7
_SUSTAINED_IMAGES, _SUSTAINED_WITHIN_S = 1000, 60.0

StartWorker = Callable[[dict[str, str]], Worker]


def measure(options: BenchmarkOptions, start: StartWorker = Worker) -> Section:
    """Measure; baselines that fail or exceed the budget are reported as missing.

    Raises WorkerError if our implementation fails, or for a precision that is not measured.
    """
    config = preset(options.model or DEFAULT_MODEL)
    size, device = config.image_size, options.device
    with tempfile.TemporaryDirectory(prefix='zoedepth-benchmark-') as folder:
        path = Path(folder) / 'weights.safetensors'
        options.log(f'{config.name}: writing the weights that all measured implementations load')
        with start(node_environment()) as worker:
            half, *reasons = worker.call('runners.half_precision', device, options.precision)
            origin = worker.call(
                'conditioned_weights.write_weights', config, options.weights, path
            )
            flops, _ = worker.call('flops.image_flops', config, size)
        exported, reason = _exported(config, path, options, start)
        ours = Implementation(
            'ours', config.name, str(path), device, options.precision, options.optimization
        )
        with start(node_environment()) as worker:
            options.log('loading our implementation')
            started_s = time.monotonic()
            worker.call('runners.load', ours)
            depths_m = worker.call('runners.depths', size)
            facts = worker.call('runners.facts')
            loading_s = time.monotonic() - started_s
            known = replace(ours, device=facts['device'], precision=facts['precision'])
            others = _baselines(known, exported, half, options)
            comparisons, missing = _compare_all(worker, others, config, options, start, loading_s)
            if not comparisons:  # ours is measured in turn with itself
                alone = Baseline('ours_alone', 'this package, once more', ours)
                rounds, within_s = options.rounds or _ROUNDS, options.budget.left_s
                with start(node_environment()) as other:
                    comparisons = [compare(worker, other, alone, size, rounds, within_s=within_s)]
            sustained_ms = _sustained(worker, config, options)
            peak_mb, device_peak_mb = worker.call('runners.memory')
        with start(node_environment()) as worker:
            options.log('measuring how many matrix products per second this machine computes')
            tflops = worker.call('flops.matmul_tflops', known.device, known.precision)
    return section(
        NetworkResults(
            config.name,
            size,
            origin,
            facts,
            depths_m,
            comparisons,
            flops,
            tflops,
            peak_mb,
            device_peak_mb,
            sustained_ms,
            (*missing, *filter(None, [reason, *reasons])),
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
        f'Every implementation ran {ran} rounds instead of {full}, to finish within '
        f'{options.budget.text}.'
    )


def node_environment() -> dict[str, str]:
    """Return the variables of this process and those that the launch file adds."""
    return {**os.environ, **native_environment(os.environ)}


def _exported(
    config: ModelConfig, weights: Path, options: BenchmarkOptions, start: StartWorker
) -> tuple[str, str]:
    """Write the file of the other runtimes, if requested; return it, or '' and the reason."""
    if not options.runtimes:
        return '', ''
    path = weights.with_name(f'{config.name}.onnx')
    options.log(
        f'exporting the depth network to {path.parent} for ONNX Runtime and OpenVINO, which '
        'may take minutes'
    )
    with start(node_environment()) as worker:
        try:
            worker.call('runners.export_file', config.name, str(weights), str(path))
        except WorkerError as error:
            return '', f'other runtimes: {error}'
    return str(path), ''


def _baselines(
    ours: Implementation, exported: str, half: str, options: BenchmarkOptions
) -> list[Baseline]:
    """Return what is compared with our implementation, whose device and precision are known."""
    on_gpu = ours.device != 'cpu'
    found = baselines(
        replace(ours, device=options.device), half, short=options.short, on_gpu=on_gpu
    )
    if options.runtimes == RUNTIMES_ONLY:
        # the other precision of ours stays, for deviations are from fp32
        found = [x for x in found if x.name in ('ours_fp32', f'ours_{half}')]
    if exported:
        found += runtime_baselines(ours, exported, half, on_gpu=on_gpu)
    return found


def _compare_all(
    ours: Worker,
    others: list[Baseline],
    config: ModelConfig,
    options: BenchmarkOptions,
    start: StartWorker,
    loading_s: float,
) -> tuple[list[BaselineMeasurement], list[str]]:
    """Measure one baseline after the other; return comparisons, and what is missing and why.

    The most important come first.  None starts that would exceed the budget, estimated from the
    loading time of our implementation and from the slowest baseline so far.
    """
    rounds, budget = options.rounds or _ROUNDS, options.budget
    comparisons, reasons = list[BaselineMeasurement](), dict[str, list[str]]()
    needed_s = loading_s
    important_first = sorted(others, key=lambda x: (*IN_SHORT, x.name).index(x.name))
    for number, baseline in enumerate(important_first):
        left_s = budget.left_s - loading_s  # the steps after this loop take about as long
        if left_s < needed_s:
            reasons.setdefault(f'not started, to finish within {budget.text}', []).append(
                baseline.title
            )
            continue
        options.log(f'{number + 1} of {len(others)}: measuring {baseline.title}')
        own = baseline.own_environment
        with start(plain_environment() if own else node_environment()) as worker:
            worker.kill_after(left_s)
            within_s = left_s / (len(others) - number)
            try:
                comparison = compare(
                    ours,
                    worker,
                    baseline,
                    config.image_size,
                    rounds,
                    within_s=within_s,
                    log=options.log,
                )
                comparisons.append(comparison)
                needed_s = max(needed_s, comparison.min_duration_s)
            except WorkerError as error:
                reasons.setdefault(str(error), []).append(baseline.title)
    comparisons.sort(key=lambda x: others.index(x.baseline))
    return comparisons, [f'{"; ".join(titles)}: {reason}' for reason, titles in reasons.items()]


def _sustained(worker: Worker, config: ModelConfig, options: BenchmarkOptions) -> list[float]:
    """Run a thousand images without a pause, unless they take more than a minute."""
    if options.budget.left_s <= 0.0:
        return []
    once_s = 1e-3 * spread(worker.call('runners.run', config.image_size, 3)).median_ms
    if _SUSTAINED_IMAGES * once_s > min(_SUSTAINED_WITHIN_S, options.budget.left_s):
        return []
    options.log(f'predicting {_SUSTAINED_IMAGES} images without a pause')
    times_ms: list[float] = worker.call('runners.run', config.image_size, _SUSTAINED_IMAGES)
    return times_ms
