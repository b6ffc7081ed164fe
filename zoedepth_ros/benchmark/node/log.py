"""What a node under test tells about every frame: one line of JSON on its standard output."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Frame:
    """Hold the times of one frame, all on time.monotonic, which processes of a machine share."""

    stamp_ns: int
    """Stamp of the picture, by which it is known everywhere."""

    called_s: float
    """When the subscription's callback was called [s]."""

    done_s: float
    """When the last message was handed over [s]."""

    network_s: float
    """What the stand-in for the network took [s]."""

    sent_s: Mapping[str, float]
    """Topic -> when its message began to be published [s]."""

    stages_ms: Mapping[str, float]
    """Stage -> time [ms]."""

    cpu_s: float
    """What the process has used so far of all cores [s]."""

    @property
    def overhead_ms(self) -> float:
        """From callback to last publish, without the network [ms]."""
        return 1e3 * (self.done_s - self.called_s - self.network_s)


def write(frame: Frame) -> None:
    """Tell it."""
    sys.stdout.write(json.dumps(asdict(frame)) + '\n')
    sys.stdout.flush()


def read(line: str) -> Frame | None:
    """Understand a line; None for one that is something else."""
    return Frame(**json.loads(line)) if line.startswith('{"stamp_ns"') else None


def cpu_s() -> float:
    """Give what this process has used of all cores [s]."""
    return time.process_time()


def stamp_ns(msg: object) -> int:
    """Give the stamp of a message [ns]."""
    stamp = msg.header.stamp  # type: ignore[attr-defined]
    return int(stamp.sec * 10**9 + stamp.nanosec)
