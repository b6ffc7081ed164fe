"""Show a stream of pictures becoming depth and points: what `make demo` runs.

The stream is a drawn walk through a door, whose true depth is known, and then photographs.

Starts a source of pictures, the node and a recorder as separate processes that meet on a ROS 2
domain of their own, and leaves demo.png, points.ply, report.json, a ROS 2 bag, the same for Rerun
and the logs in out/demo. Needs neither `ros2` nor `launch`, which do not come with the ROS wheels.
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

from zoedepth_ros.ros.environment import (
    local_profile,
    native_environment,
    profile_variables,
    reserve_domain,
    segment_size,
)
from zoedepth_ros.terminal import print_anything
from zoedepth_ros.weights.places import cached
from zoedepth_ros.weights.registry import MODELS

ROOT = Path(__file__).resolve().parent.parent
EXECUTABLES = Path(sys.prefix) / 'lib' / 'zoedepth_ros'
PROFILE = ROOT / 'config' / 'fastdds.xml'
RELEASED, EMBEDDED, STAND_IN = 'ZoeD_M12_NK', 'ZoeD_S_NK', 'ZoeD_tiny_NK'
RESULTS = ('report.json', 'demo.png', 'points.ply')

WIDTH_PX, HEIGHT_PX = 640, 480
RATE_HZ = 10.0
WALK_SEED = 3  # a house and a street that are good to look at
WALK_SHARE = 0.75
LOADING_LIMIT_S = 180.0
FETCHING_LIMIT_S = 3600.0  # 1.4 GB over a slow line


class DemoError(Exception):
    """A reason, meant for people, why the demo failed."""


@dataclass(slots=True)
class Choice:
    """Hold which model runs, and what to say about it."""

    model: str
    weights: str
    remark: str = ''


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
    source.add_argument('--image', help='a picture, several, or a folder of them')
    source.add_argument('--video', help='a video file')
    source.add_argument('--camera', help='number or device file of a webcam')
    parser.add_argument('--model', help='a name that `zoedepth models` lists')
    parser.add_argument('--weights', help="a weight file, or 'random'")
    parser.add_argument('--duration', type=float, default=20.0, help='seconds of stream')
    parser.add_argument('--out', type=Path, default=ROOT / 'out' / 'demo', help='folder')
    args = parser.parse_args(arguments)
    if not 1.0 <= args.duration <= 3600.0:
        parser.error(f'--duration must be between 1 and 3600 seconds, got {args.duration:g}')
    return args


def run(args: argparse.Namespace) -> None:
    args.out.mkdir(parents=True, exist_ok=True)
    for name in (*RESULTS, *RECORDINGS, *(old.name for old in args.out.glob('points_*.ply'))):
        (args.out / name).unlink(missing_ok=True)
    choice = choose_model(args.model, args.weights)
    say(f'model {choice.model}, weights {choice.weights or "by its name"}')
    if choice.remark:
        say(f'WARNING: {choice.remark}')
    environment = make_environment(args.out)
    children: list[Child] = []
    try:
        for name, executable, parameters in plan(args, choice):
            command = command_for(executable, parameters)
            children.append(start(name, command, environment, args.out / f'{name}.log'))
        for child in children:  # no thread before the last fork
            child.reader.start()
        watch(children)
    finally:
        stop(children)
    conclude(args.out)


def say(text: str) -> None:
    print(f'demo: {text}', flush=True)


def choose_model(model: str | None, weights: str | None) -> Choice:
    """Take what was asked for; else the best that is on this machine; else a stand-in."""
    if model:
        return Choice(model, weights or '')
    if weights and weights != 'random':
        raise DemoError('WEIGHTS needs MODEL: say which network the weights are for')
    if not weights:
        for name in (RELEASED, EMBEDDED):
            if cached(name) is not None:
                return Choice(name, '')
    return Choice(
        STAND_IN,
        'random',
        f'{STAND_IN} with random weights stands in: its depth is noise, only the way of the data '
        f'is real. For true depth: make demo MODEL={RELEASED} (fetches 1.4 GB once)',
    )


def plan(args: argparse.Namespace, choice: Choice) -> list[tuple[str, str, dict[str, Any]]]:
    """Give name, executable and parameters of every process."""
    is_here = choice.weights or (choice.model in MODELS and cached(choice.model) is not None)
    waiting_s = LOADING_LIMIT_S if is_here else FETCHING_LIMIT_S
    recorder = {
        'output': str(args.out),
        'bag': BAG,
        'duration': args.duration,
        'timeout': waiting_s,
    }
    node: dict[str, Any] = {'model': choice.model, 'weights': choice.weights}
    if shows_walk(args):
        node['router.rate'] = 0.0  # ask with every picture: the curve over time is drawn
    return [
        ('recorder', 'stream_recorder', recorder),
        ('node', 'depth_node', node),
        ('source', 'image_source', source_parameters(args)),
    ]


def shows_walk(args: argparse.Namespace) -> bool:
    return not (args.image or args.video or args.camera)


def source_parameters(args: argparse.Namespace) -> dict[str, Any]:
    parameters: dict[str, Any] = {'rate': RATE_HZ, 'dwell': min(5.0, args.duration / 4.0)}
    if shows_walk(args):
        return parameters | {
            'source': ['walk', 'photographs'],
            'width': WIDTH_PX,
            'height': HEIGHT_PX,
            'walk.seed': WALK_SEED,
            'walk.duration': WALK_SHARE * args.duration,
            # What is left is for two photographs.
            'dwell': min(5.0, (1.0 - WALK_SHARE) / 2.0 * args.duration),
            'wait_for_subscribers': 2,  # the node and the recorder: the walk has a beginning
        }
    if args.image:
        pictures = pictures_named(args.image)
        parameters['source'] = pictures[0] if len(pictures) == 1 else pictures
        return parameters | {'width': WIDTH_PX} | ({'height': HEIGHT_PX} if pictures[1:] else {})
    return parameters | {'source': args.video or args.camera, 'width': WIDTH_PX}


def pictures_named(text: str) -> list[str]:
    """Give the paths in a text; a name with blanks that exists is one path."""
    names = [text] if Path(text).expanduser().exists() else shlex.split(text)
    return [str(Path(name).expanduser().absolute()) for name in names]


def command_for(executable: str, parameters: Mapping[str, Any]) -> list[str]:
    path = EXECUTABLES / executable
    if not path.exists():
        raise DemoError(f'{path} is missing: run `make build` first')
    command = [sys.executable, str(path), '--ros-args']
    for name, value in parameters.items():
        # JSON is YAML, and keeps 1.0 a float and "0" a string.
        command += ['-p', f'{name}:={json.dumps(value)}']
    return command


def make_environment(out: Path) -> dict[str, str]:
    """Give the three processes a domain of their own that stays on this machine."""
    profile = out / 'fastdds.xml'
    segment_bytes = segment_size(shutil.disk_usage('/dev/shm').free)
    profile.write_text(local_profile(PROFILE.read_text('utf-8'), segment_bytes))
    domain = str(reserve_domain())
    say(f'ROS domain {domain}, this machine only')
    return {
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
    """Wait until the recorder is done; raise DemoError when somebody ends too early."""
    recorder, *others = children
    while recorder.process.poll() is None:
        for child in others:
            code = child.process.poll()
            if code is not None:
                child.reader.join(timeout=1.0)
                raise DemoError(f'the {child.name} ended with {code}; {last_lines(child.log)}')
        time.sleep(0.1)
    recorder.reader.join(timeout=1.0)
    if recorder.process.returncode:
        node = next(child for child in children if child.name == 'node')
        raise DemoError(
            f'depth and points did not arrive (recorder: {recorder.process.returncode}); '
            f'{last_lines(recorder.log)}\n{last_lines(node.log)}'
        )


def conclude(out: Path) -> None:
    """Show the report; raise DemoError when something is missing after all."""
    missing = [name for name in RESULTS if not (out / name).is_file()]
    if missing:
        raise DemoError(f'{", ".join(missing)} missing in {out}')
    report = json.loads((out / 'report.json').read_text('utf-8'))
    print(f'\n{"topic":<20}{"messages":>9}{"Hz":>8}{"ms median":>11}{"ms p95":>8}  form')
    for topic, facts in report['topics'].items():
        latency = facts.get('latency_ms', {})
        size = f'{facts["width"]} x {facts["height"]}' if 'width' in facts else ''
        print(
            f'{topic:<20}{facts["messages"]:>9}{facts["rate_hz"]:>8.1f}'
            f'{latency.get("median", float("nan")):>11.1f}{latency.get("p95", float("nan")):>8.1f}'
            f'  {size} {facts.get("encoding", "")}'
        )
    if 'truth' in report:
        print(truth_text(report['truth']))
    node = report['node']
    print(f'\n{node["model"]} ({node["weights"]}) on {node["device"]}, {node["precision"]}')
    if report['warning']:
        print(f'WARNING: {report["warning"]}')
    recordings = recordings_text(out, report, EXECUTABLES / 'zoedepth')
    say(f'{report["verdict"]}: look at {out / "demo.png"}')
    for line in recordings:
        say(line)


def truth_text(truth: Mapping[str, Any]) -> str:
    """Say how wrong the depth was on the walk, and how the router did at the door."""
    lines = ['']
    for domain in ('indoor', 'outdoor'):
        if domain in truth:
            found = truth[domain]
            lines.append(
                f'walk, {domain + ":":<9}error {found["abs_rel_percent"]:.1f} % on average, '
                f'{100.0 * found["delta1"]:.0f} % of the pixels within a factor of 1.25'
            )
    router = truth['router']
    for door in router['doors']:
        delay_s = door['delay_s']
        follows = 'never' if delay_s is None else f'{delay_s:+.1f} s'
        lines.append(f'walk, door at {door["time_s"]:.1f} s to {door["to"]}: head {follows}')
    return '\n'.join([*lines, f'walk, {len(router["switches"])} switches of the head in all'])


if __name__ == '__main__':
    print_anything()
    sys.exit(main())
