"""A process: starts the nodes under test, sends images, and writes the measured times."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import rclpy
from rclpy.executors import SingleThreadedExecutor

from zoedepth_ros.benchmark.node import known_depth
from zoedepth_ros.benchmark.node.node_protocol import MeasurementTask
from zoedepth_ros.benchmark.node.stream import Stream

PAUSE_S = 0.01  # between images: a node is still busy after it has published
FAILED_AFTER = 4  # images lost in a row
MIN_SHARE = 0.5  # of images, for a median
MAX_LOST_SHARE = 0.05
MAX_HZ, MIN_HZ = 400.0, 5.0
RATE_RESOLUTION = 1.08  # ratio of two rates at the end of a search

Failures = dict[str, str]
"""Name of a node under test -> why it is not measured."""


def single_images(
    streams: Sequence[Stream], rounds: int, failures: Failures, timeout_s: float
) -> dict[str, list[dict[str, Any]]]:
    """Send every node an image in turn; return the times of those that were not lost.

    failures: nodes that are skipped; those that lose too many images are added.
    """
    found: dict[str, list[dict[str, Any]]] = {}
    lost_in_a_row: dict[str, int] = {}
    for number in range(-3, rounds):
        for stream in streams[:: 1 if number % 2 else -1]:
            name = stream.name
            if name in failures:
                continue
            key = stream.send()
            arrived = stream.wait_for(key, timeout_s)
            lost_in_a_row[name] = 0 if arrived else lost_in_a_row.get(name, 0) + 1
            if lost_in_a_row[name] == FAILED_AFTER:
                failures[name] = f'the node published no output for {FAILED_AFTER} images in a row'
            if arrived and number >= 0:
                found.setdefault(name, []).append(_times(stream, key))
            time.sleep(PAUSE_S)
    for name, images in found.items():
        if len(images) < MIN_SHARE * rounds:
            failures.setdefault(
                name, f'the node published outputs for only {len(images)} of {rounds} images'
            )
    return {name: images for name, images in found.items() if name not in failures}


def _times(stream: Stream, key: int) -> dict[str, Any]:
    """Combine the times of one image in both processes."""
    frame = stream.frames[key]
    return {
        'overhead_ms': frame.overhead_ms,
        'latency_ms': 1e3 * (stream.latency_s(key) - frame.network_s),
        'stages_ms': dict(frame.stages_ms),
    }


def stream_at(stream: Stream, rate_hz: float, duration_s: float) -> dict[str, Any]:
    """Send images at a rate; returns loss, latencies and CPU time."""
    keys, start_s = [], time.monotonic()
    for number in range(max(2, round(rate_hz * duration_s))):
        time.sleep(max(0.0, start_s + number / rate_hz - time.monotonic()))
        keys.append(stream.send())
    took_s = time.monotonic() - start_s
    stream.wait_for(keys[-1], 0.3)
    arrived = stream.arrived(keys)
    frames = [stream.frames[key] for key in keys if key in stream.frames]
    cpu_s = frames[-1].cpu_s - frames[0].cpu_s if len(frames) > 1 else math.nan
    return {
        'kind': stream.name,
        'rate_hz': rate_hz,
        'sent_hz': (len(keys) - 1) / took_s if took_s > 0.0 else math.nan,
        'sent': len(keys),
        'arrived': len(arrived),
        'latency_ms': [_times(stream, k)['latency_ms'] for k in arrived if k in stream.frames],
        'cpu_ms': 1e3 * cpu_s / max(1, len(frames) - 1),
    }


def max_rate_hz(trial: Callable[[float], bool]) -> float:
    """Return the maximum rate [Hz] that a trial passes, by bisection; NaN for none."""
    low_hz, high_hz = MIN_HZ, MAX_HZ
    if trial(high_hz):
        return high_hz
    if not trial(low_hz):
        return math.nan
    while high_hz / low_hz > RATE_RESOLUTION:
        middle_hz = math.sqrt(low_hz * high_hz)
        low_hz, high_hz = (middle_hz, high_hz) if trial(middle_hz) else (low_hz, middle_hz)
    return low_hz


def _passes(stream: Stream, rate_hz: float) -> bool:
    """Tell whether one second at this rate loses less than 5 % of the images."""
    found = stream_at(stream, rate_hz, 1.0)
    time.sleep(0.1)
    on_time = found['sent_hz'] > (1.0 - MAX_LOST_SHARE) * rate_hz
    return on_time and found['arrived'] > (1.0 - MAX_LOST_SHARE) * found['sent']


def run(task: MeasurementTask) -> dict[str, Any]:
    """Run as a process of its own: measure everything of a task."""
    rclpy.init(args=[])
    folder = Path(task.folder)
    images = {size: known_depth.read(folder, size)[0] for size in task.sizes}
    node = rclpy.create_node('camera')
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    streams: list[Stream] = []
    done = threading.Event()
    spinner = threading.Thread(target=_spin, args=(executor, done))
    try:
        for kind in task.kinds:
            streams.append(Stream(node, kind, folder, task.sizes))
        spinner.start()
        for stream in streams:
            stream.set_image(images[task.sizes[0]])
        return _measure(task, streams, images, _failures(streams, task.start_s))
    finally:
        for stream in streams:
            stream.stop()
        done.set()
        if spinner.is_alive():
            spinner.join()
        executor.shutdown()
        rclpy.try_shutdown()


def _spin(executor: Any, done: threading.Event) -> None:
    while not done.is_set():
        executor.spin_once(timeout_sec=0.05)


def _measure(
    task: MeasurementTask,
    streams: Sequence[Stream],
    images: dict[known_depth.Size, Any],
    failures: Failures,
) -> dict[str, Any]:
    single = {}
    for size in reversed(task.sizes):  # the first size is also that of the streams
        for stream in streams:
            stream.set_image(images[size])
        single[f'{size[1]}x{size[0]}'] = single_images(
            streams, task.rounds, failures, task.timeout_s
        )
    by_name = {stream.name: stream for stream in streams if stream.name not in failures}
    streamed = []
    for name, rate_hz, duration_s in task.streams:
        if name in by_name:
            streamed.append(stream_at(by_name[name], rate_hz, duration_s))
            time.sleep(0.2)
    max_hz = {
        name: max_rate_hz(lambda rate_hz, name=name: _passes(by_name[name], rate_hz))  # type: ignore[misc]
        for name in task.rate_searches
        if name in by_name
    }
    return {'single': single, 'streams': streamed, 'max_hz': max_hz, 'failures': failures}


def _failures(streams: Sequence[Stream], start_s: float) -> Failures:
    """Wait until every node has published depth; return those that have not, and why."""
    end_s, failures = time.monotonic() + start_s, {}
    for stream in streams:
        while not stream.is_connected():
            if stream.process.poll() is not None:
                failures[stream.name] = 'the process of the node has ended'
            elif time.monotonic() > end_s:
                failures[stream.name] = f'the node published no depth within {start_s:g} s'
            if stream.name in failures:
                break
    return failures
