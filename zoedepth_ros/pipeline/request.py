"""What is decided for one image before the network and known after it, and its prediction."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.geometry.camera import Camera
from zoedepth_ros.geometry.canonical import OFF, SCALE, WARP, focal_factor
from zoedepth_ros.geometry.ground import GroundFit
from zoedepth_ros.inference.result import AUTO, DepthPredictor, DepthResult, convention_of, metric
from zoedepth_ros.pipeline.outputs import (
    CAMERA_INFO,
    CLOUD_OUTPUTS,
    DEPTH_OUTPUTS,
    DOMAIN,
    SCAN,
    UNCERTAINTY,
)
from zoedepth_ros.pipeline.resumable import Resumable
from zoedepth_ros.pipeline.settings import PipelineSettings

# How much too early is still in time, in periods: 10 Hz out of a camera of 10 Hz with a jitter of
# some milliseconds must be 10 Hz.
_SLACK = 0.2


class RateLimiter(Resumable):
    """Limit a rate, whatever the clock does.

    Deadlines follow a grid, so that 20 Hz out of a 30 Hz camera is 20 on average and not 15.
    """

    KEPT = ('_rate_hz', '_next_s')

    def __init__(self, rate_hz: float = 0.0) -> None:
        """rate_hz: 0.0 sets no limit."""
        self._rate_hz = rate_hz
        self._next_s: float | None = None

    def set_rate(self, rate_hz: float) -> None:
        """Change the rate; the first deadline of the new rate is now."""
        if rate_hz != self._rate_hz:
            self._rate_hz = rate_hz
            self._next_s = None

    def is_due(self, now_s: float) -> bool:
        """Return whether it is time; changes nothing."""
        if self._rate_hz <= 0.0 or self._next_s is None:
            return True
        jumped_back = now_s < self._next_s - 2.0 / self._rate_hz
        return jumped_back or now_s >= self._next_s - _SLACK / self._rate_hz

    def take(self, now_s: float) -> None:
        """Record that it was done now, which sets the next deadline."""
        if self._rate_hz <= 0.0:
            return
        start_s, period_s = self._next_s, 1.0 / self._rate_hz
        if start_s is None or not start_s - _SLACK * period_s <= now_s < start_s + period_s:
            start_s = now_s  # not on the grid
        self._next_s = start_s + period_s


@dataclass(frozen=True, slots=True)
class OutputsDue:
    """Hold what one image is used for."""

    depth: frozenset[str] = frozenset()
    """Requested outputs at the depth rate; empty when not due."""

    clouds: frozenset[str] = frozenset()
    """Requested outputs at the cloud rate; empty when not due."""

    camera_info: bool = False
    """Whether depth/camera_info is due and requested; it needs no network."""

    router: bool = True
    """Whether it is time for the router."""

    domain: bool = False
    """Whether `domain` is due and requested."""

    depth_due: bool = True
    """Whether it is time for the outputs at the depth rate, requested or not."""

    cloud_due: bool = True
    """Whether it is time for clouds, requested or not."""

    def __bool__(self) -> bool:
        """Return whether there is anything to do."""
        return self.camera_info or self.needs_network

    @property
    def needs_network(self) -> bool:
        """Whether depth has to be predicted."""
        return bool(self.clouds or self.depth) or self.domain

    @property
    def needs_camera(self) -> bool:
        """Whether an output needs the camera's intrinsics."""
        return bool(self.clouds) or SCAN in self.depth

    def without_camera(self, *, depth: bool) -> OutputsDue:
        """Return what can be made without intrinsics; depth: whether depth itself can."""
        outputs = self.depth - {SCAN} if depth else frozenset()
        return replace(self, depth=outputs, clouds=frozenset())


def all_due(requested: Collection[str]) -> OutputsDue:
    """Return the outputs requested as due, whatever the rates."""
    names = frozenset(requested)
    return OutputsDue(
        depth=names & DEPTH_OUTPUTS,
        clouds=names & CLOUD_OUTPUTS,
        camera_info=CAMERA_INFO in names,
        domain=DOMAIN in names,
    )


def enabled(requested: frozenset[str], settings: PipelineSettings) -> frozenset[str]:
    """Return the outputs requested that the settings enable."""
    return requested if settings.scan_enabled else requested - {SCAN}


class Schedule(Resumable):
    """Keep the independent rates of depth, clouds and router."""

    KEPT = ('_depth', '_cloud', '_router')

    def __init__(self) -> None:
        self._depth, self._cloud, self._router = RateLimiter(), RateLimiter(), RateLimiter()

    def due(
        self, now_s: float, requested: frozenset[str], settings: PipelineSettings
    ) -> OutputsDue:
        """Return what an image that arrived now is used for; changes no deadline.

        now_s: the caller's clock, which may jump back.
        """
        self._depth.set_rate(settings.depth_rate_hz)
        self._cloud.set_rate(settings.cloud_rate_hz)
        self._router.set_rate(settings.router_rate_hz)
        depth, router = self._depth.is_due(now_s), self._router.is_due(now_s)
        cloud = self._cloud.is_due(now_s)
        return OutputsDue(
            depth=enabled(requested, settings) & DEPTH_OUTPUTS if depth else frozenset(),
            clouds=requested & CLOUD_OUTPUTS if cloud else frozenset(),
            camera_info=depth and CAMERA_INFO in requested,
            router=router,
            domain=router and DOMAIN in requested,
            depth_due=depth,
            cloud_due=cloud,
        )

    def done(self, due: OutputsDue, now_s: float) -> None:
        """Set the next deadlines after an image that arrived at now_s was used.

        Deadlines do not depend on what was requested: which images become clouds does not depend
        on the subscribers of other outputs.
        """
        if due.depth_due:
            self._depth.take(now_s)
        if due.cloud_due:
            self._cloud.take(now_s)
        if due.router:
            self._router.take(now_s)


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
    def depth_only(self) -> bool:
        """Whether no output that is due needs the uncertainty."""
        return not needs_uncertainty(self.settings, self.due.depth)

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
        sky = result.sky
        return replace(
            result,
            depth_m=warp.depth(result.depth_m),
            uncertainty_m=warp.values(result.uncertainty_m),
            relative_depth=warp.values(result.relative_depth),
            sky=None if sky is None else warp.values(sky.astype(np.float32)) >= 0.5,
            pack_cloud=None,  # which is in the pixels of the other image
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
    """The image, and what was decided for it."""

    result: DepthResult
    """Its depth in metres along z, before the factor; `pack_cloud` too."""

    camera: Camera
    """The camera of the image."""

    depth_m: NDArray[np.float32]
    """(H, W) scaled [m]: NaN where uncertain, +Inf where there is sky."""

    seen_m: NDArray[np.float32]
    """(H, W) scaled [m], before every filter."""

    factor: float
    """Factor by which depth was multiplied."""

    sky: NDArray[np.bool_] | None
    """(H, W) mask of the sky; None for none."""

    measured_to_m: float
    """Depth beyond which nothing is measured [m]: the head's range or depth.max."""

    network_width: int
    """Columns of the network's input [px]; the fewer, the wider its edges."""

    std_m: NDArray[np.float32] | None = None
    """Standard deviation of depth at every cloud.decimation-th row and column [m]; None where
    clouds do not have it."""

    fit: GroundFit | None = None
    """The ground plane that was fitted to find the sky; None when it was not."""

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
            f'router.mode {mode!r}: expected auto or a head of {predictor.model_name}: '
            f'{", ".join(predictor.heads)}'
        )
    found, correction = convention_of(predictor), settings.focal_correction
    corrects = correction in (SCALE, WARP)
    if settings.filter_max_uncertainty_m > 0.0 and not found.has_uncertainty:
        return (
            'filter.max_uncertainty must be 0.0, because the network gives no uncertainty (its '
            'contract has no section spread)'
        )
    if found.is_canonical and (corrects or settings.camera_training_hfov_rad > 0.0):
        name = f'focal_correction {correction}' if corrects else 'camera.training_hfov'
        return (
            f'{name} is not allowed, because the depth of this network is already corrected for '
            'the focal length (depth.kind canonical in its contract)'
        )
    if found.along_ray and correction == WARP:
        return (
            "focal_correction 'warp' is not allowed, because the depth of this network is along "
            'the ray (depth.along in its contract)'
        )
    if corrects and not (found.has_training_camera or settings.camera_training_hfov_rad):
        return (
            f'focal_correction {correction}: the training camera of this network is unknown: set '
            'camera.training_hfov, or depth.training_hfov_deg in the contract of the network'
        )
    return None


def needs_uncertainty(settings: PipelineSettings, outputs: Collection[str]) -> bool:
    """Tell whether these outputs, the filter or the clouds need the uncertainty."""
    limited = settings.filter_max_uncertainty_m > 0.0
    return limited or settings.cloud_uncertainty or UNCERTAINTY in outputs


def predict(predictor: DepthPredictor, request: Request) -> DepthResult:
    """Predict what one request asks for; raises what the predictor raises."""
    head = _head(predictor, request)
    return predictor(request.image(head), head, route=request.route, depth_only=request.depth_only)


def predict_batch(predictor: DepthPredictor, requests: Sequence[Request]) -> list[DepthResult]:
    """Predict what requests of several cameras ask for, together; see `predict`."""
    if len(requests) == 1:
        return [predict(predictor, requests[0])]
    heads = [_head(predictor, request) for request in requests]
    images = [request.image(head) for request, head in zip(requests, heads, strict=True)]
    routes = [request.route for request in requests]
    depth_only = all(request.depth_only for request in requests)
    return predictor.predict_batch(images, heads, routes=routes, depth_only=depth_only)


def _head(predictor: DepthPredictor, request: Request) -> str:
    return predictor(request.rgb, depth_only=True).head if request.needs_head else request.head
