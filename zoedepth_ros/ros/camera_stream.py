"""One camera of the node: its topics, statistics and state."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from rclpy.lifecycle import LifecycleNode

from zoedepth_ros.inference.result import DepthPredictor
from zoedepth_ros.pipeline.request import enabled
from zoedepth_ros.ros import qos
from zoedepth_ros.ros.health.incompatible_qos import QosWatch
from zoedepth_ros.ros.health.statistics import Statistics
from zoedepth_ros.ros.image_processor import SUPERSEDED, ImageProcessor, ReceivedImage
from zoedepth_ros.ros.inference_thread import InferenceThread
from zoedepth_ros.ros.inputs import Demand, Inputs
from zoedepth_ros.ros.parameters.node_settings import NodeSettings
from zoedepth_ros.ros.publishers import Publishers
from zoedepth_ros.ros.references import TOPICS as REFERENCES
from zoedepth_ros.ros.references import References
from zoedepth_ros.ros.transforms import Transforms, subscribe_to_tf


class CameraStream:
    """Own everything that belongs to one camera, from configure to cleanup."""

    def __init__(
        self,
        node: LifecycleNode,
        name: str,
        settings: NodeSettings,
    ) -> None:
        """name: '' for a node's only camera, whose topics have no prefix.

        settings: the present ones, to be replaced as a whole.
        """
        self.name = name
        self._enabled = True
        self.statistics = Statistics()
        self.processor: ImageProcessor | None = None
        self.settings = settings
        self._node = node
        self._prefix = f'{name}/' if name else ''
        self._topics: Publishers | None = None
        self._inputs: Inputs | None = None
        self._references: References | None = None
        self._transforms = Transforms()
        self._watch = QosWatch(node, self._warn)
        self._demand = Demand(time.monotonic)
        self._subscribed_since_s = 0.0
        self._logged: frozenset[str] = frozenset()

    @property
    def image_topic(self) -> str:
        """Full name of the image topic; '' while not active."""
        return self._inputs.image_topic if self._inputs is not None else ''

    @property
    def enabled(self) -> bool:
        """Whether ~/enable has enabled it."""
        return self._enabled

    @enabled.setter
    def enabled(self, enabled: bool) -> None:
        self._enabled = enabled
        self.follow_subscribers()

    def configure(self) -> None:
        """Create the publishers and reset the statistics."""
        self.statistics.reset()
        self._topics = Publishers(self._node, self._prefix)

    def load(self, predictor: DepthPredictor) -> None:
        """Use another network from now on."""
        assert self._topics is not None
        self.processor = ImageProcessor(
            predictor,
            self._topics,
            self.statistics,
            lambda: self.settings,
            self._node.get_clock(),
            self._warn,
            self._inform,
        )

    def activate(self, thread: InferenceThread[Any], transforms: Transforms) -> None:
        """Subscribe as soon as an output has a subscriber.

        thread, transforms: shared by all cameras.
        """
        processor, settings = self.processor, self.settings
        assert processor is not None

        def on_image(msg: Any) -> None:
            """Pass an image to the inference thread; one that still waits there is replaced."""
            if not self._enabled:
                return
            arrived_s = time.monotonic()
            self.statistics.note_received()
            now_s = 1e-9 * self._node.get_clock().now().nanoseconds
            image = ReceivedImage(msg, now_s, arrived_s)
            if thread.put((processor, image), self.name) is not None:
                self.statistics.note_drop(SUPERSEDED)

        if settings.scale_source in REFERENCES:
            topic = self._prefix + REFERENCES[settings.scale_source][0]
            qos.declare_sensor_input(self._node, self._node.resolve_topic_name(topic))
        self._transforms = transforms
        self._inputs = Inputs(self._node, settings.image_transport, on_image, self._prefix)
        processor.follow(self._inputs.camera, None, transforms)
        self.follow_subscribers()

    def deactivate(self) -> None:
        """Unsubscribe."""
        if self._inputs is not None:
            self._unsubscribe(self._inputs)
            self._inputs = None
        self._demand.drop()

    def follow_subscribers(self) -> None:
        """Subscribe to the camera, or unsubscribe, as the subscribers of the outputs require.

        Call it periodically.
        """
        inputs = self._inputs
        if inputs is None:
            return
        if not self._enabled:
            self._demand.drop()
        is_needed = self._enabled and self.is_used
        if self._demand.update(is_needed=is_needed) == inputs.is_subscribed:
            inputs.follow_publishers()
        elif inputs.is_subscribed:
            self._unsubscribe(inputs)
        else:
            self._subscribe(inputs)

    def cleanup(self) -> None:
        """Destroy the publishers."""
        self.processor = None
        if self._topics is not None:
            self._topics.destroy()
            self._topics = None

    @property
    def is_active(self) -> bool:
        """Whether it is between activate and deactivate."""
        return self._inputs is not None

    @property
    def is_subscribed(self) -> bool:
        """Whether it is subscribed to its camera."""
        return self._inputs is not None and self._inputs.is_subscribed

    @property
    def is_used(self) -> bool:
        """Whether an output that the settings enable has a subscriber."""
        topics = self._topics
        return topics is not None and bool(enabled(topics.subscribed(), self.settings))

    @property
    def no_input_s(self) -> float:
        """Time since the last image, or since it was subscribed."""
        return self.statistics.no_input_s(self._subscribed_since_s)

    def missing_input(self) -> tuple[str, ...]:
        """Explain why inputs do not arrive or are mixed, and log new causes."""
        found = frozenset[str]()
        inputs, patience_s = self._inputs, self.settings.warn_no_input_s
        if inputs is not None and inputs.is_subscribed and self.is_used:
            subscribed_s = time.monotonic() - self._subscribed_since_s
            needs_info = self.settings.camera_hfov_rad == 0.0 and not inputs.camera.has_info
            causes = inputs.missing(
                image=self.no_input_s > patience_s,
                camera_info=needs_info and subscribed_s > patience_s,
            )
            found = frozenset(filter(None, causes))
        for text in sorted(found - self._logged):
            self._warn(text)
        self._logged = found
        return tuple(sorted(found))

    def incompatible_qos(self) -> tuple[str, ...]:
        """Name peers of the topics whose QoS is incompatible, and log new ones."""
        publishers = () if self._topics is None else self._topics.publishers
        subscriptions = () if self._inputs is None else self._inputs.subscriptions
        return self._watch.problems(publishers, subscriptions)

    def _subscribe(self, inputs: Inputs) -> None:
        source, processor = self.settings.scale_source, self.processor
        assert processor is not None
        if source in REFERENCES:
            self._references = References(self._node, source, self._transforms, self._prefix)
        processor.follow(inputs.camera, self._references, self._transforms)
        inputs.subscribe()
        self._subscribed_since_s = time.monotonic()

    def _unsubscribe(self, inputs: Inputs) -> None:
        inputs.unsubscribe()
        if self._references is not None:
            self._references.destroy()
            self._references = None

    def _warn(self, message: str) -> None:
        if self._node.context.ok():  # otherwise there is no logger
            self._node.get_logger().warning(self._named(message))

    def _inform(self, message: str) -> None:
        if self._node.context.ok():
            self._node.get_logger().info(self._named(message))

    def _named(self, message: str) -> str:
        return f'{self.name}: {message}' if self.name else message


def shared_transforms(
    node: LifecycleNode, streams: Sequence[CameraStream], warn: Callable[[str], None]
) -> Transforms:
    """Subscribe to TF, once for all cameras, if any of them needs it."""
    each = [stream.settings for stream in streams]
    levels = any(settings.camera_base_frame for settings in each)
    refers = any(settings.scale_source in REFERENCES for settings in each)
    moves = any(settings.scale_source == 'motion' for settings in each)
    transforms = subscribe_to_tf(node) if levels or refers or moves else Transforms()
    if levels and not transforms.has_tf:
        warn(
            'tf2_ros is not installed, so camera.base_frame is ignored: camera.pitch and '
            'camera.roll are used'
        )
    if moves and not transforms.has_tf:
        warn(
            "tf2_ros is not installed: scale.source 'motion' receives no poses, so the scale is "
            'not estimated'
        )
    return transforms
