"""Exact depth blurred as by a network, and which of its pixels are wrong."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Map = NDArray[np.float32]

SKY_M = 80.0
SURFACE_SHARE = 0.05
"""Largest distance of a point to a surface that it belongs to, relative to its depth."""


def blur_as_a_network(depth_m: Map, network: tuple[int, int], sigma_px: float) -> Map:
    """Blur depth (H, W) [m] at the network's size and resize it back; NaN counts as 80 m.

    network: (height, width) [px].  sigma_px: standard deviation of the blur at that size.
    """
    height, width = network
    full_m = np.nan_to_num(depth_m, nan=SKY_M)
    small_m = cv2.resize(full_m, (width, height), interpolation=cv2.INTER_AREA)
    small_m = cv2.GaussianBlur(small_m, (0, 0), sigma_px, borderType=cv2.BORDER_REPLICATE)
    columns, rows = depth_m.shape[1], depth_m.shape[0]
    return cv2.resize(small_m, (columns, rows), interpolation=cv2.INTER_LINEAR)


def flying(blurred_m: Map, depth_m: Map, reach_px: int) -> NDArray[np.bool_]:
    """Mark pixels of a blurred map that match no surface within `reach_px`, (H, W)."""
    full_m = np.nan_to_num(depth_m, nan=SKY_M)
    size = 2 * reach_px + 1
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    nearest_m, farthest_m = cv2.erode(full_m, disc), cv2.dilate(full_m, disc)
    rows, columns = np.nonzero(farthest_m > (1.0 + SURFACE_SHARE) * nearest_m)
    padded_m = np.pad(full_m, reach_px, mode='edge')
    mine_m = blurred_m[rows, columns]
    supported = np.zeros(len(rows), np.bool_)
    for dy, dx in zip(*np.nonzero(disc), strict=True):
        there_m = padded_m[rows + dy, columns + dx]
        supported |= np.abs(mine_m - there_m) < SURFACE_SHARE * there_m
    mask = np.zeros(depth_m.shape, np.bool_)
    mask[rows[~supported], columns[~supported]] = True
    return mask


def matches_ground_truth(blurred_m: Map, depth_m: Map) -> NDArray[np.bool_]:
    """Mark pixels whose blurred depth matches the ground truth of the same pixel, (H, W)."""
    full_m = np.nan_to_num(depth_m, nan=SKY_M)
    return np.abs(blurred_m - full_m) < SURFACE_SHARE * full_m
