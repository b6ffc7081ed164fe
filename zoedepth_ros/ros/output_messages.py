"""From the outputs of the pipeline to messages, which it fills in place."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rclpy.time import Time

from zoedepth_ros.messages.compressed import (
    COLOR_TOPIC,
    DEPTH_TOPIC,
    compressed_color,
    compressed_depth,
)
from zoedepth_ros.msg import Domain as DomainMessage
from zoedepth_ros.pipeline import outputs
from zoedepth_ros.pipeline.outputs import (
    Cloud,
    ColorImage,
    DepthImage,
    Domain,
    Omission,
    Output,
    Scan,
    Segment,
    Uncertainty,
)
from zoedepth_ros.ros.messages import CloudWriter, ImageWriter, laser_scan, write_bgr
from zoedepth_ros.ros.parameters.node_settings import NodeSettings
from zoedepth_ros.ros.scan_frame import ScanFrame

Topic = tuple[str, Any]

OUTPUT_OF = {DEPTH_TOPIC: outputs.DEPTH, COLOR_TOPIC: outputs.COLOR}
"""Topic -> output it is made of, where the two differ."""


class OutputMessages:
    """Keep one message of each kind; implements `pipeline.outputs.Buffers` with their data."""

    def __init__(self, omit: Callable[[str, str], None]) -> None:
        """omit: called with reason and message for each output that cannot be made."""
        self.scan_frame = ScanFrame()
        self._omit = omit
        self._images = {name: ImageWriter(name) for name in ('32FC1', '16UC1', 'bgr8')}
        self._uncertainty = ImageWriter('32FC1')
        self._points, self._segments = CloudWriter(), CloudWriter()

    def array(self, name: str, shape: tuple[int, ...], dtype: Any = np.float32) -> NDArray[Any]:
        """Return the data of the message that an output is written into."""
        if name == outputs.POINTS:
            return self._points.rows(*shape[:2])
        if name == outputs.UNCERTAINTY:
            return self._uncertainty.pixels(*shape)
        return self._images['16UC1' if dtype == np.uint16 else '32FC1'].pixels(*shape)

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
            if isinstance(output, Scan):
                yield from self._scan(output, header, settings)
            elif output.name in topics:
                yield output.name, self._message(output, header)
        # Last, because compressing takes time.
        if color is not None and COLOR_TOPIC in topics:
            quality = settings.color_jpeg_quality
            yield COLOR_TOPIC, compressed_color(header, color.bgr, jpeg_quality=quality)
        if depth is not None and DEPTH_TOPIC in topics:
            yield DEPTH_TOPIC, _compressed_depth(depth, header, settings)

    def _message(self, output: Output, header: Any) -> Any:
        if isinstance(output, DepthImage):
            return self._images[output.encoding].message(header)
        if isinstance(output, Uncertainty):
            return self._uncertainty.message(header)
        if isinstance(output, Cloud):
            if output.organized:
                return self._points.organized(header, color=output.color)
            return self._points.one_row(header, output.points, color=output.color)
        if isinstance(output, Segment):
            return self._segments.one_row(header, output.points_m, color=False)
        if isinstance(output, ColorImage):
            write_bgr(self._images['bgr8'], output.bgr)
            return self._images['bgr8'].message(header)
        assert isinstance(output, Domain)
        return _domain(output, header)

    def _scan(self, scan: Scan, header: Any, settings: NodeSettings) -> Iterator[Topic]:
        """Yield a scan, and before it the transform of its frame where that is due."""
        limits_m = scan.range_min_m, scan.range_max_m
        msg = laser_scan(header, scan.beams, scan.ranges_m, limits_m)
        yield from self.scan_frame.place(msg, scan.up, settings)
        yield outputs.SCAN, msg


def _compressed_depth(depth: DepthImage, header: Any, settings: NodeSettings) -> Any:
    return compressed_depth(
        header,
        depth.pixels,
        max_m=settings.compressed_depth_max_m,
        quantization=settings.compressed_depth_quantization,
        png_level=settings.compressed_depth_png_level,
    )


def _domain(domain: Domain, header: Any) -> Any:
    nan = float('nan')
    return DomainMessage(
        header=header,
        head=domain.head,
        indoor_probability=domain.probabilities.get('indoor', nan),
        outdoor_probability=domain.probabilities.get('outdoor', nan),
        forced=domain.forced,
        last_switch=Time(nanoseconds=int(1e9 * domain.last_switch_s)).to_msg(),
    )
