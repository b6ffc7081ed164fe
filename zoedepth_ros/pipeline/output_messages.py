"""From the outputs of the pipeline to messages, which it fills in place."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.messages.writers import (
    CloudWriter,
    ImageWriter,
    Make,
    domain,
    laser_scan,
    write_bgr,
)
from zoedepth_ros.pipeline import outputs
from zoedepth_ros.pipeline.outputs import (
    Cloud,
    ColorImage,
    DepthImage,
    Domain,
    Output,
    Scan,
    Segment,
    Uncertainty,
)


class OutputMessages:
    """Keep one message of each kind; implements `outputs.Buffers` with their data."""

    def __init__(self, make: Make) -> None:
        """make: makes a message of a type, see `messages.writers`."""
        self._make = make
        self._images = {name: ImageWriter(make, name) for name in ('32FC1', '16UC1', 'bgr8')}
        self._uncertainty = ImageWriter(make, '32FC1')
        self._points, self._segments = CloudWriter(make), CloudWriter(make)

    def array(self, name: str, shape: tuple[int, ...], dtype: Any = np.float32) -> NDArray[Any]:
        """Return the data of the message that an output is written into."""
        if name == outputs.POINTS:
            return self._points.rows(*shape)
        if name == outputs.UNCERTAINTY:
            return self._uncertainty.pixels(*shape)
        return self._images['16UC1' if dtype == np.uint16 else '32FC1'].pixels(*shape)

    def message(self, output: Output, header: Any) -> Any:
        """Return the message of an output, valid until the next image; header: the image's."""
        if isinstance(output, DepthImage):
            return self._images[output.encoding].message(header)
        if isinstance(output, Uncertainty):
            return self._uncertainty.message(header)
        if isinstance(output, Cloud):
            if output.organized:
                return self._points.organized(header, output.fields)
            return self._points.one_row(header, output.points, output.fields)
        if isinstance(output, Segment):
            return self._segments.one_row(header, output.points_m, output.fields)
        if isinstance(output, ColorImage):
            write_bgr(self._images['bgr8'], output.bgr)
            return self._images['bgr8'].message(header)
        if isinstance(output, Scan):
            limits_m = output.range_min_m, output.range_max_m
            return laser_scan(self._make, header, output.beams, output.ranges_m, limits_m)
        assert isinstance(output, Domain)
        return domain(
            self._make,
            header,
            output.head,
            output.probabilities,
            forced=output.forced,
            last_switch_s=output.last_switch_s,
        )
