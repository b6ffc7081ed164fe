"""Profile the network and the node, and draw the diagrams of docs/performance.md.

The diagrams are drawn from the files in docs/benchmarks.

    python scripts/docs_performance.py --profile cpu   # write profile_cpu.json and draw it
    python scripts/docs_performance.py --profile node  # the node without the network; needs py-spy
    python scripts/docs_performance.py                 # draw from the existing files
    python scripts/docs_performance.py --check         # exit code 1 if a diagram is outdated
"""

from __future__ import annotations

import argparse
import datetime
import json
import math
import os
import shlex
import sys
import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
FILES = ROOT / 'docs' / 'benchmarks'
IMAGES = ROOT / 'docs' / 'images'

KINDS: Mapping[str, tuple[str, ...]] = {
    'interpolation': ('upsample', 'interpolate', 'grid_sample'),
    'attention': ('bmm', 'scaled_dot', 'softmax', 'attention', 'fmha', 'flash', '_sdp', 'baddbmm'),
    'convolutions': ('conv', 'winograd'),
    'linear layers': ('linear', 'addmm', 'mm', 'gemm', 'cutlass', 'matmul'),
    'normalisation, GELU': ('layer_norm', 'gelu'),
    'copies, layout': ('copy', 'cat', 'clone', 'contiguous', 'reorder', 'memcpy', 'index', 'to_'),
}
"""Kind of work -> parts of operator names; the first match counts."""
REST = 'everything else'
GREY = '#9aa5b1'  # of the last kind, everything else
COLORS = ('#2f6f9f', '#e08e45', '#5b9f68', '#8f6fae', '#c95f5f', '#b59b3c', '#4f9da6', '#a3673f',
          '#7fa650')  # fmt: skip
WIDTH, LEFT, ROW, FONT = 860, 190, 34, 13  # [px]
NARROW = 40  # narrower parts show no number [px]
NODE = 'node'
FRAMES = 3


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else '')
    what = 'profile the network on cpu, cuda or cuda:N, or the node'
    parser.add_argument('--profile', metavar='cpu|cuda|node', help=what)
    parser.add_argument('--model', default='ZoeD_M12_NK', help='name of the model')
    parser.add_argument('--check', action='store_true', help='compare the diagrams, write nothing')
    args = parser.parse_args(arguments)
    if args.profile:
        found = profile_node() if args.profile == NODE else profile(args.model, args.profile)
        path = FILES / f'profile_{args.profile.partition(":")[0]}.json'
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(found, indent=2) + '\n')
        print(path)
    wrong = 0
    for path, diagram in diagrams().items():
        if not args.check:
            path.write_text(diagram)
            print(path)
        elif not path.exists() or path.read_text() != diagram:
            print(f'{path} is outdated: run scripts/docs_performance.py')
            wrong = 1
    return wrong


def diagrams() -> dict[Path, str]:
    """Draw the diagrams of all files."""
    drawn = {}
    for path in sorted(FILES.glob('profile_*.json')):
        drawn[IMAGES / f'{path.stem}.svg'] = draw_profile(json.loads(path.read_text()))
    for path in sorted(FILES.glob('size_*.json')):
        drawn[IMAGES / f'{path.stem}.svg'] = draw_size(json.loads(path.read_text()))
    return drawn


def profile(model: str, device: str) -> dict[str, Any]:
    """Return milliseconds per image by kind of work: our network and transformers."""
    _restart_with_node_environment()
    from zoedepth_ros.benchmark.conditioned_weights import write_weights
    from zoedepth_ros.benchmark.implementations import Implementation
    from zoedepth_ros.benchmark.runners import OurRunner
    from zoedepth_ros.benchmark.transformers_runner import TransformersRunner
    from zoedepth_ros.model.presets import preset

    config = preset(model)
    rows = {}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / 'weights.safetensors'
        write_weights(config, 'random', file)
        ours = OurRunner(Implementation('ours', model, str(file), device, 'auto'))
        rows[f'ours, {ours.facts()["precision"]}'] = by_kind(ours, config.image_size)
        del ours
        other = TransformersRunner(Implementation('transformers', model, str(file), device))
        rows['transformers, fp32, SDPA'] = by_kind(other, config.image_size)
    return {**measured_on(device), 'title': f'{model}: one image', 'model': model, 'ms': rows}


def profile_node() -> dict[str, Any]:
    """Return milliseconds per image by kind of work in the node without the network."""
    import node_profile

    found = node_profile.profile_node()
    title = 'The node around the network, CPU time per image'
    return {**measured_on('cpu'), 'title': title, **found}


def measured_on(device: str) -> dict[str, Any]:
    """Return date, hardware, versions and command."""
    from zoedepth_ros.benchmark.machine import this_machine

    machine = this_machine()
    return {
        'command': shlex.join(['python', 'scripts/docs_performance.py', *sys.argv[1:]]),
        'date': datetime.date.today().isoformat(),
        'device': device if device == 'cpu' else machine.gpus[0],
        'cpu': f'{machine.cores} cores of {machine.cpu}',
        'threads': os.environ.get('OMP_NUM_THREADS', str(machine.cores)),
        'versions': dict(machine.versions),
        'environment': dict(machine.environment),
    }


def _restart_with_node_environment() -> None:
    """Restart this process with the allocator and thread settings of the launch file."""
    from zoedepth_ros.environment import native_environment

    missing = native_environment(os.environ)
    if missing:
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **missing})


def by_kind(runner: Any, size: tuple[int, int]) -> dict[str, float]:
    """Return milliseconds per image by kind of work, from torch's profiler."""
    from torch.profiler import ProfilerActivity
    from torch.profiler import profile as record

    from zoedepth_ros.benchmark.implementations import sample_images

    rgb = sample_images(size, 1)[0]
    for _ in range(2):
        runner(rgb)
    on_gpu = runner.facts()['device'] != 'cpu'
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if on_gpu else [])]
    with record(activities=activities) as recorded:
        for _ in range(FRAMES):
            runner(rgb)
    spent: dict[str, float] = defaultdict(float)
    for event in recorded.key_averages():
        us = event.self_device_time_total if on_gpu else event.self_cpu_time_total
        spent[kind_of(event.key)] += 1e-3 * us / FRAMES
    return {kind: spent[kind] for kind in (*KINDS, REST)}


def kind_of(operator: str) -> str:
    """Return the kind of work of an operator."""
    name = operator.lower()
    return next((kind for kind, parts in KINDS.items() if any(p in name for p in parts)), REST)


def draw_profile(found: Mapping[str, Any]) -> str:
    """Draw one bar per row, divided by kind of work."""
    rows: Mapping[str, Mapping[str, float]] = found['ms']
    longest = max(sum(parts.values()) for parts in rows.values())
    scale = (WIDTH - LEFT - 90) / longest
    lines, y = [], 44
    for name, parts in rows.items():
        lines.append(text(LEFT - 10, y + 22, name, 'end'))
        x = float(LEFT)
        for index, (kind, ms) in enumerate(parts.items()):
            lines.append(box(x, y, scale * ms, ROW, color_of(kind, index)))
            if scale * ms > NARROW:
                words = number(ms, longest)
                lines.append(text(x + scale * ms / 2, y + 22, words, 'middle', '#ffffff'))
            x += scale * ms
        lines.append(text(x + 8, y + 22, f'{number(sum(parts.values()), longest)} ms'))
        y += ROW + 14
    kinds = list(next(iter(rows.values())))
    for index, kind in enumerate(kinds):
        x, row = LEFT + 210 * (index % 3), y + 6 + 22 * (index // 3)
        lines += [box(x, row, 14, 14, color_of(kind, index)), text(x + 20, row + 12, kind)]
    how = 'sampled' if 'samples' in found else 'profiler on'
    where = found['cpu'] if found['device'] == 'cpu' else found['device']
    title = f'{found["title"]} on {where}, {found["date"]} ({how})'
    return svg(title, lines, y + 22 * math.ceil(len(kinds) / 3) + 16)


def color_of(kind: str, index: int) -> str:
    """Return the colour of a kind of work."""
    return GREY if kind == REST else COLORS[index]


def number(ms: float, longest_ms: float) -> str:
    """Format milliseconds, with one decimal if all are small."""
    return f'{ms:.0f}' if longest_ms > 100.0 else f'{ms:.1f}'


def draw_size(report: Mapping[str, Any]) -> str:
    """Draw time and memory of every size and batch, and the fit."""
    points = report['size']['points']
    lines, y = [], 40
    for what, unit, measured, expected in (
        ('time', 'ms', [p['times']['median_ms'] for p in points], 'expected_ms'),
        ('memory', 'MB', [p['peak_mb'] for p in points], 'expected_mb'),
    ):
        lines.append(text(LEFT, y, f'{what} [{unit}]; the mark is the fit'))
        longest = max([*measured, *(p[expected] for p in points)])
        scale = (WIDTH - LEFT - 90) / longest
        for point, value in zip(points, measured, strict=True):
            y += 24
            height, width = point['size']
            name = f'{height} x {width}' + f', batch {point["batch"]}' * (point['batch'] > 1)
            lines += [
                text(LEFT - 10, y, name, 'end'),
                box(LEFT, y - 13, scale * value, 16, COLORS[0]),
                box(LEFT + scale * point[expected] - 1, y - 16, 3, 22, COLORS[1]),
                text(LEFT + scale * max(value, point[expected]) + 8, y, f'{value:.0f}'),
            ]
        y += 44
    facts = report['facts']
    threads = facts['environment'].get('OMP_NUM_THREADS', facts['cores'])
    where = f'{threads} of {facts["cores"]} cores of {facts["cpu"]}'
    return svg(f'{report["size"]["model"]} on {where}, {report["date"]}', lines, y - 20)


def text(x: float, y: float, words: str, anchor: str = 'start', color: str = '#1d2733') -> str:
    """Return a text element."""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{color}">{words}</text>'


def box(x: float, y: float, width: float, height: float, color: str) -> str:
    """Return a filled rectangle."""
    size = f'width="{max(width, 0):.1f}" height="{height:.1f}"'
    return f'<rect x="{x:.1f}" y="{y:.1f}" {size} fill="{color}"/>'


def svg(title: str, lines: Sequence[str], height: float) -> str:
    """Return a diagram of this height."""
    return '\n'.join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" '
            f'width="{WIDTH}" height="{height:.0f}" font-family="sans-serif" font-size="{FONT}">',
            f'<title>{title}</title>',
            f'<rect width="{WIDTH}" height="{height:.0f}" fill="#ffffff"/>',
            text(LEFT, 20, title),
            *lines,
            '</svg>',
            '',
        ]
    )


if __name__ == '__main__':
    sys.stdout.reconfigure(errors='backslashreplace')  # characters the terminal lacks
    sys.exit(main())
