"""Convert depth maps to points, and pack them for PointCloud2."""

from __future__ import annotations

import math
import sys

import cv2
import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.geometry import kernels
from zoedepth_ros.geometry.filters import mask_beyond
from zoedepth_ros.geometry.kernels import Workspace

_BLACK = np.zeros(3, np.uint8)


def depth_to_points(
    depth_m: NDArray[np.float32],
    rays: NDArray[np.float32],
    out: NDArray[np.float32] | None = None,
) -> NDArray[np.float32]:
    """Return the point of each pixel, (H, W, 3) [m].

    depth_m: (H, W) along z; rays: (H, W, 2) x/z and y/z.  NaN and infinite depth become NaN in all
    three coordinates.  out: buffer for the result.  Raises ValueError when the sizes differ.

    Convention: camera coordinates, x right, y down, z forward (REP 103, optical frame).
    """
    if rays.shape != (*depth_m.shape, 2):
        raise ValueError(f'rays must be {(*depth_m.shape, 2)} for this depth, got {rays.shape}')
    if out is None:
        out = np.empty((*depth_m.shape, 3), np.float32)
    if depth_m.size == 0:
        return out
    with np.errstate(invalid='ignore'):
        known_m = depth_m + (depth_m - depth_m)  # infinity becomes NaN, the rest stays
    xy_m = cv2.multiply(rays, cv2.merge((known_m, known_m)))
    cv2.mixChannels([xy_m, known_m], [out], [0, 0, 1, 1, 2, 2])
    return out


class PointPacker:
    """Write points with colours in the memory layout of PointCloud2."""

    def __init__(self) -> None:
        self._workspace = Workspace()
        self._rays: NDArray[np.float32] | None = None
        self._planes: tuple[NDArray[np.float32], NDArray[np.float32]] | None = None

    def pack(
        self,
        depth_m: NDArray[np.float32],
        rays: NDArray[np.float32],
        rgb: NDArray[np.uint8] | None,
        out: NDArray[np.float32],
        *,
        limit_m: float = math.inf,
    ) -> None:
        """Write x, y, z [m] and the bits 0x00RRGGBB of every pixel into `out`, (H, W, 4).

        depth_m: (H, W), contiguous, along z; NaN and infinite depth become NaN in x, y and z.
        rays: (H, W, 2); pass the same array while the camera is unchanged.  rgb: (H, W, 3) with
        any strides; None writes 0.  limit_m: larger depth becomes NaN.  Raises ValueError when the
        sizes differ.
        """
        shape = depth_m.shape
        if rays.shape != (*shape, 2) or out.shape != (*shape, 4):
            raise ValueError(f'rays and out must fit depth {shape}, got {rays.shape}, {out.shape}')
        if depth_m.size == 0:
            return
        colors = np.broadcast_to(_BLACK, (*shape, 3)) if rgb is None else rgb
        if kernels.pack_points(depth_m, rays, colors, limit_m, out):
            return
        depth_m = mask_beyond(depth_m, limit_m, self._workspace)
        along_x, along_y = self._planes_of(rays)
        x_m, y_m, z_m = (self._workspace.array(name, shape) for name in 'xyz')
        with np.errstate(invalid='ignore'):
            np.subtract(depth_m, depth_m, out=z_m)  # 0, NaN for infinity
            np.add(depth_m, z_m, out=z_m)
            np.multiply(along_x, z_m, out=x_m)
            np.multiply(along_y, z_m, out=y_m)
        packed = self._workspace.array('colors', shape, np.uint32)
        pack_rgb(colors, packed)
        cv2.merge((x_m, y_m, z_m, packed.view(np.float32)), out)

    def _planes_of(
        self, rays: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return x/z and y/z as two planes (H, W), cached per camera."""
        if self._planes is None or self._rays is not rays:
            self._rays = rays
            self._planes = rays[..., 0].copy(), rays[..., 1].copy()
        return self._planes


def pack_rgb(rgb: NDArray[np.uint8], out: NDArray[np.uint32]) -> None:
    """Write 0x00RRGGBB (PCL, rviz) for every pixel of rgb (H, W, 3) into out (H, W)."""
    code = cv2.COLOR_RGB2BGRA if sys.byteorder == 'little' else cv2.COLOR_RGB2RGBA
    channels = out.view(np.uint8).reshape(*out.shape, 4)
    cv2.cvtColor(rgb, code, dst=channels)
    if sys.byteorder == 'little':
        np.bitwise_and(out, np.uint32(0x00FFFFFF), out=out)  # OpenCV's alpha is 255
    else:
        np.right_shift(out, np.uint32(8), out=out)


def unpack_rgb(points: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return the colours (..., 3) of points (..., n) with the bits 0x00RRGGBB as fourth number."""
    bits = np.ascontiguousarray(points).view(np.uint32)[..., 3]
    return np.stack([bits >> shift & 0xFF for shift in (16, 8, 0)], axis=-1).astype(np.uint8)
