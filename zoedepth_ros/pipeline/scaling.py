"""The factor on all depth of one camera: parameters, calibration, focal length, flicker."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.geometry.depth_shape import DepthShape, fit_shape
from zoedepth_ros.geometry.ground import Ground
from zoedepth_ros.geometry.scale import (
    HIGHEST_SCALE,
    LOWEST_SCALE,
    DepthPairs,
    ScaleEstimate,
    robust_scale,
    scale_from_height,
)
from zoedepth_ros.inference.result import DepthResult
from zoedepth_ros.pipeline.flicker_filter import FlickerFilter
from zoedepth_ros.pipeline.resumable import Resumable
from zoedepth_ros.pipeline.scale_file import (
    CONVERGED,
    CONVERGING,
    ScaleState,
    load_scales,
    save_scales,
)
from zoedepth_ros.pipeline.settings import PipelineSettings

NEGLIGIBLE = 1e-3
"""A smaller logarithm of the factor everywhere is no shape."""

FEW = 5
"""Fewer ratios of one image than this are combined with those of earlier images."""


FADE_TIME_S = 3.0
"""Time constant with which the shape fades without points [s]."""

STEADY_SHARE = 0.03
"""An applied scale that is this near to the target has converged."""


class TrackerSettings(NamedTuple):
    """How much evidence of a scale counts."""

    memory_s: float = 20.0
    """Time constant with which the weight of old estimates decays [s]."""

    min_confidence: float = 0.3
    """Estimates with less confidence are ignored."""


DEFAULT = TrackerSettings()
MOTION = TrackerSettings(memory_s=0.3, min_confidence=0.1)
"""For estimates of every image, which show how the network's scale changes while moving."""


class ScaleTracker(Resumable, holds=(ScaleState,)):
    """Follow estimates of one head's scale.

    The target is a mean of logarithms, weighted by confidence and decaying with age; an estimate
    far from many others has less weight.
    """

    KEPT = ('state', '_log_target', '_evidence', '_updated_s', '_seen_s')

    def __init__(self, start: ScaleState | None = None) -> None:
        """start: a saved state to continue from."""
        self.settings = DEFAULT
        self.state = ScaleState() if start is None else start
        self._log_target = math.log(self.state.target)
        self._evidence = self.state.confidence * self.settings.memory_s
        self._updated_s: float | None = None
        self._seen_s: float | None = None

    def observe(self, estimate: ScaleEstimate | None, now_s: float) -> None:
        """Add an estimate; None and estimates of low confidence are ignored."""
        at = self.settings
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

    def advance(self, now_s: float, max_rate: float) -> ScaleState:
        """Move the applied scale towards the target, and return the state.

        now_s: the caller's clock [s]; after a jump, back or far ahead, the scale moves at most as
        far as in half a second.  max_rate: largest change, as a share of the scale per second.
        """
        passed_s = 0.0 if self._updated_s is None else now_s - self._updated_s
        passed_s = min(0.5, passed_s) if passed_s >= 0.0 else 0.0
        self._updated_s = now_s
        if self._evidence > 0.0:
            distance = self._log_target - math.log(self.state.scale)
            step = math.copysign(min(abs(distance), math.log1p(max_rate) * passed_s), distance)
            left = abs(distance - step)
            self.state = replace(
                self.state,
                scale=math.exp(math.log(self.state.scale) + step),
                phase=CONVERGED if left < math.log1p(STEADY_SHARE) else CONVERGING,
            )
        return self.state


@dataclass(frozen=True, slots=True)
class ScaleReport:
    """Hold the scale of the head in use."""

    applied: float
    """Factor on depth at the last image, everything together."""

    state: ScaleState
    """State of the calibration."""

    ground: Ground | None
    """Ground plane used last."""

    note: str = ''
    """What the scale is measured by, or why it is not, in words; '' for nothing to say."""


class Scaling(Resumable, holds=(DepthShape,)):
    """Keep one scale per head, and give the factor on each depth map."""

    KEPT = (
        *('_trackers', '_flicker_filter', '_applied', '_calibrated', '_head', '_few', 'shape'),
        '_shaped_s',
    )

    def __init__(self, heads: tuple[str, ...], settings: PipelineSettings) -> None:
        """Read scale.file; raises ValueError or OSError saying what is wrong with it."""
        path = settings.scale_file
        known = load_scales(Path(path).expanduser(), heads) if path else {}
        self._trackers = {head: ScaleTracker(known.get(head)) for head in heads}
        self._flicker_filter = FlickerFilter()
        self._applied = self._calibrated = 1.0
        self._head = heads[0]
        self._few: deque[float] = deque(maxlen=40)
        self.shape: DepthShape | None = None
        """Factors on depth beyond the one of `factor`; None for nothing."""
        self.notice = ''
        """Why the reference gives no scale, in words; '' if it does."""
        self._shaped_s: float | None = None

    def report(self, ground: Ground | None, note: str = '') -> ScaleReport:
        """Return the present scale; ground: the plane used last.  note: how it is measured."""
        shape = self.shape  # read once: another thread may replace it
        if shape is not None:
            change = float(np.abs(shape.logs).max())
            note += f'; scale.shape corrects depth by up to {100.0 * math.expm1(change):.0f} %'
        state = self._trackers[self._head].state
        return ScaleReport(self._applied, state, ground, note.removeprefix('; '))

    def factor(
        self,
        result: DepthResult,
        rgb: NDArray[np.uint8],
        settings: PipelineSettings,
        now_s: float,
        *,
        focal_factor: float = 1.0,
    ) -> float:
        """Return the factor on this image's depth.

        focal_factor: that of the camera's focal length.
        """
        if result.head != self._head:
            self._few.clear()
        if result.head != self._head or settings.scale_shape == 'factor':
            self.shape, self._shaped_s = None, None
        self._head = result.head
        tracker = self._trackers[result.head]
        by_motion = settings.scale_source == 'motion'
        tracker.settings = MOTION if by_motion else DEFAULT
        calibrated = tracker.advance(now_s, settings.scale_max_rate).scale
        factor = settings.depth_scale * calibrated * focal_factor
        flicker_filter, held = self._flicker_filter, 1.0
        flicker_filter.hold = settings.filter_flicker
        flicker_filter.handover_s = settings.router_handover_s
        if flicker_filter.hold or flicker_filter.handover_s > 0.0:
            scaled_m = result.depth_m * np.float32(factor)
            held = flicker_filter.factor(scaled_m, rgb, result.head, now_s)
        self._calibrated = calibrated * held
        self._applied = factor * held
        return self._applied

    def observe_ground(
        self, ground: Ground | None, settings: PipelineSettings, now_s: float
    ) -> None:
        """Use the fitted height of the camera as evidence, when the true one is known.

        ground: fitted to points that were scaled by the last factor.
        """
        found = scale_from_height(ground, settings.camera_height_m)
        if found is None:
            return
        without = replace(found, scale=found.scale * self._calibrated)
        self._trackers[self._head].observe(without, now_s)

    def observe_ratios(self, ratios: NDArray[np.floating], now_s: float) -> None:
        """Use true over measured distances of another sensor as evidence, (n,).

        The measured ones were scaled by the last factor.  Ratios of a sensor that gives one at a
        time are combined with its last ones.
        """
        if not len(ratios):
            return
        scales = ratios * self._calibrated
        if len(ratios) < FEW:
            self._few.extend(float(scale) for scale in scales)
            scales = np.array(self._few)
        found = robust_scale(scales, weight=1.0 if len(ratios) >= FEW else 2.0)
        self._trackers[self._head].observe(found, now_s)
        self.notice = ''
        if found is None:
            self.notice = (
                f'the distances of scale.source are {np.median(scales):.3g} times the depth, '
                f'expected {LOWEST_SCALE:g} to {HIGHEST_SCALE:g}, and are ignored: check that '
                'the distances are in metres'
            )

    def observe_shape(self, pairs: DepthPairs, size: tuple[int, ...], now_s: float) -> None:
        """Correct the shape by depth of another sensor; without its points the shape fades.

        pairs: measured depth times the last factor.  size: height and width of the image.  A shape
        belongs to its image: a mean with those of earlier images would be worse while moving.
        """
        passed_s = 1.0 if self._shaped_s is None else min(1.0, max(0.0, now_s - self._shaped_s))
        self._shaped_s = now_s
        if len(pairs.true_m):
            found = fit_shape(pairs.scaled(1.0 / self._applied), *size[:2])
            self.shape = None if found is None else found.times(1.0 / self._applied)
        elif self.shape is not None:
            faded = self.shape.faded(math.exp(-passed_s / FADE_TIME_S))
            self.shape = faded if np.abs(faded.logs).max() > NEGLIGIBLE else None

    def save(self, path: str) -> str:
        """Write the scales of all heads that have any evidence, and return the name of the file.

        Raises ValueError when there is nothing to write or nowhere to write it.
        """
        if not path:
            raise ValueError(
                'scale.file is empty: set scale.file to the path of the file that the scale is '
                'saved in'
            )
        states = {h: t.state for h, t in self._trackers.items() if t.state.confidence > 0.0}
        if not states:
            raise ValueError(
                'nothing is written, because no scale has been estimated yet: the node estimates '
                'the scale if scale.source is not off and an output has a subscriber'
            )
        target = Path(path).expanduser()
        save_scales(target, states)
        return str(target)
