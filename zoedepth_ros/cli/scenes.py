"""`zoedepth scenes`: a sheet of drawn scenes, pictures above their true depth."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from zoedepth_ros.cli.images import PICTURE_SUFFIXES
from zoedepth_ros.cli.options import refuse_idle
from zoedepth_ros.cli.progress import progress
from zoedepth_ros.cli.quantities import at_least, image_side_px
from zoedepth_ros.files import check_writable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from zoedepth_ros.media.sample import Sample

NAME = 'scenes'
HELP = 'draw scenes with exact depth and show them on one sheet'

WALKS = ('room', 'street', 'door')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add = parser.add_argument
    add('--domain', choices=('indoor', 'outdoor', 'both'), help='(both)')
    add('--walk', choices=WALKS, help='show a walk instead of single scenes')
    add(
        '--seed',
        type=at_least(0),
        default=0,
        help='seed of the first scene, or of the walk (%(default)s)',
    )
    add('--count', type=at_least(1), default=20, help='how many pictures (%(default)s)')
    add('--columns', type=at_least(1), default=5, help='pictures in a row (%(default)s)')
    add('--height', type=image_side_px, default=192, help='of each picture [px] (%(default)s)')
    add('--width', type=image_side_px, default=256, help='of each picture [px] (%(default)s)')
    add('--out', metavar='PNG', default='out/scenes.png', help='file to write (%(default)s)')


def run(args: argparse.Namespace) -> int:
    """Write the sheet. Raises ValueError for impossible numbers and OSError when it cannot."""
    from zoedepth_ros.media.files import write_picture

    if args.walk:
        refuse_idle(args, ['domain'], 'is for single scenes, not for --walk')
    path = Path(args.out).expanduser()
    if path.suffix.lower() not in PICTURE_SUFFIXES:
        raise ValueError(f'--out must end in {", ".join(PICTURE_SUFFIXES)}, got {args.out}')
    check_writable(path)
    drawn = _walk(args) if args.walk else _scenes(args)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_picture(path, sheet(list(progress(drawn, args.count, 'pictures')), args.columns))
    print(path)
    return 0


def _scenes(args: argparse.Namespace) -> Iterator[Sample]:
    """Draw single scenes; with both domains, they take turns."""
    from zoedepth_ros.synthetic.scene import draw_scene

    domains = (args.domain,) if args.domain in ('indoor', 'outdoor') else ('indoor', 'outdoor')
    for k in range(args.count):
        yield draw_scene(domains[k % len(domains)], args.seed + k, args.height, args.width)


def _walk(args: argparse.Namespace) -> Iterator[Sample]:
    """Draw frames from all along a walk."""
    from zoedepth_ros.synthetic.trajectory import Walk

    walk = Walk(args.walk, args.seed, max(2, args.count), height=args.height, width=args.width)
    for k in range(args.count):
        yield walk[k].sample


def sheet(samples: list[Sample], columns: int) -> NDArray[np.uint8]:
    """Lay pictures above their depth in rows, blue-green-red; the depth's colours are fixed."""
    import numpy as np

    from zoedepth_ros.media.color import depth_to_bgr

    limits_m = {'indoor': (0.3, 10.0), 'outdoor': (1.0, 80.0)}
    tiles = [
        np.concatenate((s.rgb[..., ::-1], depth_to_bgr(s.depth_m, *limits_m[s.domain])))
        for s in samples
    ]
    tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % columns)
    rows = [np.concatenate(tiles[k : k + columns], 1) for k in range(0, len(tiles), columns)]
    return np.concatenate(rows)
