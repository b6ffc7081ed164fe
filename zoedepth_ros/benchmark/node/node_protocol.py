"""What the processes of the part `node` exchange: tasks and frame times. No ROS."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from zoedepth_ros.benchmark.node.known_depth import Size

OURS, NAIVE = 'ours', 'naive'
"""Implementations; their modules have these names and '_node'."""


@dataclass(frozen=True, slots=True)
class NodeKind:
    """A node under test and its outputs."""

    implementation: str
    """'ours' or 'naive'."""
    decimation: int
    """Decimation of the cloud; 0 for no cloud."""

    @property
    def name(self) -> str:
        """A name that is valid as a namespace."""
        return f'{self.implementation}_{self.decimation}'

    @property
    def parameters(self) -> dict[str, object]:
        """Parameters of the node."""
        if self.implementation == NAIVE:
            return {'decimation': max(1, self.decimation), 'cloud': self.decimation > 0}
        return {'cloud.decimation': max(1, self.decimation), 'cloud.rate': 0.0}


@dataclass(frozen=True, slots=True)
class MeasurementTask:
    """What one driver measures in one environment."""

    folder: str
    """Folder of the rendered images."""
    sizes: Sequence[Size]
    """Image sizes; streams have the first one."""
    kinds: Sequence[NodeKind]
    """The nodes, which all run at the same time."""
    rounds: int
    """Single images per node and size."""
    streams: Sequence[tuple[str, float, float]] = ()
    """(name of the kind, rate [Hz], duration [s]) of each stream."""
    rate_searches: Sequence[str] = ()
    """Names of kinds whose maximum rate is measured."""
    start_s: float = 30.0
    """Time for all nodes to publish their first depth [s]."""
    timeout_s: float = 1.0
    """A single image without outputs for this time is lost [s]."""


@dataclass(frozen=True, slots=True)
class NodeFrameTimes:
    """Times of one frame in a node, on time.monotonic, which all processes share."""

    stamp_ns: int
    """Stamp of the image."""
    called_s: float
    """Call of the subscription's callback [s]."""
    done_s: float
    """Return of the last publish [s]."""
    network_s: float
    """Duration of the call that replaces the network [s]."""
    stages_ms: Mapping[str, float]
    """Stage of this package's node -> duration."""
    cpu_s: float
    """CPU time of the process so far, over all cores [s]."""

    @property
    def overhead_ms(self) -> float:
        """From callback to last publish, without the network [ms]."""
        return 1e3 * (self.done_s - self.called_s - self.network_s)

    def write(self) -> None:
        """Print the times as one line."""
        sys.stdout.write(json.dumps(asdict(self)) + '\n')
        sys.stdout.flush()

    @classmethod
    def read(cls, line: str) -> NodeFrameTimes | None:
        """Read a line; None for other output."""
        return cls(**json.loads(line)) if line.startswith('{"stamp_ns"') else None


def stamp_ns(msg: object) -> int:
    """Return the stamp of a message [ns]."""
    stamp = msg.header.stamp  # type: ignore[attr-defined]
    return int(stamp.sec * 10**9 + stamp.nanosec)
