"""The scale of one head over time, from estimates; it changes slowly."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from zoedepth_ros.geometry.scale import HIGHEST_SCALE, LOWEST_SCALE, ScaleEstimate

UNKNOWN, CONVERGING, CONVERGED = 'unknown', 'converging', 'converged'


@dataclass(frozen=True, slots=True)
class TrackerSettings:
    """How fast a scale may change."""

    max_rate: float = 0.05
    """Largest change of the applied scale, as a share of it per second."""

    memory_s: float = 20.0
    """Time constant with which the weight of old estimates decays [s]."""

    min_confidence: float = 0.3
    """Estimates with less confidence are ignored."""

    steady_share: float = 0.03
    """The applied scale is steady when it is this near to what the evidence says."""

    def __post_init__(self) -> None:
        """Check ranges; raises ValueError naming the setting."""
        for name in ('max_rate', 'memory_s', 'steady_share'):
            value = getattr(self, name)
            if not 0.0 < value < math.inf:
                raise ValueError(f'{name} must be more than 0, got {value}')
        if not 0.0 <= self.min_confidence <= 1.0:
            raise ValueError(f'min_confidence must be 0 to 1, got {self.min_confidence}')


DEFAULT = TrackerSettings()

MOTION = TrackerSettings(memory_s=0.5, min_confidence=0.1)
"""For estimates of every image, which show how the network's scale changes while moving."""


@dataclass(frozen=True, slots=True)
class ScaleState:
    """The present scale of one head."""

    scale: float = 1.0
    """Factor on depth to apply now."""

    target: float = 1.0
    """Scale by the estimates so far, which `scale` approaches."""

    confidence: float = 0.0
    """How well the target is supported, 0 to 1."""

    phase: str = UNKNOWN
    """'unknown' (no evidence yet), 'converging' or 'converged'."""


class ScaleTracker:
    """Follow estimates of one head's scale.

    The target is a mean of logarithms, weighted by confidence and decaying with age; an estimate
    far from many others has less weight.  The applied scale approaches the target by at most
    `max_rate` of itself per second, whatever the estimates are.
    """

    def __init__(
        self, settings: TrackerSettings | None = None, start: ScaleState | None = None
    ) -> None:
        """start: a saved state to continue from."""
        self._settings = TrackerSettings() if settings is None else settings
        self.state = ScaleState() if start is None else start
        self._log_target = math.log(self.state.target)
        self._evidence = self.state.confidence * self._settings.memory_s
        self._updated_s: float | None = None
        self._seen_s: float | None = None

    def follow(self, settings: TrackerSettings, max_rate: float) -> None:
        """Use other settings; max_rate: largest change of the applied scale [share per second]."""
        wanted = replace(settings, max_rate=max_rate)
        if wanted != self._settings:
            self._settings = wanted

    def observe(self, estimate: ScaleEstimate | None, now_s: float) -> None:
        """Add an estimate; None and estimates of low confidence are ignored."""
        at = self._settings
        if estimate is None or estimate.confidence < at.min_confidence:
            return
        if not LOWEST_SCALE <= estimate.scale <= HIGHEST_SCALE:
            return
        since_s = 1.0 if self._seen_s is None else min(1.0, max(0.0, now_s - self._seen_s))
        self._seen_s = now_s
        self._evidence *= math.exp(-since_s / at.memory_s)
        value = math.log(estimate.scale)
        weight = estimate.confidence * max(since_s, 1e-3)
        doubt = abs(value - self._log_target) / 0.2
        if self._evidence > 3.0 and doubt > 1.0:
            weight /= doubt * doubt  # one estimate against many
        share = weight / (self._evidence + weight)
        self._log_target += share * (value - self._log_target)
        self._evidence = min(at.memory_s, self._evidence + weight)
        self.state = replace(
            self.state,
            target=math.exp(self._log_target),
            confidence=min(1.0, self._evidence / (0.25 * at.memory_s)),
        )

    def advance(self, now_s: float) -> ScaleState:
        """Move the applied scale as far as the rate allows, and return the state.

        now_s: the caller's clock [s]; after a jump, back or far ahead, the scale moves at most as
        far as in half a second.
        """
        at = self._settings
        passed_s = 0.0 if self._updated_s is None else now_s - self._updated_s
        passed_s = min(0.5, passed_s) if passed_s >= 0.0 else 0.0
        self._updated_s = now_s
        if self._evidence > 0.0:
            distance = self._log_target - math.log(self.state.scale)
            step = math.copysign(min(abs(distance), math.log1p(at.max_rate) * passed_s), distance)
            left = abs(distance - step)
            self.state = replace(
                self.state,
                scale=math.exp(math.log(self.state.scale) + step),
                phase=CONVERGED if left < math.log1p(at.steady_share) else CONVERGING,
            )
        return self.state

    def past(self) -> dict[str, Any]:
        """Return everything kept, as plain values; settings are not among it."""
        return {
            'state': asdict(self.state),
            'log_target': self._log_target,
            'evidence': self._evidence,
            'updated_s': self._updated_s,
            'seen_s': self._seen_s,
        }

    def restore(self, past: Mapping[str, Any]) -> None:
        """Continue from what `past` returned."""
        self.state = ScaleState(**past['state'])
        self._log_target, self._evidence = past['log_target'], past['evidence']
        self._updated_s, self._seen_s = past['updated_s'], past['seen_s']
