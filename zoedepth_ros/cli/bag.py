"""`zoedepth bag IN OUT`: depth into a recording of ROS 2, without a ROS installation."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from zoedepth_ros.cli.arguments import add_network_options, whole
from zoedepth_ros.cli.exit_codes import DONE, FAILED
from zoedepth_ros.cli.image_paths import require_readable
from zoedepth_ros.cli.reporting import Progress
from zoedepth_ros.cli.settings import IN_RECORDINGS, add_settings, check_scale_file, settings_of

if TYPE_CHECKING:
    from zoedepth_ros.bags.plan import DepthOptions, Job, Report

HELP = 'add depth, camera_info and points to a ROS 2 recording (.mcap, .db3)'

OUTPUTS = {
    'points': 'Add point clouds, for images whose camera intrinsics are known (default: yes).',
    'uncertainty': 'Add images with the standard deviation of depth [m] (default: no).',
    'domain': 'Add the topic domain: the head in use and the probabilities of indoor and outdoor '
    '(default: no).',
    'ground': 'Add the points of the ground (default: no).',
    'obstacles': 'Add the points of obstacles (default: no).',
    'clearing': 'Add the ends of the rays that meet no obstacle, with which Nav2 clears a costmap '
    '(default: no).',
    'cliffs': 'Add the edges behind which the floor is missing (default: no).',
}
"""Option -> help; what each adds is in `bags.plan.OPTIONAL`."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add = parser.add_argument
    add('recordings', metavar='IN', nargs='+', help='.mcap or .db3 file, or the folder of a bag.')
    add(
        'out',
        metavar='OUT',
        help='New .mcap file, or a folder for the new files (required if there are several IN).',
    )
    add(
        '--image',
        metavar='TOPIC',
        help='Topic of the images, raw or compressed (default: the only image topic).',
    )
    add(
        '--camera-info',
        metavar='TOPIC',
        help='Topic of the calibration (default: camera_info in the namespace of the images).',
    )
    add(
        '--depth-topic',
        metavar='TOPIC',
        help='New topic of the depth images, which determines the other new topics: '
        '/front/depth/image gives /front/depth/points, /front/domain and /front/scan '
        '(default: /depth/image).',
    )
    add_network_options(parser)
    for name, text in OUTPUTS.items():
        add(f'--{name}', action=argparse.BooleanOptionalAction, default=None, help=text)
    add(
        '--compression',
        choices=('none', 'lz4', 'zstd'),
        help='Compression of the new recording (default: none).',
    )
    add(
        '--jobs',
        type=whole(1, 1000),
        default=1,
        metavar='N',
        help='Number of recordings that are processed at the same time (default: %(default)s).',
    )
    add('--ray', action='store_true', help='Distribute the recordings over a Ray cluster.')
    add(
        '--recover',
        action='store_true',
        help='Keep the readable messages of a damaged recording.',
    )
    add(
        '--overwrite',
        action='store_true',
        help='Start from the beginning and replace OUT, finished or unfinished.',
    )
    add_settings(parser)


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
    if not args.ray:
        check_scale_file(jobs[0].options.settings)
    with Progress('images') as watcher:
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
                _print_report(job, result)
    return FAILED if failures else DONE


def _jobs(args: argparse.Namespace) -> list[Job]:
    from zoedepth_ros.bags.plan import Job

    options = _options(args)
    sources = [Path(name).expanduser() for name in args.recordings]
    out = Path(args.out).expanduser()
    targets = [out / f'{_name_of(source)}.mcap' for source in sources]
    if out.suffix == '.mcap' and not out.is_dir():
        if len(sources) > 1:
            raise ValueError(f'{out}: with several recordings OUT must be a folder')
        targets = [out]
    for target in targets:
        if targets.count(target) > 1:
            raise ValueError(
                f'two of the recordings would be written to the same file {target}: process '
                'these recordings in separate runs'
            )
    return [
        Job(source, target, options, args.recover, args.overwrite)
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
    from zoedepth_ros.bags.plan import OPTIONAL, DepthOptions

    names = ('image', 'camera_info', 'depth_topic', 'compression')
    chosen = {name: getattr(args, name) for name in names if getattr(args, name) is not None}
    added = set(DepthOptions().added)
    for name, output in OPTIONAL.items():
        if getattr(args, name) is not None:
            (added.add if getattr(args, name) else added.discard)(output)
    settings = settings_of(args, scale_sources=IN_RECORDINGS)
    return DepthOptions(settings=settings, added=frozenset(added), **chosen)


def _print_report(job: Job, report: Report) -> None:
    done = 'already finished, ' if report.done_before else ''
    line = f'{job.target}: {done}{report.depths} depth images of {report.images} images'
    reused = f' ({report.reused} depth images from an earlier run)' if report.reused else ''
    print(f'{line}, {report.clouds} clouds{reused}')
    for text in report.assumptions.values():
        print(f'    {text}')
    for reason, count in report.skipped.items():
        example = report.examples.get(reason)
        print(f'    {count} images without depth: {reason}' + (f' ({example})' if example else ''))
    for reason, count in report.omitted.items():
        print(
            f'    {count} images without an output: {reason} ({report.examples.get(reason, "")})'
        )
    if report.no_points:
        print(f'    images without points: {report.no_points}; set the field of view with --hfov')
    if report.uncorrected:
        print(
            f'    {report.uncorrected} images without focal correction, because the camera of '
            'these images is unknown; set the field of view with --hfov'
        )
    for note in report.damage:
        print(f'    {"recovered" if job.recover else "note"}: {note}')
    if report.warning:
        print(f'    WARNING  {report.warning.upper()}')
