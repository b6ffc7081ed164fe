"""From an image message to the published outputs of one camera, apart from the network."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rclpy.clock import Clock

from zoedepth_ros.environment import lost_for_size
from zoedepth_ros.errors import describe
from zoedepth_ros.inference.result import DepthPredictor, DepthResult, convention_of
from zoedepth_ros.messages.camera import (
    PATIENCE_S,
    UNUSABLE,
    CalibratedCamera,
    CameraTracker,
    CameraUnknown,
    seconds,
)
from zoedepth_ros.messages.image_order import LATE, OUT_OF_ORDER, RESTART_AFTER_S, ImageOrder
from zoedepth_ros.messages.images import ConversionError, ImageReader
from zoedepth_ros.pipeline import outputs
from zoedepth_ros.pipeline.camera_pipeline import CameraPipeline
from zoedepth_ros.pipeline.request import OutputsDue, Request
from zoedepth_ros.ros.health.statistics import Statistics
from zoedepth_ros.ros.parameters.node_settings import NodeSettings
from zoedepth_ros.ros.publishers import OUTPUT_OF, Publishers, TopicMessages
from zoedepth_ros.ros.references import References
from zoedepth_ros.ros.transforms import Transforms

TOO_OLD = 'too old'
TOO_NEW = 'stamp in the future'
CLOCK_JUMPED_BACK = 'clock jumped back'
LATE_CAMERA_INFO = 'camera_info came late'
SUPERSEDED = 'superseded by a newer image'
FAILED = 'inference failed'
"""Reasons why an image does not become depth."""

MOST_NOTICED = 50
"""Notices remembered as logged; a camera that sends more different ones is logged anew."""


@dataclass(frozen=True, slots=True)
class ReceivedImage:
    """Hold an image message and when it arrived."""

    msg: Any
    """Image or CompressedImage."""

    arrived_s: float
    """When it arrived, on the node's clock [s]; may jump back."""

    arrived_monotonic_s: float
    """When it arrived, by time.monotonic [s]."""


class AgeFilter:
    """Reject stale, future-stamped and out-of-order images of one camera."""

    def __init__(
        self,
        clock: Clock,
        statistics: Statistics,
        drop: Callable[[str, str], None],
        warn: Callable[[str], None],
    ) -> None:
        """clock: the node's.  drop: called with reason and message for each rejected image."""
        self._clock, self._statistics = clock, statistics
        self._drop, self._warn = drop, warn
        self._order, self._arrived_s = ImageOrder(), -math.inf

    def accepts(self, image: ReceivedImage, max_age_s: float) -> bool:
        """Return whether to process an image; drop it otherwise.

        max_age_s: largest difference to the clock, in the past or the future; 0.0 accepts any.
        """
        age_s = self.age_s(image)
        if 0.0 < max_age_s < age_s:
            message = (
                f'the image is {age_s:.3g} s old, expected at most max_image_age '
                f'{max_age_s} s; set use_sim_time if a bag is played, or synchronise the '
                'clocks of the machines'
            )
            self._drop(TOO_OLD, message)
            return False
        if 0.0 < max_age_s < -age_s:
            message = (
                f'the stamp of the image is {-age_s:.3g} s ahead of the clock, expected '
                f'at most max_image_age {max_age_s} s; with use_sim_time another node '
                'must publish /clock'
            )
            self._drop(TOO_NEW, message)
            return False
        return self._is_in_order(image, max_age_s)

    def is_current(self, image: ReceivedImage) -> bool:
        """Return whether the clock did not jump back while the image was processed."""
        if 1e-9 * self._clock.now().nanoseconds >= image.arrived_s:
            return True
        self._drop(CLOCK_JUMPED_BACK, 'the clock jumped back while an image was processed')
        return False

    def age_s(self, image: ReceivedImage) -> float:
        """Return the time since the image's stamp."""
        stamp = image.msg.header.stamp
        return 1e-9 * (self._clock.now().nanoseconds - stamp.sec * 10**9 - stamp.nanosec)

    def _is_in_order(self, image: ReceivedImage, max_age_s: float) -> bool:
        """Drop a late image of a stream, but not one of a stream that restarts, as a looped bag.

        An image restarts it when the clock jumps back, or when its stamp is so far behind that it
        would be too old otherwise.
        """
        jumped_back = image.arrived_s < self._arrived_s
        self._arrived_s = image.arrived_s
        latest_s = max_age_s or RESTART_AFTER_S
        stamp_s = seconds(image.msg.header.stamp)
        if not self._order.accepts(stamp_s, restarts=jumped_back, latest_s=latest_s):
            self._drop(OUT_OF_ORDER, LATE)
            return False
        if self._order.restarted and self._statistics.note_clock_jump():
            self._warn(
                'time jumped back, as in a bag that loops: the images are treated as a new stream'
            )
        return True


@dataclass(frozen=True, slots=True)
class PreparedImage:
    """Hold an image that waits for the network."""

    image: ReceivedImage
    """The message and when it arrived."""

    topics: frozenset[str]
    """Topics with subscribers."""

    request: Request
    """What the network is to predict."""

    camera: CalibratedCamera | None
    """Its camera; None if unknown."""

    settings: NodeSettings
    """The settings that hold until this image is published."""


class ImageProcessor:
    """Convert an image, let the pipeline work on it, publish its outputs.

    Runs in the inference thread.
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
        """predictor: only its metadata is used.

        settings: returns the present ones; called once per image.
        """
        self._predictor = predictor
        self._camera_tracker: CameraTracker | None = None
        self.statistics = statistics
        self._publishers = publishers
        self._settings, self._warn, self._inform = settings, warn, inform
        self._messages = TopicMessages(self.drop)
        self.pipeline = CameraPipeline(predictor, settings(), self._messages)
        self._age_filter = AgeFilter(clock, statistics, self.drop, warn)
        self._references: References | None = None
        self._transforms: Transforms | None = None
        self._lacks_up = False
        self._known: CalibratedCamera | None = None
        self._camera_notices: tuple[str, ...] = ()
        self._noticed: set[str] = set()
        self._ground_notice = ''
        self._reader = ImageReader()
        self._size_bytes, self._lost = 0, ''
        self._logged: tuple[str, ...] = ()

    @property
    def notices(self) -> tuple[str, ...]:
        """What is wrong or doubtful with this camera, in words."""
        return tuple(filter(None, self._notices()))

    def _notices(self) -> Iterator[str]:
        at, known, pipeline = self._settings(), self._known, self.pipeline
        yield from self._camera_notices
        yield self._lost
        if known is not None and known.reading is not None and known.reading.is_guess:
            yield f'{known.reading.text}: set camera.rectified'
        if self._lacks_up:
            yield (
                f'TF has no recent transform to {at.camera_base_frame}: camera.pitch and '
                'camera.roll are used instead'
            )
        if self._references is not None:
            yield self._references.notice
        notices = pipeline.notices
        if at.scan_enabled:
            yield self._messages.scan_frame.notice
        else:
            notices.pop('scan', None)
        yield from notices.values()
        if pipeline.lacks_camera:
            effect = (
                'depth is not corrected for the focal length, so the scale of depth is a guess'
            )
            yield f'there is no usable camera_info, and camera.hfov is not set: {effect}'
        elif known is not None and known.assumed:
            yield (
                f'there is no usable camera_info, so camera.hfov {at.camera_hfov_rad:.3g} '
                'rad is used'
            )

    @property
    def assumptions(self) -> tuple[str, ...]:
        """How images and camera_info are read, and what is taken for the floor, in words."""
        known = self._known  # read once: the inference thread may replace it
        reading = None if known is None else known.reading
        read = '' if reading is None else reading.text
        texts = (read, self._reader.bits.text, self.pipeline.assumption)
        return tuple(filter(None, texts))

    def follow(
        self,
        camera: CameraTracker,
        references: References | None = None,
        transforms: Transforms | None = None,
    ) -> None:
        """Use these intrinsics, reference sensor and TF from now on."""
        self._camera_tracker, self._reader.topic = camera, camera.image_topic
        self._references, self._transforms = references, transforms

    def drop(self, reason: str, message: str) -> None:
        """Count what cannot be published and warn about it now and then."""
        if self.statistics.note_drop(reason):
            self._warn(f'{message} (dropped; ~/status counts how often)')

    def fail(self, error: Exception) -> None:
        """Give up the present image because of an error."""
        self.drop(FAILED, describe(error))

    def prepare(self, image: ReceivedImage) -> PreparedImage | None:
        """Decide what the network is to predict; None when there is nothing to do."""
        try:
            return self._prepare(image)
        except ConversionError as error:
            self.drop(error.reason, str(error))
        except Exception as error:  # no camera may stop the others
            self.fail(error)
        return None

    def finish(self, prepared: PreparedImage, result: DepthResult) -> None:
        """Publish the outputs of a prediction."""
        try:
            if self._age_filter.is_current(prepared.image) and self._has_right_camera(prepared):
                self._publish(prepared, result)
        except Exception as error:
            self.fail(error)

    def _prepare(self, image: ReceivedImage) -> PreparedImage | None:
        settings = self.pipeline.settings = self._settings()
        topics = self._publishers.subscribed()
        requested = frozenset(OUTPUT_OF.get(topic, topic) for topic in topics)
        due = self.pipeline.due(image.arrived_s, requested)
        if not due or not self._age_filter.accepts(image, settings.max_image_age_s):
            return None
        start_s = time.monotonic()
        rgb = self._reader.rgb(image.msg, settings.camera_bits)
        self.statistics.note_stages(
            wait=start_s - image.arrived_monotonic_s, decode=time.monotonic() - start_s
        )
        if len(image.msg.data) != self._size_bytes:
            self._note_size(len(image.msg.data))
        camera = self._camera(due, rgb, image.msg.header, settings)
        self._log_assumptions()
        if camera is not None and due.camera_info:
            self._publishers.send(outputs.CAMERA_INFO, camera.info(image.msg.header))
        request = self.pipeline.prepare(rgb, camera, image.arrived_s, due)
        if request is None:
            return None
        return PreparedImage(image, topics, request, camera, settings)

    def _publish(self, prepared: PreparedImage, result: DepthResult) -> None:
        image, due, topics = prepared.image, prepared.request.due, prepared.topics
        header, settings = image.msg.header, prepared.settings
        references, transforms = self._references, self._transforms
        odometry = settings.scale_odometry_frame
        fixed = odometry if settings.scale_shape == 'curve' else ''
        found = self.pipeline.process(
            prepared.request,
            result,
            up=self._up(header, settings),
            compare=None if references is None else partial(references.pairs, header, fixed=fixed),
            poses=None
            if transforms is None
            else partial(transforms.pose, odometry, header.frame_id, header.stamp),
        )
        made_s = sent_s = 0.0
        age_s: float | None = None  # when the first message, the depth image, is out
        sent: set[str] = set()
        before_s = time.monotonic()
        for topic, msg in self._messages.of(found, header, topics, settings):
            between_s = time.monotonic()
            self._publishers.send(topic, msg)
            after_s = time.monotonic()
            made_s, sent_s = made_s + between_s - before_s, sent_s + after_s - between_s
            before_s = after_s
            if topic == outputs.DOMAIN:
                continue
            age_s = self._age_filter.age_s(image) if age_s is None else age_s
            sent.add(OUTPUT_OF.get(topic, topic))
        if due.depth or due.clouds:
            ground, before = self.pipeline.ground_notice, self._ground_notice
            if ground and not before:
                self._warn(ground)
            self._ground_notice = ground
            self.statistics.note_stages(postprocess=made_s, publish=sent_s)
        groups = {'depth': outputs.DEPTH_OUTPUTS, 'cloud': outputs.CLOUD_OUTPUTS}
        streams = [stream for stream, group in groups.items() if sent & group]
        streams += ['router'] * bool(result.router_probabilities)
        self.statistics.note_outputs(age_s, streams)

    def _up(self, header: Any, at: NodeSettings) -> tuple[float, float, float] | None:
        """Return the up direction by TF; None where camera.pitch is used."""
        if self._transforms is None or not at.camera_base_frame:
            self._lacks_up = False
            return None
        up = self._transforms.up(at.camera_base_frame, header.frame_id, header.stamp)
        self._lacks_up = up is None
        return up

    def _camera(
        self, due: OutputsDue, rgb: NDArray[np.uint8], header: Any, settings: NodeSettings
    ) -> CalibratedCamera | None:
        assert self._camera_tracker is not None
        try:
            camera = self._camera_tracker.camera(
                rgb.shape[0],
                rgb.shape[1],
                header,
                rectified=settings.camera_rectified,
                hfov_rad=settings.camera_hfov_rad,
                wait_s=PATIENCE_S,
            )
        except CameraUnknown as error:
            corrected = settings.focal_correction not in ('auto', 'off')
            no_depth = corrected or convention_of(self._predictor).needs_camera
            effect = (
                'there is no depth, because depth needs the camera intrinsics'
                if no_depth
                else 'there is depth, but no cloud and no scan'
            )
            text = f'{error}: {effect}; camera.hfov sets an approximate field of view'
            self._note_camera(None, (text,) if error.reason == UNUSABLE else ())
            if no_depth or due.needs_camera:
                if error.reason == UNUSABLE:  # is logged already
                    self.statistics.note_drop(error.reason)
                else:
                    self.drop(error.reason, text)
            return None
        self._note_camera(camera, camera.notices)
        return camera

    def _has_right_camera(self, prepared: PreparedImage) -> bool:
        """Drop an image for which another camera_info has come meanwhile."""
        camera, header = prepared.camera, prepared.image.msg.header
        assert self._camera_tracker is not None
        if camera is None or not self._camera_tracker.is_outdated(camera, header):
            return True
        message = (
            'the camera_info of an image arrived only while the image was processed, and differs '
            'from the one used'
        )
        self.drop(LATE_CAMERA_INFO, message)
        return False

    def _note_size(self, size_bytes: int) -> None:
        """Warn of images that are larger than what is transported whole."""
        self._size_bytes, lost = size_bytes, lost_for_size(size_bytes)
        if lost and lost != self._lost:
            self._warn(lost)
        self._lost = lost

    def _log_assumptions(self) -> None:
        """Log how the input is read, when that changes."""
        texts = self.assumptions
        for text in set(texts) - set(self._logged):
            self._inform(text)
        self._logged = texts

    def _note_camera(self, known: CalibratedCamera | None, notices: tuple[str, ...]) -> None:
        """Keep how camera_info is read and what is doubtful about it; log new doubts."""
        notices = (*notices, *self._reader.doubts)
        self._known, self._camera_notices = known, notices
        for text in notices:
            if text not in self._noticed:
                self._warn(text)
        kept = self._noticed if len(self._noticed) < MOST_NOTICED else set()
        self._noticed = {*kept, *notices}
