"""Variations of a picture and its depth, in the order of ZoeDepth's training code."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.training.config import AugmentationConfig, Range


def rotated(
    rgb: NDArray[np.uint8], depth_m: NDArray[np.float32], angle_deg: float
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Turn both counter-clockwise about the centre; what comes in is black and NaN.

    Convention: pixel centres at integers, so the centre is ((W - 1) / 2, (H - 1) / 2).
    """
    height, width = depth_m.shape
    turn = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), angle_deg, 1.0)
    picture = cv2.warpAffine(rgb, turn, (width, height), flags=cv2.INTER_LINEAR)
    depth = cv2.warpAffine(
        depth_m, turn, (width, height), flags=cv2.INTER_NEAREST, borderValue=float('nan')
    )
    return picture, depth


def color_table(
    rng: np.random.Generator, config: AugmentationConfig, brightness: Range
) -> NDArray[np.float32]:
    """Draw gamma, brightness and colour: the new value of each old one and channel, (256, 3)."""
    values = (np.arange(256) / 255.0) ** rng.uniform(*config.gamma)
    factors = rng.uniform(*brightness) * rng.uniform(*config.color, size=3)
    return np.clip(values[:, None] * factors, 0.0, 1.0).astype(np.float32)


PLAIN_TABLE = np.repeat(np.arange(256, dtype=np.float32)[:, None] / np.float32(255.0), 3, axis=1)
"""Leaves colours as they are."""


def augmented(
    rgb: NDArray[np.uint8],
    depth_m: NDArray[np.float32],
    rng: np.random.Generator,
    config: AugmentationConfig,
    brightness: Range,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Rotate, mirror and recolour: picture (H, W, 3) in [0, 1] and depth (H, W) [m]."""
    angle_deg = rng.uniform(-config.rotation_deg, config.rotation_deg)
    mirrored = rng.random() < config.flip_probability
    recoloured = rng.random() < config.color_probability
    if config.rotation_deg > 0:
        rgb, depth_m = rotated(rgb, depth_m, angle_deg)
    if mirrored:
        rgb, depth_m = rgb[:, ::-1], depth_m[:, ::-1]
    table = color_table(rng, config, brightness) if recoloured else PLAIN_TABLE
    return table[rgb, np.arange(3)], np.ascontiguousarray(depth_m)
