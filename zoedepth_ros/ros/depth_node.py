"""The node: connects topics, parameters and lifecycle to a predictor."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any, NoReturn

from lifecycle_msgs.msg import State
from rclpy.clock import Clock, ClockType
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn

from zoedepth_ros.errors import EXIT_CONTEXT_LOST, describe
from zoedepth_ros.inference.fallback import FallbackPredictor, PredictorSettings
from zoedepth_ros.inference.result import DepthPredictor
from zoedepth_ros.ros.bond import Bond
from zoedepth_ros.ros.camera_stream import CameraStream, shared_transforms
from zoedepth_ros.ros.health.status import StatusReporter
from zoedepth_ros.ros.image_processor import ImageProcessor, ReceivedImage
from zoedepth_ros.ros.inference_thread import InferenceThread, SharedNetwork
from zoedepth_ros.ros.lifecycle import current_state, refuse_invalid_transitions, reported
from zoedepth_ros.ros.parameters.camera_settings import CameraSettings, why_unfit
from zoedepth_ros.ros.parameters.node_settings import NodeSettings
from zoedepth_ros.ros.parameters.ros_parameters import NodeParameters
from zoedepth_ros.ros.services import Services
from zoedepth_ros.ros.spin import Finished
from zoedepth_ros.ros.transforms import Transforms

WARM_UP_SIZE = (480, 640)  # height, width [px]: the most common camera
STOP_TIMEOUT_S = 10.0
DELIVERY_TIMEOUT_S = 2.0  # of the last status; a subscriber may be frozen
FAILURE, ERROR = TransitionCallbackReturn.FAILURE, TransitionCallbackReturn.ERROR
POLL_S = 0.25
"""Time between looks for subscribers that have come or gone [s]; QosWatch says why no events."""

Work = tuple[ImageProcessor, ReceivedImage]


class StartError(RuntimeError):
    """Autostart failed, for the reason in the message."""


class DepthNode(LifecycleNode):
    """Publish metric depth of one camera's images, or of several cameras that share the network.

    configure loads the predictor, activate subscribes to a camera while one of its outputs has a
    subscriber, deactivate stops and keeps everything in memory, cleanup frees it.  With
    `autostart` the node makes the first two transitions when it is spun, and raises StartError
    out of spin if they fail.
    """

    def __init__(
        self, make_predictor: Callable[[PredictorSettings], DepthPredictor], **node_options: Any
    ) -> None:
        """make_predictor: called in configure.  Raises ValueError for a wrong parameter."""
        # A camera's own parameters are declared when they are set; others are refused.
        super().__init__('zoedepth', allow_undeclared_parameters=True, **node_options)
        refuse_invalid_transitions(self)
        self.failure = ''
        self._make_predictor = make_predictor
        self._network: SharedNetwork | None = None
        self._predictor: FallbackPredictor | None = None
        self._loaded: PredictorSettings | None = None
        self._transforms = Transforms()
        self._thread: InferenceThread[Work] | None = None
        self._streams: list[CameraStream] = []
        # Not the node's clock: with use_sim_time it stops until /clock arrives.
        self._steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._bond = Bond(self, self._steady)
        self._poll_timer = self.create_timer(POLL_S, self._follow_subscribers, clock=self._steady)
        self._poll_timer.cancel()
        self._node_parameters = NodeParameters(
            self, self._is_active, self._why_unfit, self._use_settings
        )
        settings = self._node_parameters.settings
        names = settings.common.cameras or ('',)
        self._streams = [CameraStream(self, name, settings.of(name)) for name in names]
        self._is_context_lost = False
        self._leave_soon = self.create_guard_condition(self._leave)
        self._reporter = StatusReporter(self, self._streams, lambda: self._predictor)
        self.create_timer(1.0, self._reporter.report, clock=self._steady)
        Services(self, self._streams, is_active=self._is_active, recover=self._recover)
        if self._settings.autostart:
            self._start_timer = self.create_timer(0.0, self._start, clock=self._steady)

    @reported(FAILURE)
    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Load and warm up."""
        try:
            for stream in self._streams:
                stream.configure()
            self._load(self._settings)
        except BaseException:
            self._free()
            raise
        return super().on_configure(state)

    @reported(FAILURE)
    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Subscribe to each camera as soon as one of its outputs has a subscriber."""
        if self._settings.predictor != self._loaded:  # changed while inactive
            self._load(self._settings)
        try:
            self._run()
        except BaseException:
            self._stop()
            raise
        self._node_parameters.warn_without_effect()
        topics = ', '.join(stream.image_topic for stream in self._streams)
        self.get_logger().info(f'the node is active; image topics: {topics}')
        return super().on_activate(state)

    @reported(ERROR)
    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop; the network stays in memory."""
        self._stop()
        return super().on_deactivate(state)

    @reported(ERROR)
    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Free the network."""
        self._free()
        return super().on_cleanup(state)

    @reported(FAILURE)
    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop and free, from any state."""
        self._stop()
        self._free()
        return super().on_shutdown(state)

    @reported(FAILURE)
    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Return to unconfigured, from where a manager can try again."""
        self._stop()
        self._free()
        return TransitionCallbackReturn.SUCCESS

    def destroy_node(self) -> None:
        """Stop the inference thread before the handles it publishes through are gone."""
        self._stop(timeout_s=1.0)
        super().destroy_node()
        # rclpy does not destroy the state machine, which keeps the node on the graph as long as
        # anything, such as a thread still inside the network, refers to this object.
        self._state_machine.destroy_when_not_in_use()

    def _start(self) -> None:
        self._start_timer.cancel()
        if current_state(self).id != State.PRIMARY_STATE_UNCONFIGURED:
            return  # a manager was faster
        for transition in (self.trigger_configure, self.trigger_activate):
            if transition() != TransitionCallbackReturn.SUCCESS:
                if self._is_context_lost:
                    self._leave()
                raise StartError(self.failure or 'the node could not start')

    def _run(self) -> None:
        assert self._network is not None
        network = self._network
        self._thread = InferenceThread(network.work, self._on_work_failed, network.largest_batch)
        self._transforms = shared_transforms(self, self._streams, self._warn)
        for stream in self._streams:
            stream.activate(self._thread, self._transforms)
        self._poll_timer.reset()
        self._bond.start()

    def _follow_subscribers(self) -> None:
        for stream in self._streams:
            stream.follow_subscribers()

    def _load(self, settings: NodeSettings) -> None:
        self._forget()  # free the old one first: both may not fit in memory
        predictor = FallbackPredictor(
            self._make_predictor, settings.predictor, self._warn, self._on_context_lost
        )
        reason = why_unfit(self._node_parameters.settings, predictor)
        if reason is not None:
            raise ValueError(reason)
        network = SharedNetwork(predictor, len(self._streams), settings.batch_limit)
        network.warm_up(*WARM_UP_SIZE)
        self._network, self._predictor, self._loaded = network, predictor, settings.predictor
        for stream in self._streams:
            stream.load(predictor)
        self.get_logger().info(
            f'{predictor.model_name} on {predictor.device} in {predictor.precision}, '
            f'weights: {predictor.weights_origin}'
        )
        if predictor.weights_warning:
            self._warn(
                f'the weights are not those of the ZoeDepth authors: {predictor.weights_warning}'
            )

    def _stop(self, timeout_s: float = STOP_TIMEOUT_S) -> None:
        self._bond.stop()
        self._poll_timer.cancel()
        for stream in self._streams:
            stream.deactivate()
        self._transforms.destroy()
        self._transforms = Transforms()
        thread, self._thread = self._thread, None
        if thread is not None and not thread.stop(timeout_s):
            self._warn(f'the depth network has not finished the last image after {timeout_s} s')

    def _on_context_lost(self) -> None:
        self._is_context_lost = True
        self._leave_soon.trigger()

    def _leave(self) -> NoReturn:
        """Publish a last status and end the process, which can never use CUDA again."""
        self.get_logger().fatal(
            'the CUDA context is lost, so the process of the node ends; with the launch '
            'argument respawn:=true the node is started again'
        )
        self._reporter.report(self.failure if self._predictor is None else '')
        self._reporter.deliver(DELIVERY_TIMEOUT_S)
        raise Finished(EXIT_CONTEXT_LOST)

    def _forget(self) -> None:
        self._network = self._predictor = self._loaded = None
        for stream in self._streams:
            stream.processor = None
        gc.collect()  # its parts refer to one another

    def _free(self) -> None:
        self._forget()
        for stream in self._streams:
            stream.cleanup()

    def _on_work_failed(self, error: Exception) -> None:
        self._warn(f'images were dropped, because their processing failed: {describe(error)}')

    def _recover(self) -> bool | None:
        return None if self._predictor is None else self._predictor.recover()

    @property
    def _settings(self) -> NodeSettings:
        return self._node_parameters.settings.common

    def _use_settings(self, settings: CameraSettings) -> None:
        for stream in self._streams:
            stream.settings = settings.of(stream.name)
        if self._network is not None:
            self._network.batch_limit = settings.common.batch_limit

    def _is_active(self) -> bool:
        return self._thread is not None

    def _why_unfit(self, settings: CameraSettings) -> str | None:
        return None if self._predictor is None else why_unfit(settings, self._predictor)

    def _warn(self, message: str) -> None:
        if self.context.ok():  # otherwise there is no logger
            self.get_logger().warning(message)
