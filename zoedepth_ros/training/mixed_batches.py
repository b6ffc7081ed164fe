"""Select the images of each batch: every batch has one domain, and domains alternate."""

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
    """One image of a batch."""

    domain: int
    """Index of the domain."""
    image: int
    """Index of the image in the domain."""
    step: int
    """Index of the batch in the stage; varies the augmentation."""


@dataclass(frozen=True, slots=True)
class MixedBatches:
    """The batches of a stage, each a function of its index, so that a run can resume anywhere.

    Domains alternate; shorter domains repeat (ZoeDepth's training code).  Incomplete batches at
    the end of a shuffled pass are dropped.
    """

    images: tuple[int, ...]
    """Number of images of each domain, at least one."""
    batch_size: int
    """Images of a batch, over all processes."""
    seed: int
    """Seed of the order."""

    @property
    def epoch_steps(self) -> int:
        """Batches of an epoch: the rounds of the longest domain and one more."""
        longest = max(self._batches_of(domain) for domain in range(len(self.images)))
        if len(self.images) == 1:
            return longest
        # PARITY: the official round robin counts one round too many.
        return len(self.images) * (longest + 1)

    def _batches_of(self, domain: int) -> int:
        return max(1, self.images[domain] // self.batch_size)

    def __getitem__(self, step: int) -> list[Draw]:
        """Return the images of a batch, for all processes."""
        domain = step % len(self.images)
        round_, place = divmod(step // len(self.images), self._batches_of(domain))
        order = shuffled(self.seed, domain, round_, self.images[domain])
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
    """A batch sampler for one process' part of the batches `first` to `last` - 1."""

    batches: MixedBatches
    process: Process
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
    """Return the length of a stage in batches."""
    return steps or max(1, math.ceil(epochs * epoch_steps))
