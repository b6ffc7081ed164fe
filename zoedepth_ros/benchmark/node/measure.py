"""Part `node`: what happens around the network, in times; needs ROS 2, but imports none itself."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from zoedepth_ros.benchmark.node import scene, transport
from zoedepth_ros.benchmark.node.summary import section, title
from zoedepth_ros.benchmark.node.task import NAIVE, OURS, Kind, Task, as_text
from zoedepth_ros.benchmark.parts import Settings
from zoedepth_ros.benchmark.report import Section

SIZES = ((480, 640), (720, 1280))
DECIMATIONS = (0, 4, 1)
ROUNDS, SHORT_ROUNDS = 30, 15
RATES = (10.0, 30.0, 60.0)
CAMERA_HZ = 30.0
STREAM_S = 3.0
LIMIT_S = 180.0  # of one driver; it takes less than a minute
NO_ROS = (
    'the node needs ROS 2, and there is no rclpy here: source a ROS 2 distribution and build this '
    'package, or run `make build`'
)


def measure(settings: Settings) -> Section:
    """Run nodes, cameras and listeners in processes of their own and put together what they find.

    Raises ValueError without ROS 2, unless other parts are measured as well.
    """
    if not _has_ros():
        if not settings.short:
            raise ValueError(NO_ROS)
        return Section('node', {}, missing=(NO_ROS,))
    with tempfile.TemporaryDirectory(prefix='zoedepth_benchmark_') as name:
        folder = Path(name)
        settings.tell('node: drawing the pictures')
        for size in SIZES:
            scene.draw(folder, size)
        found, missing = _measured(folder, settings)
    return section(found, missing)


def _has_ros() -> bool:
    return all(importlib.util.find_spec(name) for name in ('rclpy', 'zoedepth_ros.msg'))


def _measured(
    folder: Path, settings: Settings
) -> tuple[Mapping[str, dict[str, Any]], tuple[str, ...]]:
    """Give what was found in each environment, and what could not be."""
    found, missing = {}, []
    for name, task in tasks(folder, settings).items():
        settings.tell(f'node: {len(task.kinds)} nodes in the {name} environment')
        try:
            found[name] = _driven(folder, name, task, settings.budget.left_s)
        except OSError as error:
            missing.append(f'{name} environment: {error}')
            continue
        silent = found[name]['silent']
        missing += [f'{name} environment, {title(kind)}: {silent[kind]}' for kind in silent]
    return found, tuple(missing)


def tasks(folder: Path, settings: Settings) -> dict[str, Task]:
    """Give the task of each environment.

    As ROS 2 comes, only the naive node is heard: it asks for lost pictures again.  Best effort,
    as cameras are subscribed to, nearly nothing arrives there.
    """
    rounds = settings.rounds or (SHORT_ROUNDS if settings.short else ROUNDS)
    both = [Kind(side, step) for side in (OURS, NAIVE) for step in DECIMATIONS]
    default, full, naive = Kind(OURS, 4), Kind(OURS, 1), Kind(NAIVE, 1)
    streams = [(default, rate_hz) for rate_hz in RATES]
    streams += [(kind, CAMERA_HZ) for kind in (full, naive, Kind(NAIVE, 4))]
    return {
        transport.SHIPPED: Task(
            folder=str(folder),
            sizes=SIZES,
            kinds=both,
            rounds=rounds,
            streams=[(kind.name, rate_hz, STREAM_S) for kind, rate_hz in streams],
            searched=[kind.name for kind in (default, full, *([] if settings.short else [naive]))],
        ),
        transport.PLAIN: Task(
            folder=str(folder),
            sizes=SIZES[:1],
            kinds=[kind for kind in both if kind.side == NAIVE],
            rounds=rounds,
            streams=[(kind.name, CAMERA_HZ, STREAM_S) for kind in (naive, Kind(NAIVE, 4))],
        ),
    }


def _driven(folder: Path, name: str, task: Task, left_s: float) -> dict[str, Any]:
    """Run a driver in its environment; raises OSError when it gives nothing."""
    if name == transport.SHIPPED:
        environment = transport.shipped(folder, len(task.kinds) + 1)
    else:
        environment = transport.plain()
    result = folder / f'{name}.json'
    module = 'zoedepth_ros.benchmark.node.driver'
    command = [sys.executable, '-m', module, as_text(task), str(result)]
    # half of the time is for what follows
    code, told = _waited_for(command, environment, min(LIMIT_S, max(1.0, 0.5 * left_s)))
    if not result.is_file():
        last = (told.strip().splitlines() or ['it said nothing'])[-1]
        raise OSError(f'the measuring process ended with {code}: {last}')
    return json.loads(result.read_text('utf-8'))


def _waited_for(
    command: Sequence[str], environment: Mapping[str, str], limit_s: float
) -> tuple[int, str]:
    """Give exit code and standard error; raises OSError when it takes too long."""
    process = subprocess.Popen(
        command, env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        _, told = process.communicate(timeout=limit_s)
    except subprocess.TimeoutExpired:
        raise OSError(f'the measuring process took more than {limit_s:.0f} s') from None
    finally:
        if process.poll() is None:  # with the nodes that it started
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    return process.returncode, told
