"""A process: the real node with known depth instead of the network; prints frame times."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from zoedepth_ros.benchmark.node.known_depth import KnownDepth
from zoedepth_ros.benchmark.node.node_protocol import NodeFrameTimes, stamp_ns
from zoedepth_ros.inference.fallback import PredictorSettings
from zoedepth_ros.ros.health.statistics import STAGES
from zoedepth_ros.ros.inference_thread import Arrivals, SharedNetwork
from zoedepth_ros.ros.main import run
from zoedepth_ros.ros.publishers import Publishers
from zoedepth_ros.ros.spin import end


def main() -> None:
    """Run as `python -m … FOLDER SIZES --ros-args …`."""
    folder, sizes = Path(sys.argv[1]), [(h, w) for h, w in json.loads(sys.argv[2])]
    predictor = KnownDepth(folder, sizes)
    _print_times(predictor)

    def make_predictor(settings: PredictorSettings) -> KnownDepth:
        return predictor

    end(run(make_predictor, sys.argv))


def _print_times(predictor: KnownDepth) -> None:
    """Measure the work on a frame."""
    work, send = SharedNetwork.work, Publishers.send
    sent_s = 0.0

    def timed_send(self: Publishers, topic: str, msg: Any) -> None:
        nonlocal sent_s
        send(self, topic, msg)
        sent_s = time.monotonic()

    def timed_work(self: SharedNetwork, images: Arrivals) -> None:
        work(self, images)
        ((processor, image),) = images  # one camera
        NodeFrameTimes(
            stamp_ns=stamp_ns(image.msg),
            called_s=image.arrived_monotonic_s,
            done_s=sent_s,
            network_s=predictor.took_s,
            stages_ms={name: processor.statistics.last(name) for name in STAGES},
            cpu_s=time.process_time(),
        ).write()

    Publishers.send = timed_send  # type: ignore[method-assign]
    SharedNetwork.work = timed_work  # type: ignore[method-assign]


if __name__ == '__main__':
    main()
