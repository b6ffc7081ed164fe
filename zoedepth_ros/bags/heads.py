"""Predict the images of a recording in turn: the head of each depends on those before it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zoedepth_ros.bags.frames import Frame
from zoedepth_ros.bags.plan import DepthOptions
from zoedepth_ros.geometry.canonical import OFF
from zoedepth_ros.inference.result import AUTO, DepthPredictor, DepthResult
from zoedepth_ros.pipeline.focal_correction import ThroughCamera
from zoedepth_ros.pipeline.head_policy import HeadPolicy


class Heads:
    """Choose the head of the next image, and ask the network with it."""

    def __init__(self, predictor: DepthPredictor, options: DepthOptions) -> None:
        self._mode, self._started = options.head, False
        self.forced = options.head != AUTO or len(predictor.heads) == 1
        """Whether the router has no say."""
        self._route = options.domain or not self.forced
        self._look = ThroughCamera(predictor, options.focal_correction)
        self._policy = HeadPolicy(predictor.heads, options.head)

    @property
    def requested(self) -> str:
        """The head of the next image; 'auto' for the first, whose router output decides."""
        return self._policy.head if self._started or self._mode != AUTO else AUTO

    @property
    def last_switch_s(self) -> float:
        """When the present head took over [s]."""
        return self._policy.last_switch_s or 0.0

    def leaves_out(self, frame: Frame) -> bool:
        """Tell whether an image gets no depth for want of a camera."""
        return frame.camera is None and self._look.correction(None) != OFF

    def leaves_uncorrected(self, frame: Frame) -> bool:
        """Tell whether depth stays that of the training camera for want of the image's."""
        return self._look.leaves_uncorrected(None if frame.camera is None else frame.camera.model)

    def predict(self, frame: Frame) -> DepthResult:
        """Ask the network; raises InferenceError."""
        camera = None if frame.camera is None else frame.camera.model
        return self._look(frame.rgb, camera, self.requested, route=self._route)

    def take(self, frame: Frame, result: DepthResult) -> None:
        """Go on to the next image."""
        self._started = True
        self._policy.update(result.router_probabilities, frame.time_s)

    def state(self) -> dict[str, Any]:
        """Give what the images so far have left, as plain values."""
        return self._policy.state()

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on after the image of which this was the state."""
        self._policy.restore(state)
        self._started = True
