"""Work on one frame, from message to messages; runs in the inference thread."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rclpy.clock import Clock
from rclpy.time import Time
from sensor_msgs.msg import CompressedImage

from zoedepth_ros.inference.head_policy import HeadPolicy
from zoedepth_ros.inference.result import AUTO, DepthPredictor, DepthResult

from .camera import Camera, CameraKeeper, CameraUnknown
from .conversions import ConversionError, rgb_from_compressed, rgb_from_image
from .degrade import DegradingPredictor
from .frames import Frames
from .outputs import Outputs, domain
from .parameters import NodeSettings
from .publishers import Publishers
from .references import References
from .scaling import ScaleReport, Scaling, with_focal
from .schedule import Plan, Schedule
from .stamps import StampOrder
from .statistics import Statistics

TOO_OLD = 'too old'
TOO_NEW = 'stamp in the future'
BEHIND = 'out of order'
TIME_WENT_BACK = 'time went back'
SUPERSEDED = 'superseded by a newer picture'
FAILED = 'inference failed'


@dataclass(frozen=True, slots=True)
class Frame:
    """Hold a picture as it came in."""

    msg: Any
    """Image or CompressedImage."""

    arrived_s: float
    """When it came, in the node's clock [s]; may jump back."""

    arrived_monotonic_s: float
    """When it came, in time.monotonic [s]."""


class FrameProcessor:
    """Convert, predict, filter, publish: everything between a frame and its outputs."""

    def __init__(
        self,
        predictor: DepthPredictor,
        publishers: Publishers,
        statistics: Statistics,
        settings: Callable[[], NodeSettings],
        clock: Clock,
        warn: Callable[[str], None],
    ) -> None:
        """settings: gives the present ones; asked once per frame, so that none is torn."""
        self.predictor = predictor
        self._camera_keeper = CameraKeeper(topic_is_rectified=False)
        self.network_size = (0, 0)
        self._publishers, self._statistics = publishers, statistics
        self._settings, self._clock, self._warn = settings, clock, warn
        self._scaling = Scaling(predictor.heads, settings())
        self._schedule, self._outputs = Schedule(), Outputs(self._scaling, self.drop)
        self._order = StampOrder()
        self._policy = HeadPolicy(predictor.heads)
        self._started = False
        self._camera_assumed = self._camera_lacks = False
        self._busy = threading.Lock()

    @property
    def head(self) -> str:
        """The head in use; '' before the first picture."""
        return self._policy.head if self._started else ''

    @property
    def scale(self) -> ScaleReport:
        """Where the metric scale is."""
        return self._scaling.report(self._outputs.surroundings.ground)

    def save_scale(self) -> str:
        """Write the scales to scale.file and give its name; raises ValueError or OSError."""
        return self._scaling.save(self._settings().scale_file)

    @property
    def router_probabilities(self) -> dict[str, float]:
        """The running mean of the router's verdicts; {} before the first."""
        return self._policy.smoothed

    @property
    def is_router_uncertain(self) -> bool:
        """Whether the verdicts are so close that the head is kept."""
        shares = sorted(self._policy.smoothed.values())
        return len(shares) > 1 and shares[-1] - shares[-2] < self._settings().router_hysteresis

    @property
    def notices(self) -> tuple[str, ...]:
        """What is not as it should be, in words."""
        told = self.predictor.notices if isinstance(self.predictor, DegradingPredictor) else ()
        if self._outputs.lacks_up:
            base = self._settings().camera_base_frame
            told = (*told, f'TF does not tell where {base} is: camera.pitch is taken instead')
        if self._camera_lacks:
            seen = 'depth is as through the training camera, its scale is a guess'
            return (*told, f'no usable camera_info and no camera.hfov: {seen}')
        if not self._camera_assumed:
            return told
        hfov_rad = self._settings().camera_hfov_rad
        return (*told, f'no usable camera_info: camera.hfov {hfov_rad:.3g} rad is assumed')

    @property
    def has_failed(self) -> bool:
        """Whether the network is out of service until somebody asks for recovery."""
        return isinstance(self.predictor, DegradingPredictor) and self.predictor.failed

    def recover(self) -> bool:
        """Ask for the network as it was asked for; False when nothing lacks."""
        return isinstance(self.predictor, DegradingPredictor) and self.predictor.recover()

    def follow(
        self,
        camera_keeper: CameraKeeper,
        references: References | None = None,
        frames: Frames | None = None,
    ) -> None:
        """Take intrinsics, distances to compare with and where up is from here from now on."""
        self._camera_keeper = camera_keeper
        self._outputs.references, self._outputs.frames = references, frames

    def drop(self, reason: str, message: str) -> None:
        """Count what cannot be published and warn about it now and then."""
        if self._statistics.note_drop(reason):
            self._warn(f'{message} (dropped, more of the same are counted in ~/status)')

    def process(self, frame: Frame) -> None:
        """Turn one frame into whatever is due and listened to."""
        with self._busy:  # a thread that outlived its deactivation may still be inside
            settings = self._settings()
            plan = self._schedule.plan(frame.arrived_s, self._publishers.listened(), settings)
            if not plan or not self._is_fresh(frame, settings):
                return
            waited_s = time.monotonic() - frame.arrived_monotonic_s
            self._statistics.stages_ms['wait'].add(1e3 * waited_s)
            try:
                with self._statistics.stage('decode'):
                    rgb = _decode(frame.msg)
            except ConversionError as error:
                self.drop(error.reason, str(error))
                return
            self._schedule.done(plan, frame.arrived_s)
            camera = self._camera(plan, rgb, settings)
            settings = self._settled(settings, camera)
            if camera is None:
                plan = plan.without_camera(depth=settings.focal_correction == 'off')
            elif plan.camera_info:
                self._publishers.send('depth/camera_info', camera.info(frame.msg.header))
            if plan.needs_network:
                result = self._predict(rgb, plan, camera, settings)
                if self._is_of_now(frame):
                    self._route(plan, frame, result)
                    self._publish(plan, frame, rgb, result, camera, settings)

    def _is_fresh(self, frame: Frame, settings: NodeSettings) -> bool:
        age_s, limit_s = self._age_s(frame), settings.max_frame_age_s
        if 0.0 < limit_s < age_s:
            message = (
                f'the picture is {age_s:.3g} s old, max_frame_age is {limit_s} s; with a bag set '
                'use_sim_time, with two machines synchronise their clocks'
            )
            self.drop(TOO_OLD, message)
            return False
        if 0.0 < limit_s < -age_s:
            message = (
                f"the picture's stamp is {-age_s:.3g} s ahead of the clock, max_frame_age is "
                f'{limit_s} s; with use_sim_time somebody must publish /clock'
            )
            self.drop(TOO_NEW, message)
            return False
        return self._is_in_order(frame, limit_s)

    def _is_in_order(self, frame: Frame, max_age_s: float) -> bool:
        verdict = self._order.judge(stamp_s(frame.msg), frame.arrived_s, max_age_s)
        if verdict == 'behind':
            self.drop(BEHIND, 'a picture is not newer than the one before it')
        elif verdict == 'restart' and self._statistics.note_restart():
            self._warn('time went back, as in a bag that loops: the stream begins anew')
        return verdict != 'behind'

    def _is_of_now(self, frame: Frame) -> bool:
        """Tell whether time did not go back while the frame was worked on."""
        if 1e-9 * self._clock.now().nanoseconds >= frame.arrived_s:
            return True
        self.drop(TIME_WENT_BACK, 'time went back while a picture was worked on')
        return False

    def _age_s(self, frame: Frame) -> float:
        return 1e-9 * (self._clock.now() - stamp_of(frame.msg, self._clock)).nanoseconds

    def _predict(
        self, rgb: NDArray[np.uint8], plan: Plan, camera: Camera | None, settings: NodeSettings
    ) -> DepthResult:
        policy = self._policy
        policy.configure(
            mode=settings.router_mode,
            smoothing=settings.router_smoothing,
            hysteresis=settings.router_hysteresis,
            min_dwell_s=settings.router_min_dwell_s,
        )
        head = policy.head if self._is_forced() or self._started else AUTO
        route = plan.router and (plan.domain or not self._is_forced())
        with self._network_stages():
            result = self._measured(rgb, head, camera, settings, route=route)
        self.network_size = self.predictor.network_size(*rgb.shape[:2])
        self._outputs.network_width = self.network_size[1]
        self._started = True
        return result

    @contextmanager
    def _network_stages(self) -> Iterator[None]:
        """Measure the network, without the way to it where the predictor knows that."""
        start_s = time.monotonic()
        yield
        took_ms, before_ms = 1e3 * (time.monotonic() - start_s), self.predictor.preprocess_ms
        if math.isfinite(before_ms):
            self._statistics.stages_ms['preprocess'].add(before_ms)
            took_ms -= before_ms
        self._statistics.stages_ms['network'].add(took_ms)

    def _route(self, plan: Plan, frame: Frame, result: DepthResult) -> None:
        verdict = result.router_probabilities
        self._policy.update(verdict, frame.arrived_s)
        if verdict:
            self._statistics.rates['router'].add(time.monotonic())
        if plan.domain:
            msg = domain(frame.msg.header, self._policy, verdict, forced=self._is_forced())
            self._publishers.send('domain', msg)

    def _is_forced(self) -> bool:
        return self._policy.mode != AUTO or len(self.predictor.heads) == 1

    def _measured(
        self,
        rgb: NDArray[np.uint8],
        head: str,
        camera: Camera | None,
        settings: NodeSettings,
        *,
        route: bool,
    ) -> DepthResult:
        """Ask the network, through the training camera's eyes when that is wished."""
        if settings.focal_correction != 'warp' or camera is None:
            return self.predictor(rgb, head, route=route)
        if head == AUTO:  # which training camera depends on the head
            head = self.predictor(rgb, head).head
        warp = camera.warp(head, settings.camera_training_hfov_rad)
        seen = self.predictor(warp.picture(rgb), head, route=route)
        return replace(
            seen,
            depth_m=warp.depth(seen.depth_m),
            uncertainty_m=warp.values(seen.uncertainty_m),
            relative_depth=warp.values(seen.relative_depth),
        )

    def _publish(
        self,
        plan: Plan,
        frame: Frame,
        rgb: NDArray[np.uint8],
        result: DepthResult,
        camera: Camera | None,
        settings: NodeSettings,
    ) -> None:
        if not plan.depth_topics and not plan.needs_points:
            return
        header = frame.msg.header
        made_s = sent_s = 0.0
        age_s: float | None = None  # when the first message, the depth image, is out
        before_s = time.monotonic()
        made = self._outputs.make(plan, header, rgb, result, camera, settings, frame.arrived_s)
        for topic, msg in made:
            between_s = time.monotonic()
            self._publishers.send(topic, msg)
            after_s = time.monotonic()
            made_s, sent_s = made_s + between_s - before_s, sent_s + after_s - between_s
            before_s = after_s
            age_s = self._age_s(frame) if age_s is None else age_s
            if topic == 'depth/points':
                self._statistics.rates['cloud'].add(after_s)
            elif topic == 'depth/image':
                self._statistics.rates['depth'].add(after_s)
        self._statistics.stages_ms['postprocess'].add(1e3 * made_s)
        self._statistics.stages_ms['publish'].add(1e3 * sent_s)
        if age_s is not None:
            self._statistics.note_published(age_s)

    def _settled(self, settings: NodeSettings, camera: Camera | None) -> NodeSettings:
        """Give settings that say what focal_correction 'auto' is for this picture."""
        known, weights_hfov_rad = camera is not None, self.predictor.training_hfov_rad
        named = max(settings.camera_training_hfov_rad, weights_hfov_rad) > 0.0
        self._camera_lacks = named and not known and settings.focal_correction == AUTO
        return with_focal(settings, weights_hfov_rad, camera_known=known)

    def _camera(self, plan: Plan, rgb: NDArray[np.uint8], settings: NodeSettings) -> Camera | None:
        try:
            camera = self._camera_keeper.camera(rgb.shape[0], rgb.shape[1], settings)
            self._camera_assumed = camera.assumed
            return camera
        except CameraUnknown as error:
            if (
                plan.needs_points
                or 'scan' in plan.depth_topics
                or settings.focal_correction not in ('auto', 'off')
            ):
                self.drop(error.reason, str(error))
            return None


def stamp_s(msg: Any) -> float:
    """Give a message's stamp [s]."""
    stamp = msg.header.stamp
    return float(stamp.sec + 1e-9 * stamp.nanosec)


def stamp_of(msg: Any, clock: Clock) -> Time:
    """Give a message's stamp in the kind of time that the clock gives."""
    return Time.from_msg(msg.header.stamp, clock_type=clock.clock_type)


def _decode(msg: Any) -> NDArray[np.uint8]:
    compressed = isinstance(msg, CompressedImage)
    return rgb_from_compressed(msg) if compressed else rgb_from_image(msg)
