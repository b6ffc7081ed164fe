"""Read a recording and prepare the images whose depth is wanted."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.bags.cdr import decode, make
from zoedepth_ros.bags.contents import Item, Message, full_type_name
from zoedepth_ros.bags.errors import Damage
from zoedepth_ros.bags.look_ahead import first_info, look_ahead, stamp_s
from zoedepth_ros.bags.plan import Plan, Report
from zoedepth_ros.bags.topics import InputTopics
from zoedepth_ros.geometry.two_views import CameraPose
from zoedepth_ros.messages.camera import UNUSABLE, CalibratedCamera, CameraTracker, CameraUnknown
from zoedepth_ros.messages.image_order import LATE, OUT_OF_ORDER, ImageOrder
from zoedepth_ros.messages.images import ConversionError, ImageReader, convert_with_opencv
from zoedepth_ros.messages.transforms import TransformTree
from zoedepth_ros.messages.types import CAMERA_INFO, COMPRESSED_IMAGE, IMAGE, TF_MESSAGE
from zoedepth_ros.pipeline.outputs import POINTS
from zoedepth_ros.pipeline.request import OutputsDue, Schedule

_NS = 1e-9


class Frame(NamedTuple):
    """Hold an image whose depth is wanted."""

    number: int
    """Of the image in the recording, from 1."""

    header: Any
    """Of the image, and so of everything that is added."""

    rgb: NDArray[np.uint8]
    """(H, W, 3)."""

    camera: CalibratedCamera | None
    """None when it is not known."""

    time_s: float
    """When the image was recorded [s]."""

    due: OutputsDue
    """The outputs to make."""

    pose: CameraPose | None
    """Pose of the camera in scale.odometry_frame; None when unknown or not needed."""

    done: tuple[Message, ...]
    """The first of their messages, if an earlier attempt has written some."""


class PreparedImages:
    """Read a recording and prepare the images whose depth is wanted."""

    def __init__(
        self, plan: Plan, report: Report, damage: Damage, done: Iterator[Message]
    ) -> None:
        """done: what an earlier attempt has left."""
        self._plan, self._report, self._damage = plan, report, damage
        self._done = _Done(done, plan)
        self._schedule = Schedule()
        self._settings = plan.job.options.settings
        self._images = TopicImages(plan.inputs, self._settings.camera_bits)
        self._transforms = TransformTree()
        self._tracker = CameraTracker(plan.inputs.image, partial(make, CAMERA_INFO))

    def steps(self) -> Generator[tuple[Item, Frame | None], None, None]:
        """Return everything in order, with a frame where it is an image to work on."""
        inputs, summary = self._plan.inputs, self._plan.summary
        for message in first_info(self._plan.recording, summary, inputs.camera_info):
            self._take_info(message)
        if self._settings.scale_source == 'motion':
            self._read_transforms()
        items = self._plan.recording.read(self._damage)
        found = partial(self._take_info, is_newest=False)
        for item in look_ahead(items, summary, inputs.image, inputs.camera_info, found):
            frame = None
            if isinstance(item, Message):
                if item.channel.topic == inputs.image:
                    frame = self._frame(item)
                elif item.channel.topic == inputs.camera_info:
                    self._take_info(item)
            yield item, frame

    def _read_transforms(self) -> None:
        """Read all transforms: those of an image's time may come after it."""
        topics = self._plan.summary.of_type(TF_MESSAGE)
        for item in self._plan.recording.messages(topics):
            try:
                message = decode(item.data, TF_MESSAGE)
            except ValueError:
                self._note_unreadable(item)
                continue
            self._transforms.add(message, static=item.channel.topic.endswith('_static'))

    def _pose(self, header: Any) -> CameraPose | None:
        if self._settings.scale_source != 'motion':
            return None
        stamp_ns = header.stamp.sec * 10**9 + header.stamp.nanosec
        fixed = self._settings.scale_odometry_frame
        found = self._transforms.lookup(fixed, header.frame_id, stamp_ns)
        return None if found is None else CameraPose(*found)

    def _take_info(self, message: Message, *, is_newest: bool = True) -> None:
        try:
            self._tracker.set_info(decode(message.data, CAMERA_INFO), is_newest=is_newest)
        except ValueError:
            self._note_unreadable(message)

    def _note_unreadable(self, message: Message) -> None:
        self._damage.note(f'{message.channel.topic}: some messages cannot be read')

    def _frame(self, message: Message) -> Frame | None:
        self._report.images += 1
        time_s = message.log_time_ns * _NS
        due = self._schedule.due(time_s, self._plan.job.options.outputs, self._settings)
        if not due:
            self._report.skipped[
                'not used, because depth.rate and cloud.rate limit the rate of outputs'
            ] += 1
            return None
        if not self._images.accepts(message):
            self._report.skip(OUT_OF_ORDER, LATE)
            return None
        try:
            image, rgb = self._images.read(message)
        except ConversionError as error:
            self._report.skip(error.reason, str(error))
            return None
        except ValueError as error:
            self._report.skip('unreadable message', str(error))
            return None
        self._schedule.done(due, time_s)
        for what, text in self._images.assumptions.items():
            self._report.assume(what, text)
        done = self._done.take(message)
        camera = self._camera(rgb.shape, image.header)
        pose = self._pose(image.header)
        return Frame(self._report.images, image.header, rgb, camera, time_s, due, pose, done)

    def _camera(self, shape: tuple[int, ...], header: Any) -> CalibratedCamera | None:
        at = self._settings
        try:
            camera = self._tracker.camera(
                shape[0],
                shape[1],
                header,
                rectified=at.camera_rectified,
                hfov_rad=at.camera_hfov_rad,
            )
        except CameraUnknown as error:
            report, text = self._report, str(error)
            if POINTS in self._plan.job.options.added:
                report.no_points = report.no_points or text
            if error.reason == UNUSABLE and text != report.no_points:
                report.assume(text, text)
            return None
        if camera.reading is not None:
            self._report.assume('camera_info', camera.reading.text)
        for text in camera.notices:
            self._report.assume(text, text)
        return camera


class _Done:
    """Return what an earlier attempt has written, message by message."""

    def __init__(self, messages: Iterator[Message], plan: Plan) -> None:
        self._order = {channel: n for n, channel in enumerate(plan.channels.values())}
        self._messages = (m for m in messages if m.channel in self._order)
        self._next = next(self._messages, None)

    def take(self, image: Message) -> tuple[Message, ...]:
        """Return the messages made of an image: all, the first ones, or none."""
        found: list[Message] = []
        place = -1
        while self._next is not None and self._next[1:4] == image[1:4]:  # times and number
            before, place = place, self._order[self._next.channel]
            if place <= before:  # made of another image of the same time
                break
            found.append(self._next)
            self._next = next(self._messages, None)
        return tuple(found)


class TopicImages:
    """Decode the images of one topic."""

    def __init__(self, inputs: InputTopics, bits: int = 0) -> None:
        """bits: the node's camera.bits."""
        self._bits = bits
        self._reader = ImageReader(inputs.image, convert_with_opencv)
        self._order = ImageOrder()

    @property
    def assumptions(self) -> dict[str, str]:
        """How images are read and why they may be none, in words."""
        found = {'camera.bits': self._reader.bits.text} if self._reader.bits.text else {}
        return {**found, **{text: text for text in self._reader.doubts}}

    def accepts(self, message: Message) -> bool:
        """Return whether the stamp of an image is in order, as `ImageOrder.accepts`."""
        return self._order.accepts(stamp_s(message))

    def read(self, message: Message) -> tuple[Any, NDArray[np.uint8]]:
        """Return the message and its image, rgb (H, W, 3).

        Raises ConversionError for an image and ValueError for a message that cannot be read.
        """
        type_name = full_type_name(message.channel.type_name)
        if type_name not in (IMAGE, COMPRESSED_IMAGE):  # another type on the same topic
            raise ValueError(f'expected an image, got a message of type {type_name}')
        image = decode(message.data, type_name)
        return image, self._reader.rgb(image, self._bits)
