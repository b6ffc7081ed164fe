"""Profile the node without the network with py-spy, by kind of work.

Part of scripts/docs_performance.py.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoedepth_ros.terminal import print_anything

if TYPE_CHECKING:
    from zoedepth_ros.ros.publishers import Publishers

SIZE = (480, 640)  # height, width [px]
CAMERA_HZ, SAMPLES_HZ = 30.0, 250
SETTLE_S, ALONE_S, SAMPLED_S = 2.0, 20.0, 60.0
LIMIT_S = 150.0
DRIVE, NODE = 'drive', 'node'  # roles of the processes that run this file
NO_PY_SPY = 'this profile needs py-spy: pip install py-spy'

EXCLUDED: tuple[str, ...] = (
    '/benchmark/node/node_protocol.py',
    '/benchmark/node/known_depth.py',
)
"""Work of the benchmark itself."""
WAITS: tuple[str, ...] = ('(threading.py', 'watch (zoedepth_ros/ros/spin.py')
"""Innermost frames of a waiting thread."""

KINDS: Mapping[str, tuple[str, ...]] = {
    'packing': ('/pipeline/outputs.py', '/geometry/points.py', '_cloud (', 'write_depth ('),
    'filters': ('/geometry/filters.py', '/geometry/sky.py'),
    'publishing depth/image': ('publish depth/image (',),
    'publishing depth/points': ('publish depth/points (',),
    'diagnostics': ('/ros/health/status.py', '/ros/bond.py'),
    'publishing the rest': ('publish (', 'publish domain (', 'publish depth/'),
    'decoding': ('/messages/images.py',),
    'taking messages': ('_take_subscription (',),
    'executor, callbacks': ('rclpy/', 'take (zoedepth_ros/ros/inference_thread.py'),
}
"""Kind of work -> parts of a stack; the first match counts."""
REST = 'everything else'
ROWS = {'inference thread': 'inference', 'executor thread': 'MainThread'}
"""Row of the diagram -> name of the thread."""
OTHERS = 'threads without Python'


def main() -> None:
    """Run as `… drive FOLDER PY_SPY` or `… node FOLDER SIZES --ros-args …`."""
    if sys.argv[1] == DRIVE:
        _drive(Path(sys.argv[2]), sys.argv[3])
    elif sys.argv[1] == NODE:
        del sys.argv[1]
        _run_node()


def profile_node() -> dict[str, Any]:
    """Return milliseconds per image by thread and kind of work, and how they were measured."""
    from zoedepth_ros.benchmark.node import known_depth
    from zoedepth_ros.benchmark.node.node_benchmark import shipped_environment

    places = (os.environ.get('PATH', ''), str(Path(sys.executable).parent))
    py_spy = shutil.which('py-spy', path=os.pathsep.join(places))
    if py_spy is None:
        raise SystemExit(NO_PY_SPY)
    with tempfile.TemporaryDirectory(prefix='zoedepth_profile_') as name:
        folder = Path(name)
        known_depth.render(folder, SIZE)
        command = [sys.executable, __file__, DRIVE, str(folder), py_spy]
        subprocess.run(command, env=shipped_environment(folder, 2), timeout=LIMIT_S, check=True)
        stacks = (folder / 'stacks').read_text()
        found = json.loads((folder / 'found.json').read_text())
    samples, tids = sorted_samples(stacks)
    cpu_s = {int(tid): took_s for tid, took_s in found['cpu_s'].items()}
    return {
        'image': f'{SIZE[1]} x {SIZE[0]} at {CAMERA_HZ:g} Hz, depth and a full coloured cloud',
        'sampler': subprocess.check_output([py_spy, '--version'], text=True).strip(),
        'samples_hz': SAMPLES_HZ,
        'samples': {row: sum(samples.get(thread, {}).values()) for row, thread in ROWS.items()},
        **{key: found[key] for key in ('samples_torn', 'images', 'arrived', 'cpu_ms_alone')},
        'cpu_ms_sampled': 1e3 * sum(cpu_s.values()) / found['images'],
        'ms': in_ms(samples, tids, cpu_s, found['images']),
    }


def sorted_samples(stacks: str) -> tuple[dict[str, dict[str, int]], dict[str, int]]:
    """Count the samples of every thread by kind of work; also return the thread ids.

    stacks: lines `thread (NUMBER): NAME;outermost frame;…;innermost frame COUNT`.
    """
    samples: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    tids: dict[str, int] = {}
    for line in stacks.splitlines():
        stack, _, count = line.rpartition(' ')
        head, _, frames = stack.partition(';')
        thread = re.fullmatch(r'thread \((\w+)\): (.+)', head)
        kind = kind_of(frames)
        if thread and kind is not None:
            tids[thread[2]] = int(thread[1], 0)
            samples[thread[2]][kind] += int(count)
    return {name: dict(counts) for name, counts in samples.items()}, tids


def kind_of(stack: str) -> str | None:
    """Return the kind of work of a stack; None for waiting, '' for the benchmark itself."""
    if any(part in stack.rpartition(';')[2] for part in WAITS):
        return None
    if any(part in stack for part in EXCLUDED):
        return ''
    found = (kind for kind, parts in KINDS.items() if any(part in stack for part in parts))
    return next(found, REST)


def in_ms(
    samples: Mapping[str, Mapping[str, int]],
    tids: Mapping[str, int],
    cpu_s: Mapping[int, float],
    images: int,
) -> dict[str, dict[str, float]]:
    """Distribute the CPU time of each thread, [s] by id, over its samples; [ms] per image."""
    rows = {}
    for row, thread in ROWS.items():
        counts = samples[thread]
        ms = 1e3 * cpu_s[tids[thread]] / images / sum(counts.values())
        rows[row] = {kind: ms * counts.get(kind, 0) for kind in (*KINDS, REST)}
    others_s = sum(cpu_s.values()) - sum(cpu_s[tids[thread]] for thread in ROWS.values())
    rows[OTHERS] = {**dict.fromkeys(KINDS, 0.0), REST: 1e3 * others_s / images}
    return rows


def _drive(folder: Path, py_spy: str) -> None:
    """Send images and profile the node; writes `stacks` and `found.json` to the folder."""
    import rclpy
    from rclpy.executors import SingleThreadedExecutor

    from zoedepth_ros.benchmark.node import known_depth
    from zoedepth_ros.benchmark.node.driver import stream_at
    from zoedepth_ros.benchmark.node.node_protocol import OURS, NodeKind
    from zoedepth_ros.benchmark.node.stream import Stream

    rclpy.init(args=[])
    node, executor = rclpy.create_node('camera'), SingleThreadedExecutor()
    executor.add_node(node)
    stream = Stream(node, NodeKind(OURS, 1), folder, [SIZE], program=(__file__, NODE))
    try:
        threading.Thread(target=executor.spin, daemon=True).start()
        stream.set_image(known_depth.read(folder, SIZE)[0])
        while not stream.is_connected():
            if stream.process.poll() is not None:
                raise SystemExit('the node has ended')
        stream_at(stream, CAMERA_HZ, SETTLE_S)
        alone = stream_at(stream, CAMERA_HZ, ALONE_S)
        command = _sampling(py_spy, stream.process.pid, folder / 'stacks')
        sampler = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        before_s = _cpu_s(stream.process.pid)
        sampled = stream_at(stream, CAMERA_HZ, SAMPLED_S)
        after_s = _cpu_s(stream.process.pid)
        output, _ = sampler.communicate(timeout=10.0)
    finally:
        stream.stop()
    torn = re.search(r'Errors: (\d+)', output)
    found = {
        'samples_torn': int(torn[1]) if torn else None,
        'images': sampled['sent'],
        'arrived': sampled['arrived'],
        'cpu_ms_alone': alone['cpu_ms'],
        'cpu_s': {tid: took_s - before_s.get(tid, 0.0) for tid, took_s in after_s.items()},
    }
    (folder / 'found.json').write_text(json.dumps(found))
    os._exit(0)  # the spinning thread still runs


def _sampling(py_spy: str, pid: int, path: Path) -> list[str]:
    """Return the command that samples a process without pausing it.

    With pauses an image takes twice the time, and with --native, which pauses for 7 ms, images
    are lost.  Stacks that change during a sample are discarded.
    """
    command = [py_spy, 'record', '--pid', str(pid), '--nonblocking', '--threads']
    command += ['--rate', str(SAMPLES_HZ), '--duration', f'{SAMPLED_S:.0f}']
    return [*command, '--format', 'raw', '--output', str(path)]


def _cpu_s(pid: int) -> dict[int, float]:
    """Return the CPU time of each thread of a process [s], by id."""
    tick_s, found = 1.0 / os.sysconf('SC_CLK_TCK'), {}
    for task in Path(f'/proc/{pid}/task').iterdir():
        fields = (task / 'stat').read_text().rpartition(')')[2].split()
        found[int(task.name)] = tick_s * (int(fields[11]) + int(fields[12]))  # user, system
    return found


def _run_node() -> None:
    """Run the node of the benchmark; publish calls show the topic in their stack."""
    from zoedepth_ros.benchmark.node import ours_node
    from zoedepth_ros.ros.publishers import TOPICS, Publishers

    frames = {topic: _frame(Publishers.send, topic) for topic in TOPICS}

    def send(self: Publishers, topic: str, msg: Any) -> None:
        frames[topic](self, msg)

    Publishers.send = send  # type: ignore[method-assign]
    ours_node.main()


def _frame(send: Callable[..., None], topic: str) -> Callable[..., None]:
    """Return a function whose name in a stack is `publish TOPIC`."""

    def publish(self: Publishers, msg: Any) -> None:
        send(self, topic, msg)

    names = {'co_name': f'publish {topic}', 'co_qualname': f'publish {topic}'}
    known: dict[str, Any] = {
        name: value for name, value in names.items() if hasattr(publish.__code__, name)
    }
    publish.__code__ = publish.__code__.replace(**known)
    return publish


if __name__ == '__main__':
    print_anything()
    main()
