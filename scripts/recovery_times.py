"""Measure how long the node publishes no depth after each fault, with a stand-in for the network.

    .venv/bin/python scripts/recovery_times.py --rounds 5

A camera sends images at 20 Hz over DDS. The time is from the fault to the first depth of a later
image, so it contains up to one period of the camera. Building a real network comes on top.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median

from zoedepth_ros.terminal import print_anything

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'test' / 'support'))

RATE_HZ = 20.0
FULL, LOST, DAMAGED = 10, 20, 30


def main() -> int:
    print_anything()
    parser = argparse.ArgumentParser(description=(__doc__ or '').splitlines()[0])
    parser.add_argument('--rounds', type=int, default=5)
    rounds = parser.parse_args().rounds
    import ros_harness

    ros_harness.isolate()
    import rclpy

    rclpy.init()
    times_s: dict[str, list[float]] = {}
    try:
        for _ in range(rounds):
            for name, value in _measure().items():
                times_s.setdefault(name, []).append(value)
    finally:
        rclpy.shutdown()
    print(f'| fault | median of {rounds} [s] | longest [s] |\n|---|---|---|')
    for name, values in times_s.items():
        print(f'| {name} | {median(values):.2f} | {max(values):.2f} |')
    return 0


def _measure() -> dict[str, float]:
    """Return fault -> time without depth [s], of one node."""
    from ros_harness import NodeProcess, Peer, image_message, rgb_image, stamp_ns
    from sensor_msgs.msg import Image
    from std_srvs.srv import Trigger

    peer, value = Peer(), [0]
    start = partial(NodeProcess, device='cuda:0', lost_at=LOST, full_at=FULL)

    def image(peer: Peer) -> Image:
        msg = image_message(rgb_image(value=value[0] or 90), peer.now())
        if value[0] == DAMAGED:
            msg.encoding = 'no such encoding'
        value[0] = 0  # one image only
        return msg

    depth = peer.subscribe(Image, '/depth/image')

    def recovery(fault: Callable[[], object]) -> float:
        """Return the time from a fault to the depth of an image that came after it."""
        fault()
        start_s = time.monotonic()
        fault_ns = peer.node.get_clock().now().nanoseconds
        while not any(stamp_ns(m.header) > fault_ns for m in list(depth.messages)):
            time.sleep(0.002)
        depth.clear()
        return time.monotonic() - start_s

    def send(fault: int) -> Callable[[], None]:
        def wait_until_sent() -> None:
            value[0] = fault
            while value[0]:
                time.sleep(0.001)

        return wait_until_sent

    def silence() -> None:
        peer.stop_camera()
        time.sleep(1.0)
        peer.start_camera(RATE_HZ, image)

    node = start()
    peer.send_until(lambda: depth)
    peer.start_camera(RATE_HZ, image)
    found = {
        'an image that cannot be decoded': recovery(send(DAMAGED)),
        'the camera was silent for 1 s': recovery(silence),
        'GPU out of memory: a smaller network': recovery(send(FULL)),
        'GPU lost: the CPU': recovery(send(LOST)),
    }

    def recover() -> None:
        assert peer.call(Trigger, '/zoedepth/recover', Trigger.Request()).success

    found['`~/recover`: the GPU again'] = recovery(recover)

    def restart() -> None:
        nonlocal node
        node.process.kill()
        node.wait()
        node = start()

    found['SIGKILL, and started again at once'] = recovery(restart)
    peer.stop_camera()
    node.stop()
    peer.close()
    return found


if __name__ == '__main__':
    sys.exit(main())
