"""Run the node for a long time beside a camera, and judge memory, threads, rates and order.

    .venv/bin/python scripts/soak.py --minutes 60                        a fake network, 30 Hz
    .venv/bin/python scripts/soak.py --minutes 10 --model ZoeD_S_NK --weights FILE

Prints one line a minute and a verdict as JSON; the exit code is 1 when something grew, was late or
came out of order.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / 'test' / 'support'))

MAX_GROWTH_MB = 20.0
RATE_TOLERANCE = 0.05


@dataclass(slots=True)
class Stream:
    """Count what arrives on one topic, without keeping it."""

    max_age_s: float
    """Older messages are stale [s]."""

    received: int = 0
    """Messages so far."""

    misordered: int = 0
    """Messages not newer than the one before."""

    stale: int = 0
    """Messages older than allowed."""

    oldest_s: float = 0.0
    """Greatest age [s]."""

    newest_stamp_s: float = field(default=0.0, repr=False)
    """Stamp of the newest message [s]."""

    def take(self, msg: Any) -> None:
        """Note one message."""
        stamp_s = msg.header.stamp.sec + 1e-9 * msg.header.stamp.nanosec
        age_s = time.time() - stamp_s
        self.received += 1
        self.misordered += stamp_s <= self.newest_stamp_s
        self.newest_stamp_s = max(self.newest_stamp_s, stamp_s)
        self.stale += age_s > self.max_age_s
        self.oldest_s = max(self.oldest_s, age_s)


@dataclass(frozen=True, slots=True)
class Sample:
    """Hold what the system says about the node at one moment."""

    memory_mb: float
    """Resident memory [MB]."""

    threads: int
    """Threads of the process."""

    files: int
    """Open file descriptors."""


def sample(pid: int) -> Sample:
    """Ask /proc about a process."""
    status = Path(f'/proc/{pid}/status').read_text(encoding='ascii')
    values = dict(line.split(':', 1) for line in status.splitlines())
    kilobytes = int(values['VmRSS'].split()[0])
    files = len(list(Path(f'/proc/{pid}/fd').iterdir()))
    return Sample(kilobytes * 1024e-6, int(values['Threads']), files)


def judge(samples: list[Sample], streams: dict[str, Stream], sent: int, *, all_: bool) -> dict:
    """Put numbers and faults together; all_: whether every picture must become depth."""
    tenth = max(1, len(samples) // 10)
    first, last = samples[:tenth], samples[-tenth:]
    growth = {
        name: median(getattr(s, name) for s in last) - median(getattr(s, name) for s in first)
        for name in ('memory_mb', 'threads', 'files')
    }
    faults = []
    if growth['memory_mb'] > MAX_GROWTH_MB:
        faults.append(f'memory grew by {growth["memory_mb"]:.1f} MB')
    faults += [
        f'{name} grew by {growth[name]:.0f}' for name in ('threads', 'files') if growth[name] > 0
    ]
    for topic, stream in streams.items():
        if stream.misordered or stream.stale or not stream.received:
            faults.append(f'{topic}: {stream}')
    depth = streams['depth/image'].received
    if all_ and abs(depth - sent) > RATE_TOLERANCE * sent:
        faults.append(f'{depth} depth images of {sent} pictures')
    return {
        'faults': faults,
        'pictures': sent,
        'streams': {topic: asdict(stream) for topic, stream in streams.items()},
        'growth': growth,
        'first': asdict(first[-1]),
        'last': asdict(last[-1]),
    }


def watch(node: Any, peer: Any, args: argparse.Namespace) -> dict:
    """Run camera, node and subscribers for the wanted time and judge the time after warm-up."""
    from ros_harness import image_message, picture, wait_until
    from sensor_msgs.msg import Image, PointCloud2

    rgb = picture(args.height, args.width)
    sent = [0]

    def make(_: Any) -> Any:
        sent[0] += 1
        return image_message(rgb, peer.now())

    streams = {topic: Stream(args.max_age) for topic in ('depth/image', 'depth/points')}
    for (topic, stream), kind in zip(streams.items(), (Image, PointCloud2), strict=True):
        peer.node.create_subscription(kind, f'/{topic}', stream.take, 10)
    peer.start_camera(args.rate, make)
    wait_until(lambda: all(s.received for s in streams.values()), 120.0, lambda: node.log)
    time.sleep(args.warm_up)
    for stream in streams.values():
        stream.__init__(args.max_age)
    sent_before, samples = sent[0], []
    start_s = time.monotonic()
    while (passed_s := time.monotonic() - start_s) < 60.0 * args.minutes:
        if node.process.poll() is not None:
            raise SystemExit(f'the node ended with {node.process.returncode}:\n{node.log}')
        samples.append(sample(node.process.pid))
        if len(samples) % 60 == 0:
            now, rate_hz = samples[-1], streams['depth/image'].received / max(passed_s, 1e-9)
            print(f'{passed_s / 60:.0f} min: {now}, depth {rate_hz:.2f} Hz', flush=True)
        time.sleep(1.0)
    depth, pictures = streams['depth/image'].received, sent[0] - sent_before
    verdict = judge(samples, streams, pictures, all_=not args.model)
    verdict['camera_hz'] = pictures / passed_s
    verdict['depth_hz'] = depth / passed_s
    return verdict


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--minutes', type=float, default=60.0)
    parser.add_argument('--warm-up', type=float, default=30.0, help='seconds before it counts')
    parser.add_argument('--rate', type=float, default=30.0, help='of the camera [Hz]')
    parser.add_argument('--model', default='', help='a real network instead of a fake one')
    parser.add_argument('--weights', default='', help='with --model; as the parameter weights')
    parser.add_argument('--width', type=int, default=320)
    parser.add_argument('--height', type=int, default=240)
    parser.add_argument('--max-age', type=float, default=0.5, help='older is stale [s]')
    args = parser.parse_args()

    import rclpy
    import ros_harness
    from ros_tool import ToolProcess

    ros_harness.isolate()
    rclpy.init()
    if args.model:
        node = ToolProcess('main', model=args.model, weights=args.weights)
    else:
        node = ros_harness.NodeProcess({'device': 'cpu'}, trained_on='')
    peer = ros_harness.Peer()
    try:
        verdict = watch(node, peer, args)
    finally:
        peer.close()
        node.stop()
        rclpy.try_shutdown()
    print(json.dumps(verdict, indent=2))
    return 1 if verdict['faults'] else 0


if __name__ == '__main__':
    sys.exit(main())
