"""A device that is the CPU: what is lent to it and waited for is counted."""

from __future__ import annotations

import torch


class FakeLink:
    """Implement HostLink; its memory holds old garbage, as real memory does."""

    def __init__(self) -> None:
        self.finished = 0
        self.lent: list[tuple[int, ...]] = []

    def pinned(self, like):
        self.lent.append(tuple(like.shape))
        filling = True if like.dtype == torch.bool else 77
        return torch.full(like.shape, filling, dtype=like.dtype)

    def finish(self) -> None:
        self.finished += 1


class FakeGraphs(FakeLink):
    """Play a recording by computing again into the same memory, as a graph does."""

    def __init__(self) -> None:
        super().__init__()
        self.recorded = self.played = 0
        self.fail_with: Exception | None = None

    def record(self, compute, picture):
        if self.fail_with is not None:
            raise self.fail_with
        self.recorded += 1
        output = compute(picture)

        def play():
            self.played += 1
            output.copy_(compute(picture))

        return play, output
