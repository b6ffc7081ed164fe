"""Run the node for a long time and check memory, threads, rates and order of the messages.

    .venv/bin/python scripts/soak.py --minutes 60                                fake network
    .venv/bin/python scripts/soak.py --minutes 10 --model ZoeD_S_NK --rate 5     real one

Prints one line per minute and a report, which is also written to a file (--out) with hardware
and date. The exit code is 1 if memory, threads or files grew, or if messages were late, out of
order or at another rate. Every image must become depth: choose a rate that the network sustains.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
import time
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path
from statistics import median
from typing import Any

from zoedepth_ros.terminal import print_anything

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / 'test' / 'support'))

MAX_GROWTH_MB = 20.0
RATE_TOLERANCE = 0.05
RATES_THAT_AGREE = (
    ('camera', 'wanted'),  # otherwise this machine is overloaded
    ('depth', 'camera'),
    ('reported', 'depth'),
    ('depth_last', 'depth_first'),
)


@dataclass(slots=True)
class Stream:
    """Count the messages of one topic."""

    max_age_s: float
    """Older messages are stale [s]."""

    received: int = 0
    """Messages so far."""

    misordered: int = 0
    """Messages not newer than the previous one."""

    stale: int = 0
    """Messages older than allowed."""

    oldest_s: float = 0.0
    """Greatest age [s]."""

    newest_stamp_s: float = field(default=0.0, repr=False)
    """Stamp of the newest message [s]."""

    def add(self, msg: Any) -> None:
        """Count one message."""
        stamp_s = msg.header.stamp.sec + 1e-9 * msg.header.stamp.nanosec
        age_s = time.time() - stamp_s
        self.received += 1
        self.misordered += stamp_s <= self.newest_stamp_s
        self.newest_stamp_s = max(self.newest_stamp_s, stamp_s)
        self.stale += age_s > self.max_age_s
        self.oldest_s = max(self.oldest_s, age_s)


@dataclass(frozen=True, slots=True)
class Sample:
    """Resources of the node at one time."""

    memory_mb: float
    """Resident memory [MB]."""

    threads: int
    """Threads of the process."""

    files: int
    """Open file descriptors."""

    depth: int
    """Depth images so far."""

    time_s: float
    """Since the start of the measurement [s]."""


def sample(pid: int, depth: int, time_s: float) -> Sample:
    """Read the resources of a process from /proc."""
    status = Path(f'/proc/{pid}/status').read_text(encoding='ascii')
    values = dict(line.split(':', 1) for line in status.splitlines())
    kilobytes = int(values['VmRSS'].split()[0])
    files = len(list(Path(f'/proc/{pid}/fd').iterdir()))
    return Sample(kilobytes * 1024e-6, int(values['Threads']), files, depth, time_s)


def judge(
    samples: list[Sample], streams: dict[str, Stream], rates_hz: dict[str, float]
) -> dict[str, Any]:
    """Return numbers and faults; the first tenth of the samples is compared with the last.

    rates_hz: 'wanted' and 'camera' (desired and measured image rate), 'depth' (received) and
    'reported' (by the status of the node).
    """
    tenth = max(2, len(samples) // 10)
    first, last = samples[:tenth], samples[-tenth:]
    growth = {
        name: median(getattr(s, name) for s in last) - median(getattr(s, name) for s in first)
        for name in ('memory_mb', 'threads', 'files')
    }
    rates_hz = {**rates_hz, 'depth_first': _rate_hz(first), 'depth_last': _rate_hz(last)}
    faults = []
    if growth['memory_mb'] > MAX_GROWTH_MB:
        faults.append(f'memory grew by {growth["memory_mb"]:.1f} MB')
    faults += [
        f'{name} grew by {growth[name]:.0f}' for name in ('threads', 'files') if growth[name] > 0
    ]
    for topic, stream in streams.items():
        if stream.misordered or stream.stale or not stream.received:
            faults.append(f'{topic}: {stream}')
    for of, to in RATES_THAT_AGREE:
        if not abs(rates_hz[of] - rates_hz[to]) <= RATE_TOLERANCE * rates_hz[to]:
            faults.append(f'rate {of} {rates_hz[of]:.2f} Hz, {to} {rates_hz[to]:.2f} Hz')
    return {
        'faults': faults,
        'rates_hz': rates_hz,
        'streams': {topic: asdict(stream) for topic, stream in streams.items()},
        'growth': growth,
        'first': asdict(first[-1]),
        'last': asdict(last[-1]),
    }


def _rate_hz(samples: list[Sample]) -> float:
    return (samples[-1].depth - samples[0].depth) / (samples[-1].time_s - samples[0].time_s)


def watch(node: Any, peer: Any, args: argparse.Namespace) -> dict:
    """Run camera, node and subscribers, and check the time after warm-up."""
    from ros_harness import image_message, rgb_image, wait_until
    from sensor_msgs.msg import Image, PointCloud2
    from zoedepth_ros.msg import Status

    rgb = rgb_image(args.height, args.width)
    sent, reported_hz = [0], []

    def make(_: Any) -> Any:
        sent[0] += 1
        return image_message(rgb, peer.now())

    streams = {topic: Stream(args.max_age) for topic in ('depth/image', 'depth/points')}
    for (topic, stream), kind in zip(streams.items(), (Image, PointCloud2), strict=True):
        peer.node.create_subscription(kind, f'/{topic}', stream.add, 10)
    peer.node.create_subscription(
        Status, '/zoedepth/status', lambda msg: reported_hz.append(msg.depth_rate), 10
    )
    node.wait_for_log('active: ')
    peer.start_camera(args.rate, make)
    wait_until(lambda: all(s.received for s in streams.values()), lambda: node.log)
    time.sleep(args.warm_up)
    for stream in streams.values():
        stream.__init__(args.max_age)
    reported_hz.clear()
    sent_before, samples = sent[0], []
    depth = streams['depth/image']
    start_s = time.monotonic()
    while (passed_s := time.monotonic() - start_s) < 60.0 * args.minutes:
        if node.process.poll() is not None:
            raise SystemExit(f'the node ended with {node.process.returncode}:\n{node.log}')
        samples.append(sample(node.process.pid, depth.received, passed_s))
        if len(samples) % 60 == 0:
            rate_hz = depth.received / passed_s
            print(f'{passed_s / 60:.0f} min: {samples[-1]}, depth {rate_hz:.2f} Hz', flush=True)
        time.sleep(1.0)
    rates_hz = {
        'wanted': args.rate,
        'camera': (sent[0] - sent_before) / passed_s,
        'depth': depth.received / passed_s,
        'reported': sum(reported_hz) / max(1, len(reported_hz)),
    }
    return judge(samples, streams, rates_hz)


def about(args: argparse.Namespace) -> dict[str, Any]:
    """Return command, machine and date."""
    from zoedepth_ros.benchmark.machine import this_machine

    return {
        'command': f'python scripts/soak.py {shlex.join(sys.argv[1:])}',
        'date': date.today().isoformat(),
        'network': args.model or 'fake',
        'machine': asdict(this_machine()),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--minutes', type=float, default=60.0)
    parser.add_argument(
        '--warm-up', type=float, default=30.0, help='time before the measurement [s]'
    )
    parser.add_argument('--rate', type=float, default=30.0, help='image rate of the camera [Hz]')
    parser.add_argument('--model', default='', help='name of the model (default: a fake network)')
    parser.add_argument('--weights', default='', help='weights file of --model')
    parser.add_argument('--width', type=int, default=320)
    parser.add_argument('--height', type=int, default=240)
    parser.add_argument('--out', type=Path, help='report file (docs/benchmarks/soak_NETWORK.json)')
    parser.add_argument('--max-age', type=float, default=0.5, help='age of a stale message [s]')
    args = parser.parse_args()

    import rclpy
    import ros_harness
    from ros_tool import ToolProcess

    ros_harness.isolate()
    rclpy.init()
    if args.model:
        node = ToolProcess('ros.main', model=args.model, weights=args.weights)
    else:
        node = ros_harness.NodeProcess({'device': 'cpu'}, weights_warning='')
    peer = ros_harness.Peer()
    try:
        report = {**about(args), **watch(node, peer, args)}
    finally:
        peer.close()
        node.stop()
        rclpy.try_shutdown()
    text = json.dumps(report, indent=2)
    print(text)
    out = args.out or ROOT / 'docs' / 'benchmarks' / f'soak_{args.model or "fake"}.json'
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(text + '\n', encoding='utf-8')
    return 1 if report['faults'] else 0


if __name__ == '__main__':
    print_anything()
    sys.exit(main())
