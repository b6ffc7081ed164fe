"""The node: wires topics, parameters and lifecycle to a predictor; computes nothing."""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Callable
from functools import wraps
from typing import Any

from rclpy.clock import Clock, ClockType
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from std_srvs.srv import SetBool, Trigger

from zoedepth_ros.inference.result import DepthPredictor

from . import status
from .degrade import DegradingPredictor
from .frame_worker import FrameWorker
from .frames import Frames, listen
from .heartbeat import Heartbeat
from .inputs import Inputs
from .node_parameters import NodeParameters
from .parameters import NodeSettings, PredictorSettings
from .processor import FAILED, SUPERSEDED, Frame, FrameProcessor
from .publishers import Publishers
from .qos_watch import QosWatch
from .references import TOPICS as REFERENCES
from .references import References
from .statistics import Statistics
from .status_reporter import StatusReporter

WARM_UP_SIZE = (480, 640)  # height, width [px]: the commonest camera; others warm up on arrival
STOP_TIMEOUT_S = 10.0

Transition = Callable[[Any, LifecycleState], TransitionCallbackReturn]


class StartError(RuntimeError):
    """Say why the node could not start by itself."""


def _reported(transition: Transition) -> Transition:
    """Log what a transition raises and fail; rclpy itself is silent (ros2/rclpy#1696)."""

    @wraps(transition)
    def run(node: Any, state: LifecycleState) -> TransitionCallbackReturn:
        try:
            return transition(node, state)
        except Exception as error:
            node.failure = f'{transition.__name__[3:]} failed: {describe(error)}'
            node.get_logger().error(node.failure)
            return TransitionCallbackReturn.FAILURE

    return run


class DepthNode(LifecycleNode):
    """Publish metric depth of a camera's pictures.

    configure loads the predictor, activate subscribes, deactivate stops with everything kept in
    memory, cleanup frees it.  With `autostart` the node does the first two by itself as soon as it
    is spun, and raises StartError out of spin when they fail.
    """

    def __init__(
        self, make_predictor: Callable[[PredictorSettings], DepthPredictor], **node_options: Any
    ) -> None:
        """make_predictor: called in configure.  Raises ValueError for a wrong parameter."""
        super().__init__('zoedepth', **node_options)
        self.failure = ''
        self._make_predictor = make_predictor
        self._statistics = Statistics()
        self._qos_watch = QosWatch(self, self.get_logger().warning)
        self._processor: FrameProcessor | None = None
        self._loaded: PredictorSettings | None = None
        self._topics: Publishers | None = None
        self._inputs: Inputs | None = None
        self._references: References | None = None
        self._frames = Frames()
        self._worker: FrameWorker[Frame] | None = None
        self._enabled = True
        self._active_since_s = 0.0
        self._node_parameters = NodeParameters(self, self._is_active, self._why_unfit)
        # Not the node's clock: with use_sim_time and no /clock yet it stands still.
        self._steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._heartbeat = Heartbeat(self, self._steady)
        self._reporter = StatusReporter(
            self, self._condition, self._statistics, lambda: self._node_parameters.settings
        )
        self.create_timer(1.0, self._reporter.report, clock=self._steady)
        self.create_service(SetBool, '~/enable', self._on_enable)
        self.create_service(Trigger, '~/recover', self._on_recover)
        self.create_service(Trigger, '~/save_scale', self._on_save_scale)
        if self._node_parameters.settings.autostart:
            self._start_timer = self.create_timer(0.0, self._start, clock=self._steady)

    @_reported
    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Load and warm up."""
        self._statistics.reset()
        self._topics = Publishers(self, self._qos_watch)
        try:
            self._load(self._node_parameters.settings)
        except BaseException:
            self._free()
            raise
        return super().on_configure(state)

    @_reported
    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Subscribe."""
        settings = self._node_parameters.settings
        if settings.predictor != self._loaded:  # changed while inactive
            self._load(settings)
        assert self._processor is not None
        self._worker = FrameWorker(self._processor.process, self._on_work_failed)
        self._inputs = Inputs(self, settings.image_transport, self._on_picture, self._qos_watch)
        refers = settings.scale_source in REFERENCES
        self._frames = listen(self) if refers or settings.camera_base_frame else Frames()
        if settings.camera_base_frame and not self._frames.hears_tf:
            self.get_logger().warning('no tf2_ros: camera.base_frame is left for camera.pitch')
        if refers:
            self._references = References(self, settings.scale_source, self._frames)
        self._processor.follow(self._inputs.camera_keeper, self._references, self._frames)
        self._active_since_s = time.monotonic()
        self._heartbeat.start()
        self.get_logger().info(f'active: pictures from {self._inputs.image_topic}')
        return super().on_activate(state)

    @_reported
    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop; the network stays in memory."""
        self._stop()
        return super().on_deactivate(state)

    @_reported
    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Free the network."""
        self._free()
        return super().on_cleanup(state)

    @_reported
    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop and free, from any state."""
        self._stop()
        self._free()
        return super().on_shutdown(state)

    @_reported
    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Go back to unconfigured, from where a manager can try again."""
        self._stop()
        self._free()
        return TransitionCallbackReturn.SUCCESS

    def destroy_node(self) -> None:
        """Stop the inference thread before the handles it publishes through are gone."""
        self._stop(timeout_s=1.0)
        super().destroy_node()
        # rclpy forgets the state machine, which keeps the node on the graph as long as anything,
        # such as a thread still inside the network, refers to this object.
        self._state_machine.destroy_when_not_in_use()

    def _start(self) -> None:
        self._start_timer.cancel()
        for transition in (self.trigger_configure, self.trigger_activate):
            if transition() != TransitionCallbackReturn.SUCCESS:
                raise StartError(self.failure or 'the node could not start')

    def _load(self, settings: NodeSettings) -> None:
        assert self._topics is not None
        self._forget()  # free the old one first: two may not fit
        predictor = DegradingPredictor(
            self._make_predictor, settings.predictor, self.get_logger().warning
        )
        reason = _why_unfit(settings, predictor)
        if reason is not None:
            raise ValueError(reason)
        predictor.warm_up(*WARM_UP_SIZE)
        self._loaded = settings.predictor
        self._processor = FrameProcessor(
            predictor,
            self._topics,
            self._statistics,
            lambda: self._node_parameters.settings,
            self.get_clock(),
            self.get_logger().warning,
        )
        self.get_logger().info(
            f'{predictor.model_name} on {predictor.device} in {predictor.precision}, '
            f'weights: {predictor.weights_origin}'
        )
        if predictor.trained_on:
            self.get_logger().warning(f'not the released weights: {predictor.trained_on}')

    def _stop(self, timeout_s: float = STOP_TIMEOUT_S) -> None:
        self._heartbeat.stop()
        if self._inputs is not None:
            self._inputs.destroy()
            self._inputs = None
        if self._references is not None:
            self._references.destroy()
            self._references = None
        self._frames.destroy()
        self._frames = Frames()
        worker, self._worker = self._worker, None
        if worker is not None and not worker.stop(timeout_s) and self.context.ok():
            self.get_logger().warning(f'the present frame takes more than {timeout_s} s')

    def _forget(self) -> None:
        self._processor, self._loaded = None, None
        gc.collect()  # its parts refer to each other

    def _free(self) -> None:
        self._forget()
        if self._topics is not None:
            self._topics.destroy()
            self._topics = None

    def _on_picture(self, msg: Any) -> None:
        worker = self._worker
        if worker is None or not self._enabled:
            return
        self._statistics.note_received()
        now_s = 1e-9 * self.get_clock().now().nanoseconds
        if worker.put(Frame(msg, now_s, time.monotonic())) is not None:
            self._statistics.note_drop(SUPERSEDED)

    def _on_work_failed(self, error: Exception) -> None:
        if self._processor is not None and self.context.ok():
            self._processor.drop(FAILED, describe(error))

    def _on_enable(self, request: Any, response: Any) -> Any:
        self._enabled = request.data
        response.success = True
        response.message = 'enabled' if request.data else 'disabled; the network stays loaded'
        if not self._is_active():
            response.message += '; the node is not active'
        return response

    def _on_save_scale(self, request: Any, response: Any) -> Any:
        processor = self._processor
        try:
            if processor is None:
                raise ValueError('the node is not configured')
            response.success, response.message = True, processor.save_scale()
        except (ValueError, OSError) as error:
            response.success, response.message = False, describe(error)
        return response

    def _on_recover(self, request: Any, response: Any) -> Any:
        processor = self._processor
        lacking = processor is not None and processor.recover()
        response.success = lacking or processor is not None
        response.message = 'nothing to recover from' if processor else 'the node is not configured'
        if lacking:
            response.message = 'with the next picture, which is given up for it'
        return response

    def _is_active(self) -> bool:
        return self._worker is not None

    def _why_unfit(self, settings: NodeSettings) -> str | None:
        processor = self._processor
        return None if processor is None else _why_unfit(settings, processor.predictor)

    def _condition(self) -> status.Condition:
        processor = self._processor
        if processor is None:
            return status.Condition(
                status.UNCONFIGURED, None, '', (0, 0), notices=self._common_notices()
            )
        return status.Condition(
            self._state(),
            processor.predictor,
            processor.head,
            processor.network_size,
            processor.scale,
            notices=(*self._common_notices(), *processor.notices),
            silence_s=self._silence_s() if self._is_active() else math.nan,
            router_probabilities=processor.router_probabilities,
            is_router_uncertain=processor.is_router_uncertain,
        )

    def _common_notices(self) -> tuple[str, ...]:
        ours = (self.get_name(), self.get_namespace())
        names = [found[:2] for found in self.get_node_names_and_namespaces()].count(ours)
        twins = (f'{names} nodes are called {self.get_fully_qualified_name()}',) * (names > 1)
        return (*twins, *self._qos_watch.problems())

    def _silence_s(self) -> float:
        return self._statistics.silence_s(self._active_since_s)

    def _state(self) -> str:
        if not self._is_active():
            return status.INACTIVE
        if not self._enabled:
            return status.DISABLED
        if self._processor is not None and self._processor.has_failed:
            return status.FAILED
        if self._silence_s() > self._node_parameters.settings.warn_silence_s:
            return status.STARVED
        publishers = self._topics
        return status.WORKING if publishers and publishers.listened() else status.IDLE


def _why_unfit(settings: NodeSettings, predictor: DepthPredictor) -> str | None:
    if settings.router_mode in ('auto', *predictor.heads):
        return None
    heads = ', '.join(predictor.heads)
    return f'router.mode {settings.router_mode!r}: {predictor.model_name} has only {heads}'


def describe(error: BaseException) -> str:
    """Say an error in one line, with its kind unless that is for people anyway."""
    text = ' '.join(str(error).split())
    return text if isinstance(error, (ValueError, OSError)) and text else f'{error!r}'
