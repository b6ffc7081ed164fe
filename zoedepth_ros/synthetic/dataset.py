"""Drawn scenes as a data set."""

from __future__ import annotations

from collections.abc import Iterator

from zoedepth_ros.media.sample import DOMAINS, Sample
from zoedepth_ros.synthetic.scene import GENERATOR_VERSION, draw_scene


class SyntheticDataset:
    """A sequence of drawn scenes; sample i is the scene of seed `seed + i`, nothing else.

    Two sets of a domain are disjoint when their ranges seed..seed + n - 1 are.
    """

    generator_version = GENERATOR_VERSION

    def __init__(
        self, domain: str, n: int, seed: int = 0, height: int = 192, width: int = 256
    ) -> None:
        """Describe n scenes of a domain; draws nothing yet. Raises ValueError."""
        if domain not in DOMAINS:
            raise ValueError(f'expected domain indoor or outdoor, got {domain!r}')
        if n < 0 or seed < 0:
            raise ValueError(f'expected n and seed of at least 0, got {n} and {seed}')
        self.domain, self.seed, self.height, self.width = domain, seed, height, width
        self._count = n

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> Sample:
        """Draw one scene; negative indices count from the end. Raises IndexError."""
        at = index + self._count if index < 0 else index
        if not 0 <= at < self._count:
            raise IndexError(f'scene {index} of {self._count}')
        return draw_scene(self.domain, self.seed + at, self.height, self.width)

    def __iter__(self) -> Iterator[Sample]:
        return (self[index] for index in range(self._count))
