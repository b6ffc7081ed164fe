"""The part `node`: overhead and latency of the node around the network.

Needs ROS 2 in the processes it starts, but imports none itself.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from zoedepth_ros.benchmark.benchmark_report import Section
from zoedepth_ros.benchmark.node import known_depth
from zoedepth_ros.benchmark.node.node_protocol import NAIVE, OURS, MeasurementTask, NodeKind
from zoedepth_ros.benchmark.node.node_report import PLAIN, SHIPPED, section, title
from zoedepth_ros.benchmark.parts import BenchmarkOptions
from zoedepth_ros.environment import (
    OLD_PROFILE_VARIABLE,
    PROFILE_VARIABLE,
    STEERING,
    local_profile,
    native_environment,
    profile_environment,
    reserve_domain,
)

SIZES = ((480, 640), (720, 1280))
DECIMATIONS = (0, 4, 1)
ROUNDS, SHORT_ROUNDS = 30, 15
RATES = (10.0, 30.0, 60.0)
CAMERA_HZ = 30.0
STREAM_S = 3.0
LIMIT_S = 180.0  # of one driver, which takes less than a minute
NO_ROS = (
    'the node needs ROS 2, but rclpy is not installed: source a ROS 2 distribution and build this '
    'package, or run `make build`'
)
MAX_SEGMENT_BYTES = 32 * 2**20
MIN_SEGMENT_BYTES = 20 * 2**20  # a coloured cloud of 1280 x 720 points, and its depth image


def measure(options: BenchmarkOptions) -> Section:
    """Run the nodes under test and return the measured times.

    Raises ValueError without ROS 2, unless other parts are measured as well.
    """
    if not _has_ros():
        if not options.short:
            raise ValueError(NO_ROS)
        return Section('node', {}, missing=(NO_ROS,))
    with tempfile.TemporaryDirectory(prefix='zoedepth_benchmark_') as name:
        folder = Path(name)
        options.log('node: rendering the images')
        for size in SIZES:
            known_depth.render(folder, size)
        found, missing = _measured(folder, options)
    return section(found, missing)


def _has_ros() -> bool:
    return all(importlib.util.find_spec(name) for name in ('rclpy', 'zoedepth_ros.msg'))


def _measured(
    folder: Path, options: BenchmarkOptions
) -> tuple[Mapping[str, dict[str, Any]], tuple[str, ...]]:
    """Return the results of each environment, and what is missing."""
    found, missing = {}, []
    for name, task in tasks(folder, options).items():
        options.log(f'node: {len(task.kinds)} nodes in the {name} environment')
        try:
            found[name] = _driven(folder, name, task, options.budget.left_s)
        except OSError as error:
            missing.append(f'{name} environment: {error}')
            continue
        failures = found[name]['failures']
        missing += [f'{name} environment, {title(kind)}: {failures[kind]}' for kind in failures]
    return found, tuple(missing)


def tasks(folder: Path, options: BenchmarkOptions) -> dict[str, MeasurementTask]:
    """Return the task of each environment.

    In the plain environment only the naive node is measured, whose reliable subscription repeats
    lost fragments: with best effort almost no image arrives there.
    """
    rounds = options.rounds or (SHORT_ROUNDS if options.short else ROUNDS)
    both = [NodeKind(name, decimation) for name in (OURS, NAIVE) for decimation in DECIMATIONS]
    default, full, naive = NodeKind(OURS, 4), NodeKind(OURS, 1), NodeKind(NAIVE, 1)
    streams = [(default, rate_hz) for rate_hz in RATES]
    streams += [(kind, CAMERA_HZ) for kind in (full, naive, NodeKind(NAIVE, 4))]
    return {
        SHIPPED: MeasurementTask(
            folder=str(folder),
            sizes=SIZES,
            kinds=both,
            rounds=rounds,
            streams=[(kind.name, rate_hz, STREAM_S) for kind, rate_hz in streams],
            rate_searches=[
                kind.name for kind in (default, full, *([] if options.short else [naive]))
            ],
        ),
        PLAIN: MeasurementTask(
            folder=str(folder),
            sizes=SIZES[:1],
            kinds=[kind for kind in both if kind.implementation == NAIVE],
            rounds=rounds,
            streams=[(kind.name, CAMERA_HZ, STREAM_S) for kind in (naive, NodeKind(NAIVE, 4))],
        ),
    }


def _driven(folder: Path, name: str, task: MeasurementTask, left_s: float) -> dict[str, Any]:
    """Run a driver in its environment; raises OSError without a result."""
    if name == SHIPPED:
        environment = shipped_environment(folder, len(task.kinds) + 1)
    else:
        environment = plain_environment()
    result = folder / f'{name}.json'
    module = 'zoedepth_ros.benchmark.node.driver'
    command = [sys.executable, '-m', module, task.as_json(), str(result)]
    # half of the time is for the next task
    code, output = _run(command, environment, folder, min(LIMIT_S, max(1.0, 0.5 * left_s)))
    if not result.is_file():
        last = (output.strip().splitlines() or ['no output'])[-1]
        raise OSError(f'the measuring process ended with {code}: {last}')
    return json.loads(result.read_text('utf-8'))


def _run(
    command: Sequence[str], environment: Mapping[str, str], folder: Path, limit_s: float
) -> tuple[int, str]:
    """Return exit code and standard error; raises OSError after the time limit.

    folder: working directory.  In a checkout, Python would import the sources there instead of the
    installed package with its compiled part.
    """
    process = subprocess.Popen(
        command,
        env=environment,
        cwd=folder,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        _, output = process.communicate(timeout=limit_s)
    except subprocess.TimeoutExpired:
        raise OSError(f'the measuring process took more than {limit_s:.0f} s') from None
    finally:
        if process.poll() is None:  # with its nodes
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    return process.returncode, output


def shipped_environment(folder: Path, processes: int) -> dict[str, str]:
    """Return the environment of the launch files: transport profile, allocator and threads.

    folder: for a copy of the profile with shared memory segments that fit for all processes.
    Raises OSError if there is too little shared memory.
    """
    free_bytes = shutil.disk_usage('/dev/shm').free
    segment_bytes = min(MAX_SEGMENT_BYTES, free_bytes // (processes + 1))
    if segment_bytes < MIN_SEGMENT_BYTES:
        raise OSError(
            f'/dev/shm has {free_bytes // 2**20} MB free, too little for {processes} processes '
            'and their images; in a container: docker run --shm-size=512m'
        )
    profile = folder / 'fastdds.xml'
    profile.write_text(local_profile(_profile().read_text('utf-8'), segment_bytes))
    plain = plain_environment()
    return {**plain, **native_environment(plain), **profile_environment(str(profile), plain)}


def plain_environment() -> dict[str, str]:
    """Return the environment of this process without the settings of the package."""
    excluded = {PROFILE_VARIABLE, OLD_PROFILE_VARIABLE}
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in excluded and not name.startswith(STEERING)
    }
    return {
        **kept,
        'ROS_DOMAIN_ID': _domain(),
        'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST',
    }


@cache
def _domain() -> str:
    """Reserve the ROS domain of all processes of this run."""
    return str(reserve_domain())


def _profile() -> Path:
    """Find the transport profile, in an installed package or in the source tree."""
    for folder in Path(__file__).resolve().parents:
        for place in ('share/zoedepth_ros/config', 'config'):
            if (folder / place / 'fastdds.xml').is_file():
                return folder / place / 'fastdds.xml'
    raise FileNotFoundError('config/fastdds.xml of this package is not installed')
