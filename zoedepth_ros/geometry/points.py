"""From a depth map to points in space."""

from __future__ import annotations

import sys

import cv2
import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.geometry.workspace import Scratch


def depth_to_points(
    depth_m: NDArray[np.float32],
    rays: NDArray[np.float32],
    out: NDArray[np.float32] | None = None,
) -> NDArray[np.float32]:
    """Give the point that each pixel sees, (H, W, 3) [m].

    depth_m: (H, W) along z; rays: (H, W, 2) x/z and y/z.  NaN stays NaN and infinite depth becomes
    NaN in all three coordinates.  out: written in place when given.  Raises ValueError when the
    sizes differ.

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


def every(step: int) -> slice:
    """Give the slice that keeps every `step`-th row or column, the middle one of each block.

    Raises ValueError for a step below 1.
    """
    if step < 1:
        raise ValueError(f'the decimation must be 1 or more, got {step}')
    return slice(step // 2, None, step)


def decimate(array: NDArray, step: int) -> NDArray:
    """Keep every `step`-th row and column, as a view.

    The kept pixel is the middle one of its block.  Raises ValueError for a step below 1.
    """
    return array[every(step), every(step)]


class PointPacker:
    """Write points and their colours as they lie in a cloud, in one pass over the picture."""

    def __init__(self) -> None:
        self._scratch = Scratch()
        self._rays: NDArray[np.float32] | None = None
        self._planes: tuple[NDArray[np.float32], NDArray[np.float32]] | None = None

    def pack(
        self,
        depth_m: NDArray[np.float32],
        rays: NDArray[np.float32],
        rgb: NDArray[np.uint8] | None,
        out: NDArray[np.float32],
    ) -> None:
        """Write x, y, z [m] and the bits 0x00RRGGBB for every pixel into `out`, (H, W, 4).

        depth_m: (H, W), contiguous, along z; NaN and infinite depth become NaN in x, y and z.
        rays: (H, W, 2), the same array as long as the camera is the same.  rgb: (H, W, 3), of any
        strides; None leaves the fourth number 0.  Raises ValueError when the sizes differ.
        """
        shape = depth_m.shape
        if rays.shape != (*shape, 2) or out.shape != (*shape, 4):
            raise ValueError(f'rays and out must fit depth {shape}, got {rays.shape}, {out.shape}')
        if depth_m.size == 0:
            return
        along_x, along_y = self._planes_of(rays)
        x_m, y_m, z_m = (self._scratch.array(name, shape) for name in 'xyz')
        with np.errstate(invalid='ignore'):
            np.subtract(depth_m, depth_m, out=z_m)  # 0, NaN for infinity
            np.add(depth_m, z_m, out=z_m)
            np.multiply(along_x, z_m, out=x_m)
            np.multiply(along_y, z_m, out=y_m)
        cv2.merge((x_m, y_m, z_m, self._colors(rgb, shape)), out)

    def _planes_of(
        self, rays: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Give x/z and y/z as planes, made once per camera."""
        if self._planes is None or self._rays is not rays:
            self._rays = rays
            self._planes = rays[..., 0].copy(), rays[..., 1].copy()
        return self._planes

    def _colors(self, rgb: NDArray[np.uint8] | None, shape: tuple[int, ...]) -> NDArray:
        """Give 0x00RRGGBB for every pixel, (H, W), in the bits of float32."""
        packed = self._scratch.array('colors', shape, np.uint32)
        if rgb is None:
            packed[...] = 0
        else:
            pack_rgb(rgb, packed)
        return packed.view(np.float32)


def pack_rgb(rgb: NDArray[np.uint8], out: NDArray[np.uint32]) -> None:
    """Write one number 0x00RRGGBB per pixel of (H, W, 3), as PCL and rviz read it, into (H, W)."""
    code = cv2.COLOR_RGB2BGRA if sys.byteorder == 'little' else cv2.COLOR_RGB2RGBA
    channels = out.view(np.uint8).reshape(*out.shape, 4)
    cv2.cvtColor(rgb, code, dst=channels)
    if sys.byteorder == 'little':
        np.bitwise_and(out, np.uint32(0x00FFFFFF), out=out)  # OpenCV's alpha is 255
    else:
        np.right_shift(out, np.uint32(8), out=out)
