"""Moments to show: from images, videos, webcams and recordings."""

from __future__ import annotations

import contextlib
import math
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.errors import printable
from zoedepth_ros.geometry.intrinsics import CameraModel, assumed_camera
from zoedepth_ros.geometry.rectification import AUTO
from zoedepth_ros.media.files import read_stored_image
from zoedepth_ros.media.video import read_video, read_webcam
from zoedepth_ros.messages import types
from zoedepth_ros.messages.camera import CameraTracker
from zoedepth_ros.messages.image_order import LATE
from zoedepth_ros.messages.images import depth_from_image
from zoedepth_ros.pipeline.outputs import DEPTH, DOMAIN, UNCERTAINTY
from zoedepth_ros.viewing.frame import ViewFrame, model_text, noted_camera

DEFAULT_DEPTH_TOPIC = f'/{DEPTH}'

_IMAGES_WAITING = 60  # of a recording, for depth that was made later


def image_frames(
    paths: Sequence[Path],
    bits: int = 0,
    note: Callable[[str], None] = lambda text: None,
    by_exif: bool = False,
) -> Iterator[ViewFrame]:
    """Show images one second after the other; raises ImageFileError and OSError.

    bits: significant ones of 16-bit files, 0 for those of the largest value.  note: called with
    how they are read.  by_exif: whether the field of view in EXIF makes a camera.
    """
    for number, path in enumerate(paths):
        stored = read_stored_image(path, bits)
        for text in stored.notes:
            note(f'{path}: {text}')
        camera = assumed_camera(stored.rgb.shape, stored.hfov_rad) if by_exif else None
        if camera is not None:
            note(f'{path}: EXIF: field of view {math.degrees(stored.hfov_rad):.0f} degrees')
        yield ViewFrame(printable(str(path)), float(number), stored.rgb, camera=camera)


def video_frames(path: Path, rate_hz: float = 0.0) -> Iterator[ViewFrame]:
    """Yield the frames of a video at their own times, at most `rate_hz` per second of it.

    Raises ValueError if OpenCV cannot read it.
    """
    is_empty = True
    with contextlib.suppress(ValueError):  # explained below
        for frame in read_video(path, rate_hz):
            is_empty = False
            yield ViewFrame(printable(path.name), frame.time_s, frame.rgb)
    if is_empty:
        raise ValueError(f'{path}: expected an image, a folder of images, a video or a recording')


def webcam_frames(device: int | str) -> Iterator[ViewFrame]:
    """Yield the frames of a webcam without end; raises OSError when it has none."""
    for frame in read_webcam(device):
        yield ViewFrame(f'webcam {device}', frame.time_s, frame.rgb)


def recording_frames(
    path: Path,
    *,
    image: str = '',
    camera_info: str = '',
    depth_topic: str = DEFAULT_DEPTH_TOPIC,
    recover: bool = False,
    rectified: str = AUTO,
    bits: int = 0,
    note: Callable[[str], None] = lambda text: None,
    begin: Callable[[str], None] = lambda topic: None,
) -> Iterator[ViewFrame]:
    """Show a recording: its own depth where it has some, otherwise images to predict.

    depth_topic: recorded depth; '' to leave it alone.  rectified, bits: as the node's
    camera.rectified and camera.bits.  note: called with how the input is read and with what is
    not shown, again and again.  begin: called before the first frame with the topic of the depth
    that is shown, '' when images are to be predicted.  Raises RecordingError and OSError.
    """
    from zoedepth_ros.bags.errors import Damage, require_libraries

    require_libraries()
    from zoedepth_ros.bags.contents import (
        ABOUT_DEPTH,
        ABOUT_FIELDS,
        NETWORK_WIDTH,
        Message,
        Metadata,
    )
    from zoedepth_ros.bags.look_ahead import first_info, look_ahead
    from zoedepth_ros.bags.recording import open_recording
    from zoedepth_ros.bags.topics import find_inputs

    damage = Damage(recover=recover)
    recording = open_recording(path, damage)
    summary = recording.summary(damage)
    inputs = find_inputs(
        summary,
        image,
        camera_info,
        besides=depth_topic,
        encodings=recording.encodings,
        bits=bits,
    )
    depth_topic = depth_topic if summary.counts.get(depth_topic) else ''
    begin(depth_topic)
    shown = _Shown(inputs, depth_topic, rectified, bits, note)
    wanted = depth_topic or inputs.image
    for message in first_info(recording, summary, inputs.camera_info):
        shown.take_info(message)
    items = recording.read(damage)
    expect = partial(shown.take_info, is_newest=False)
    try:
        for item in look_ahead(items, summary, wanted, inputs.camera_info, expect):
            if isinstance(item, Message):
                yield from shown.frames(item)
            elif isinstance(item, Metadata) and item.name == ABOUT_DEPTH and depth_topic:
                shown.about = model_text(*(item.values.get(name, '') for name in ABOUT_FIELDS))
                width = item.values.get(NETWORK_WIDTH, '')
                shown.network_width = int(width) if width.isdecimal() else 0
    finally:
        for text in damage.notes:
            note(text)


class _Shown:
    """Bring together what belongs together in a recording."""

    def __init__(
        self,
        inputs: Any,
        depth_topic: str,
        rectified: str,
        bits: int,
        note: Callable[[str], None],
    ) -> None:
        from zoedepth_ros.bags.cdr import make
        from zoedepth_ros.bags.prepared_images import TopicImages
        from zoedepth_ros.bags.topics import topic_of

        self.about = ''
        """Origin of the depth, if it is not shown yet."""
        self.network_width = 0
        """Width of the input of the network that made the depth [px]; 0 where it is unknown."""
        self._inputs, self._depth_topic = inputs, depth_topic
        self._domain_topic = topic_of(DOMAIN, depth_topic)
        self._uncertainty_topic = topic_of(UNCERTAINTY, depth_topic)
        self._tracker = CameraTracker(inputs.image, partial(make, types.CAMERA_INFO))
        self._rectified = rectified
        self._images, self._note = TopicImages(inputs, bits), note
        self._waiting: OrderedDict[tuple[int, int], NDArray[np.uint8]] = OrderedDict()

    def take_info(self, message: Any, *, is_newest: bool = True) -> None:
        """Take a camera_info before its turn."""
        from zoedepth_ros.bags.cdr import decode

        with contextlib.suppress(ValueError):  # is noted in its turn
            self._tracker.set_info(decode(message.data, types.CAMERA_INFO), is_newest=is_newest)

    def frames(self, message: Any) -> Iterator[ViewFrame]:
        """Return what a message completes."""
        from zoedepth_ros.bags.cdr import decode

        topic, time_s = message.channel.topic, message.log_time_ns * 1e-9
        try:
            if topic == self._inputs.camera_info:
                self._tracker.set_info(decode(message.data, types.CAMERA_INFO))
            elif topic == self._depth_topic:
                yield self._depth(message, time_s)
            elif topic == self._inputs.image:
                yield from self._image(message, time_s)
            elif not self._depth_topic:
                return  # recorded outputs are not those of the depth that is predicted
            elif topic == self._uncertainty_topic:
                yield ViewFrame(topic, time_s, uncertainty_m=_depth_m(message)[1])
            elif topic == self._domain_topic and message.channel.type_name == types.DOMAIN:
                domain = decode(message.data, types.DOMAIN)
                shares = {
                    'indoor': domain.indoor_probability,
                    'outdoor': domain.outdoor_probability,
                }
                yield ViewFrame(topic, time_s, head=domain.head, router_probabilities=shares)
        except ValueError as error:  # a message that cannot be read is not shown
            self._note(f'{topic}: a message is not shown: {error}')

    def _image(self, message: Any, time_s: float) -> Iterator[ViewFrame]:
        if not self._depth_topic and not self._images.accepts(message):
            self._note(f'{message.channel.topic}: an image is not shown: {LATE}')
            return
        image, rgb = self._images.read(message)
        for text in self._images.assumptions.values():
            self._note(text)
        if not self._depth_topic:
            camera = self._camera(rgb, image.header)
            yield ViewFrame(message.channel.topic, time_s, rgb, camera=camera)
            return
        self._waiting[_stamp(image)] = rgb
        if len(self._waiting) > _IMAGES_WAITING:
            self._waiting.popitem(last=False)

    def _depth(self, message: Any, time_s: float) -> ViewFrame:
        depth, depth_m = _depth_m(message)
        rgb = self._waiting.pop(_stamp(depth), None)
        if rgb is not None and rgb.shape[:2] != depth_m.shape:
            rgb = cv2.resize(rgb, depth_m.shape[::-1], interpolation=cv2.INTER_AREA)
        about, self.about = self.about, ''
        return ViewFrame(
            message.channel.topic,
            time_s,
            rgb,
            depth_m,
            camera=self._camera(depth_m, depth.header),
            about=about,
            network_width=self.network_width,
        )

    def _camera(self, image: NDArray[Any], header: Any) -> CameraModel | None:
        return noted_camera(self._tracker, image.shape, header, self._rectified, self._note)


def _stamp(message: Any) -> tuple[int, int]:
    return message.header.stamp.sec, message.header.stamp.nanosec


def _depth_m(message: Any) -> tuple[Any, NDArray[np.float32]]:
    """Decode a depth Image: (message, depth (H, W) [m], NaN unknown)."""
    from zoedepth_ros.bags.cdr import decode

    image = decode(message.data, types.IMAGE)
    return image, depth_from_image(image)
