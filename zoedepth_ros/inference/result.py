"""The interface of predictors: arguments, results, errors.  Imports no torch."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.geometry.canonical import RANGE_M
from zoedepth_ros.inference.uncertainty import UncertaintyMaps

AUTO = 'auto'

Rgb = NDArray[np.uint8]
"""An image, (H, W, 3)."""

MIN_DEPTH_M = 1e-3
"""The smallest depth in training and evaluation [m]."""


class InferenceError(RuntimeError):
    """The depth of an image could not be predicted."""


class OutOfMemory(InferenceError):  # noqa: N818
    """The device has too little memory for this network at this size."""


class DeviceLost(InferenceError):  # noqa: N818
    """The device no longer responds."""


class ContextLost(DeviceLost):
    """The CUDA context of this process no longer works; only a new process can use the GPU.

    CUDA calls such errors sticky, for example a failed launch or a device-side assertion.
    """


class NotFinite(InferenceError):  # noqa: N818
    """The output of the network is not finite."""


@dataclass(frozen=True, slots=True)
class CloudRequest:
    """How to convert the depth of an image (H, W) to a cloud."""

    rays: NDArray[np.float32]
    """(h, w, 2) x/z and y/z of the selected pixels; pass the same array for the same camera."""

    stride: int
    """Select every n-th row and column, see `geometry.filters.stride_slice`."""

    factor: float
    """Factor on depth, applied first."""

    min_depth_m: float
    """Smaller depth is removed [m]."""

    max_depth_m: float
    """Larger depth is removed [m]."""

    edges: bool
    """Whether flying pixels are removed."""

    network_width: int
    """Columns of the network's input [px], for the width of its edges."""

    color: bool
    """Whether points have the colours of the image."""

    organized: bool
    """True: keep rows and columns, with NaN for removed points; False: finite points only."""

    sky: NDArray[np.bool_] | None = None
    """(H, W) mask of sky; None for none."""

    unknown: NDArray[np.bool_] | None = None
    """(H, W) mask of depth that is too uncertain; None for none."""

    suppressed: NDArray[np.bool_] | None = None
    """(h, w) mask of further points to remove; None for none."""


PackCloud = Callable[[CloudRequest], NDArray[np.float32] | None]
"""Return x, y, z [m] and the bits 0x00RRGGBB of points: (h, w, 4), or finite ones (n, 4).

The same numbers as `geometry.filters` and `geometry.points` give on the CPU.  None when the device
cannot.  Raises ContextLost.
"""


@dataclass(frozen=True, slots=True)
class DepthResult:
    """The prediction for one image, with maps at the size of the image."""

    depth_m: NDArray[np.float32]
    """(H, W) depth along z, the optical axis [m], positive; NaN where a network of others does not
    know it."""

    uncertainty_m: NDArray[np.float32]
    """(H, W) standard deviation of the distribution over the depth bins [m]; the predictor's
    `uncertainty_maps` make the standard deviation of depth of it.  NaN for unknown."""

    relative_depth: NDArray[np.float32]
    """(H, W) inverse depth up to an unknown scale and shift; larger is nearer, no unit."""

    head: str
    """The head that predicted the depth: 'indoor' or 'outdoor', or that of a contract."""

    router_probabilities: dict[str, float]
    """Head -> probability; {} if the router was not run or there is none."""

    pack_cloud: PackCloud | None = field(default=None, repr=False)
    """Packs a cloud of the same depth on the device that computed it; None on the CPU."""

    largest_m: float = 0.0
    """Largest depth that the network measures [m]; 0.0 for that of ZoeDepth's head."""

    sky: NDArray[np.bool_] | None = None
    """(H, W) sky as the network sees it; None if it does not tell."""

    along_ray: bool = False
    """Whether depth and uncertainty are still along the ray of each pixel; see `metric`."""

    per_focal_px: tuple[float, float] | None = None
    """(kx, ky): depth and uncertainty still have to be multiplied by kx * fx + ky * fy of the
    image [px] for metres; None if they are in metres."""

    @property
    def range_m(self) -> float:
        """Depth beyond which nothing is measured [m]."""
        return self.largest_m or RANGE_M[self.head]


def metric(
    result: DepthResult, *, fx_px: float, fy_px: float, cosines: Callable[[], NDArray[np.float32]]
) -> DepthResult:
    """Return a result in metres along z, for the camera of its image.

    fx_px, fy_px: focal lengths.  cosines: returns z of the unit vector of each ray, (H, W).
    """
    if result.per_focal_px is None and not result.along_ray:
        return result
    per_x, per_y = result.per_focal_px or (0.0, 0.0)
    focal = per_x * fx_px + per_y * fy_px if result.per_focal_px else 1.0
    factor = np.float32(focal) * (cosines() if result.along_ray else np.float32(1.0))
    return replace(
        result,
        depth_m=result.depth_m * factor,
        uncertainty_m=result.uncertainty_m * factor,
        relative_depth=result.relative_depth / factor,
        along_ray=False,
        per_focal_px=None,
    )


@dataclass(frozen=True, slots=True)
class Convention:
    """What is known of a network's depth before an image; the default is ZoeDepth's."""

    is_canonical: bool = False
    """Whether depth is multiplied by the focal length of the image."""

    along_ray: bool = False
    """Whether depth is along the ray of each pixel."""

    has_uncertainty: bool = True
    """Whether there is an uncertainty; otherwise it is NaN."""

    has_training_camera: bool = True
    """Whether the training camera is known, so that depth can be corrected for another one."""

    @property
    def needs_camera(self) -> bool:
        """Whether depth needs the camera of the image to become metres along z."""
        return self.is_canonical or self.along_ray


ZOEDEPTH = Convention()


def convention_of(predictor: object) -> Convention:
    """Return the convention of a predictor; ZoeDepth's for one that does not tell."""
    found = getattr(predictor, 'convention', ZOEDEPTH)
    assert isinstance(found, Convention)
    return found


class SingleImagePredictor(Protocol):
    """Predict batches one image after the other."""

    @abstractmethod
    def __call__(
        self, rgb: Rgb, head: str = AUTO, *, route: bool = True, depth_only: bool = False
    ) -> DepthResult:
        """Predict the depth of one image.

        rgb: uint8 (H, W, 3).  head: a head, or 'auto' to let the router choose.  route: whether to
        run the router if a head is given.  depth_only: the caller uses neither uncertainty nor
        relative depth, so they may be NaN.  Raises ValueError for an invalid image or head,
        InferenceError if the prediction fails.
        """

    def predict_batch(
        self,
        images: Sequence[Rgb],
        heads: Sequence[str],
        *,
        routes: Sequence[bool],
        depth_only: bool = False,
    ) -> list[DepthResult]:
        """Predict the depth of images with the results of single calls.

        images: (H, W, 3) uint8 each, may differ in size; equal network sizes share one run.
        heads, routes: arguments of each call; depth_only: of all.  An error of one image is raised
        for all.
        """
        requests = zip(images, heads, routes, strict=True)
        return [
            self(rgb, head, route=route, depth_only=depth_only) for rgb, head, route in requests
        ]


class DepthPredictor(SingleImagePredictor, Protocol):
    """Predict depth from images."""

    model_name: str
    """Name of the preset, such as 'ZoeD_M12_NK'."""

    heads: tuple[str, ...]
    """Heads of the model, in the order ('indoor', 'outdoor')."""

    device: str
    """Device of the network: 'cpu', 'cuda:0'."""

    precision: str
    """'fp32', 'bf16' or 'fp16'."""

    weights_origin: str
    """Source of the parameters: 'random', or the file with its format and checksum."""

    weights_warning: str
    """Warning to display for weights other than the released ones; '' for none."""

    training_hfov_rad: float
    """Horizontal field of view of the training camera [rad]; 0.0 if unknown.

    Depth is predicted as if the image were of this camera; the pipeline corrects it for
    others.
    """

    focal_exponent: float
    """Exponent of the ratio of focal lengths in that factor, above 0 and at most 1."""

    uncertainty_maps: UncertaintyMaps
    """Calibration of the uncertainty of each head; {} if the weights have none."""

    @property
    def optimization_note(self) -> str:
        """Why the network runs slower than configured; '' if it does not."""
        ...

    @property
    def preprocess_ms(self) -> float:
        """Duration of the preprocessing of the last image [ms]; NaN if unknown."""
        ...

    @property
    def device_memory_mb(self) -> float:
        """Memory reserved on the device [MB]; NaN on the CPU."""
        ...

    def network_size(self, height: int, width: int) -> tuple[int, int]:
        """Return the (height, width) of the network input for an image of this size."""
        ...

    def warm_up(self, height: int, width: int) -> None:
        """Run once on an empty image of this size, so that the first prediction is fast."""
        ...


def check_rgb(rgb: object, *, float_too: bool = False) -> None:
    """Raise ValueError unless rgb is a uint8 (H, W, 3) array with at least one pixel.

    float_too: accept float32 with values 0 to 1 as well.
    """
    kinds = 'uint8 or float32' if float_too else 'uint8'
    expected = f'expected an image as {kinds} (height, width, 3) RGB'
    if not isinstance(rgb, np.ndarray):
        raise ValueError(f'{expected}, got {type(rgb).__name__}')
    known = rgb.dtype == np.uint8 or (float_too and rgb.dtype == np.float32)
    if not known or rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.size == 0:
        raise ValueError(f'{expected}, got {rgb.dtype} {rgb.shape}')


def cuda_index(device: str) -> int | None:
    """Return the number in 'cuda:N', 0 for 'cuda', None for 'auto' and 'cpu'.

    Raises ValueError for other names.
    """
    if device in (AUTO, 'cpu'):
        return None
    found = re.fullmatch('cuda(?::([0-9]+))?', device)
    if found is None:
        raise ValueError(f'unknown device {device!r}: expected auto, cpu, cuda or cuda:N')
    return int(found[1] or 0)


def check_head(head: str, heads: tuple[str, ...]) -> None:
    """Raise ValueError for a head that the model does not have."""
    if head != AUTO and head not in heads:
        choices = ', '.join((AUTO, *heads))
        raise ValueError(f'unknown head {head!r}: this model takes {choices}')
