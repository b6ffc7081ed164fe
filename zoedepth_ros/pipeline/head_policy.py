"""Which head measures: the router's probabilities, smoothed, with hysteresis and dwell time."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from zoedepth_ros.inference.result import AUTO


class HeadPolicy:
    """Choose the head from the router's probabilities.

    In mode 'auto' the first router output decides.  After that another head takes over if its
    smoothed probability leads by more than `hysteresis` and the present head has been in use for
    at least `min_dwell_s`.  Any other mode is the name of the head to use.
    """

    def __init__(
        self,
        heads: tuple[str, ...],
        mode: str = AUTO,
        smoothing: float = 0.5,
        hysteresis: float = 0.15,
        min_dwell_s: float = 1.0,
    ) -> None:
        """Start with the first head.

        smoothing: weight of the past in the running mean, 0 (none) to below 1.  hysteresis: lead
        in probability that a switch needs, 0 to below 1.  Raises ValueError for other values.
        """
        if not heads:
            raise ValueError('a head policy needs at least one head, got none')
        self._heads = tuple(heads)
        self._head = self._heads[0]
        self._decided = False
        self._smoothed: dict[str, float] = {}
        self._last_switch_s: float | None = None
        self._mode, self._smoothing = AUTO, 0.0
        self._hysteresis, self._min_dwell_s = 0.0, 0.0
        self.configure(
            mode=mode, smoothing=smoothing, hysteresis=hysteresis, min_dwell_s=min_dwell_s
        )

    @property
    def head(self) -> str:
        """The head to use now; a change of mode has an immediate effect."""
        return self._head if self._mode == AUTO else self._mode

    @property
    def last_switch_s(self) -> float | None:
        """When the present head took over, on the caller's clock [s]; None before any update."""
        return self._last_switch_s

    @property
    def smoothed(self) -> dict[str, float]:
        """The running mean of the router's probabilities; {} before the first."""
        return dict(self._smoothed)

    @property
    def mode(self) -> str:
        """'auto' or the head that is always used."""
        return self._mode

    @mode.setter
    def mode(self, mode: str) -> None:
        self.configure(mode=mode)

    def configure(
        self,
        *,
        mode: str | None = None,
        smoothing: float | None = None,
        hysteresis: float | None = None,
        min_dwell_s: float | None = None,
    ) -> None:
        """Change settings at run time: all that are given or, if one is wrong, none.

        Raises ValueError naming the setting, what was expected and what came.
        """
        if mode is not None and mode != AUTO and mode not in self._heads:
            raise ValueError(f'mode must be one of {(AUTO, *self._heads)}, got {mode!r}')
        for name, value in (('smoothing', smoothing), ('hysteresis', hysteresis)):
            if value is not None and not 0.0 <= value < 1.0:
                raise ValueError(f'{name} must be at least 0 and below 1, got {value}')
        if min_dwell_s is not None and not 0.0 <= min_dwell_s < math.inf:
            raise ValueError(f'min_dwell_s must be 0 s or more, got {min_dwell_s}')
        self._mode = self._mode if mode is None else mode
        self._smoothing = self._smoothing if smoothing is None else smoothing
        self._hysteresis = self._hysteresis if hysteresis is None else hysteresis
        self._min_dwell_s = self._min_dwell_s if min_dwell_s is None else min_dwell_s

    def state(self) -> dict[str, Any]:
        """Return the past as plain values; settings are not among it."""
        return {
            'head': self._head,
            'decided': self._decided,
            'smoothed': dict(self._smoothed),
            'last_switch_s': self._last_switch_s,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from what `state` returned; raises ValueError for other heads."""
        if state['head'] not in self._heads or not set(state['smoothed']) <= set(self._heads):
            raise ValueError(f'expected a state of the heads {self._heads}, got {dict(state)}')
        self._head, self._decided = state['head'], state['decided']
        self._smoothed = dict(state['smoothed'])
        self._last_switch_s = state['last_switch_s']

    def update(self, probabilities: Mapping[str, float], now_s: float) -> str:
        """Add one router output and return the head to use.

        probabilities: head -> probability; {} (the router did not run) and NaN leave the running
        mean as it is.  now_s: the caller's clock [s]; when it jumps back, the present
        head's dwell time starts anew.  Raises ValueError when a head is missing.
        """
        self._observe(probabilities)
        if self._last_switch_s is not None and now_s < self._last_switch_s:
            self._last_switch_s = now_s
        chosen = self._choose(now_s)
        if chosen != self._head or self._last_switch_s is None:
            self._head, self._last_switch_s = chosen, now_s
        return self.head

    def _observe(self, probabilities: Mapping[str, float]) -> None:
        if not probabilities:
            return
        missing = [head for head in self._heads if head not in probabilities]
        if missing:
            raise ValueError(f'router output must cover {self._heads}, missing {missing}')
        if not all(math.isfinite(probabilities[head]) for head in self._heads):
            return
        past = self._smoothing if self._smoothed else 0.0
        self._smoothed = {
            head: past * self._smoothed.get(head, 0.0) + (1.0 - past) * probabilities[head]
            for head in self._heads
        }

    def _choose(self, now_s: float) -> str:
        if self._mode != AUTO:
            self._decided = True
            return self._mode
        if not self._smoothed:
            return self._head
        best = max(self._heads, key=self._smoothed.__getitem__)
        if not self._decided:
            self._decided = True
            return best
        lead = self._smoothed[best] - self._smoothed[self._head]
        assert self._last_switch_s is not None  # a decision has been recorded
        dwelt = now_s - self._last_switch_s >= self._min_dwell_s
        return best if lead > self._hysteresis and dwelt else self._head
