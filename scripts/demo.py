"""Turn an image stream into depth and points: what `make demo` runs.

The stream is a rendered camera trajectory through a door, with ground truth, and then photographs.

Starts the image source, the node and the recorder as separate processes in a ROS 2 domain of
their own, and writes demo.png, points.ply, report.json, a ROS 2 bag, a Rerun recording and the
logs to out/demo. Needs neither `ros2` nor `launch`, which are not among the ROS wheels.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from demo_processes import Child, last_lines, start, stop
from demo_recordings import BAG, RECORDINGS, recordings_text

from zoedepth_ros.environment import (
    local_profile,
    native_environment,
    profile_variables,
    reserve_domain,
    segment_size,
)
from zoedepth_ros.terminal import print_anything
from zoedepth_ros.weights.known_weights import MODELS
from zoedepth_ros.weights.locations import cached

ROOT = Path(__file__).resolve().parent.parent
EXECUTABLES = Path(sys.prefix) / 'lib' / 'zoedepth_ros'
PROFILE = ROOT / 'config' / 'fastdds.xml'
RELEASED, EMBEDDED, FALLBACK = 'ZoeD_M12_NK', 'ZoeD_S_NK', 'ZoeD_tiny_NK'
RESULTS = ('report.json', 'demo.png', 'points.ply')

WIDTH_PX, HEIGHT_PX = 640, 480
RATE_HZ = 10.0
TRAJECTORY_SEED = 3  # of a varied house and street
TRAJECTORY_SHARE = 0.75
LOADING_LIMIT_S = 180.0
LONG_LIMIT_S = 3600.0  # 1.4 GB over a slow connection, or rendering on a slow machine


class DemoError(Exception):
    """The demo failed; the message is for the user."""


@dataclass(slots=True)
class Choice:
    """The model that runs, and a warning about it."""

    model: str
    weights: str
    warning: str = ''


def main(arguments: Sequence[str] | None = None) -> int:
    args = parse(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        run(args)
    except (DemoError, OSError) as error:
        print(f'demo: error: {error}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print('demo: stopped', file=sys.stderr)
        return 130
    return 0


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else '')
    source = parser.add_mutually_exclusive_group()
    source.add_argument('--image', help='image, list of images, or folder')
    source.add_argument('--video', help='a video file')
    source.add_argument('--camera', help='number or device file of a webcam')
    parser.add_argument('--model', help='name of the model (`zoedepth models`)')
    parser.add_argument('--weights', help="weights file, or 'random'")
    parser.add_argument('--duration', type=float, default=20.0, help='duration of the stream [s]')
    parser.add_argument(
        '--out', type=Path, default=ROOT / 'out' / 'demo', help='folder of the results'
    )
    args = parser.parse_args(arguments)
    if not 1.0 <= args.duration <= 3600.0:
        parser.error(f'--duration must be between 1 and 3600 seconds, got {args.duration:g}')
    return args


def run(args: argparse.Namespace) -> None:
    args.out.mkdir(parents=True, exist_ok=True)
    for name in (*RESULTS, *RECORDINGS, *(old.name for old in args.out.glob('points_*.ply'))):
        (args.out / name).unlink(missing_ok=True)
    choice = choose_model(args.model, args.weights)
    log(f'model {choice.model}, weights {choice.weights or "of this name"}')
    if choice.warning:
        log(f'WARNING: {choice.warning}')
    environment = make_environment(args.out)
    children: list[Child] = []
    try:
        for name, executable, parameters in processes(args, choice):
            command = command_for(executable, parameters)
            children.append(start(name, command, environment, args.out / f'{name}.log'))
        for child in children:  # threads start after the last fork
            child.reader.start()
        watch(children)
    finally:
        stop(children)
    summarize(args.out)


def log(text: str) -> None:
    print(f'demo: {text}', flush=True)


def choose_model(model: str | None, weights: str | None) -> Choice:
    """Return the requested model, else the best one on this machine, else random weights."""
    if model:
        return Choice(model, weights or '')
    if weights and weights != 'random':
        raise DemoError('WEIGHTS needs MODEL, the network of the weights')
    if not weights:
        for name in (RELEASED, EMBEDDED):
            if cached(name) is not None:
                return Choice(name, '')
    return Choice(
        FALLBACK,
        'random',
        f'{FALLBACK} with random weights is used: its depth is noise. '
        f'For real depth: make demo MODEL={RELEASED} (downloads 1.4 GB once)',
    )


def processes(args: argparse.Namespace, choice: Choice) -> list[tuple[str, str, dict[str, Any]]]:
    """Return name, executable and parameters of every process."""
    is_local = choice.weights or (choice.model in MODELS and cached(choice.model) is not None)
    recorder = {
        'output': str(args.out),
        'bag': BAG,
        'duration': args.duration,
        'timeout': LOADING_LIMIT_S if is_local and not shows_trajectory(args) else LONG_LIMIT_S,
    }
    node: dict[str, Any] = {'model': choice.model, 'weights': choice.weights}
    if shows_trajectory(args):
        node['router.rate'] = 0.0  # every image: the curve over time is drawn
    return [
        ('recorder', 'stream_recorder', recorder),
        ('node', 'depth_node', node),
        ('source', 'image_source', source_parameters(args)),
    ]


def shows_trajectory(args: argparse.Namespace) -> bool:
    return not (args.image or args.video or args.camera)


def source_parameters(args: argparse.Namespace) -> dict[str, Any]:
    parameters: dict[str, Any] = {'rate': RATE_HZ, 'dwell': min(5.0, args.duration / 4.0)}
    if shows_trajectory(args):
        return parameters | {
            'source': ['trajectory', 'photographs'],
            'width': WIDTH_PX,
            'height': HEIGHT_PX,
            'trajectory.seed': TRAJECTORY_SEED,
            'trajectory.duration': TRAJECTORY_SHARE * args.duration,
            # The rest is for two photographs.
            'dwell': min(5.0, (1.0 - TRAJECTORY_SHARE) / 2.0 * args.duration),
            'wait_for_subscribers': 2,  # the node and the recorder
        }
    if args.image:
        images = image_paths(args.image)
        parameters['source'] = images[0] if len(images) == 1 else images
        return parameters | {'width': WIDTH_PX} | ({'height': HEIGHT_PX} if images[1:] else {})
    return parameters | {'source': args.video or args.camera, 'width': WIDTH_PX}


def image_paths(text: str) -> list[str]:
    """Return the paths in a text; an existing name with blanks is one path."""
    try:
        names = [text] if Path(text).expanduser().exists() else shlex.split(text)
        return [str(Path(name).expanduser().absolute()) for name in names]
    except (RuntimeError, ValueError) as error:  # ~ of an unknown user, one quotation mark
        raise DemoError(f'--image {text}: {error}') from None


def command_for(executable: str, parameters: Mapping[str, Any]) -> list[str]:
    path = EXECUTABLES / executable
    if not path.exists():
        raise DemoError(f'{path} is missing: run `make build` first')
    command = [sys.executable, str(path), '--ros-args']
    for name, value in parameters.items():
        # JSON is valid YAML and keeps 1.0 a float and "0" a string.
        command += ['-p', f'{name}:={json.dumps(value)}']
    return command


def make_environment(out: Path) -> dict[str, str]:
    """Return the environment of the processes: a ROS domain of their own on this machine."""
    profile = out / 'fastdds.xml'
    segment_bytes = segment_size(shutil.disk_usage('/dev/shm').free)
    profile.write_text(local_profile(PROFILE.read_text('utf-8'), segment_bytes))
    domain = str(reserve_domain())
    log(f'ROS domain {domain}, this machine only')
    return {
        'ZOEDEPTH_MEASURE': '0',  # no seconds for it at the first start
        **os.environ,
        **native_environment(os.environ),
        'ROS_DOMAIN_ID': domain,
        'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST',
        **dict.fromkeys(profile_variables(os.environ), str(profile)),
        'RCUTILS_COLORIZED_OUTPUT': '0',
        'RCUTILS_CONSOLE_OUTPUT_FORMAT': '[{severity}] {message}',
        'PYTHONUNBUFFERED': '1',
    }


def watch(children: Sequence[Child]) -> None:
    """Wait for the recorder; raises DemoError if another process ends before it."""
    recorder, *others = children
    while recorder.process.poll() is None:
        for child in others:
            code = child.process.poll()
            if code is not None:
                child.reader.join(timeout=10.0)
                raise DemoError(f'the {child.name} ended with {code}; {last_lines(child.log)}')
        time.sleep(0.1)
    recorder.reader.join(timeout=10.0)
    if recorder.process.returncode:
        raise DemoError(
            f'the recorder ended with {recorder.process.returncode}; '
            + '\n'.join(last_lines(child.log) for child in children)
        )


def summarize(out: Path) -> None:
    """Print the report; raises DemoError if a result is missing."""
    missing = [name for name in RESULTS if not (out / name).is_file()]
    if missing:
        raise DemoError(f'{", ".join(missing)} missing in {out}')
    report = json.loads((out / 'report.json').read_text('utf-8'))
    print(f'\n{"topic":<20}{"messages":>9}{"Hz":>8}{"ms median":>11}{"ms p95":>8}  size, encoding')
    for topic, facts in report['topics'].items():
        latency = facts.get('latency_ms', {})
        size = f'{facts["width"]} x {facts["height"]}' if 'width' in facts else ''
        print(
            f'{topic:<20}{facts["messages"]:>9}{facts["rate_hz"]:>8.1f}'
            f'{latency.get("median", float("nan")):>11.1f}{latency.get("p95", float("nan")):>8.1f}'
            f'  {size} {facts.get("encoding", "")}'
        )
    if 'ground_truth' in report:
        print(ground_truth_text(report['ground_truth']))
    edges = report['images_with_edges_of_the_floor']
    print(f'edges of the floor (depth/points/cliffs): in {edges} images')
    node = report['node']
    print(f'\n{node["model"]} ({node["weights"]}) on {node["device"]}, {node["precision"]}')
    if report['warning']:
        print(f'WARNING: {report["warning"]}')
    recordings = recordings_text(out, report, EXECUTABLES / 'zoedepth')
    log(f'{report["result"]}: see {out / "demo.png"}')
    for line in recordings:
        log(line)


def ground_truth_text(scores: Mapping[str, Any]) -> str:
    """Report the error of the depth on the trajectory, and the router at the door."""
    lines = ['']
    for domain in ('indoor', 'outdoor'):
        if domain in scores:
            found = scores[domain]
            lines.append(
                f'trajectory, {domain + ":":<9}error {found["abs_rel_percent"]:.1f} % on average, '
                f'{100.0 * found["delta1"]:.0f} % of the pixels within a factor of 1.25'
            )
    router = scores['router']
    for door in router['doors']:
        delay_s = door['delay_s']
        delay = 'never' if delay_s is None else f'{delay_s:+.1f} s'
        lines.append(
            f'trajectory, door at {door["time_s"]:.1f} s to {door["to"]}: head switches {delay}'
        )
    return '\n'.join([*lines, f'trajectory, {len(router["switches"])} head switches in total'])


if __name__ == '__main__':
    print_anything()
    sys.exit(main())
