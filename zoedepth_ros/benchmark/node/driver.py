"""A process: starts the nodes under test, is camera and listener, and writes what it found."""

from __future__ import annotations

import json
import math
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import rclpy
from rclpy.executors import SingleThreadedExecutor

from zoedepth_ros.benchmark.node import scene
from zoedepth_ros.benchmark.node.child import Child
from zoedepth_ros.benchmark.node.stream import DEPTH, Stream
from zoedepth_ros.benchmark.node.task import Task, from_text

PAUSE_S = 0.01  # between pictures: a node that has just published is still busy with it
SILENT_AFTER = 4  # pictures lost in a row
ENOUGH_SHARE = 0.5  # medians of fewer pictures mean little
LOST_SHARE = 0.05
FASTEST_HZ, SLOWEST_HZ = 400.0, 5.0
CLOSE_ENOUGH = 1.08  # of two rates, where a search ends


Silent = dict[str, str]
"""Name of a node under test -> why nothing can be said about it."""


def one_by_one(
    streams: Sequence[Stream], rounds: int, silent: Silent, patience_s: float
) -> dict[str, list[dict[str, Any]]]:
    """Send every node a picture in turn and give what became of each; lost ones are left out.

    silent: who is known to be, and is not asked; who gives too little is added.
    """
    found: dict[str, list[dict[str, Any]]] = {}
    lost_in_a_row: dict[str, int] = {}
    for number in range(-3, rounds):
        for stream in streams[:: 1 if number % 2 else -1]:
            name = stream.name
            if name in silent:
                continue
            key = stream.send()
            came = stream.wait_for(key, patience_s)
            lost_in_a_row[name] = 0 if came else lost_in_a_row.get(name, 0) + 1
            if lost_in_a_row[name] == SILENT_AFTER:
                silent[name] = f'{SILENT_AFTER} pictures in a row became nothing'
            if came and number >= 0:
                found.setdefault(name, []).append(_times(stream, key))
            time.sleep(PAUSE_S)
    for name, pictures in found.items():
        if len(pictures) < ENOUGH_SHARE * rounds:
            silent.setdefault(name, f'only {len(pictures)} of {rounds} pictures came through')
    return {name: pictures for name, pictures in found.items() if name not in silent}


def _times(stream: Stream, key: int) -> dict[str, Any]:
    """Put together what both ends know about one picture."""
    sent, frame = stream.sent[key], stream.child.frames[key]
    network_s = frame.network_s
    return {
        'overhead_ms': frame.overhead_ms,
        'input_ms': 1e3 * (frame.called_s - sent.at_s),
        'depth_ms': 1e3 * (sent.arrived_s.get(DEPTH, math.nan) - sent.at_s - network_s),
        'latency_ms': 1e3 * (sent.arrived_s[stream.last_topic] - sent.at_s - network_s),
        'transport_ms': {
            topic: 1e3 * (at_s - frame.sent_s[topic]) for topic, at_s in sent.arrived_s.items()
        },
        'stages_ms': dict(frame.stages_ms),
    }


def steadily(stream: Stream, rate_hz: float, duration_s: float) -> dict[str, Any]:
    """Send pictures at a rate and give how many came through, how late, at what cost."""
    keys, start_s = [], time.monotonic()
    for number in range(max(2, round(rate_hz * duration_s))):
        time.sleep(max(0.0, start_s + number / rate_hz - time.monotonic()))
        keys.append(stream.send())
    took_s = time.monotonic() - start_s
    stream.wait_for(keys[-1], 0.3)
    arrived = stream.arrived(keys)
    told = [stream.child.frames[key] for key in keys if key in stream.child.frames]
    cpu_s = told[-1].cpu_s - told[0].cpu_s if len(told) > 1 else math.nan
    return {
        'kind': stream.name,
        'rate_hz': rate_hz,
        'sent_hz': (len(keys) - 1) / took_s if took_s > 0.0 else math.nan,
        'sent': len(keys),
        'arrived': len(arrived),
        'latency_ms': [
            _times(stream, k)['latency_ms'] for k in arrived if k in stream.child.frames
        ],
        'cpu_ms': 1e3 * cpu_s / max(1, len(told) - 1),
    }


def highest_rate_hz(trial: Callable[[float], bool]) -> float:
    """Find the highest rate [Hz] that a trial passes, by bisection; NaN when none is."""
    low_hz, high_hz = SLOWEST_HZ, FASTEST_HZ
    if trial(high_hz):
        return high_hz
    if not trial(low_hz):
        return math.nan
    while high_hz / low_hz > CLOSE_ENOUGH:
        middle_hz = math.sqrt(low_hz * high_hz)
        low_hz, high_hz = (middle_hz, high_hz) if trial(middle_hz) else (low_hz, middle_hz)
    return low_hz


def _passes(stream: Stream, rate_hz: float) -> bool:
    """Tell whether a second at this rate loses less than one picture in twenty."""
    found = steadily(stream, rate_hz, 1.0)
    time.sleep(0.1)
    on_time = found['sent_hz'] > (1.0 - LOST_SHARE) * rate_hz
    return on_time and found['arrived'] > (1.0 - LOST_SHARE) * found['sent']


def run(task: Task) -> dict[str, Any]:
    """Measure everything of a task, of all nodes that say anything."""
    folder = Path(task.folder)
    pictures = {size: scene.read(folder, size)[0] for size in task.sizes}
    node = rclpy.create_node('camera')
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    children = [Child(kind, folder, task.sizes) for kind in task.kinds]
    done = threading.Event()
    spinner = threading.Thread(target=_spin, args=(executor, done))
    try:
        streams = [Stream(node, child) for child in children]
        spinner.start()
        for stream in streams:
            stream.show(pictures[task.sizes[0]])
        return _measure(task, streams, pictures, _silent(streams, task.start_s))
    finally:
        for child in children:
            child.stop()
        done.set()
        if spinner.is_alive():
            spinner.join()
        executor.shutdown()


def _spin(executor: Any, done: threading.Event) -> None:
    while not done.is_set():
        executor.spin_once(timeout_sec=0.05)


def _measure(
    task: Task, streams: Sequence[Stream], pictures: dict[scene.Size, Any], silent: Silent
) -> dict[str, Any]:
    single = {}
    for size in reversed(task.sizes):  # the first is for what follows as well
        for stream in streams:
            stream.show(pictures[size])
        single[f'{size[1]}x{size[0]}'] = one_by_one(streams, task.rounds, silent, task.patience_s)
    by_name = {stream.name: stream for stream in streams if stream.name not in silent}
    streamed = []
    for name, rate_hz, duration_s in task.streams:
        if name in by_name:
            streamed.append(steadily(by_name[name], rate_hz, duration_s))
            time.sleep(0.2)
    highest = {
        name: highest_rate_hz(lambda rate_hz, name=name: _passes(by_name[name], rate_hz))  # type: ignore[misc]
        for name in task.searched
        if name in by_name
    }
    return {'single': single, 'streams': streamed, 'highest_hz': highest, 'silent': silent}


def _silent(streams: Sequence[Stream], start_s: float) -> Silent:
    """Wait until every node has become depth of a picture, and say which have not."""
    end_s, silent = time.monotonic() + start_s, {}
    for stream in streams:
        while not stream.is_heard():
            if not stream.child.is_running:
                silent[stream.name] = 'its process has ended'
            elif time.monotonic() > end_s:
                silent[stream.name] = f'it gave nothing within {start_s:g} s'
            if stream.name in silent:
                break
    return silent


def main() -> None:
    """Run as `python -m … TASK RESULT`: a task as text, and the file to write."""
    task = from_text(sys.argv[1])
    rclpy.init(args=[])
    result = run(task)
    Path(sys.argv[2]).write_text(json.dumps(result), encoding='utf-8')
    rclpy.try_shutdown()


if __name__ == '__main__':
    main()
