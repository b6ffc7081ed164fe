"""`zoedepth scenes`: a contact sheet of rendered scenes, images above their exact depth."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from zoedepth_ros.cli.arguments import at_least, image_side_px, refuse_idle
from zoedepth_ros.cli.image_paths import IMAGE_SUFFIXES
from zoedepth_ros.cli.reporting import progress
from zoedepth_ros.files import check_writable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from zoedepth_ros.media.sample import Sample

NAME = 'scenes'
HELP = 'render scenes with exact depth into one contact sheet'

TRAJECTORIES = ('room', 'street', 'door', 'step')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add = parser.add_argument
    add('--domain', choices=('indoor', 'outdoor', 'both'), help='(both)')
    add('--trajectory', choices=TRAJECTORIES, help='render a camera trajectory instead of scenes')
    add(
        '--seed',
        type=at_least(0),
        default=0,
        help='seed of the first scene, or of the trajectory (%(default)s)',
    )
    add('--count', type=at_least(1), default=20, help='number of images (%(default)s)')
    add('--columns', type=at_least(1), default=5, help='images per row (%(default)s)')
    add('--height', type=image_side_px, default=192, help='of each image [px] (%(default)s)')
    add('--width', type=image_side_px, default=256, help='of each image [px] (%(default)s)')
    add('--out', metavar='PNG', default='out/scenes.png', help='the new file (%(default)s)')


def run(args: argparse.Namespace) -> int:
    """Write the sheet; raises ValueError for invalid options and OSError."""
    from zoedepth_ros.media.files import write_image

    if args.trajectory:
        refuse_idle(args, ['domain'], 'is for scenes, not for --trajectory')
    path = Path(args.out).expanduser()
    if path.suffix.lower() not in IMAGE_SUFFIXES:
        raise ValueError(f'--out must end in {", ".join(IMAGE_SUFFIXES)}, got {args.out}')
    check_writable(path)
    samples = _trajectory(args) if args.trajectory else _scenes(args)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_image(path, sheet(list(progress(samples, args.count, 'images')), args.columns))
    print(path)
    return 0


def _scenes(args: argparse.Namespace) -> Iterator[Sample]:
    """Render scenes, of both domains in turn."""
    from zoedepth_ros.synthetic.scene import render_scene

    domains = (args.domain,) if args.domain in ('indoor', 'outdoor') else ('indoor', 'outdoor')
    for k in range(args.count):
        yield render_scene(domains[k % len(domains)], args.seed + k, args.height, args.width)


def _trajectory(args: argparse.Namespace) -> Iterator[Sample]:
    """Render frames from the whole trajectory."""
    from zoedepth_ros.synthetic.trajectory import CameraTrajectory

    trajectory = CameraTrajectory(
        args.trajectory, args.seed, max(2, args.count), height=args.height, width=args.width
    )
    for k in range(args.count):
        yield trajectory[k].sample


def sheet(samples: list[Sample], columns: int) -> NDArray[np.uint8]:
    """Arrange images above their depth in rows, blue-green-red; the depth range is fixed."""
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
