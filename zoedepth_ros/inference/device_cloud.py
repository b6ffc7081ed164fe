"""Pack clouds on the device that computed the depth, with a single synchronisation.

The results equal those of the CPU (the pipeline's filters and `geometry.points.pack_points`); a
test compares them.
"""

from __future__ import annotations

import logging
import math
import weakref
from collections.abc import Callable
from functools import partial

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from zoedepth_ros.geometry.filters import largest_jump, stride_slice, widest_ramp_px
from zoedepth_ros.inference.devices import kind_of, named_failures, short_reason
from zoedepth_ros.inference.result import CloudRequest, ContextLost, OutOfMemory, PackCloud
from zoedepth_ros.inference.runtimes.cuda_graphs import CudaGraphs
from zoedepth_ros.inference.runtimes.pause import Pause

_UPPER_HALF = -0x10000  # bits of a float32

Pack = Callable[[Tensor, Tensor, Tensor, 'Tensor | None', CloudRequest], Tensor]  # docs mock torch


class DeviceClouds:
    """Pack clouds on one device; caches the rays of the cameras there."""

    def __init__(self, link: CudaGraphs, device: torch.device, pack: Pack | None = None) -> None:
        """pack: see `packer`; None for the operators of torch."""
        self._link, self.device, self.pack = link, device, pack or pack_with_torch
        self._planes: dict[int, tuple[weakref.ref[NDArray[np.float32]], Tensor]] = {}
        self._sent: list[Tensor] = []
        """Pinned memory that the device reads or writes until `finish`: dropped, it is reused."""
        self._pause = Pause()

    @property
    def failure(self) -> str:
        """Why clouds are packed on the CPU for now; '' if they are packed here."""
        reason = self._pause.reason
        return reason and f'clouds are computed on the CPU for a while: {reason}'

    def keep(self, image: Tensor, depth_m: Tensor, *, min_depth_m: float) -> PackCloud | None:
        """Return what packs clouds of an image; it copies what the next run may overwrite.

        image: (1, 3, H, W) of 0 to 1, or (H, W, 3) uint8.  depth_m: (H, W) [m].
        None while packing is paused after a failure, and if the device has no memory for the
        copies: the CPU packs the cloud then.
        """
        if not self._pause.is_over():
            return None
        try:
            if image.dtype == torch.uint8:
                colors = image.clone()
            else:  # rounded, because a GPU divides by 255 by multiplying
                colors = (image[0] * 255).round().to(torch.uint8).movedim(0, -1).contiguous()
            kept_m = depth_m.clamp(min=min_depth_m)
        except RuntimeError as error:
            if kind_of(error) is not OutOfMemory:
                raise
            self.fail(error)
            return None
        return partial(self._pack_cloud, colors, kept_m)

    def fail(self, error: Exception) -> None:
        """Leave packing to the CPU for a while."""
        if self._pause.fail(short_reason(error)):
            logging.getLogger(__name__).warning(self.failure)

    def planes(self, rays: NDArray[np.float32]) -> Tensor:
        """Return x/z and y/z, (2, h, w), of rays (h, w, 2); cached while the array exists."""
        cached = self._planes.get(id(rays))
        if cached is None or cached[0]() is not rays:
            planes = self.upload(rays).movedim(-1, 0).contiguous()  # (2, h, w)
            alive = {key: entry for key, entry in self._planes.items() if entry[0]() is not None}
            self._planes = {**alive, id(rays): (weakref.ref(rays), planes)}
            return planes
        return cached[1]

    def upload(self, array: NDArray) -> Tensor:
        """Copy an array to the device asynchronously."""
        values = torch.from_numpy(array)
        buffer = self._link.pinned(values)
        buffer.copy_(values)
        self._sent.append(buffer)
        return buffer.to(self.device, non_blocking=True)

    def download(self, values: Tensor) -> NDArray:
        """Copy a tensor to the host and wait for it."""
        buffer = self._link.pinned(values)
        buffer.copy_(values, non_blocking=True)
        self._sent.append(buffer)
        self._link.finish()
        self._sent.clear()
        return buffer.numpy()

    def _pack_cloud(
        self, colors: Tensor, depth_m: Tensor, at: CloudRequest
    ) -> NDArray[np.float32] | None:
        """Return points of an image (H, W, 3) uint8 and its depth (H, W) [m]; see PackCloud."""
        try:
            with torch.inference_mode(), named_failures(self.device):
                suppressed = None if at.suppressed is None else self.upload(at.suppressed)
                certain_m = self._certain(depth_m, at)
                packed = self.pack(certain_m, colors, self.planes(at.rays), suppressed, at)
                found = self.download(packed)
        except ContextLost:  # the CPU can replace a failing driver, but not a broken process
            raise
        except Exception as error:
            self.fail(error)
            return None
        self._pause.succeed()
        return (found if at.organized else found[: found[-1, 0]]).view(np.float32)

    def _certain(self, depth_m: Tensor, at: CloudRequest) -> Tensor:
        """Return scaled depth (H, W): NaN if uncertain, +inf for sky."""
        if at.factor != 1.0:
            depth_m = depth_m * _float32(at.factor)
        if at.unknown is not None:
            depth_m = torch.where(self.upload(at.unknown), math.nan, depth_m)
        if at.sky is not None:
            depth_m = torch.where(self.upload(at.sky), math.inf, depth_m)
        return depth_m


def pack_with_torch(
    depth_m: Tensor, colors: Tensor, planes: Tensor, suppressed: Tensor | None, at: CloudRequest
) -> Tensor:
    """Return x, y, z and colour of every selected pixel as bits, (h, w, 4) int32.

    If the cloud is not organized, return the finite points as `_known_first` does.

    depth_m: (H, W) [m], NaN for unknown.  colors: (H, W, 3) uint8.  planes: x/z and y/z of the
    selected pixels, (2, h, w).  suppressed: (h, w) bool.
    """
    filtered_m = _filtered(depth_m, suppressed, at)  # (h, w)
    z_m = torch.where(filtered_m.isfinite(), filtered_m, math.nan)
    xy_m = planes * z_m
    z_m = torch.where(xy_m[0].isnan(), math.nan, z_m)
    points_m = torch.cat((xy_m, z_m[None]))  # (3, h, w)
    color = torch.zeros_like(z_m, dtype=torch.int32)
    if at.color:
        kept = stride_slice(at.stride)
        red, green, blue = colors[kept, kept].to(torch.int32).unbind(-1)
        color = red << 16 | green << 8 | blue
    # As integers, because float operations may change the bits of a colour.
    words = torch.stack((*points_m.view(torch.int32), color), dim=-1)
    return words if at.organized else _known_first(words.reshape(-1, 4))


def packer(device: torch.device) -> Pack:
    """Return the kernels if they work on this device and agree with torch, else those of torch."""
    try:
        from zoedepth_ros.inference import cloud_kernels

        check(cloud_kernels.pack, device)
        return cloud_kernels.pack
    except Exception as error:  # no Triton, no C compiler for it, an unknown GPU, wrong numbers
        logging.getLogger(__name__).info(
            'clouds are packed without compiled kernels, which is slower: %s', short_reason(error)
        )
        return pack_with_torch


@torch.inference_mode()
def check(tested: Pack, device: torch.device) -> None:
    """Compare a way to pack with that of torch.  Raises RuntimeError if they differ."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        depth_m, planes = torch.rand(40, 60).exp(), torch.randn(2, 20, 30)
        depth_m[:, 30:] *= 3.0
        depth_m[torch.rand(40, 60) < 0.1] = math.nan
        colors = torch.randint(256, (40, 60, 3), dtype=torch.uint8)
        suppressed = torch.rand(20, 30) < 0.1
    depth_m, colors, planes = depth_m.to(device), colors.to(device), planes.to(device)
    suppressed = suppressed.to(device)
    for organized in (True, False):
        at = CloudRequest(
            rays=np.zeros((20, 30, 2), np.float32), stride=2, factor=1.0, min_depth_m=1.1,
            max_depth_m=6.0, edges=True, network_width=512, color=True, organized=organized,
        )  # fmt: skip
        found, expected = (
            way(depth_m, colors, planes, suppressed, at).cpu().view(torch.float32)
            for way in (tested, pack_with_torch)
        )
        if not organized:  # the rows between the points and their number are arbitrary
            number = int(expected.view(torch.int32)[-1, 0])
            found, expected = (
                torch.cat((x[:number].flatten(), x[-1, :1])) for x in (found, expected)
            )
        torch.testing.assert_close(found, expected, rtol=0.0, atol=0.0, equal_nan=True)


def _filtered(depth_m: Tensor, suppressed: Tensor | None, at: CloudRequest) -> Tensor:
    """Return depth of every n-th row and column, (h, w): NaN or +inf for removed pixels."""
    few_m = depth_m[stride_slice(at.stride), stride_slice(at.stride)]
    removed = few_m < _float32(at.min_depth_m)
    if suppressed is not None:
        removed |= suppressed
    if at.edges and few_m.numel():
        removed |= flying_pixels(depth_m, network_width=at.network_width, stride=at.stride)
    near_m = torch.where(few_m > _float32(at.max_depth_m), math.inf, few_m)
    return torch.where(removed, math.nan, near_m)


def _known_first(words: Tensor) -> Tensor:
    """Return (n + 1, 4): the finite points first, in order, and their number in the last row.

    The number stays on the device, so that no synchronisation is needed before the download.
    """
    n_points = len(words)
    known = words[:, 2].view(torch.float32).isfinite()
    places = torch.where(known, known.cumsum(0) - 1, n_points)
    packed = words.new_zeros(n_points + 1, 4)
    packed[places] = words
    packed[n_points] = known.sum()
    return packed


def _float32(value: float) -> float:
    """Round to float32, as the limits on the CPU."""
    return float(np.float32(value))


def flying_pixels(depth_m: Tensor, *, network_width: int, stride: int) -> Tensor:
    """Compute `geometry.filters.flying_pixels` with torch, (h, w) of every n-th row and column.

    depth_m: (H, W) [m]; NaN and infinity count as infinitely far.  network_width: columns of the
    network's input [px].
    """
    height, width = depth_m.shape
    kept, size = stride_slice(stride), widest_ramp_px(width)
    jump = float(np.float32(largest_jump(width, network_width)))
    along_rows, along_columns = _inverse(depth_m[kept]), _inverse(depth_m[:, kept])
    slack = along_rows[:, kept] * jump
    marks = torch.zeros_like(slack, dtype=torch.bool)
    if width >= 3:
        marks |= _peaks(along_rows, size, kept, slack)
    if height >= 3:
        marks |= _peaks(along_columns.T, size, kept, slack.T).T
    return marks


def _inverse(depth_m: Tensor) -> Tensor:
    inverse = 1.0 / depth_m
    return torch.where(inverse.isnan(), 0.0, inverse)


def _peaks(values: Tensor, size: int, kept: slice, slack: Tensor) -> Tensor:
    """Mark narrow peaks of the gradient along rows (n, W) that are higher than slack (n, w)."""
    slope = F.pad((values[:, 2:] - values[:, :-2]).abs()[None], (1, 1), mode='replicate')[0]
    opened = _largest(-_largest(-_coarse(slope), size), size)
    return opened[:, kept] < _coarse((slope[:, kept] - slack).clamp(min=0.0))


def _coarse(values: Tensor) -> Tensor:
    """Keep the upper 16 bits of non-negative floats: same order, 1 % precision."""
    return (values.contiguous().view(torch.int32) & _UPPER_HALF).view(torch.float32)


def _largest(values: Tensor, size: int) -> Tensor:
    """Return the maximum within a window along each row; values outside the row are ignored."""
    return F.max_pool2d(values[None], (1, size), stride=1, padding=(0, size // 2))[0]
