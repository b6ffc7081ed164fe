"""Results of the part `node` as values, tables and notes."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from zoedepth_ros.benchmark.benchmark_report import Section, Table
from zoedepth_ros.benchmark.node.node_protocol import NAIVE, OURS
from zoedepth_ros.benchmark.timing import spread

Found = Mapping[str, Mapping[str, Any]]
"""Environment -> results of its driver."""

SHIPPED, PLAIN = 'shipped', 'plain'

OUTPUTS = {0: 'depth', 4: 'depth, cloud with decimation 4', 1: 'depth, full cloud'}
"""Decimation -> outputs; 4 is the default of the node."""
VGA, DEFAULT, FULL = '640x480', 4, 1
STAGES = ('wait', 'decode', 'postprocess', 'publish')

NOTES = (
    'Overhead is the time from the call of the subscription callback to the last publish, without '
    'the network, which is replaced by known depth.',
    'The naive node is a node as usually written: it converts as cv_bridge, computes a mesh grid '
    'for every image, packs as sensor_msgs_py and publishes in the callback. It filters nothing; '
    'this node removes flying pixels and points out of range.',
    'Latency is the time from the publication of an image to the callback of another process with '
    'the last message made from it, without the network; jitter is p95 minus p5.',
    'Shipped: all processes have the transport profile and environment of the launch files. '
    'Plain: the defaults of ROS 2, where best effort loses almost all images, so the naive node '
    'subscribes reliably.',
    'Images are sent to all nodes in turn, one at a time, with cold caches.',
)


def section(found: Found, missing: Sequence[str]) -> Section:
    """Return all results; missing: what could not be measured."""
    tables = (_overheads(found), _latencies(found), _streams(found))
    return Section(
        'node',
        values(found),
        tables=tuple(table for table in tables if table.rows),
        notes=NOTES if found else (),
        missing=tuple(missing),
    )


def values(found: Found) -> dict[str, Any]:
    """Return the values by key."""
    full, default = (_pair(found, VGA, decimation) for decimation in (FULL, DEFAULT))
    plain = {
        decimation: _median(found, PLAIN, VGA, NAIVE, decimation, 'latency_ms')
        for decimation in OUTPUTS
    }
    return {
        'image': VGA,
        'overhead_ms_median': full['overhead_ms'],
        'naive_ms_median': full['naive_overhead_ms'],
        'overhead_default_ms_median': default['overhead_ms'],
        'naive_default_ms_median': default['naive_overhead_ms'],
        'stages_ms': full['stages_ms'],
        'naive_stages_ms': full['naive_stages_ms'],
        'latency_ms_median': full['latency_ms'],
        'latency_default_ms_median': default['latency_ms'],
        'latency_over_naive_same_environment': _share(
            full['latency_ms'], full['naive_latency_ms']
        ),
        'latency_over_naive_plain_environment': _share(full['latency_ms'], plain[FULL]),
        'cloud_between_processes_ms_median': full['cloud_between_processes_ms'],
        'cpu_ms_per_image': _cpu_ms(found, SHIPPED, OURS, FULL),
        'cpu_over_naive_same_environment': _share(
            _cpu_ms(found, SHIPPED, OURS, FULL), _cpu_ms(found, SHIPPED, NAIVE, FULL)
        ),
        'cpu_over_naive_plain_environment': _share(
            _cpu_ms(found, SHIPPED, OURS, FULL), _cpu_ms(found, PLAIN, NAIVE, FULL)
        ),
        'max_rate_hz': dict(found.get(SHIPPED, {}).get('max_hz', {})),
        'single': {
            f'{size}, {OUTPUTS[decimation]}': _pair(found, size, decimation)
            for size in _sizes(found)
            for decimation in OUTPUTS
        },
        'streams': [
            {**_stream(stream), 'environment': name} for name, stream in _all_streams(found)
        ],
    }


def _pair(found: Found, size: str, decimation: int) -> dict[str, Any]:
    """Return the medians of both nodes in the shipped environment."""
    pair: dict[str, Any] = {}
    for implementation, prefix in ((OURS, ''), (NAIVE, 'naive_')):
        images = _single_images(found, SHIPPED, size, implementation, decimation)
        for key in ('overhead_ms', 'input_ms', 'depth_ms', 'latency_ms'):
            pair[prefix + key] = _finite_median(image[key] for image in images)
        pair[f'{prefix}overhead_spread'] = (
            asdict(spread([image['overhead_ms'] for image in images])) if images else None
        )
        pair[f'{prefix}cloud_between_processes_ms'] = _finite_median(
            image['transport_ms'].get('depth/points', math.nan) for image in images
        )
        names = images[0]['stages_ms'] if images else ()
        pair[f'{prefix}stages_ms'] = {
            name: _finite_median(image['stages_ms'][name] for image in images) for name in names
        }
    return pair


def _overheads(found: Found) -> Table:
    rows = []
    for size in _sizes(found):
        for decimation, outputs in OUTPUTS.items():
            pair = _pair(found, size, decimation)
            stages = (_ms(pair['stages_ms'].get(name, math.nan)) for name in STAGES)
            ratio = _share(pair['naive_overhead_ms'], pair['overhead_ms'])
            both = (_ms(pair['overhead_ms']), _ms(pair['naive_overhead_ms']))
            if math.isnan(pair['overhead_ms']) and math.isnan(pair['naive_overhead_ms']):
                continue
            rows.append((f'{size}, {outputs}', *both, _number(ratio, 1), *stages))
    columns = ('from callback to last publish', 'this node', 'naive', 'naive / this', *STAGES)
    return Table('Overhead, medians [ms], and its stages in this node', columns, tuple(rows))


def _latencies(found: Found) -> Table:
    rows = []
    for size in _sizes(found):
        for decimation, outputs in OUTPUTS.items():
            pair = _pair(found, size, decimation)
            plain = _median(found, PLAIN, size, NAIVE, decimation, 'latency_ms')
            times = (pair['latency_ms'], pair['naive_latency_ms'], plain)
            if all(map(math.isnan, times)):
                continue
            shares = (_share(pair['latency_ms'], other) for other in times[1:])
            cells = (*map(_ms, times), *(_number(share, 2) for share in shares))
            cloud = _ms(pair['cloud_between_processes_ms'])
            rows.append((f'{size}, {outputs}', *cells, cloud))
    columns = (
        'from image to last output',
        'this node',
        'naive, shipped',
        'naive, plain',
        'share of shipped',
        'share of plain',
        'cloud alone',
    )
    return Table('Latency between processes, medians [ms]', columns, tuple(rows))


def _streams(found: Found) -> Table:
    rows = []
    for name, raw in _all_streams(found):
        stream = _stream(raw)
        max_hz = found[name].get('max_hz', {}).get(raw['kind'], math.nan)
        rows.append(
            (
                f'{title(raw["kind"])}, {name}',
                f'{raw["rate_hz"]:g}',
                f'{stream["arrived"]} of {stream["sent"]}',
                *(_ms(stream[key]) for key in ('latency_ms_median', 'jitter_ms', 'cpu_ms')),
                _number(max_hz, 0),
            )
        )
    columns = ('640x480', 'Hz', 'arrived', 'latency', 'jitter', 'CPU per image', 'max Hz')
    return Table(
        'Streams: latency, jitter and CPU time [ms]; maximum rate with less than 5 % loss',
        columns,
        tuple(rows),
    )


def _stream(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of one stream."""
    implementation, _, decimation = raw['kind'].partition('_')
    times = spread(raw['latency_ms']) if raw['latency_ms'] else None
    return {
        'node': implementation,
        'decimation': int(decimation),
        'rate_hz': raw['rate_hz'],
        'sent': raw['sent'],
        'arrived': raw['arrived'],
        'latency_ms_median': times.median_ms if times else math.nan,
        'jitter_ms': times.p95_ms - times.p5_ms if times else math.nan,
        'cpu_ms': raw['cpu_ms'],
    }


def title(kind: str) -> str:
    """Return the title of a kind of node."""
    implementation, _, decimation = kind.partition('_')
    return f'{"this node" if implementation == OURS else "naive"}: {OUTPUTS[int(decimation)]}'


def _sizes(found: Found) -> list[str]:
    return sorted(found.get(SHIPPED, {}).get('single', {}), key=len)


def _all_streams(found: Found) -> list[tuple[str, Mapping[str, Any]]]:
    return [(name, stream) for name in found for stream in found[name].get('streams', ())]


def _single_images(
    found: Found, environment: str, size: str, implementation: str, decimation: int
) -> Sequence[Any]:
    single = found.get(environment, {}).get('single', {})
    return single.get(size, {}).get(f'{implementation}_{decimation}', ())


def _median(
    found: Found, environment: str, size: str, implementation: str, decimation: int, key: str
) -> float:
    return _finite_median(
        image[key]
        for image in _single_images(found, environment, size, implementation, decimation)
    )


def _cpu_ms(found: Found, environment: str, implementation: str, decimation: int) -> float:
    """Return the CPU time per image in a stream at the camera's rate [ms]."""
    kind = f'{implementation}_{decimation}'
    return _finite_median(
        s['cpu_ms'] for name, s in _all_streams(found) if (name, s['kind']) == (environment, kind)
    )


def _finite_median(numbers: Iterable[float]) -> float:
    finite = [number for number in numbers if number is not None and math.isfinite(number)]
    return statistics.median(finite) if finite else math.nan


def _share(part: float, whole: float) -> float:
    return part / whole if whole else math.nan


def _ms(number: float) -> str:
    return _number(number, 2)


def _number(number: float, digits: int) -> str:
    return f'{number:.{digits}f}' if math.isfinite(number) else '-'
