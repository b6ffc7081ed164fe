"""What is known of one image before and after the network, and the calls that predict it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.geometry.camera import Camera
from zoedepth_ros.geometry.canonical import OFF, SCALE, WARP, focal_factor
from zoedepth_ros.geometry.ground import GroundFit
from zoedepth_ros.inference.result import (
    AUTO,
    BatchPredictor,
    DepthPredictor,
    DepthResult,
    DeviceDepth,
    convention_of,
    metric,
)
from zoedepth_ros.pipeline.outputs_due import OutputsDue
from zoedepth_ros.pipeline.settings import PipelineSettings


@dataclass(frozen=True, slots=True)
class Request:
    """Hold one image with everything that was decided before its depth is predicted."""

    rgb: NDArray[np.uint8]
    """The image, (H, W, 3)."""

    camera: Camera | None
    """The camera of the image; None if unknown."""

    due: OutputsDue
    """The outputs to make."""

    settings: PipelineSettings
    """The settings that hold for this image until its outputs are made."""

    now_s: float
    """When the image arrived, on the caller's clock [s]."""

    head: str
    """The head to measure with, or 'auto' for the router's choice."""

    route: bool
    """Whether the router has to run."""

    correction: str
    """What is done about the focal length: 'off', 'scale' or 'warp'."""

    training_hfov_rad: float
    """Horizontal field of view of the training camera [rad]; 0.0 for the data sets' cameras."""

    focal_exponent: float
    """Exponent of the ratio of focal lengths, as the weights say."""

    @property
    def is_warped(self) -> bool:
        """Whether the network gets the image that its training camera would have taken."""
        return self.correction == WARP and self.camera is not None

    @property
    def needs_head(self) -> bool:
        """Whether the head has to be known before `image`: it has its own training camera."""
        return self.is_warped and self.head == AUTO

    def image(self, head: str) -> NDArray[np.uint8]:
        """Return the image to show the network when it measures with this head."""
        if not self.is_warped:
            return self.rgb
        assert self.camera is not None
        return self.camera.warp(head, self.training_hfov_rad).image(self.rgb)

    def in_own_camera(self, result: DepthResult) -> DepthResult:
        """Return a prediction in metres along z, in the pixels of `rgb`."""
        if self.camera is None:
            return result
        if not self.is_warped:
            inner = self.camera.model.intrinsics
            return metric(
                result, fx_px=inner.fx_px, fy_px=inner.fy_px, cosines=self.camera.cosines
            )
        warp = self.camera.warp(result.head, self.training_hfov_rad)
        return replace(
            result,
            depth_m=warp.depth(result.depth_m),
            uncertainty_m=warp.values(result.uncertainty_m),
            relative_depth=warp.values(result.relative_depth),
            on_device=None,  # which is in the pixels of the other image
        )

    def focal_factor(self, head: str) -> float:
        """Return the factor on depth for the camera's focal length."""
        if self.camera is None or self.correction != SCALE:
            return 1.0
        return focal_factor(
            self.camera.model.intrinsics,
            head,
            training_hfov_rad=self.training_hfov_rad,
            exponent=self.focal_exponent,
        )


@dataclass(frozen=True, slots=True)
class FrameContext:
    """Hold one image of a known camera while its outputs are made."""

    request: Request
    """The image, its camera, and what was decided before its depth was predicted."""

    depth_m: NDArray[np.float32]
    """(H, W) scaled [m]: NaN where uncertain, +Inf where there is sky."""

    seen_m: NDArray[np.float32]
    """(H, W) scaled [m], before every filter."""

    head: str
    """The head that measured the depth."""

    factor: float
    """Factor by which depth was multiplied."""

    sky: NDArray[np.bool_] | None
    """(H, W) mask of the sky; None for none."""

    on_device: DeviceDepth | None
    """The same depth before the factor, on the device; None where that is the CPU."""

    range_m: float
    """Largest depth that the network measures, times the factor [m]."""

    network_width: int
    """Columns of the network's input [px]; the fewer, the wider its edges."""

    std_m: NDArray[np.float32] | None = None
    """Standard deviation of depth at every cloud.decimation-th row and column [m]; None where
    clouds do not have it."""

    fit: GroundFit | None = None
    """The ground plane that was fitted to find the sky; None when it was not."""

    @property
    def camera(self) -> Camera:
        """The camera of the image."""
        assert self.request.camera is not None
        return self.request.camera

    @property
    def measured_to_m(self) -> float:
        """Depth beyond which nothing is measured [m]: the head's range or depth.max."""
        return measured_to_m(self.request.settings, self.range_m)

    @property
    def shown_to_m(self) -> float:
        """Depth beyond which depth/points has no points [m]; rays do not end there."""
        return min(self.request.settings.cloud_max_range_m or np.inf, self.measured_to_m)


def measured_to_m(settings: PipelineSettings, head_range_m: float) -> float:
    """Return the depth beyond which nothing is measured [m].

    head_range_m: largest depth in the head's training data.
    """
    return min(settings.depth_max_m or np.inf, head_range_m)


def correction_in_use(configured: str, training_hfov_rad: float, *, camera_known: bool) -> str:
    """Resolve the configured correction to 'off', 'scale' or 'warp'.

    'auto' scales if both cameras are known: the training camera (training_hfov_rad above 0.0) and
    the camera of the image (camera_known).
    """
    if configured != AUTO:
        return configured
    return SCALE if training_hfov_rad > 0.0 and camera_known else OFF


def why_unfit(settings: PipelineSettings, predictor: DepthPredictor) -> str | None:
    """Return why settings do not fit the heads and the depth of a predictor, or None."""
    mode = settings.router_mode
    if mode not in (AUTO, *predictor.heads):
        return (
            f'router.mode {mode!r}: {predictor.model_name} has only {", ".join(predictor.heads)}'
        )
    found, correction = convention_of(predictor), settings.focal_correction
    corrects = correction in (SCALE, WARP)
    if settings.filter_max_uncertainty_m > 0.0 and not found.has_uncertainty:
        return 'filter.max_uncertainty: the network gives no uncertainty (spread in its contract)'
    if found.is_canonical and (corrects or settings.camera_training_hfov_rad > 0.0):
        name = f'focal_correction {correction}' if corrects else 'camera.training_hfov'
        return f'{name}: the depth of this network follows the focal length by its contract'
    if found.along_ray and correction == WARP:
        return 'focal_correction warp: the depth of this network is along the ray'
    if corrects and not (found.has_training_camera or settings.camera_training_hfov_rad):
        return (
            f'focal_correction {correction}: the training camera of this network is unknown '
            '(training_hfov_deg in its contract, camera.training_hfov)'
        )
    return None


def predict(predictor: DepthPredictor, request: Request) -> DepthResult:
    """Predict what one request asks for; raises what the predictor raises."""
    head = _head(predictor, request)
    return predictor(request.image(head), head, route=request.route)


def predict_batch(predictor: BatchPredictor, requests: Sequence[Request]) -> list[DepthResult]:
    """Predict what requests of several cameras ask for, together; see `predict`."""
    if len(requests) == 1:
        return [predict(predictor, requests[0])]
    heads = [_head(predictor, request) for request in requests]
    images = [request.image(head) for request, head in zip(requests, heads, strict=True)]
    routes = [request.route for request in requests]
    return predictor.predict_batch(images, heads, routes=routes)


def _head(predictor: DepthPredictor, request: Request) -> str:
    return predictor(request.rgb).head if request.needs_head else request.head
