"""Read a recording and prepare the pictures whose depth is wanted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.bags.camera import Camera, CameraTracker
from zoedepth_ros.bags.cdr import CAMERA_INFO, decode
from zoedepth_ros.bags.contents import Channel, Item, Message
from zoedepth_ros.bags.errors import Damage
from zoedepth_ros.bags.plan import Plan, Report
from zoedepth_ros.messages.camera_info import UNUSABLE, CameraUnknown
from zoedepth_ros.messages.images import ConversionError, ImageReader, convert_with_opencv
from zoedepth_ros.pipeline.rates import RateLimiter

_NS = 1e-9


class Frame(NamedTuple):
    """Hold a picture whose depth is wanted."""

    number: int
    """Of the picture in the recording, from 1."""

    header: Any
    """Of the picture, and so of everything that is added."""

    rgb: NDArray[np.uint8]
    """(H, W, 3)."""

    camera: Camera | None
    """None when it is not known."""

    time_s: float
    """When the picture was recorded [s]."""

    wanted: tuple[Channel, ...]
    """What is to be added, in order."""

    done: tuple[Message, ...]
    """The first of it, when an earlier attempt has left them."""


class Source:
    """Read a recording and prepare the pictures whose depth is wanted."""

    def __init__(
        self, plan: Plan, report: Report, damage: Damage, done: Iterator[Message]
    ) -> None:
        """done: what an earlier attempt has left."""
        self._plan, self._report, self._damage = plan, report, damage
        self._done = _Done(done, plan)
        self._rate = RateLimiter(plan.options.rate_hz)
        options = plan.options
        self._pictures = PictureReader(plan.inputs.image_type, options.bits)
        self._tracker = CameraTracker(
            plan.inputs.image, rectified=options.rectified, hfov_rad=options.hfov_rad
        )

    def steps(self) -> Iterator[tuple[Item, Frame | None]]:
        """Give everything in order, with a frame where it is a picture to work on."""
        inputs = self._plan.inputs
        self._look_for_camera()
        for item in self._plan.recording.read(self._damage):
            frame = None
            if isinstance(item, Message):
                if item.channel.topic == inputs.image:
                    frame = self._frame(item)
                elif item.channel.topic == inputs.camera_info:
                    self._take_info(item)
            yield item, frame

    def _look_for_camera(self) -> None:
        """Find the first camera_info, for pictures that come before it."""
        topic = self._plan.inputs.camera_info
        if not self._plan.survey.counts.get(topic):
            return
        for item in self._plan.recording.read(Damage(salvage=True)):
            if isinstance(item, Message) and item.channel.topic == topic:
                self._take_info(item)
                return

    def _take_info(self, message: Message) -> None:
        try:
            self._tracker.set_info(decode(message.data, CAMERA_INFO))
        except ValueError:
            self._report.skipped['unreadable camera_info'] += 1

    def _frame(self, message: Message) -> Frame | None:
        self._report.pictures += 1
        time_s = message.log_time_ns * _NS
        if not self._rate.is_due(time_s):
            self._report.skipped['above the rate'] += 1
            return None
        try:
            picture, rgb = self._pictures.read(message)
        except ConversionError as error:
            self._report.skip(error.reason, str(error))
            return None
        except ValueError:
            self._report.skipped['unreadable message'] += 1
            return None
        self._rate.take(time_s)
        self._report.assume('bits', self._pictures.assumption)
        camera = self._tracker.camera(*rgb.shape[:2])
        if camera is not None and camera.known.reading is not None:
            self._report.assume('camera_info', camera.known.reading.text)
        for text in camera.known.notices if camera is not None else ():
            self._report.assume(text, text)
        wanted = self._wanted(camera)
        done = self._done.take(wanted, message)
        number = self._report.pictures
        return Frame(number, picture.header, rgb, camera, time_s, wanted, done)

    def _wanted(self, camera: Camera | None) -> tuple[Channel, ...]:
        channels, options = self._plan.channels, self._plan.options
        wanted = [channels.depth]
        if camera is not None:
            wanted.append(channels.camera_info)
        if camera is not None and options.points:
            wanted.append(channels.points)
        if camera is None:
            self._say_why(self._tracker.trouble)
        if options.uncertainty:
            wanted.append(channels.uncertainty)
        if options.domain:
            wanted.append(channels.domain)
        return tuple(wanted)

    def _say_why(self, trouble: CameraUnknown) -> None:
        """Report why an image has no camera, every reason once."""
        report, text = self._report, str(trouble)
        if self._plan.options.points:
            report.no_points = report.no_points or text
        if trouble.reason == UNUSABLE and text != report.no_points:
            report.assume(text, text)


class _Done:
    """Hand out what an earlier attempt has left, message by message."""

    def __init__(self, messages: Iterator[Message], plan: Plan) -> None:
        topics = {channel.topic for channel in plan.channels.all()}
        self._messages = (message for message in messages if message.channel.topic in topics)
        self._next = next(self._messages, None)

    def take(self, wanted: tuple[Channel, ...], picture: Message) -> tuple[Message, ...]:
        """Give those of the wanted messages that there are: all, the first ones, or none."""
        found: list[Message] = []
        for channel in wanted:
            have = self._next
            if have is None or have[1:4] != picture[1:4]:  # times and number
                break
            if have.channel.topic != channel.topic:
                break
            found.append(have)
            self._next = next(self._messages, None)
        return tuple(found)


class PictureReader:
    """Decode the images of one topic."""

    def __init__(self, type_name: str, bits: int = 0) -> None:
        """bits: the node's camera.bits."""
        self._type_name, self._bits = type_name, bits
        self._reader = ImageReader(convert_with_opencv)

    @property
    def assumption(self) -> str:
        """How 16-bit values are read, in words; '' before the first."""
        return self._reader.assumption

    def read(self, message: Message) -> tuple[Any, NDArray[np.uint8]]:
        """Give the message and its picture, rgb (H, W, 3).

        Raises ConversionError for a picture and ValueError for a message that cannot be read.
        """
        picture = decode(message.data, self._type_name)
        return picture, self._reader.rgb(picture, self._bits)
