"""What the pipeline gives for an image: arrays with a name and a unit, and their messages.

Every array is valid until the next image is processed, unless the caller lends other memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.geometry.scan import BandScan, HeightScan
from zoedepth_ros.messages.writers import (
    CloudWriter,
    ImageWriter,
    Make,
    domain,
    laser_scan,
    write_bgr,
)

DEPTH, UNCERTAINTY, COLOR = 'depth/image', 'depth/uncertainty', 'depth/color'
POINTS, SCAN, DOMAIN = 'depth/points', 'scan', 'domain'
GROUND, OBSTACLES, CLEARING, CLIFFS = (
    'depth/points/ground',
    'depth/points/obstacles',
    'depth/points/clearing',
    'depth/points/cliffs',
)
CAMERA_INFO = 'depth/camera_info'
"""Made by the caller, at the rate of depth."""

DEPTH_OUTPUTS = frozenset({DEPTH, UNCERTAINTY, COLOR, SCAN})
"""Outputs at depth.rate."""
SEGMENTS = frozenset({GROUND, OBSTACLES, CLEARING, CLIFFS})
"""Parts of the cloud by the ground plane."""
CLOUD_OUTPUTS = frozenset({POINTS}) | SEGMENTS
"""Outputs at cloud.rate."""


class Buffers(Protocol):
    """Memory for outputs, such as the data of messages; `geometry.kernels.Workspace` is one."""

    def array(self, name: str, shape: tuple[int, ...], dtype: Any = ...) -> NDArray[Any]:
        """Return the array that the output of this name is written into; its content is lost.

        name: DEPTH, UNCERTAINTY or POINTS.
        """
        ...


@dataclass(frozen=True, slots=True)
class Domain:
    """The head in use, and the router output for this image."""

    name: ClassVar[str] = DOMAIN
    head: str
    """Head in use from now on."""

    probabilities: dict[str, float]
    """Head -> probability by the router; {} if it did not run."""

    forced: bool
    """Whether the router has no influence."""

    last_switch_s: float
    """When the head took over, on the caller's clock [s]; 0.0 before."""


@dataclass(frozen=True, slots=True)
class DepthImage:
    """Depth along z, limited to depth.min and depth.max."""

    name: ClassVar[str] = DEPTH
    pixels: NDArray[Any]
    """(H, W) float32 [m] by REP 117 (-Inf too near, +Inf too far or sky, NaN unknown), or uint16
    [mm], 0 for all of these."""

    encoding: str
    """'32FC1' or '16UC1'."""

    head: str
    """The head that measured it."""

    range_m: float
    """Depth beyond which nothing is measured [m]."""


@dataclass(frozen=True, slots=True)
class Uncertainty:
    """Standard deviation of depth; that of the bins if the weights are not calibrated."""

    name: ClassVar[str] = UNCERTAINTY
    pixels: NDArray[np.float32]
    """(H, W) [m]."""


@dataclass(frozen=True, slots=True)
class ColorImage:
    """Depth in colours, near is red, with a fixed range for each head."""

    name: ClassVar[str] = COLOR
    bgr: NDArray[np.uint8]
    """(H, W, 3), blue first."""


@dataclass(frozen=True, slots=True)
class Cloud:
    """Points in the camera's optical frame."""

    name: ClassVar[str] = POINTS
    points: NDArray[np.float32]
    """x, y, z [m], the bits 0x00RRGGBB and, with cloud.uncertainty, the standard deviation of z
    [m]: (h, w, 4 or 5) with NaN where unknown, or (n, 4 or 5)."""

    color: bool
    """Whether the fourth number is a colour; otherwise it is 0."""

    @property
    def organized(self) -> bool:
        """Whether points have the rows and columns of the image."""
        return self.points.ndim == 3

    @property
    def fields(self) -> tuple[str, ...]:
        """Names of the numbers of a point; '' for one without a meaning."""
        return ('x', 'y', 'z', 'rgb' if self.color else '', 'std')[: self.points.shape[-1]]


@dataclass(frozen=True, slots=True)
class Segment:
    """Ground, obstacles, ends of rays that clear or edges of the floor, in the optical frame."""

    name: str
    """GROUND, OBSTACLES, CLEARING or CLIFFS."""

    points_m: NDArray[np.float32]
    """(k, 3) x, y, z [m]; (k, 4) with the standard deviation of z, see cloud.uncertainty."""

    @property
    def fields(self) -> tuple[str, ...]:
        """Names of the numbers of a point."""
        return ('x', 'y', 'z', 'std')[: self.points_m.shape[1]]


@dataclass(frozen=True, slots=True)
class Scan:
    """Nearest horizontal distances around the camera."""

    name: ClassVar[str] = SCAN
    beams: BandScan | HeightScan
    """The angles of the beams."""

    ranges_m: NDArray[np.float32]
    """(beams,) from right to left [m], by REP 117."""

    range_min_m: float
    range_max_m: float

    up: tuple[float, float, float]
    """Unit vector away from the ground in the optical frame."""


@dataclass(frozen=True, slots=True)
class Omission:
    """An output that was due and cannot be made."""

    name: ClassVar[str] = ''
    reason: str
    """Short form, for counting."""

    message: str
    """What is missing and how to get the output."""


Output = Domain | DepthImage | Uncertainty | ColorImage | Cloud | Segment | Scan | Omission


class OutputMessages:
    """Keep one message of each kind; implements `Buffers` with their data."""

    def __init__(self, make: Make) -> None:
        """make: makes a message of a type, see `messages.writers`."""
        self._make = make
        self._images = {name: ImageWriter(make, name) for name in ('32FC1', '16UC1', 'bgr8')}
        self._uncertainty = ImageWriter(make, '32FC1')
        self._points, self._segments = CloudWriter(make), CloudWriter(make)

    def array(self, name: str, shape: tuple[int, ...], dtype: Any = np.float32) -> NDArray[Any]:
        """Return the data of the message that an output is written into."""
        if name == POINTS:
            return self._points.rows(*shape)
        if name == UNCERTAINTY:
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
