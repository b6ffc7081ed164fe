"""Which pictures make up which batch: the domains alternate and never mix."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.training.distributed import Process


class Draw(NamedTuple):
    """One picture of a batch."""

    domain: int
    """Which domain of the run."""
    picture: int
    """Which picture of the domain."""
    step: int
    """Which batch of the stage; varies the augmentation."""


@dataclass(frozen=True, slots=True)
class MixedBatches:
    """The batches of a stage, each a pure function of its number, so a run resumes anywhere.

    One batch of each domain in turn; a shorter domain starts over (ZoeDepth's training code).
    What does not fill a batch is left out, in another place of the shuffled order every time.
    """

    pictures: tuple[int, ...]
    """How many pictures each domain has."""
    batch_size: int
    """Pictures of a batch, over all processes."""
    seed: int
    """Seed of the order."""

    def __post_init__(self) -> None:
        if min(self.pictures) < 1:
            raise ValueError(f'every domain needs pictures, got {self.pictures}')

    @property
    def epoch_steps(self) -> int:
        """Batches of an epoch: as many rounds as the longest domain needs, and one more."""
        longest = max(self._batches_of(domain) for domain in range(len(self.pictures)))
        if len(self.pictures) == 1:
            return longest
        # PARITY: the official round robin counts one round too many.
        return len(self.pictures) * (longest + 1)

    def _batches_of(self, domain: int) -> int:
        return max(1, self.pictures[domain] // self.batch_size)

    def __getitem__(self, step: int) -> list[Draw]:
        """Return the pictures of a batch, for all processes."""
        domain = step % len(self.pictures)
        round_, place = divmod(step // len(self.pictures), self._batches_of(domain))
        order = shuffled(self.seed, domain, round_, self.pictures[domain])
        start = place * self.batch_size
        chosen = order[start : start + self.batch_size]
        chosen = np.resize(chosen, self.batch_size)  # a domain smaller than a batch repeats
        return [Draw(domain, int(index), step) for index in chosen]


@lru_cache(maxsize=4)
def shuffled(seed: int, domain: int, round_: int, count: int) -> NDArray[np.int64]:
    """Return the indices of a pass over a domain in random order."""
    return np.random.default_rng((seed, domain, round_)).permutation(count)


@dataclass(frozen=True, slots=True)
class ShareOfBatches:
    """One process' share of the batches from `first` to before `last`: for a data loader."""

    batches: MixedBatches
    """All batches."""
    process: Process
    """Whose share."""
    first: int
    """Number of the first batch."""
    last: int
    """Number after the last batch."""

    def __len__(self) -> int:
        return max(0, self.last - self.first)

    def __iter__(self) -> Iterator[list[Draw]]:
        size = self.process.share_of(self.batches.batch_size)
        start = self.process.rank * size
        for step in range(self.first, self.last):
            yield self.batches[step][start : start + size]


def steps_of(epochs: float, steps: int, epoch_steps: int) -> int:
    """Return the length of a stage in batches, given in either way."""
    return steps or max(1, math.ceil(epochs * epoch_steps))
