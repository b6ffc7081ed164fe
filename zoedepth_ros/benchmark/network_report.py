"""Results of the part `network` as values, a table and notes; imports no torch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.benchmark.benchmark_report import Section, Table
from zoedepth_ros.benchmark.implementations import CAMERA_SIZE, RUNTIMES, Size
from zoedepth_ros.benchmark.timing import Spread, spread
from zoedepth_ros.benchmark.turns import BaselineMeasurement

_FP32_BASELINES = ('transformers', *RUNTIMES)
_REFERENCES = ('transformers_eager', 'transformers', 'ours_fp32')


@dataclass(frozen=True, slots=True)
class NetworkResults:
    """All measurements."""

    model: str
    """The preset."""
    size: Size
    """Size of the network's input [px]."""
    weights: str
    """Origin of the weights of all implementations."""
    facts: Mapping[str, str]
    """What ran as our implementation."""
    depths_m: NDArray[np.float32]
    """Our depths of the sample images (n, H, W) [m]."""
    comparisons: list[BaselineMeasurement]
    flops: int
    """Operations of one image."""
    matmul_tflops: float
    """Rate of matrix products in our precision [TFLOP/s]."""
    peak_mb: float
    """Peak memory of our process [MB]."""
    device_peak_mb: float
    """Peak memory on its device [MB]; 0 on the CPU."""
    sustained_ms: list[float]
    """Times of a thousand images without a pause [ms]; [] if not measured."""
    missing: tuple[str, ...]
    """What could not be measured, and why."""
    shortened: str = ''
    """How the budget has reduced the rounds; '' if it has not."""

    @property
    def ours(self) -> Spread:
        """Our times at the network's size, over all turns."""
        times = [x.ours_ms for x in self.comparisons if not x.baseline.from_camera]
        return spread([ms for part in times for ms in part])

    @property
    def reference(self) -> tuple[str, NDArray[np.float32]] | None:
        """Name and depths of the fp32 reference for deviations, if possible eager attention."""
        found = {x.baseline.name: x.depths_m for x in self.comparisons if x.depths_m is not None}
        if self.facts['precision'] == 'fp32':
            found['ours_fp32'] = self.depths_m
        name = next((name for name in _REFERENCES if name in found), None)
        return None if name is None else (name, found[name])

    def deviation(self, depths_m: NDArray[np.float32] | None) -> float:
        """Return the mean over all pixels of |depth / reference - 1|; NaN if one is missing."""
        reference = self.reference
        if reference is None or depths_m is None:
            return math.nan
        return float(np.mean(np.abs(depths_m.astype(np.float64) / reference[1] - 1.0)))

    @property
    def achieved_tflops(self) -> float:
        """Operations per second."""
        return 1e-9 * self.flops / self.ours.median_ms

    @property
    def share_of_roofline(self) -> float:
        """Operations per second over the rate of matrix products."""
        return self.achieved_tflops / self.matmul_tflops


def section(results: NetworkResults) -> Section:
    """Return the results as values, a table and notes."""
    return Section(
        'network', _values(results), (_table(results),), _notes(results), results.missing
    )


def _values(results: NetworkResults) -> dict[str, Any]:
    longer = {x.baseline.name: x.ratio for x in results.comparisons}
    speedups = {f'speedup_over_{name}': ratio for name, ratio in longer.items()}
    for name in longer.keys() & set(_FP32_BASELINES) if 'ours_fp32' in longer else ():
        speedups[f'speedup_fp32_over_{name}'] = longer[name] / longer['ours_fp32']
    reference = results.reference
    half = [x for x in results.comparisons if x.baseline.name == 'transformers_half']
    return {
        'model': results.model,
        'network_size': results.size,
        'weights': results.weights,
        'ours': dict(results.facts),
        'latency_ms_median': results.ours.median_ms,
        'latency_ms_p95': results.ours.p95_ms,
        'latency_ms': asdict(results.ours),
        **speedups,
        'deviation_reference': reference[0] if reference else None,
        'mean_relative_deviation': results.deviation(results.depths_m),
        'mean_relative_deviation_transformers_half': (
            results.deviation(half[0].depths_m) if half else None
        ),
        'flops': results.flops,
        'achieved_tflops': results.achieved_tflops,
        'matmul_tflops': results.matmul_tflops,
        'share_of_roofline': results.share_of_roofline,
        'peak_memory_mb': results.peak_mb,
        'device_peak_memory_mb': results.device_peak_mb,
        **_sustained(results.sustained_ms),
        'variants': {x.baseline.name: _variant(results, x) for x in results.comparisons},
    }


def _sustained(times_ms: list[float]) -> dict[str, float]:
    if not times_ms:
        return {}
    found = spread(times_ms)
    return {
        'sustained_frames': found.n,
        'sustained_hz': 1e3 * found.n / sum(times_ms),
        'sustained_p99_over_median': found.p99_ms / found.median_ms,
    }


def _variant(results: NetworkResults, x: BaselineMeasurement) -> dict[str, Any]:
    return {
        'title': x.baseline.title,
        'facts': dict(x.facts),
        'environment': 'its own' if x.baseline.own_environment else 'as the node is started',
        'image_size': CAMERA_SIZE if x.baseline.from_camera else results.size,
        'latency_ms': asdict(x.times),
        'rounds': x.rounds,
        'times_longer_than_ours': x.ratio,
        'mean_relative_deviation': None if x.depths_m is None else results.deviation(x.depths_m),
        'peak_memory_mb': x.peak_mb,
        'device_peak_memory_mb': x.device_peak_mb,
    }


def _table(results: NetworkResults) -> Table:
    height, width = results.size
    about = results.facts
    how = f', {about["optimization"]}' if 'optimization' in about else ''
    title = f'ours, {about["precision"]}{how}, as the node runs it'
    measured: list[tuple[str, Spread, float, NDArray[np.float32] | None, float]] = [
        (title, results.ours, 1.0, results.depths_m, results.peak_mb),
        *(
            (x.baseline.title, x.times, x.ratio, x.depths_m, x.peak_mb)
            for x in results.comparisons
        ),
    ]
    rows = []
    for name, times, longer, depths_m, peak_mb in measured:
        deviation = results.deviation(depths_m)
        spread_text = f'{_ms(times.p5_ms)} to {_ms(times.p95_ms)}'
        shown = '-' if math.isnan(deviation) else f'{deviation:.1e}'
        row = (name, _ms(times.median_ms), spread_text, f'{longer:.2f}', shown, f'{peak_mb:.0f}')
        rows.append(row)
    return Table(
        f'{results.model}, {height} x {width}, one image on {about["device"]}; weights: '
        f'{results.weights}',
        ('implementation', 'median ms', 'p5 to p95', 'times ours', 'deviation', 'peak MB'),
        tuple(rows),
    )


def _ms(time_ms: float) -> str:
    """Format with three digits, or as an integer above 100."""
    return f'{time_ms:.0f}' if time_ms >= 100 else f'{time_ms:.3g}'


def _notes(results: NetworkResults) -> tuple[str, ...]:
    ours = results.ours
    longer = {x.baseline.name: x.ratio for x in results.comparisons}
    notes = [
        f'This package ("ours") takes {ours.median_ms:.4g} ms from an image in memory to '
        'depth in memory.',
        *filter(None, [results.shortened]),
        '"Times ours" is the time of the implementation divided by the time of this package '
        '("ours"): more than 1 is slower than this package. Each implementation and this '
        'package run in turn, so that other load on the machine affects both. Every '
        'implementation has its own process and the same weights.',
    ]
    if 'transformers' in longer:
        notes.append(
            'transformers with its defaults (float32, SDPA attention) takes '
            f'{longer["transformers"]:.2f} times as long as this package, measured with the '
            "node's settings of memory allocator and threads; rows marked "
            '"in its own environment" are measured without these settings.'
        )
    if 'official' in longer:
        notes.append(
            'The row "official protocol" runs transformers as the ZoeDepth authors do: with '
            'padding, and with the mean of the depth of the image and of its mirror image. For '
            f'this row transformers and this package start from an image of {CAMERA_SIZE[1]} x '
            f'{CAMERA_SIZE[0]} px.'
        )
    if longer.keys() & {*RUNTIMES, 'openvino_half'}:
        notes.append(
            'ONNX Runtime and OpenVINO load the same weights as torch from a file of `zoedepth '
            'export` (one head, one size), with the same number of threads and the same pre- '
            'and postprocessing.'
        )
    facts = [('ours', results.facts), *((x.baseline.title, x.facts) for x in results.comparisons)]
    notes += [
        f'{title} runs more slowly than configured: {one["optimization_note"]}.'
        for title, one in facts
        if one.get('optimization_note')
    ]
    if results.reference is not None:
        notes.append(
            'The deviation is the mean over all pixels of the relative difference between the '
            f'depth of the implementation and the depth of {results.reference[0]}; with random '
            'weights the deviation measures rounding, not accuracy.'
        )
    notes.append(
        f'One image needs {1e-12 * results.flops:.3g} TFLOP, so this package reaches '
        f'{results.achieved_tflops:.3g} TFLOP/s, {results.share_of_roofline:.0%} of the rate at '
        f'which this machine computes matrix products in {results.facts["precision"]} '
        f'({results.matmul_tflops:.3g} TFLOP/s).'
    )
    if sustained := _sustained(results.sustained_ms):
        notes.append(
            f'{sustained["sustained_frames"]} images without a pause: '
            f'{sustained["sustained_hz"]:.4g} Hz; the 99th percentile of the time is '
            f'{sustained["sustained_p99_over_median"]:.2f} times the median.'
        )
    return tuple(notes)
