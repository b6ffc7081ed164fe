"""Messages of the outputs with a subscriber, and of the transform of the scan's frame."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from builtin_interfaces.msg import Time
from sensor_msgs.msg import CompressedImage, LaserScan, PointField

from zoedepth_ros.messages import writers
from zoedepth_ros.messages.compressed import (
    COLOR_TOPIC,
    DEPTH_TOPIC,
    compressed_color,
    compressed_depth,
)
from zoedepth_ros.messages.serialized import SerializedCloud, SerializedImage
from zoedepth_ros.msg import Domain
from zoedepth_ros.pipeline import outputs
from zoedepth_ros.pipeline.outputs import (
    ColorImage,
    DepthImage,
    Omission,
    Output,
    OutputMessages,
    Scan,
)
from zoedepth_ros.ros.parameters.node_settings import NodeSettings
from zoedepth_ros.ros.scan_frame import ScanFrame

Topic = tuple[str, Any]

OUTPUT_OF = {DEPTH_TOPIC: outputs.DEPTH, COLOR_TOPIC: outputs.COLOR}
"""Topic -> output it is made of, where the two differ."""

_TYPES: dict[str, Any] = {
    writers.IMAGE: SerializedImage,
    writers.COMPRESSED_IMAGE: CompressedImage,
    writers.POINT_CLOUD: SerializedCloud,
    writers.POINT_FIELD: PointField,
    writers.LASER_SCAN: LaserScan,
    writers.DOMAIN: Domain,
    writers.TIME: Time,
}


def make(type_name: str, **fields: Any) -> Any:
    """Make a message of rclpy, or its serialised form, for `messages.writers`."""
    return _TYPES[type_name](**fields)


class TopicMessages:
    """Make the messages of one camera's outputs; each is kept and filled again."""

    def __init__(self, omit: Callable[[str, str], None]) -> None:
        """omit: called with reason and message for each output that cannot be made."""
        self.scan_frame = ScanFrame()
        self.buffers = OutputMessages(make)
        """Memory for outputs: the data of the messages."""
        self._omit = omit

    def of(
        self,
        found: Iterable[Output],
        header: Any,
        topics: frozenset[str],
        settings: NodeSettings,
    ) -> Iterator[Topic]:
        """Yield (topic, message) for outputs with a subscriber, compressed images last.

        header: the image's.  topics: those with subscribers.  A message is valid until the next
        image.
        """
        depth: DepthImage | None = None
        color: ColorImage | None = None
        for output in found:
            if isinstance(output, Omission):
                self._omit(output.reason, output.message)
                continue
            if isinstance(output, DepthImage):
                depth = output
            elif isinstance(output, ColorImage):
                color = output
            if output.name not in topics:
                continue
            msg = self.buffers.message(output, header)
            if isinstance(output, Scan):
                yield from self.scan_frame.place(msg, output.up, settings)
            yield output.name, msg
        # Last, because compressing takes time.
        if color is not None and COLOR_TOPIC in topics:
            quality = settings.color_jpeg_quality
            yield COLOR_TOPIC, compressed_color(make, header, color.bgr, jpeg_quality=quality)
        if depth is not None and DEPTH_TOPIC in topics:
            yield DEPTH_TOPIC, _compressed_depth(depth, header, settings)


def _compressed_depth(depth: DepthImage, header: Any, settings: NodeSettings) -> Any:
    return compressed_depth(
        make,
        header,
        depth.pixels,
        max_m=settings.compressed_depth_max_m,
        quantization=settings.compressed_depth_quantization,
        png_level=settings.compressed_depth_png_level,
    )
