"""Compare one node for four cameras with four nodes: memory, CPU and rates of the real network.

Needs the installed package (`make build`). Both run in turn with the same images.

    python scripts/several_cameras.py --rates 1 10
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from zoedepth_ros.environment import profile_variables, reserve_domain
from zoedepth_ros.terminal import print_anything

ROOT = Path(__file__).resolve().parent.parent
CAMERAS = ('front', 'left', 'right', 'rear')
HEIGHT, WIDTH = 480, 640  # [px]
COLUMNS = (
    'cameras at',
    'nodes',
    'memory [MB]',
    'CPU per depth image [s]',
    'depth images, all [Hz]',
    'minimum, maximum of a camera [Hz]',
    'age [ms]',
)
TICK_HZ = os.sysconf('SC_CLK_TCK')
START_S = 120.0


@dataclass(frozen=True, slots=True)
class Measurement:
    """Resources and rates of one round."""

    memory_mb: float
    """Proportional set size of all processes [MB], which counts shared memory once."""

    cpu_s: float
    """CPU time of all processes per depth image [s]."""

    rates_hz: dict[str, float]
    """Depth images of each camera [Hz]."""

    age_ms: float
    """From stamp to arrival of a depth image, median [ms]."""


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else '')
    parser.add_argument('--rates', type=float, nargs='+', default=[1.0], help='image rates [Hz]')
    parser.add_argument('--rounds', type=int, default=3, help='number of rounds')
    parser.add_argument('--seconds', type=float, default=10.0, help='duration of a round [s]')
    parser.add_argument('--model', default='ZoeD_S_NK')
    args = parser.parse_args(arguments)
    os.environ.setdefault('ROS_DOMAIN_ID', str(reserve_domain()))
    os.environ['ROS_AUTOMATIC_DISCOVERY_RANGE'] = 'LOCALHOST'
    profile = str(ROOT / 'config' / 'fastdds.xml')
    os.environ.update(dict.fromkeys(profile_variables(os.environ), profile))
    variants = {'one node': one_node(args.model), 'four nodes': four_nodes(args.model)}
    print(f'| {" | ".join(COLUMNS)} |\n{"|---" * len(COLUMNS)}|')
    for rate_hz in args.rates:
        found: dict[str, list[Measurement]] = {name: [] for name in variants}
        for _ in range(args.rounds):
            for name, commands in variants.items():
                found[name].append(measure(commands, rate_hz, args.seconds))
        for name, rounds in found.items():
            print(row(rate_hz, name, rounds), flush=True)
    return 0


def one_node(model: str) -> list[list[str]]:
    return [[*command(model), '-p', f'cameras:=[{",".join(CAMERAS)}]']]


def four_nodes(model: str) -> list[list[str]]:
    return [[*command(model), '-r', f'__ns:=/{name}'] for name in CAMERAS]


def command(model: str) -> list[str]:
    executable = Path(sys.prefix) / 'lib' / 'zoedepth_ros' / 'depth_node'
    values = (f'model:={model}', 'device:=cpu', 'max_image_age:=0.0')
    return [sys.executable, str(executable), '--ros-args', '--log-level', 'error'] + [
        word for parameter in values for word in ('-p', parameter)
    ]


def measure(commands: list[list[str]], rate_hz: float, seconds: float) -> Measurement:
    processes = [subprocess.Popen(words) for words in commands]
    try:
        return watch([process.pid for process in processes], rate_hz, seconds)
    finally:
        for process in processes:
            process.send_signal(signal.SIGINT)
        for process in processes:
            process.wait(10.0)


def watch(pids: list[int], rate_hz: float, seconds: float) -> Measurement:
    import rclpy
    from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
    from sensor_msgs.msg import Image

    rclpy.init()
    node = rclpy.create_node('cameras')
    arrived: dict[str, list[float]] = {name: [] for name in CAMERAS}
    ages_ms: list[float] = []

    def on_depth(name: str, msg: Image) -> None:
        now_s = 1e-9 * node.get_clock().now().nanoseconds
        arrived[name].append(now_s)
        ages_ms.append(1e3 * (now_s - msg.header.stamp.sec - 1e-9 * msg.header.stamp.nanosec))

    for name in CAMERAS:
        node.create_subscription(
            Image, f'/{name}/depth/image', lambda msg, name=name: on_depth(name, msg), 5
        )
    publishers = [node.create_publisher(Image, f'/{name}/image', 1) for name in CAMERAS]
    image = Image(height=HEIGHT, width=WIDTH, step=3 * WIDTH, encoding='rgb8')
    image.data.frombytes(os.urandom(3 * WIDTH) * HEIGHT)

    def send() -> None:
        for publisher in publishers:
            image.header.stamp = node.get_clock().now().to_msg()
            publisher.publish(image)

    node.create_timer(1.0 / rate_hz, send)
    executor = SingleThreadedExecutor()
    executor.add_node(node)

    def spin() -> None:
        with suppress(ExternalShutdownException):
            executor.spin()

    thread = threading.Thread(target=spin, daemon=True)
    thread.start()
    try:
        end_s = time.monotonic() + START_S
        while not all(len(times) > 1 for times in arrived.values()):
            if not rclpy.ok():
                raise KeyboardInterrupt
            if time.monotonic() > end_s:
                raise TimeoutError('not every camera has depth')
            time.sleep(0.1)
        time.sleep(2.0)
        before = {name: len(times) for name, times in arrived.items()}
        first_age, cpu_s, start_s = len(ages_ms), sum(map(cpu_of, pids)), time.monotonic()
        time.sleep(seconds)
        took_s, used_s = time.monotonic() - start_s, sum(map(cpu_of, pids)) - cpu_s
        counts = {name: len(times) - before[name] for name, times in arrived.items()}
        return Measurement(
            memory_mb=sum(map(memory_of, pids)),
            cpu_s=used_s / max(1, sum(counts.values())),
            rates_hz={name: count / took_s for name, count in counts.items()},
            age_ms=median(ages_ms[first_age:]),
        )
    finally:
        executor.shutdown()
        rclpy.try_shutdown()
        thread.join(5.0)


def cpu_of(pid: int) -> float:
    """Return the CPU time of a process so far [s]."""
    fields = Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK_HZ


def memory_of(pid: int) -> float:
    """Return the proportional set size of a process [MB]."""
    for line in Path(f'/proc/{pid}/smaps_rollup').read_text().splitlines():
        if line.startswith('Pss:'):
            return int(line.split()[1]) * 1024e-6
    raise OSError(f'no Pss of process {pid}')


def row(rate_hz: float, name: str, rounds: list[Measurement]) -> str:
    """Return a row of the table, with medians."""
    each = [median(m.rates_hz[camera] for m in rounds) for camera in CAMERAS]
    return (
        f'| {rate_hz:g} Hz | {name} | {median(m.memory_mb for m in rounds):.0f} '
        f'| {median(m.cpu_s for m in rounds):.3f} '
        f'| {median(sum(m.rates_hz.values()) for m in rounds):.1f} '
        f'| {min(each):.1f}, {max(each):.1f} | {median(m.age_ms for m in rounds):.0f} |'
    )


if __name__ == '__main__':
    print_anything()
    sys.exit(main())
