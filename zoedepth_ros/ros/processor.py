"""What becomes of one camera's pictures, before and after the network."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from rclpy.clock import Clock

from zoedepth_ros.geometry.rectification import Rectification
from zoedepth_ros.inference.result import AUTO, DepthPredictor, DepthResult
from zoedepth_ros.messages.camera_info import UNUSABLE, CameraUnknown, KnownCamera
from zoedepth_ros.messages.compressed import DEPTH_TOPIC
from zoedepth_ros.messages.images import ConversionError, ImageReader
from zoedepth_ros.pipeline.head_policy import HeadPolicy
from zoedepth_ros.ros.camera import Camera, CameraKeeper
from zoedepth_ros.ros.environment import lost_for_size
from zoedepth_ros.ros.errors import describe
from zoedepth_ros.ros.frame import FAILED, Frame
from zoedepth_ros.ros.freshness import Freshness
from zoedepth_ros.ros.outputs import Outputs, domain
from zoedepth_ros.ros.parameters import NodeSettings
from zoedepth_ros.ros.publishers import Publishers
from zoedepth_ros.ros.references import References
from zoedepth_ros.ros.scaling import ScaleReport, Scaling, with_focal
from zoedepth_ros.ros.schedule import Plan, Schedule
from zoedepth_ros.ros.statistics import Statistics
from zoedepth_ros.ros.task import Answer, Task
from zoedepth_ros.ros.transforms import Frames

MOST_NOTICED = 50
"""Notices remembered as logged; a camera that sends more different ones is logged anew."""


class FrameProcessor:
    """Convert, then filter and publish: all between a frame and its outputs but the network.

    Keeps what is a camera's own from picture to picture: rates, head, scale, ground.  Runs in the
    inference thread.
    """

    def __init__(
        self,
        predictor: DepthPredictor,
        publishers: Publishers,
        statistics: Statistics,
        settings: Callable[[], NodeSettings],
        clock: Clock,
        warn: Callable[[str], None],
        inform: Callable[[str], None],
    ) -> None:
        """predictor: asked for its heads and sizes only.

        settings: gives the present ones; asked once per frame, so that none is torn.
        """
        self.network_size = (0, 0)
        self._predictor = predictor
        self._camera_keeper = CameraKeeper('')
        self._publishers, self._statistics = publishers, statistics
        self._settings, self._warn, self._inform = settings, warn, inform
        self._scaling = Scaling(predictor.heads, settings())
        self._schedule, self._outputs = Schedule(), Outputs(self._scaling, self.drop)
        self._freshness = Freshness(clock, statistics, self.drop, warn)
        self._policy = HeadPolicy(predictor.heads)
        self._started = False
        self._camera_lacks = False
        self._known: KnownCamera | None = None
        self._camera_notices: tuple[str, ...] = ()
        self._noticed: set[str] = set()
        self._ground_notice = ''
        self._reader = ImageReader()
        self._lost = ''
        self._logged: tuple[str, ...] = ()

    @property
    def head(self) -> str:
        """The head in use; '' before the first picture."""
        return self._policy.head if self._started else ''

    @property
    def scale(self) -> ScaleReport:
        """Where the metric scale is."""
        return self._scaling.report(self._outputs.space.surroundings.ground)

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
        """What is not as it should be with this camera, in words."""
        told = (*self._camera_notices, *filter(None, [self._lost]))
        known, reading = self._known, self._reading
        if reading is not None and reading.is_guess:
            told = (*told, f'{reading.text}: set camera.rectified')
        if self._outputs.lacks_up:
            base = self._settings().camera_base_frame
            told = (*told, f'TF does not tell where {base} is: camera.pitch is taken instead')
        if self._ground_notice:
            told = (*told, self._ground_notice)
        if self._settings().scan_enabled:
            space = self._outputs.space
            told = (*told, *filter(None, (space.scan_frame.notice, space.short_scan)))
        if self._camera_lacks:
            seen = 'depth is as through the training camera, its scale is a guess'
            return (*told, f'no usable camera_info and no camera.hfov: {seen}')
        if known is None or not known.assumed:
            return told
        hfov_rad = self._settings().camera_hfov_rad
        return (
            *told,
            f'no usable camera_info: camera.hfov {hfov_rad:.3g} rad is assumed',
        )

    @property
    def _reading(self) -> Rectification | None:
        return None if self._known is None else self._known.reading

    @property
    def assumptions(self) -> tuple[str, ...]:
        """How images and camera_info are read, in words."""
        texts = (self._reading.text if self._reading is not None else '', self._reader.assumption)
        return tuple(filter(None, texts))

    def follow(
        self,
        camera_keeper: CameraKeeper,
        references: References | None = None,
        frames: Frames | None = None,
    ) -> None:
        """Take intrinsics, distances to compare with and where up is from here from now on."""
        self._camera_keeper = camera_keeper
        self._outputs.space.references, self._outputs.frames = references, frames

    def drop(self, reason: str, message: str) -> None:
        """Count what cannot be published and warn about it now and then."""
        if self._statistics.note_drop(reason):
            self._warn(f'{message} (dropped, more of the same are counted in ~/status)')

    def fail(self, error: Exception) -> None:
        """Give up the present frame for an error."""
        self.drop(FAILED, describe(error))

    def prepare(self, frame: Frame) -> Task | None:
        """Say what the network is to be asked; None when there is nothing to ask."""
        try:
            return self._prepare(frame)
        except ConversionError as error:
            self.drop(error.reason, str(error))
        except Exception as error:  # no camera may stop the others
            self.fail(error)
        return None

    def finish(self, task: Task, answer: Answer) -> None:
        """Publish what the network said."""
        try:
            self._note(task, answer)
            if self._freshness.is_of_now(task.frame):
                self._route(task, answer.result)
                self._publish(task, answer.result)
        except Exception as error:
            self.fail(error)

    def _prepare(self, frame: Frame) -> Task | None:
        settings = self._settings()
        plan = self._schedule.plan(frame.arrived_s, self._publishers.listened(), settings)
        if not plan or not self._freshness.admits(frame, settings.max_image_age_s):
            return None
        waited_s = time.monotonic() - frame.arrived_monotonic_s
        self._statistics.stages_ms['wait'].add(1e3 * waited_s)
        with self._statistics.stage('decode'):
            rgb = self._reader.rgb(frame.msg, settings.camera_bits)
        self._note_size(frame)
        self._schedule.done(plan, frame.arrived_s)
        camera = self._camera(plan, rgb, settings)
        self._log_assumptions()
        settings = self._settled(settings, camera)
        if camera is None:
            plan = plan.without_camera(depth=settings.focal_correction == 'off')
        elif plan.camera_info:
            self._publishers.send('depth/camera_info', camera.info(frame.msg.header))
        if not plan.needs_network:
            return None
        self._policy.configure(
            mode=settings.router_mode,
            smoothing=settings.router_smoothing,
            hysteresis=settings.router_hysteresis,
            min_dwell_s=settings.router_min_dwell_s,
        )
        head = self._policy.head if self._is_forced() or self._started else AUTO
        route = plan.router and (plan.domain or not self._is_forced())
        return Task(frame, rgb, plan, camera, settings, head, route)

    def _note(self, task: Task, answer: Answer) -> None:
        """Keep what the run of the network has shown."""
        if math.isfinite(answer.preprocess_ms):
            self._statistics.stages_ms['preprocess'].add(answer.preprocess_ms)
        self._statistics.stages_ms['network'].add(answer.network_ms)
        self._statistics.batch.add(answer.batch)
        self.network_size = self._predictor.network_size(*task.rgb.shape[:2])
        self._outputs.space.network_width = self.network_size[1]
        self._started = True

    def _route(self, task: Task, result: DepthResult) -> None:
        verdict = result.router_probabilities
        self._policy.update(verdict, task.frame.arrived_s)
        if verdict:
            self._statistics.rates['router'].add(time.monotonic())
        if task.plan.domain:
            msg = domain(task.frame.msg.header, self._policy, verdict, forced=self._is_forced())
            self._publishers.send('domain', msg)

    def _is_forced(self) -> bool:
        return self._policy.mode != AUTO or len(self._predictor.heads) == 1

    def _publish(self, task: Task, result: DepthResult) -> None:
        plan, frame = task.plan, task.frame
        if not plan.depth_topics and not plan.needs_points:
            return
        header = frame.msg.header
        made_s = sent_s = 0.0
        age_s: float | None = None  # when the first message, the depth image, is out
        depth_topic = 'depth/image' if 'depth/image' in plan.depth_topics else DEPTH_TOPIC
        before_s = time.monotonic()
        made = self._outputs.make(
            plan, header, task.rgb, result, task.camera, task.settings, frame.arrived_s
        )
        for topic, msg in made:
            between_s = time.monotonic()
            self._publishers.send(topic, msg)
            after_s = time.monotonic()
            made_s, sent_s = made_s + between_s - before_s, sent_s + after_s - between_s
            before_s = after_s
            age_s = self._freshness.age_s(frame) if age_s is None else age_s
            if topic == 'depth/points':
                self._statistics.rates['cloud'].add(after_s)
            elif topic == depth_topic:
                self._statistics.rates['depth'].add(after_s)
        self._note_ground(task.settings)
        self._statistics.stages_ms['postprocess'].add(1e3 * made_s)
        self._statistics.stages_ms['publish'].add(1e3 * sent_s)
        if age_s is not None:
            self._statistics.note_published(age_s)

    def _settled(self, settings: NodeSettings, camera: Camera | None) -> NodeSettings:
        """Give settings that say what focal_correction 'auto' is for this picture."""
        known, weights_hfov_rad = camera is not None, self._predictor.training_hfov_rad
        named = max(settings.camera_training_hfov_rad, weights_hfov_rad) > 0.0
        self._camera_lacks = named and not known and settings.focal_correction == AUTO
        self._scaling.focal_exponent = self._predictor.focal_exponent
        return with_focal(settings, weights_hfov_rad, camera_known=known)

    def _camera(self, plan: Plan, rgb: NDArray[np.uint8], settings: NodeSettings) -> Camera | None:
        try:
            camera = self._camera_keeper.camera(rgb.shape[0], rgb.shape[1], settings)
        except CameraUnknown as error:
            self._note_camera(None, (str(error),) if error.reason == UNUSABLE else ())
            lacking = plan.needs_points or 'scan' in plan.depth_topics
            if lacking or settings.focal_correction not in ('auto', 'off'):
                if error.reason == UNUSABLE:  # is logged already
                    self._statistics.note_drop(error.reason)
                else:
                    self.drop(error.reason, str(error))
            return None
        self._note_camera(camera.known, camera.known.notices)
        return camera

    def _note_size(self, frame: Frame) -> None:
        """Warn of images that are larger than what is transported whole."""
        lost = lost_for_size(len(frame.msg.data))
        if lost and lost != self._lost:
            self._warn(lost)
        self._lost = lost

    def _log_assumptions(self) -> None:
        """Log what is new of how the input is read."""
        texts = self.assumptions
        for text in set(texts) - set(self._logged):
            self._inform(text)
        self._logged = texts

    def _note_ground(self, settings: NodeSettings) -> None:
        """Keep how the floor in the images contradicts the parameters; log it when it begins."""
        before = self._ground_notice
        self._ground_notice = self._outputs.space.surroundings.notice(settings)
        if self._ground_notice and not before:
            self._warn(self._ground_notice)

    def _note_camera(self, known: KnownCamera | None, notices: tuple[str, ...]) -> None:
        """Keep how camera_info is read and what is doubtful about it; log new doubts."""
        self._known, self._camera_notices = known, notices
        for text in notices:
            if text not in self._noticed:
                self._warn(text)
        kept = self._noticed if len(self._noticed) < MOST_NOTICED else set()
        self._noticed = {*kept, *notices}
