"""What to do with a frame: who listens, and what is due at its rate."""

from __future__ import annotations

from dataclasses import dataclass, replace

from zoedepth_ros.messages.compressed import COLOR_TOPIC, DEPTH_TOPIC
from zoedepth_ros.pipeline.rates import RateLimiter
from zoedepth_ros.ros.parameters import NodeSettings

DEPTH_TOPICS = frozenset(
    {'depth/image', 'depth/uncertainty', 'depth/color', 'scan', DEPTH_TOPIC, COLOR_TOPIC}
)
SPLIT_TOPICS = frozenset(
    {'depth/points/ground', 'depth/points/obstacles', 'depth/points/clearing'}
)


@dataclass(frozen=True, slots=True)
class Plan:
    """Say what one frame is for."""

    depth_topics: frozenset[str]
    """Topics at the depth rate that somebody listens to; empty when not due."""

    camera_info: bool
    """Whether depth/camera_info is due and listened to; it needs no network."""

    cloud: bool
    """Whether a cloud is due and listened to."""

    split_topics: frozenset[str]
    """Topics of ground, obstacles and free rays that are due and listened to."""

    router: bool
    """Whether the router is to be asked."""

    domain: bool
    """Whether `domain` is to be published."""

    depth_due: bool = True
    """Whether it is time for the topics at the depth rate, whoever subscribes."""

    cloud_due: bool = True
    """Whether it is time for clouds, whoever subscribes."""

    def __bool__(self) -> bool:
        """Tell whether there is anything to do."""
        return self.camera_info or self.needs_network

    @property
    def needs_network(self) -> bool:
        """Tell whether the depth of the picture has to be known."""
        return self.needs_points or bool(self.depth_topics) or self.domain

    @property
    def needs_points(self) -> bool:
        """Tell whether any cloud is wanted."""
        return self.cloud or bool(self.split_topics)

    def without_camera(self, *, depth: bool) -> Plan:
        """Give what can be done without intrinsics; depth: whether depth itself needs none."""
        topics = self.depth_topics - {'scan'} if depth else frozenset()
        return replace(self, depth_topics=topics, cloud=False, split_topics=frozenset())


def wanted(subscribed: frozenset[str], settings: NodeSettings) -> frozenset[str]:
    """Give the topics with subscribers that the settings let the node publish."""
    return subscribed if settings.scan_enabled else subscribed - {'scan'}


class Schedule:
    """Keep the independent rates of depth, cloud and router."""

    def __init__(self) -> None:
        self._depth, self._cloud, self._router = RateLimiter(), RateLimiter(), RateLimiter()

    def plan(self, now_s: float, listened: frozenset[str], settings: NodeSettings) -> Plan:
        """Decide what a frame that arrived now is for; changes no deadline.

        now_s: the node's clock, which may jump back.
        """
        self._depth.set_rate(settings.depth_rate_hz)
        self._cloud.set_rate(settings.cloud_rate_hz)
        self._router.set_rate(settings.router_rate_hz)
        topics = wanted(listened, settings) & DEPTH_TOPICS
        depth, router = self._depth.is_due(now_s), self._router.is_due(now_s)
        cloud = self._cloud.is_due(now_s)
        return Plan(
            depth_topics=topics if depth else frozenset(),
            camera_info=depth and 'depth/camera_info' in listened,
            cloud=cloud and 'depth/points' in listened,
            split_topics=listened & SPLIT_TOPICS if cloud else frozenset(),
            router=router,
            domain=router and 'domain' in listened,
            depth_due=depth,
            cloud_due=cloud,
        )

    def done(self, plan: Plan, now_s: float) -> None:
        """Set the next deadlines after a frame that arrived at now_s was worked on.

        Whoever subscribes: which images become clouds does not depend on other subscribers.
        """
        if plan.depth_due:
            self._depth.take(now_s)
        if plan.cloud_due:
            self._cloud.take(now_s)
        if plan.router:
            self._router.take(now_s)
