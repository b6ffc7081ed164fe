"""The factor on every depth: parameters, calibration, steadiness; pure, knows no message."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.geometry.canonical import correction_in_use, focal_factor
from zoedepth_ros.geometry.ground import Ground
from zoedepth_ros.geometry.scale import robust_scale, scale_from_height
from zoedepth_ros.inference.result import DepthResult
from zoedepth_ros.pipeline.flicker_filter import FlickerFilter, FlickerSettings
from zoedepth_ros.pipeline.scale_file import load_scales, save_scales
from zoedepth_ros.pipeline.scale_tracker import ScaleState, ScaleTracker
from zoedepth_ros.ros.camera import Camera
from zoedepth_ros.ros.parameters import NodeSettings


@lru_cache(maxsize=16)  # asked for every picture, and the answer seldom changes
def with_focal(
    settings: NodeSettings, weights_hfov_rad: float, *, camera_known: bool
) -> NodeSettings:
    """Settle what focal_correction 'auto' and camera.training_hfov 0.0 stand for.

    weights_hfov_rad: field of view of the training camera as the weights say, 0.0 for unknown.
    """
    hfov_rad = settings.camera_training_hfov_rad or weights_hfov_rad
    used = correction_in_use(settings.focal_correction, hfov_rad, camera_known=camera_known)
    if (used, hfov_rad) == (settings.focal_correction, settings.camera_training_hfov_rad):
        return settings
    return replace(settings, focal_correction=used, camera_training_hfov_rad=hfov_rad)


FEW = 5
"""Fewer ratios than this at a time are gathered first."""


@dataclass(frozen=True, slots=True)
class ScaleReport:
    """Hold what is said about the scale of the head in use."""

    applied: float
    """Factor on depth at the last picture, everything together."""

    state: ScaleState
    """Where the calibration is."""

    ground: Ground | None
    """Ground plane found last."""


class Scaling:
    """Keep one scale per head, and say what every depth map is multiplied by."""

    def __init__(self, heads: tuple[str, ...], settings: NodeSettings) -> None:
        """Read scale.file; raises ValueError or OSError saying what is wrong with it."""
        path = settings.scale_file
        known = load_scales(Path(path).expanduser()) if path else {}
        self._trackers = {head: ScaleTracker(start=known.get(head)) for head in heads}
        self._flicker_filter: FlickerFilter | None = None
        self._flicker_settings: FlickerSettings | None = None
        self._applied = self._calibrated = 1.0
        self._head = heads[0]
        self.focal_exponent = 1.0
        """Exponent of the ratio of focal lengths, as the weights say."""
        self._few: deque[float] = deque(maxlen=40)

    @property
    def head(self) -> str:
        """The head of the last picture."""
        return self._head

    def report(self, ground: Ground | None) -> ScaleReport:
        """Say where the scale is."""
        return ScaleReport(self._applied, self._trackers[self._head].state, ground)

    def factor(
        self,
        result: DepthResult,
        rgb: NDArray[np.uint8],
        camera: Camera | None,
        settings: NodeSettings,
        now_s: float,
    ) -> float:
        """Give the factor on this picture's depth."""
        if result.head != self._head:
            self._few.clear()
        self._head = result.head
        tracker = self._trackers[result.head]
        tracker.limit_rate(settings.scale_max_rate)
        calibrated = tracker.advance(now_s).scale
        factor = settings.depth_scale * calibrated
        if camera is not None and settings.focal_correction == 'scale':
            hfov_rad = settings.camera_training_hfov_rad
            factor *= focal_factor(
                camera.model.intrinsics,
                result.head,
                training_hfov_rad=hfov_rad,
                exponent=self.focal_exponent,
            )
        flicker_filter = self._flicker_filter_for(settings)
        held = 1.0
        if flicker_filter is not None:
            held = flicker_filter.factor(
                result.depth_m * np.float32(factor), rgb, result.head, now_s
            )
        self._calibrated = calibrated * held
        self._applied = factor * held
        return self._applied

    def observe_ground(self, ground: Ground | None, settings: NodeSettings, now_s: float) -> None:
        """Take the fitted height of the camera as evidence, when the true one is known.

        ground: fitted to points that were scaled by the last factor.
        """
        found = scale_from_height(ground, settings.camera_height_m)
        if found is None:
            return
        without = replace(found, scale=found.scale * self._calibrated)
        self._trackers[self._head].observe(without, now_s)

    def observe_ratios(self, ratios: NDArray[np.floating], now_s: float) -> None:
        """Take true over measured distances of another sensor as evidence, (n,).

        The measured ones were scaled by the last factor.  A sensor that gives one ratio at a time
        is heard together with its last ones.
        """
        scales = ratios * self._calibrated
        if len(ratios) < FEW:
            self._few.extend(float(scale) for scale in scales)
            scales = np.array(self._few)
        found = robust_scale(scales, weight=1.0 if len(ratios) >= FEW else 2.0)
        if len(ratios):
            self._trackers[self._head].observe(found, now_s)

    def save(self, path: str) -> str:
        """Write the scales of all heads that have any evidence; gives the file's name.

        Raises ValueError when there is nothing to write or nowhere to write it.
        """
        if not path:
            raise ValueError('scale.file is empty: set it to where the scale is to be kept')
        states = {h: t.state for h, t in self._trackers.items() if t.state.confidence > 0.0}
        if not states:
            raise ValueError(
                'no scale is known yet: nothing is written; it is measured while an output has a '
                'subscriber'
            )
        target = Path(path).expanduser()
        save_scales(target, states)
        return str(target)

    def _flicker_filter_for(self, settings: NodeSettings) -> FlickerFilter | None:
        """Give the filter for these settings, or None when it has nothing to do."""
        if not settings.filter_flicker and settings.router_handover_s <= 0.0:
            self._flicker_filter, self._flicker_settings = None, None
            return None
        wanted = FlickerSettings(
            hold=settings.filter_flicker, handover_s=settings.router_handover_s
        )
        if self._flicker_filter is None or wanted != self._flicker_settings:
            self._flicker_filter, self._flicker_settings = FlickerFilter(wanted), wanted
        return self._flicker_filter
