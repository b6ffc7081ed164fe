"""From the times of single pictures to the figures, tables and words of the report."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from zoedepth_ros.benchmark.node.task import NAIVE, OURS
from zoedepth_ros.benchmark.node.transport import PLAIN, SHIPPED
from zoedepth_ros.benchmark.report import Section, Table
from zoedepth_ros.benchmark.timing import spread

Found = Mapping[str, Mapping[str, Any]]
"""Environment -> what its driver wrote."""

OUTPUTS = {0: 'depth', 4: 'depth, cloud of every 4th pixel', 1: 'depth, full cloud'}
"""Decimation -> what is published; the node's default is the second."""
VGA, DEFAULT, FULL = '640x480', 4, 1
STAGES = ('wait', 'decode', 'postprocess', 'publish')

WORDS = (
    'Overhead is the time from the call of the subscription callback to the last publish, without '
    'the network, for which a stand-in answers at once.',
    'The naive node is a node as they are usually written: it converts as cv_bridge does, makes '
    'a mesh grid for every picture, packs as sensor_msgs_py does and publishes from the callback. '
    'It filters nothing; this node leaves out flying pixels and what is out of range.',
    'Latency is the time from before a picture is published to the callback of another process '
    'with the last message made from it, without the network; jitter is its p95 less its p5.',
    'Shipped: the transport profile and environment of the launch files, for all '
    'processes. Plain: ROS 2 as it comes, where a camera of best effort would hardly be heard at '
    'all, so that the naive node asks for reliable pictures.',
    'Pictures are sent to all nodes in turn, one at a time, with all caches cold.',
)


def section(found: Found, missing: Sequence[str]) -> Section:
    """Put everything together; missing: what could not be measured."""
    tables = (_overheads(found), _latencies(found), _streams(found))
    return Section(
        'node',
        values(found),
        tables=tuple(table for table in tables if table.rows),
        words=WORDS if found else (),
        missing=tuple(missing),
    )


def values(found: Found) -> dict[str, Any]:
    """Give the figures by key."""
    full, default = (_pair(found, VGA, step) for step in (FULL, DEFAULT))
    plain = {step: _median(found, PLAIN, VGA, NAIVE, step, 'latency_ms') for step in OUTPUTS}
    return {
        'picture': VGA,
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
        'cpu_ms_per_picture': _cpu_ms(found, SHIPPED, OURS, FULL),
        'cpu_over_naive_same_environment': _share(
            _cpu_ms(found, SHIPPED, OURS, FULL), _cpu_ms(found, SHIPPED, NAIVE, FULL)
        ),
        'cpu_over_naive_plain_environment': _share(
            _cpu_ms(found, SHIPPED, OURS, FULL), _cpu_ms(found, PLAIN, NAIVE, FULL)
        ),
        'highest_rate_hz': dict(found.get(SHIPPED, {}).get('highest_hz', {})),
        'single': {
            f'{size}, {OUTPUTS[step]}': _pair(found, size, step)
            for size in _sizes(found)
            for step in OUTPUTS
        },
        'streams': [
            {**_stream(stream), 'environment': name} for name, stream in _all_streams(found)
        ],
    }


def _pair(found: Found, size: str, step: int) -> dict[str, Any]:
    """Give the medians of both sides for one size and decimation, shipped environment."""
    pair: dict[str, Any] = {}
    for side, prefix in ((OURS, ''), (NAIVE, 'naive_')):
        pictures = _pictures(found, SHIPPED, size, side, step)
        for key in ('overhead_ms', 'input_ms', 'depth_ms', 'latency_ms'):
            pair[prefix + key] = _middle(picture[key] for picture in pictures)
        pair[f'{prefix}overhead_spread'] = (
            spread([picture['overhead_ms'] for picture in pictures]) if pictures else None
        )
        pair[f'{prefix}cloud_between_processes_ms'] = _middle(
            picture['transport_ms'].get('depth/points', math.nan) for picture in pictures
        )
        names = pictures[0]['stages_ms'] if pictures else ()
        pair[f'{prefix}stages_ms'] = {
            name: _middle(picture['stages_ms'][name] for picture in pictures) for name in names
        }
    return pair


def _overheads(found: Found) -> Table:
    rows = []
    for size in _sizes(found):
        for step, outputs in OUTPUTS.items():
            pair = _pair(found, size, step)
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
        for step, outputs in OUTPUTS.items():
            pair = _pair(found, size, step)
            plain = _median(found, PLAIN, size, NAIVE, step, 'latency_ms')
            times = (pair['latency_ms'], pair['naive_latency_ms'], plain)
            if all(map(math.isnan, times)):
                continue
            shares = (_share(pair['latency_ms'], other) for other in times[1:])
            cells = (*map(_ms, times), *(_number(share, 2) for share in shares))
            cloud = _ms(pair['cloud_between_processes_ms'])
            rows.append((f'{size}, {outputs}', *cells, cloud))
    columns = (
        'from picture to last output',
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
        highest = found[name].get('highest_hz', {}).get(raw['kind'], math.nan)
        rows.append(
            (
                f'{title(raw["kind"])}, {name}',
                f'{raw["rate_hz"]:g}',
                f'{stream["arrived"]} of {stream["sent"]}',
                *(_ms(stream[key]) for key in ('latency_ms_median', 'jitter_ms', 'cpu_ms')),
                _number(highest, 0),
            )
        )
    columns = ('640x480', 'Hz', 'arrived', 'latency', 'jitter', 'CPU a picture', 'highest Hz')
    return Table(
        'Streams: latency, jitter and CPU time [ms]; highest rate under 5 % loss',
        columns,
        tuple(rows),
    )


def _stream(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Give the figures of one stream."""
    side, _, step = raw['kind'].partition('_')
    times = spread(raw['latency_ms']) if raw['latency_ms'] else None
    return {
        'node': side,
        'decimation': int(step),
        'rate_hz': raw['rate_hz'],
        'sent': raw['sent'],
        'arrived': raw['arrived'],
        'latency_ms_median': times.median_ms if times else math.nan,
        'jitter_ms': times.p95_ms - times.p5_ms if times else math.nan,
        'cpu_ms': raw['cpu_ms'],
    }


def title(kind: str) -> str:
    """Give the name of a kind of node for people."""
    side, _, step = kind.partition('_')
    return f'{"this node" if side == OURS else "naive"}: {OUTPUTS[int(step)]}'


def _sizes(found: Found) -> list[str]:
    return sorted(found.get(SHIPPED, {}).get('single', {}), key=len)


def _all_streams(found: Found) -> list[tuple[str, Mapping[str, Any]]]:
    return [(name, stream) for name in found for stream in found[name].get('streams', ())]


def _pictures(found: Found, environment: str, size: str, side: str, step: int) -> Sequence[Any]:
    single = found.get(environment, {}).get('single', {})
    return single.get(size, {}).get(f'{side}_{step}', ())


def _median(found: Found, environment: str, size: str, side: str, step: int, key: str) -> float:
    return _middle(picture[key] for picture in _pictures(found, environment, size, side, step))


def _cpu_ms(found: Found, environment: str, side: str, step: int) -> float:
    """Give the CPU time of a picture in a stream at the camera's rate [ms]."""
    kind = f'{side}_{step}'
    return _middle(
        s['cpu_ms'] for name, s in _all_streams(found) if (name, s['kind']) == (environment, kind)
    )


def _middle(numbers: Iterable[float]) -> float:
    finite = [number for number in numbers if number is not None and math.isfinite(number)]
    return statistics.median(finite) if finite else math.nan


def _share(part: float, whole: float) -> float:
    return part / whole if whole else math.nan


def _ms(number: float) -> str:
    return _number(number, 2)


def _number(number: float, digits: int) -> str:
    return f'{number:.{digits}f}' if math.isfinite(number) else '-'
