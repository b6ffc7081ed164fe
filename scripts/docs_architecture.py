"""Draw docs/images/architecture.svg from the imports of the package.

Every module's imports are read, lazy ones too; a room stands above everything it imports. Arrows
that follow from others are left out: who may use a room may use what is below it, as far as
test_architecture.py allows. What other rooms take from a door (`ros`, `cli`) is dashed.

    python scripts/docs_architecture.py            # write it
    python scripts/docs_architecture.py --check    # exit code 1 when it is not what is there
"""

from __future__ import annotations

import argparse
import ast
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / 'zoedepth_ros'
PICTURE = ROOT / 'docs' / 'images' / 'architecture.svg'

DOORS = {'ros', 'cli'}
SHOWN_LIBRARIES = {
    'torch': 'torch',
    'timm': 'timm',
    'cv2': 'OpenCV',
    'numba': 'numba',
    'huggingface_hub': 'huggingface_hub',
    'safetensors': 'safetensors',
    'rclpy': 'rclpy',
    'rosbags': 'rosbags',
    'mcap': 'mcap',
    'ray': 'ray',
    'rerun': 'rerun',
    'onnx': 'onnx',
    'onnxruntime': 'onnxruntime',
    'argparse': 'argparse',
}
BOX_WIDTH, BOX_HEIGHT, GAP_X, GAP_Y, MARGIN = 168, 52, 60, 58, 24  # [px]

Edges = dict[str, set[str]]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else '')
    parser.add_argument('--check', action='store_true', help='compare, write nothing')
    args = parser.parse_args(arguments)
    picture = draw()
    if not args.check:
        PICTURE.parent.mkdir(parents=True, exist_ok=True)
        PICTURE.write_text(picture)
        print(PICTURE)
        return 0
    if PICTURE.exists() and PICTURE.read_text() == picture:
        return 0
    print(f'{PICTURE} is not what the imports say: run scripts/docs_architecture.py')
    return 1


def draw() -> str:
    """Give the picture as SVG."""
    edges, libraries = read_imports()
    solid = {
        room: {other for other in others if other not in DOORS} for room, others in edges.items()
    }
    return svg(edges, reduced(solid), layers(solid), libraries)


def read_imports() -> tuple[Edges, Edges]:
    """Give room -> rooms it imports, and room -> libraries worth a name."""
    edges: Edges = defaultdict(set)
    libraries: Edges = defaultdict(set)
    for path in sorted(PACKAGE.rglob('*.py')):
        parts = path.relative_to(PACKAGE).with_suffix('').parts
        room = parts[0]
        if room == '__init__':
            continue
        edges[room], libraries[room] = edges[room], libraries[room]
        for name in imported(path):
            top, _, rest = name.partition('.')
            if top == 'zoedepth_ros':
                other = rest.split('.')[0]
                if other not in ('', 'msg', room):
                    edges[room].add(other)
            elif top in SHOWN_LIBRARIES:
                libraries[room].add(SHOWN_LIBRARIES[top])
    return dict(edges), dict(libraries)


def imported(path: Path) -> Iterator[str]:
    """Give the dotted names that a module imports from other rooms and libraries."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield from (f'{node.module}.{alias.name}' for alias in node.names)


def below(edges: Edges, room: str) -> set[str]:
    """Give every room that can be reached from one."""
    found: set[str] = set()
    waiting = [room]
    while waiting:
        for other in edges.get(waiting.pop(), set()) - found:
            found.add(other)
            waiting.append(other)
    return found


def reduced(edges: Edges) -> Edges:
    """Leave out the arrows that follow from others."""
    return {
        room: {
            other
            for other in others
            if not any(other in below(edges, between) for between in others - {other})
        }
        for room, others in edges.items()
    }


def layers(edges: Edges) -> dict[str, int]:
    """Give each room's height above the ground: 0 for those that import no other."""
    heights: dict[str, int] = {}

    def height(room: str) -> int:
        if room not in heights:
            heights[room] = 1 + max((height(other) for other in edges.get(room, ())), default=-1)
        return heights[room]

    highest = max(height(room) for room in edges)
    return {room: highest if room in DOORS else heights[room] for room in edges}


def places(
    heights: Mapping[str, int], arrows: Edges
) -> tuple[dict[str, tuple[float, float]], float, float]:
    """Give the upper left corner of every box, and the size of the whole.

    From the ground up, the rooms of a row stand as nearly as they can above what they import.
    """
    rows = [
        sorted(room for room in heights if heights[room] == height)
        for height in range(max(heights.values()) + 1)
    ]
    step = BOX_WIDTH + GAP_X
    width = 2 * MARGIN + max(map(len, rows)) * step - GAP_X
    found: dict[str, tuple[float, float]] = {}
    for height, rooms in enumerate(rows):

        def wanted(room: str) -> float:
            under = [found[other][0] for other in arrows[room]]
            return sum(under) / len(under) if under else 0.0

        y = MARGIN + (len(rows) - 1 - height) * (BOX_HEIGHT + GAP_Y)
        pitch = (width - 2 * MARGIN) / len(rooms)
        for column, room in enumerate(sorted(rooms, key=lambda room: (wanted(room), room))):
            found[room] = (MARGIN + (column + 0.5) * pitch - BOX_WIDTH / 2, y)
    return found, width, 2 * MARGIN + len(rows) * (BOX_HEIGHT + GAP_Y) - GAP_Y


def svg(edges: Edges, arrows: Edges, heights: Mapping[str, int], libraries: Edges) -> str:
    """Write the picture; plain text, so that a change shows in a diff."""
    at, width, height = places(heights, arrows)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" '
        f'width="{width:g}" height="{height:g}" font-family="sans-serif" text-anchor="middle">',
        '<title>Rooms of zoedepth_ros and what they import</title>',
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" '
        'markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z" fill="#5b6b7b"/></marker></defs>',
        f'<rect width="{width:g}" height="{height:g}" fill="#ffffff"/>',
    ]
    for room in sorted(arrows):
        lines += [arrow(at[room], at[other], '') for other in sorted(arrows[room])]
    for room in sorted(edges):
        dashed = sorted(edges[room] & DOORS)
        lines += [arrow(at[room], at[door], ' stroke-dasharray="5 4"') for door in dashed]
    for room in sorted(at):
        lines += box(room, at[room], ', '.join(sorted(libraries.get(room, ()), key=str.lower)))
    return '\n'.join([*lines, '</svg>']) + '\n'


def arrow(start: tuple[float, float], end: tuple[float, float], style: str) -> str:
    x0, x1 = start[0] + BOX_WIDTH / 2, end[0] + BOX_WIDTH / 2
    if start[1] == end[1]:  # beside each other: over the top
        y0 = y1 = start[1]
        bends = f'C{x0:g} {y0 - 22:g} {x1:g} {y1 - 22:g}'
    elif start[1] < end[1]:
        y0, y1 = start[1] + BOX_HEIGHT, end[1] - 1
        bends = f'C{x0:g} {y0 + GAP_Y / 2:g} {x1:g} {y1 - GAP_Y / 2:g}'
    else:
        y0, y1 = start[1], end[1] + BOX_HEIGHT + 1
        bends = f'C{x0:g} {y0 - GAP_Y / 2:g} {x1:g} {y1 + GAP_Y / 2:g}'
    return (
        f'<path d="M{x0:g} {y0:g}{bends} {x1:g} {y1:g}" fill="none" stroke="#5b6b7b" '
        f'stroke-width="1.4" marker-end="url(#tip)"{style}/>'
    )


def box(room: str, corner: tuple[float, float], libraries: str) -> list[str]:
    x, y = corner
    middle = x + BOX_WIDTH / 2
    fill = '#fde7c8' if room in DOORS else '#e3edf7'
    name = f'{room}/' if (PACKAGE / room).is_dir() else f'{room}.py'
    size = 10 if len(libraries) <= 28 else 8
    return [
        f'<rect x="{x:g}" y="{y:g}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" rx="7" '
        f'fill="{fill}" stroke="#5b6b7b"/>',
        f'<text x="{middle:g}" y="{y + 22:g}" font-size="15" fill="#1d2733">{name}</text>',
        f'<text x="{middle:g}" y="{y + 40:g}" font-size="{size}" fill="#5b6b7b">'
        f'{libraries}</text>',
    ]


if __name__ == '__main__':
    sys.stdout.reconfigure(errors='backslashreplace')  # whatever the terminal's encoding lacks
    sys.exit(main())
