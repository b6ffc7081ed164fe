"""Images of a topic, one by one, for programs that are not nodes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from zoedepth_ros.geometry.rectification import AUTO
from zoedepth_ros.messages.camera import PATIENCE_S, CameraTracker, camera_info_topic, seconds
from zoedepth_ros.messages.image_order import LATE, ImageOrder
from zoedepth_ros.messages.images import LASTING, ConversionError, ImageReader
from zoedepth_ros.ros import qos
from zoedepth_ros.ros.inputs import LatchedInfo
from zoedepth_ros.viewing.frame import ViewFrame, noted_camera

_KINDS = {'sensor_msgs/msg/Image': Image, 'sensor_msgs/msg/CompressedImage': CompressedImage}


def live_images(
    topic: str,
    camera_info: str = '',
    patience_s: float = 10.0,
    *,
    rectified: str = AUTO,
    bits: int = 0,
    note: Callable[[str], None] = lambda text: None,
) -> Iterator[ViewFrame]:
    """Return the newest image again and again; what comes in between is skipped.

    topic: Image or CompressedImage.  camera_info: '' for the topic's sibling.  rectified, bits: as
    the node's camera.rectified and camera.bits.  note: called with how the input is read and with
    what is not shown, again and again.  Raises OSError when nothing comes for `patience_s`, and
    for a topic whose messages are no images.
    """
    reader, order = ImageReader(topic), ImageOrder()
    context = rclpy.Context()
    rclpy.init(context=context)
    try:
        node = Node('zoedepth_view', context=context)
        newest: list[Any] = []
        kind = _find_kind(node, topic, patience_s)
        tracker = CameraTracker(topic, CameraInfo)
        info_topic = camera_info or camera_info_topic(topic)
        # First, as executors call back in this order, and an image needs its camera_info.
        node.create_subscription(CameraInfo, info_topic, tracker.set_info, qos.sensor_input())
        node.create_subscription(kind, topic, newest.append, qos.sensor_input())
        latched = LatchedInfo(node, node.resolve_topic_name(info_topic), tracker.set_info)
        executor = SingleThreadedExecutor(context=context)
        executor.add_node(node)
        while True:
            latched.update()
            _wait(executor, newest, topic, patience_s)
            msg = newest.pop()
            newest.clear()
            if not order.accepts(seconds(msg.header.stamp)):
                note(f'{topic}: an image is not shown: {LATE}')
                continue
            arrived_s = 1e-9 * node.get_clock().now().nanoseconds
            end_s = time.monotonic() + PATIENCE_S
            while tracker.lacks(msg.header) and time.monotonic() < end_s:
                executor.spin_once(timeout_sec=PATIENCE_S)
            try:
                rgb = reader.rgb(msg, bits)
            except ConversionError as error:
                if error.reason in LASTING:
                    raise OSError(f'{topic}: {error}') from None
                note(f'{topic}: an image is not shown: {error}')
                continue
            for text in filter(None, (reader.bits.text, *reader.doubts)):
                note(text)
            camera = noted_camera(tracker, rgb.shape, msg.header, rectified, note)
            yield ViewFrame(topic, seconds(msg.header.stamp) or arrived_s, rgb, camera=camera)
    finally:
        rclpy.shutdown(context=context)


def _wait(
    executor: SingleThreadedExecutor, newest: list[Any], topic: str, patience_s: float
) -> None:
    end_s = time.monotonic() + patience_s
    while not newest:
        executor.spin_once(timeout_sec=0.2)
        if time.monotonic() > end_s:
            raise OSError(f'{topic}: no images have arrived for {patience_s:g} s')


def _find_kind(node: Node, topic: str, patience_s: float) -> Any:
    end_s = time.monotonic() + patience_s
    while True:
        topics = dict(node.get_topic_names_and_types())
        for name in topics.get(topic, []):
            if name in _KINDS:
                return _KINDS[name]
            raise OSError(f'{topic}: its type is {name}, expected one of {", ".join(_KINDS)}')
        if time.monotonic() > end_s:
            images = sorted(t for t, kinds in topics.items() if set(kinds) & set(_KINDS))
            there = ', '.join(images) or 'none'
            raise OSError(
                f'{topic} is neither a file nor a topic with a publisher; image topics: {there}'
            )
        time.sleep(0.1)
