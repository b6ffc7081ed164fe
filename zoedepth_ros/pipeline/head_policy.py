"""Which head measures: the router's probabilities, smoothed, with hysteresis and dwell time."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from zoedepth_ros.inference.result import AUTO
from zoedepth_ros.pipeline.resumable import Resumable
from zoedepth_ros.pipeline.settings import PipelineSettings


class HeadPolicy(Resumable):
    """Choose the head from the router's probabilities.

    With router.mode 'auto' the first router output decides.  After that another head takes over if
    its smoothed probability leads by more than router.hysteresis and the present head has been in
    use for at least router.min_dwell.  Any other mode is the name of the head to use.
    """

    KEPT = ('_head', '_decided', 'smoothed', 'last_switch_s')

    def __init__(self, heads: tuple[str, ...], settings: PipelineSettings | None = None) -> None:
        """Start with the first head; settings: may be replaced between updates."""
        if not heads:
            raise ValueError('expected at least one head to select from, got none')
        self.settings = PipelineSettings() if settings is None else settings
        self.last_switch_s: float | None = None
        """When the present head took over, on the caller's clock [s]; None before any update."""
        self.smoothed: Mapping[str, float] = {}
        """The running mean of the router's probabilities; {} before the first."""
        self._heads = tuple(heads)
        self._head = self._heads[0]
        self._decided = False

    @property
    def head(self) -> str:
        """The head to use now; a change of mode has an immediate effect."""
        mode = self.settings.router_mode
        return self._head if mode == AUTO else mode

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        """Continue from a snapshot; raises ValueError for one of other heads."""
        if snapshot['head'] not in self._heads or not set(snapshot['smoothed']) <= set(
            self._heads
        ):
            raise ValueError(
                f'expected a saved state of the heads {self._heads}, got {dict(snapshot)}'
            )
        super().restore(snapshot)

    def update(self, probabilities: Mapping[str, float], now_s: float) -> str:
        """Add one router output and return the head to use.

        probabilities: head -> probability; {} (the router did not run) and NaN leave the running
        mean as it is.  now_s: the caller's clock [s]; when it jumps back, the present
        head's dwell time starts anew.  Raises ValueError when a head is missing.
        """
        self._observe(probabilities)
        if self.last_switch_s is not None and now_s < self.last_switch_s:
            self.last_switch_s = now_s
        chosen = self._choose(now_s)
        if chosen != self._head or self.last_switch_s is None:
            self._head, self.last_switch_s = chosen, now_s
        return self.head

    def _observe(self, probabilities: Mapping[str, float]) -> None:
        if not probabilities:
            return
        missing = [head for head in self._heads if head not in probabilities]
        if missing:
            raise ValueError(
                f'the router must give probabilities of {self._heads}, but {missing} are missing'
            )
        if not all(math.isfinite(probabilities[head]) for head in self._heads):
            return
        past = self.settings.router_smoothing if self.smoothed else 0.0
        self.smoothed = {
            head: past * self.smoothed.get(head, 0.0) + (1.0 - past) * probabilities[head]
            for head in self._heads
        }

    def _choose(self, now_s: float) -> str:
        if self.settings.router_mode != AUTO:
            self._decided = True
            return self.settings.router_mode
        if not self.smoothed:
            return self._head
        best = max(self._heads, key=self.smoothed.__getitem__)
        if not self._decided:
            self._decided = True
            return best
        lead = self.smoothed[best] - self.smoothed[self._head]
        assert self.last_switch_s is not None  # a decision has been recorded
        dwelt = now_s - self.last_switch_s >= self.settings.router_min_dwell_s
        return best if lead > self.settings.router_hysteresis and dwelt else self._head
