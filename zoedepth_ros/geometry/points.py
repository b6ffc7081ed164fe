"""Convert depth maps to points, and pack them for PointCloud2."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.geometry import kernels
from zoedepth_ros.geometry.filters import mask_beyond

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
    depth_m = np.asarray(depth_m, np.float32)
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


def pack_points(
    depth_m: NDArray[np.float32],
    rays: NDArray[np.float32],
    rgb: NDArray[np.uint8] | None,
    out: NDArray[np.float32],
    *,
    limit_m: float = math.inf,
) -> None:
    """Write x, y, z [m] and the bits 0x00RRGGBB (PCL, rviz) of every pixel into `out`, (H, W, 4).

    depth_m: (H, W) along z; rays: (H, W, 2).  NaN and infinite depth, and NaN as the ray, become
    NaN in x, y and z.
    rgb: (H, W, 3) with any strides; None writes 0.  limit_m: larger depth becomes NaN.  Raises
    ValueError when the sizes differ or the colours are not uint8.
    """
    shape = depth_m.shape
    colors = np.broadcast_to(_BLACK, (*shape, 3)) if rgb is None else rgb
    sizes = rays.shape, colors.shape, out.shape
    if sizes != ((*shape, 2), (*shape, 3), (*shape, 4)) or colors.dtype != np.uint8:
        raise ValueError(
            f'rays, rgb (uint8) and out must fit depth {shape}, got {rays.shape}, {colors.shape} '
            f'{colors.dtype} and {out.shape}'
        )
    if depth_m.size == 0 or kernels.pack_points(depth_m, rays, colors, limit_m, out):
        return
    points = depth_to_points(mask_beyond(depth_m, limit_m), rays)
    red, green, blue = np.moveaxis(colors.astype(np.uint32), -1, 0)
    bits = (red << 16 | green << 8 | blue).view(np.float32)
    cv2.mixChannels([points, bits], [out], [0, 0, 1, 1, 2, 2, 3, 3])
    np.copyto(out[..., 2], np.nan, where=np.isnan(out[..., 0]))


def unpack_rgb(points: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return the colours (..., 3) of points (..., n) with the bits 0x00RRGGBB as fourth number."""
    bits = np.ascontiguousarray(points).view(np.uint32)[..., 3]
    return np.stack([bits >> shift & 0xFF for shift in (16, 8, 0)], axis=-1).astype(np.uint8)
