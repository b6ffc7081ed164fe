"""`zoedepth bag IN OUT`: depth into a recording of ROS 2, without a ROS installation."""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from zoedepth_ros.cli.arguments import (
    BITS_HELP,
    decimation,
    rate_hz,
    significant_bits,
    whole,
)
from zoedepth_ros.cli.camera_options import field_of_view_deg
from zoedepth_ros.cli.exit_codes import DONE, FAILED
from zoedepth_ros.cli.images import require_readable
from zoedepth_ros.geometry.rectification import CHOICES

if TYPE_CHECKING:
    from zoedepth_ros.bags.fleet import Job, Watcher
    from zoedepth_ros.bags.plan import DepthOptions, Report

NAME = 'bag'
HELP = 'add depth, camera_info and points to a recording (.mcap, .db3) of ROS 2'

DEFAULT_MODEL = 'ZoeD_M12_NK'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add = parser.add_argument
    add('recordings', metavar='IN', nargs='+', help='.mcap or .db3 file, or the folder of a bag')
    add('out', metavar='OUT', help='the new .mcap file; a folder when there are several IN')
    add('--image', metavar='TOPIC', default='', help='pictures, raw or compressed')
    add('--camera-info', metavar='TOPIC', default='', help="default: the image topic's sibling")
    add('--depth-topic', metavar='TOPIC', help='new topic, the others beside it (/depth/image)')
    add('--model', default=DEFAULT_MODEL, help='a name of `zoedepth models` (%(default)s)')
    add('--weights', metavar='FILE', help="the model's weights, or 'random' (default: released)")
    add('--device', default='auto', help='auto, cpu, cuda or cuda:N (%(default)s)')
    add('--precision', default='auto', choices=('auto', 'fp32', 'bf16', 'fp16'))
    add('--head', choices=('auto', 'indoor', 'outdoor'), help='(auto)')
    add('--encoding', choices=('32FC1', '16UC1'), help='of the depth: metres or mm (32FC1)')
    add('--points', action=argparse.BooleanOptionalAction, default=None, help='(yes)')
    add('--uncertainty', action=argparse.BooleanOptionalAction, default=None, help='(no)')
    add('--domain', action=argparse.BooleanOptionalAction, default=None, help='router (no)')
    add(
        '--decimation',
        type=decimation,
        metavar='N',
        help='a point for every N rows and columns (4)',
    )
    add('--edge-filter', action=argparse.BooleanOptionalAction, default=None, help='(yes)')
    add('--rate', dest='rate_hz', type=rate_hz, metavar='HZ', help='depth at most so often (all)')
    add(
        '--hfov',
        type=field_of_view_deg,
        metavar='DEG',
        help='horizontal field of view [degrees] where calibration is missing',
    )
    add(
        '--focal-correction',
        choices=('auto', 'off', 'scale', 'warp'),
        help="as the node's parameter of this name (auto)",
    )
    add('--rectified', choices=CHOICES, help="as the node's camera.rectified (auto)")
    add('--bits', type=significant_bits, metavar='N', help=BITS_HELP)
    add('--compression', choices=('none', 'lz4', 'zstd'), help='of the new recording (none)')
    add(
        '--jobs',
        type=whole(1, 1000),
        default=1,
        metavar='N',
        help='recordings side by side (%(default)s)',
    )
    add('--ray', action='store_true', help='spread the recordings over a Ray cluster')
    add('--salvage', action='store_true', help='keep what can be read of a damaged recording')
    add('--overwrite', action='store_true', help='replace OUT; do not go on with a partial one')


def run(args: argparse.Namespace) -> int:
    """Work on every recording; one that fails is named and the others go on."""
    from zoedepth_ros.bags.errors import require_libraries

    require_libraries()
    from zoedepth_ros.bags.cluster import run_with_ray
    from zoedepth_ros.bags.fleet import Model, run_here, run_with_processes

    jobs = _jobs(args)
    model = Model(args.model, args.weights or '', args.device, args.precision)
    sources = [job.source for job in jobs]
    if not (args.ray or any(source.exists() for source in sources)):  # Ray's are elsewhere
        require_readable(sources)
    with _Bars() as watcher:
        if args.ray:
            results = run_with_ray(jobs, model, args.jobs, watcher, watcher.say)
        elif args.jobs > 1 and len(jobs) > 1:
            results = run_with_processes(jobs, model, args.jobs, watcher)
        else:
            results = run_here(jobs, model, watcher)
        failures = 0
        for job, result in results:
            watcher.clear()
            if isinstance(result, str):
                failures += 1
                print(f'zoedepth: error: {result}', file=sys.stderr)
            else:
                failures += not result.depths
                _tell(job, result)
    return FAILED if failures else DONE


def _jobs(args: argparse.Namespace) -> list[Job]:
    from zoedepth_ros.bags.fleet import Job

    options = _options(args)
    sources = [Path(name).expanduser() for name in args.recordings]
    out = Path(args.out).expanduser()
    if len(sources) == 1 and out.suffix == '.mcap' and not out.is_dir():
        return [Job(sources[0], out, options, args.salvage, args.overwrite)]
    if out.suffix == '.mcap' and not out.is_dir():
        raise ValueError(f'{out}: with several recordings OUT is a folder')
    targets = [out / f'{_name_of(source)}.mcap' for source in sources]
    for target in targets:
        if targets.count(target) > 1:
            raise ValueError(f'two recordings would become {target}: convert them one by one')
    return [
        Job(source, target, options, args.salvage, args.overwrite)
        for source, target in zip(sources, targets, strict=True)
    ]


def _name_of(source: Path) -> str:
    """Name a recording: its folder's or file's name, without the endings of recordings."""
    name = source.name if source.name not in ('', '..') else source.resolve().name
    if source.is_dir():
        return name
    for ending in ('.zstd', '.mcap', '.db3', '.bag'):
        name = name.removesuffix(ending)
    return name


def _options(args: argparse.Namespace) -> DepthOptions:
    """Take what was given; what was not has its default where it belongs."""
    from zoedepth_ros.bags.plan import DepthOptions

    names = ('head', 'encoding', 'points', 'uncertainty', 'domain', 'decimation', 'edge_filter')
    given = {
        name: getattr(args, name)
        for name in (*names, 'depth_topic', 'rectified', 'bits', 'compression')
    }
    given |= {'rate_hz': args.rate_hz, 'focal_correction': args.focal_correction}
    given['hfov_rad'] = None if args.hfov is None else math.radians(args.hfov)
    chosen = {name: value for name, value in given.items() if value is not None}
    return DepthOptions(image=args.image, camera_info=args.camera_info, **chosen)


class _Bars:
    """Draw one bar for all pictures of all recordings."""

    def __init__(self) -> None:
        from tqdm import tqdm

        # disable=None: not where nobody can see it move
        self._bar = tqdm(total=0, unit=' pictures', leave=False, disable=None)

    def __enter__(self) -> _Bars:
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def expect(self, pictures: int) -> None:
        """Know of more pictures to come."""
        self._bar.total += pictures
        self._bar.refresh()

    def advance(self, pictures: int) -> None:
        """Note that pictures are done."""
        self._bar.update(pictures)

    def say(self, line: str) -> None:
        """Show a line about the work."""
        self.clear()
        print(f'zoedepth: {line}', file=sys.stderr, flush=True)

    def clear(self) -> None:
        """Make room for a line."""
        self._bar.clear()


def _tell(job: Job, report: Report) -> None:
    done = 'done before, ' if report.done_before else ''
    line = f'{job.target}: {done}{report.depths} depth images of {report.pictures} pictures'
    reused = f', {report.reused} of them from an earlier attempt' if report.reused else ''
    print(f'{line}, {report.clouds} clouds{reused}')
    for text in report.assumptions.values():
        print(f'    {text}')
    for reason, count in report.skipped.items():
        example = report.examples.get(reason)
        print(f'    {count} without depth: {reason}' + (f' ({example})' if example else ''))
    if report.no_points and job.options.points:
        print(f'    pictures without points: {report.no_points}; --hfov assumes a field of view')
    if report.uncorrected:
        print(
            f'    {report.uncorrected} are as through the training camera: these were pictures of '
            'an unknown camera; --hfov assumes a field of view'
        )
    for note in report.damage:
        print(f'    {"salvaged" if job.salvage else "note"}: {note}')
    if report.warning:
        print(f'    WARNING  {report.warning.upper()}')


if TYPE_CHECKING:
    _watcher: Watcher = _Bars()
