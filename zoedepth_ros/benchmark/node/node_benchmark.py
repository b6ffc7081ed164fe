"""The part `node`: overhead and latency of the node around the network.

Needs ROS 2 in the processes it starts, but imports none itself.
"""

from __future__ import annotations

import importlib.util
import shutil
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from zoedepth_ros.benchmark.benchmark_report import Section
from zoedepth_ros.benchmark.node import known_depth
from zoedepth_ros.benchmark.node.node_protocol import NAIVE, OURS, MeasurementTask, NodeKind
from zoedepth_ros.benchmark.node.node_report import PLAIN, SHIPPED, section, title
from zoedepth_ros.benchmark.parts import BenchmarkOptions
from zoedepth_ros.benchmark.worker import Worker, WorkerError, plain_environment
from zoedepth_ros.environment import (
    local_profile,
    native_environment,
    profile_environment,
    reserve_domain,
)

SIZES = ((480, 640), (720, 1280))
DECIMATIONS = (0, 4, 1)
ROUNDS, SHORT_ROUNDS = 30, 15
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
        options.log(f'node: measuring {len(task.kinds)} nodes in the {name} environment')
        try:
            found[name] = _driven(folder, name, task, options.budget.left_s)
        except (OSError, WorkerError) as error:
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
    streams = (default, full, naive, NodeKind(NAIVE, 4))
    return {
        SHIPPED: MeasurementTask(
            folder=str(folder),
            sizes=SIZES,
            kinds=both,
            rounds=rounds,
            streams=[(kind.name, CAMERA_HZ, STREAM_S) for kind in streams],
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
    """Run a driver in its environment; raises OSError and WorkerError without a result."""
    if name == SHIPPED:
        environment = shipped_environment(folder, len(task.kinds) + 1)
    else:
        environment = own_environment()
    with Worker(environment, folder) as worker:
        # half of the time is for the next task
        worker.kill_after(min(LIMIT_S, max(1.0, 0.5 * left_s)))
        found: dict[str, Any] = worker.call('node.driver.run', task)
        return found


def shipped_environment(folder: Path, processes: int) -> dict[str, str]:
    """Return the environment of the launch files: transport profile, allocator and threads.

    folder: for a copy of the profile with shared memory segments that fit for all processes.
    Raises OSError if there is too little shared memory.
    """
    free_bytes = shutil.disk_usage('/dev/shm').free
    segment_bytes = min(MAX_SEGMENT_BYTES, free_bytes // (processes + 1))
    if segment_bytes < MIN_SEGMENT_BYTES:
        raise OSError(
            f'/dev/shm has {free_bytes // 2**20} MB free, which is too little for '
            f'{processes} processes and their images; in a container use docker run '
            '--shm-size=512m'
        )
    profile = folder / 'fastdds.xml'
    profile.write_text(local_profile(_profile().read_text('utf-8'), segment_bytes))
    plain = own_environment()
    return {**plain, **native_environment(plain), **profile_environment(str(profile), plain)}


def own_environment() -> dict[str, str]:
    """Return the environment of this process without the settings of the package."""
    return {
        **plain_environment(),
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
