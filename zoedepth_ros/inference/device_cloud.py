"""Clouds packed on the device that computed the depth: one copy, and one wait for it.

The numbers are those of `pipeline.depth_filters` and `geometry.points.PointPacker`, which do the
same on the CPU; a test compares them.
"""

from __future__ import annotations

import logging
import math
import weakref
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from zoedepth_ros.geometry.points import stride_slice
from zoedepth_ros.inference.device_edges import flying_pixels
from zoedepth_ros.inference.on_device import CloudRequest, DevicePicture
from zoedepth_ros.inference.runtimes.graphs import HostLink


class DeviceClouds:
    """Pack clouds on one device, which keeps the rays of the cameras."""

    def __init__(self, link: HostLink, device: torch.device) -> None:
        self._link, self.device = link, device
        self._planes: dict[int, tuple[weakref.ref[NDArray[np.float32]], Tensor]] = {}
        self.failure = ''
        """Why clouds are no longer packed here; '' while they are."""

    def keep(
        self, picture: Tensor, depth_m: Tensor, uncertainty_m: Tensor
    ) -> DevicePicture | None:
        """Give what packs clouds of a picture (1, 3, H, W), 0 to 1, and its maps (H, W) [m].

        None once packing has failed.
        """
        return None if self.failure else _Picture(self, picture[0], depth_m, uncertainty_m)

    def give_up(self, error: Exception) -> None:
        """Leave packing to others from now on, and say why, once."""
        reason = (str(error) or type(error).__name__).splitlines()[0]
        self.failure = f'clouds are packed on the CPU, {self.device} failed to: {reason}'
        logging.getLogger(__name__).warning(self.failure)

    def planes(self, rays: NDArray[np.float32]) -> Tensor:
        """Give x/z and y/z, (2, h, w), of rays (h, w, 2): sent once for as long as they live."""
        kept = self._planes.get(id(rays))
        if kept is None or kept[0]() is not rays:
            planes = self.sent(rays).movedim(-1, 0).contiguous()
            alive = {key: held for key, held in self._planes.items() if held[0]() is not None}
            self._planes = {**alive, id(rays): (weakref.ref(rays), planes)}
            return planes
        return kept[1]

    def sent(self, array: NDArray) -> Tensor:
        """Bring an array to the device without waiting for it."""
        values = torch.from_numpy(array)
        entrance = self._link.pinned(values)
        entrance.copy_(values)
        return entrance.to(self.device, non_blocking=True)

    def fetched(self, values: Tensor) -> NDArray:
        """Bring a tensor to the host: the one wait."""
        exit_ = self._link.pinned(values)
        exit_.copy_(values, non_blocking=True)
        self._link.finish()
        return exit_.numpy()


@dataclass(frozen=True, slots=True)
class _Picture:
    """Implement DevicePicture."""

    clouds: DeviceClouds
    """What brings arrays to and fro."""

    colors: Tensor
    """(3, H, W) red, green, blue, 0 to 1."""

    depth_m: Tensor
    """(H, W) [m]."""

    uncertainty_m: Tensor
    """(H, W) [m]."""

    def pack_cloud(self, request: CloudRequest) -> NDArray[np.float32] | None:
        """Give points (h, w, 4) or (n, 4); see DevicePicture."""
        try:
            with torch.inference_mode():
                return self._packed(request)
        except Exception as error:  # whatever a driver comes up with: the CPU can do it too
            self.clouds.give_up(error)
            return None

    def _packed(self, request: CloudRequest) -> NDArray[np.float32]:
        words = self._words(request)
        if request.organized:
            return self.clouds.fetched(words).view(np.float32)
        known = self.clouds.fetched(_known_first(words.reshape(-1, 4)))
        return known[: known[-1, 0]].view(np.float32)

    def _words(self, at: CloudRequest) -> Tensor:
        """Give x, y, z and colour of every kept pixel as they lie in memory, (h, w, 4) int32."""
        few_m = self._filtered(self._certain(at), at)
        z_m = torch.where(few_m.isfinite(), few_m, math.nan)
        points_m = torch.cat((self.clouds.planes(at.rays) * z_m, z_m[None]))  # (3, h, w)
        color = torch.zeros_like(z_m, dtype=torch.int32)
        if at.color:
            kept = stride_slice(at.step)
            # Rounded, for a GPU divides by 255 by multiplying.
            red, green, blue = (self.colors[:, kept, kept] * 255).round().to(torch.int32)
            color = red << 16 | green << 8 | blue
        # As whole numbers: these are what no arithmetic on floats leaves as they are.
        return torch.stack((*points_m.view(torch.int32), color), dim=-1)

    def _certain(self, at: CloudRequest) -> Tensor:
        """Give scaled depth (H, W): NaN where it is uncertain, +inf where there is sky."""
        depth_m, uncertainty_m = self.depth_m, self.uncertainty_m
        if at.factor != 1.0:
            factor = _float32(at.factor)
            depth_m, uncertainty_m = depth_m * factor, uncertainty_m * factor
        if at.max_uncertainty_m > 0.0:
            limit_m = _float32(at.max_uncertainty_m)
            depth_m = torch.where(uncertainty_m <= limit_m, depth_m, math.nan)
        if at.sky is not None:
            depth_m = torch.where(self.clouds.sent(at.sky), math.inf, depth_m)
        return depth_m

    def _filtered(self, depth_m: Tensor, at: CloudRequest) -> Tensor:
        """Give depth of every n-th row and column, (h, w): NaN or +inf for what is left out."""
        few_m = depth_m[stride_slice(at.step), stride_slice(at.step)]
        hidden = few_m < _float32(at.nearest_m)
        if at.held is not None:
            hidden |= self.clouds.sent(at.held)
        if at.edges and few_m.numel():
            hidden |= flying_pixels(depth_m, network_width=at.network_width, step=at.step)
        near_m = torch.where(few_m > _float32(at.farthest_m), math.inf, few_m)
        return torch.where(hidden, math.nan, near_m)


def _known_first(words: Tensor) -> Tensor:
    """Give (n + 1, 4): the known of n points in order, and last how many they are.

    Their number stays on the device until they are fetched: nobody waits for it before.
    """
    n_points = len(words)
    known = words[:, 2].view(torch.float32).isfinite()
    places = torch.where(known, known.cumsum(0) - 1, n_points)
    packed = words.new_zeros(n_points + 1, 4)
    packed[places] = words
    packed[n_points] = known.sum()
    return packed


def _float32(value: float) -> float:
    """Round as the CPU's limits are."""
    return float(np.float32(value))
