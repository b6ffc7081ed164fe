"""Results of the part `node` as values, tables and notes."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from zoedepth_ros.benchmark.benchmark_report import Section, Table
from zoedepth_ros.benchmark.node.node_protocol import NAIVE, OURS

Found = Mapping[str, Mapping[str, Any]]
"""Environment -> results of its driver."""

SHIPPED, PLAIN = 'shipped', 'plain'

OUTPUTS = {0: 'depth', 4: 'depth, cloud with decimation 4', 1: 'depth, full cloud'}
"""Decimation -> outputs; 4 is the default of the node."""
STAGES = ('wait', 'decode', 'postprocess', 'publish')

NOTES = (
    'Overhead is the time from the call of the subscription callback to the last publish, '
    'without the time of the depth network: stored depth replaces the output of the network.',
    'The naive node is a simple depth node for comparison: it converts images as '
    'cv_bridge does, computes a mesh grid for every image, packs points as '
    'sensor_msgs_py does and publishes in the callback. The naive node filters nothing, '
    'and the node of this package removes flying pixels and points out of range.',
    'Latency is the time from the publication of an image to the moment when another '
    'process receives the last message made from that image, without the time of the '
    'depth network.',
    'In the shipped environment all processes have the transport profile and variables '
    'of the launch files. In the plain environment all processes have the defaults of '
    'ROS 2; there best-effort subscriptions lose almost all images, so the naive node '
    'subscribes with reliable QoS.',
    'For overhead and latency, each image is sent to the nodes one after the other, with a pause '
    'in between, so that the processor caches are cold.',
)


def section(found: Found, missing: Sequence[str]) -> Section:
    """Return all results; missing: what could not be measured."""
    values: dict[str, Any] = {
        'single': {
            f'{size}, {outputs}': _medians(found, size, decimation)
            for size in sorted(found.get(SHIPPED, {}).get('single', {}), key=len)
            for decimation, outputs in OUTPUTS.items()
        },
        'streams': [
            _stream(name, stream) for name in found for stream in found[name].get('streams', ())
        ],
        'max_rate_hz': dict(found.get(SHIPPED, {}).get('max_hz', {})),
    }
    tables = (_overheads(values['single']), _latencies(values['single']), _streams(values))
    return Section(
        'node',
        values,
        tables=tuple(table for table in tables if table.rows),
        notes=NOTES if found else (),
        missing=tuple(missing),
    )


def title(kind: str) -> str:
    """Return the title of a kind of node."""
    implementation, _, decimation = kind.partition('_')
    return f'{"this node" if implementation == OURS else "naive"}: {OUTPUTS[int(decimation)]}'


def _medians(found: Found, size: str, decimation: int) -> dict[str, Any]:
    """Return the medians of both nodes; NaN for what was not measured."""

    def images(environment: str, implementation: str) -> Sequence[Mapping[str, Any]]:
        single = found.get(environment, {}).get('single', {})
        return single.get(size, {}).get(f'{implementation}_{decimation}', ())

    ours, naive, plain = images(SHIPPED, OURS), images(SHIPPED, NAIVE), images(PLAIN, NAIVE)
    return {
        'overhead_ms': _median(image['overhead_ms'] for image in ours),
        'naive_overhead_ms': _median(image['overhead_ms'] for image in naive),
        'stages_ms': {
            name: _median(image['stages_ms'][name] for image in ours) for name in STAGES
        },
        'latency_ms': _median(image['latency_ms'] for image in ours),
        'naive_latency_ms': _median(image['latency_ms'] for image in naive),
        'naive_plain_latency_ms': _median(image['latency_ms'] for image in plain),
    }


def _stream(environment: str, raw: Mapping[str, Any]) -> dict[str, Any]:
    return {**raw, 'environment': environment, 'latency_ms': _median(raw['latency_ms'])}


def _overheads(single: Mapping[str, Any]) -> Table:
    rows = []
    for name, one in single.items():
        both = one['overhead_ms'], one['naive_overhead_ms']
        if any(map(math.isfinite, both)):
            stages = (_number(one['stages_ms'][stage]) for stage in STAGES)
            rows.append((name, *map(_number, both), _number(both[1] / both[0], 1), *stages))
    columns = ('from callback to last publish', 'this node', 'naive', 'naive / this', *STAGES)
    return Table('Overhead, medians [ms], and its stages in this node', columns, tuple(rows))


def _latencies(single: Mapping[str, Any]) -> Table:
    rows = []
    for name, one in single.items():
        times = one['latency_ms'], one['naive_latency_ms'], one['naive_plain_latency_ms']
        if any(map(math.isfinite, times)):
            shares = (_number(times[0] / other) for other in times[1:])
            rows.append((name, *map(_number, times), *shares))
    columns = (
        'from image to last output',
        'this node',
        'naive, shipped',
        'naive, plain',
        'share of shipped',
        'share of plain',
    )
    return Table('Latency between processes, medians [ms]', columns, tuple(rows))


def _streams(values: Mapping[str, Any]) -> Table:
    rows = tuple(
        (
            f'{title(stream["kind"])}, {stream["environment"]}',
            f'{stream["rate_hz"]:g}',
            f'{stream["arrived"]} of {stream["sent"]}',
            _number(stream['latency_ms']),
            _number(stream['cpu_ms']),
            _number(values['max_rate_hz'].get(stream['kind'], math.nan), 0)
            if stream['environment'] == SHIPPED
            else '-',
        )
        for stream in values['streams']
    )
    columns = ('640x480', 'Hz', 'arrived', 'latency', 'CPU per image', 'max Hz')
    return Table(
        'Streams: latency and CPU time [ms]; maximum rate with less than 5 % loss', columns, rows
    )


def _median(numbers: Iterable[float]) -> float:
    finite = [number for number in numbers if math.isfinite(number)]
    return statistics.median(finite) if finite else math.nan


def _number(number: float, digits: int = 2) -> str:
    return f'{number:.{digits}f}' if math.isfinite(number) else '-'
