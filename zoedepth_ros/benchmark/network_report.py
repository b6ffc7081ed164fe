"""What the part `network` has found, as figures, a table and words; imports no torch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.benchmark.pairs import Compared, mean_relative_deviation
from zoedepth_ros.benchmark.report import Section, Table
from zoedepth_ros.benchmark.runtimes import RUNTIMES, runtime_words
from zoedepth_ros.benchmark.sides import CAMERA_SIZE, Size
from zoedepth_ros.benchmark.timing import Spread, spread

_FP32_RIVALS = ('transformers', *RUNTIMES)
_REFERENCES = ('transformers_eager', 'transformers', 'ours_fp32')


@dataclass(frozen=True, slots=True)
class NetworkFigures:
    """Everything that was measured."""

    model: str
    """The preset."""

    size: Size
    """Of the network's pictures [px]."""

    weights: str
    """Where the weights of all sides came from."""

    facts: Mapping[str, str]
    """What our side says about itself."""

    depths_m: NDArray[np.float32]
    """Our depths (n, H, W) [m]."""

    compared: tuple[Compared, ...]
    """Every rival, in turn with ours."""

    flops: int
    """Operations of one picture."""

    matmul_tflops: float
    """How fast matrices are multiplied here in our side's precision [TFLOP/s]."""

    peak_mb: float
    """Most memory our process has held [MB]."""

    device_peak_mb: float
    """Likewise on its device [MB]; 0 on the CPU."""

    sustained_ms: list[float]
    """A thousand pictures without a pause [ms]; [] where that takes minutes."""

    missing: tuple[str, ...]
    """What could not be measured, and why."""

    shortened: str = ''
    """How the limit of time has cut the rounds; '' where it has not."""

    @property
    def ours(self) -> Spread:
        """Our times at the network's own size, over all turns."""
        times = [x.ours_ms for x in self.compared if not x.rival.from_camera]
        return spread([ms for part in times for ms in part])

    @property
    def reference(self) -> tuple[str, NDArray[np.float32]] | None:
        """The depths that deviations are from, and whose they are: fp32, the original's way."""
        found = {x.rival.name: x.depths_m for x in self.compared if x.depths_m is not None}
        if self.facts['precision'] == 'fp32':
            found['ours_fp32'] = self.depths_m
        name = next((name for name in _REFERENCES if name in found), None)
        return None if name is None else (name, found[name])

    def deviation(self, depths_m: NDArray[np.float32] | None) -> float:
        """Return the mean relative deviation from the reference; NaN without one of both."""
        reference = self.reference
        if reference is None or depths_m is None:
            return math.nan
        return mean_relative_deviation(depths_m, reference[1])

    @property
    def achieved_tflops(self) -> float:
        """Operations a second."""
        return 1e-9 * self.flops / self.ours.median_ms

    @property
    def share_of_roofline(self) -> float:
        """The same over the rate of plain products of matrices."""
        return self.achieved_tflops / self.matmul_tflops


def section(figures: NetworkFigures) -> Section:
    """Put the figures into values, a table and words."""
    return Section(
        'network', _values(figures), (_table(figures),), _words(figures), figures.missing
    )


def _values(figures: NetworkFigures) -> dict[str, Any]:
    speedups = {x.rival.key: x.times_longer for x in figures.compared if x.rival.key}
    longer = {x.rival.name: x.times_longer for x in figures.compared}
    for name in _FP32_RIVALS if 'ours_fp32' in longer else ():
        if name in longer:
            speedups[f'speedup_fp32_over_{name}'] = longer[name] / longer['ours_fp32']
    reference = figures.reference
    theirs = [x for x in figures.compared if x.rival.name == 'transformers_half']
    return {
        'model': figures.model,
        'network_size': figures.size,
        'weights': figures.weights,
        'ours': dict(figures.facts),
        'latency_ms_median': figures.ours.median_ms,
        'latency_ms_p95': figures.ours.p95_ms,
        'latency_ms': asdict(figures.ours),
        **speedups,
        'attention_of_speedup_over_transformers': 'SDPA, the default of transformers',
        'deviation_reference': reference[0] if reference else None,
        'mean_relative_deviation': figures.deviation(figures.depths_m),
        'mean_relative_deviation_transformers_half': (
            figures.deviation(theirs[0].depths_m) if theirs else None
        ),
        'flops': figures.flops,
        'achieved_tflops': figures.achieved_tflops,
        'matmul_tflops': figures.matmul_tflops,
        'share_of_roofline': figures.share_of_roofline,
        'peak_memory_mb': figures.peak_mb,
        'device_peak_memory_mb': figures.device_peak_mb,
        **_sustained_values(figures),
        'variants': {x.rival.name: _variant(figures, x) for x in figures.compared},
    }


def _sustained_values(figures: NetworkFigures) -> dict[str, Any]:
    if not figures.sustained_ms:
        return {}
    found = spread(figures.sustained_ms)
    return {
        'sustained_frames': found.n,
        'sustained_hz': 1e3 * found.n / sum(figures.sustained_ms),
        'sustained_p99_over_median': found.p99_ms / found.median_ms,
        'sustained_ms': asdict(found),
    }


def _variant(figures: NetworkFigures, x: Compared) -> dict[str, Any]:
    return {
        'title': x.rival.title,
        'facts': dict(x.facts),
        'environment': 'its own' if x.rival.own_environment else 'as the node is started',
        'picture_size': CAMERA_SIZE if x.rival.from_camera else figures.size,
        'latency_ms': asdict(x.spread),
        'ours_in_turn_ms': asdict(spread(x.ours_ms)),
        'rounds': x.rounds,
        'times_longer_than_ours': x.times_longer,
        'mean_relative_deviation': None if x.depths_m is None else figures.deviation(x.depths_m),
        'peak_memory_mb': x.peak_mb,
        'device_peak_memory_mb': x.device_peak_mb,
    }


def _table(figures: NetworkFigures) -> Table:
    height, width = figures.size
    about = figures.facts
    how = f', {about["optimization"]}' if 'optimization' in about else ''
    title = f'ours, {about["precision"]}{how}, as the node runs it'
    rows = [_row(figures, title, figures.ours, 1.0, figures.depths_m, figures.peak_mb)]
    rows += [
        _row(
            figures,
            x.rival.title,
            x.spread,
            x.times_longer,
            x.depths_m,
            x.peak_mb,
        )
        for x in figures.compared
    ]
    return Table(
        f'{figures.model}, {height} x {width}, one picture on {about["device"]}; weights: '
        f'{figures.weights}',
        ('side', 'median ms', 'p5 to p95', 'times ours', 'deviation', 'peak MB'),
        tuple(rows),
    )


def _row(
    figures: NetworkFigures,
    title: str,
    times: Spread,
    longer: float,
    depths_m: NDArray[np.float32] | None,
    peak_mb: float,
) -> tuple[str, ...]:
    deviation = figures.deviation(depths_m)
    return (
        title,
        _ms(times.median_ms),
        f'{_ms(times.p5_ms)} to {_ms(times.p95_ms)}',
        f'{longer:.2f}',
        '-' if math.isnan(deviation) else f'{deviation:.1e}',
        f'{peak_mb:.0f}',
    )


def _notes(figures: NetworkFigures) -> list[tuple[str, str]]:
    """Return who could not run in the form it was asked to, and why."""
    told = [('ours', figures.facts), *((x.rival.title, x.facts) for x in figures.compared)]
    notes = [(who, facts.get('optimization_note', '')) for who, facts in told]
    return [(who, note) for who, note in notes if note]


def _ms(time_ms: float) -> str:
    """Write three digits or whole milliseconds."""
    return f'{time_ms:.0f}' if time_ms >= 100 else f'{time_ms:.3g}'


def _words(figures: NetworkFigures) -> tuple[str, ...]:
    ours = figures.ours
    longer = {x.rival.name: x.times_longer for x in figures.compared}
    words = [
        f'Ours takes {ours.median_ms:.4g} ms from a picture in memory to depth in memory; 90 of '
        f'100 pictures took between {ours.p5_ms:.4g} and {ours.p95_ms:.4g} ms.',
        *([figures.shortened] if figures.shortened else []),
        '"Times ours" is how many times longer a side takes, measured in turn with ours: what '
        'slows the machine down for a while slows both. Every side has a process of its own and '
        'the same weights.',
    ]
    if 'transformers' in longer:
        words.append(
            f'transformers as it comes (float32, SDPA attention) takes '
            f'{longer["transformers"]:.2f} times as long, both sides with the settings of '
            'allocator and threads that the node starts with; rows "in its own environment" are '
            'without.'
        )
    if 'official' in longer:
        words.append(
            'The official protocol pads the picture, looks at it and at its mirror image and '
            'averages; both sides of that row begin with a picture of '
            f"{CAMERA_SIZE[1]} x {CAMERA_SIZE[0]}. Its network is transformers' here."
        )
    words += [f'Slower than asked: {who}: {note}.' for who, note in _notes(figures)]
    titles = {x.rival.name: x.rival.title for x in figures.compared}
    words += runtime_words(longer, titles, figures.facts['precision'])
    if figures.reference is not None:
        words.append(
            'Deviation is the mean over all pixels of the difference in depth over the depth, '
            f'from {figures.reference[0]}. Ours is {figures.deviation(figures.depths_m):.1e}; '
            'with random weights it shows rounding, not how right a depth is.'
        )
    words.append(
        f'A picture is {1e-12 * figures.flops:.3g} TFLOP, so ours does '
        f'{figures.achieved_tflops:.3g} TFLOP/s, {figures.share_of_roofline:.0%} of what plain '
        f'products of matrices reach here in {figures.facts["precision"]} '
        f'({figures.matmul_tflops:.3g} TFLOP/s).'
    )
    if figures.sustained_ms:
        found = spread(figures.sustained_ms)
        words.append(
            f'{found.n} pictures without a pause: {1e3 * found.n / sum(figures.sustained_ms):.4g} '
            f'Hz; one of a hundred takes {found.p99_ms / found.median_ms:.2f} times the median.'
        )
    return tuple(words)
