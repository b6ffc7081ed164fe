"""What one driver is asked to measure; knows no ROS."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from zoedepth_ros.benchmark.node.scene import Size

OURS, NAIVE = 'ours', 'naive'


@dataclass(frozen=True, slots=True)
class Kind:
    """Say which node, and what is asked of it."""

    side: str
    """'ours' or 'naive'."""

    decimation: int
    """Every n-th pixel in both directions is a point; 0 for no cloud."""

    @property
    def name(self) -> str:
        """A name that can be a namespace."""
        return f'{self.side}_{self.decimation}'

    @property
    def parameters(self) -> dict[str, object]:
        """What the node is started with."""
        if self.side == NAIVE:
            return {'decimation': max(1, self.decimation), 'cloud': self.decimation > 0}
        return {'cloud.decimation': max(1, self.decimation), 'cloud.rate': 0.0}


@dataclass(frozen=True, slots=True)
class Task:
    """What one driver measures, in one environment."""

    folder: str
    """Where the scenes lie."""

    sizes: Sequence[Size]
    """Sizes of the pictures; everything but single pictures takes the first."""

    kinds: Sequence[Kind]
    """The nodes, all running at a time and asked in turn."""

    rounds: int
    """Single pictures per node and size."""

    streams: Sequence[tuple[str, float, float]] = ()
    """(kind, rate [Hz], duration [s]) of streams to look at."""

    searched: Sequence[str] = ()
    """Kinds whose highest rate is wanted."""

    start_s: float = 30.0
    """Time for all nodes to give their first depth [s]."""

    patience_s: float = 1.0
    """A single picture whose outputs do not come within this time is lost [s]."""


def as_text(task: Task) -> str:
    """Give a task as `from_text` reads it."""
    return json.dumps(asdict(task))


def from_text(text: str) -> Task:
    """Read a task."""
    given = json.loads(text)
    given['kinds'] = [Kind(**kind) for kind in given['kinds']]
    given['sizes'] = [(height, width) for height, width in given['sizes']]
    return Task(**given)
