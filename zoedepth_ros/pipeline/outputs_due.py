"""Which outputs an image is used for: those requested whose rate allows it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from zoedepth_ros.pipeline.outputs import (
    CAMERA_INFO,
    CLOUD_OUTPUTS,
    DEPTH_OUTPUTS,
    DOMAIN,
    SCAN,
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
        period_s = 1.0 / self._rate_hz
        on_grid = self._next_s is not None and (
            self._next_s - _SLACK * period_s <= now_s < self._next_s + period_s
        )
        self._next_s = (self._next_s if on_grid and self._next_s is not None else now_s) + period_s


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
