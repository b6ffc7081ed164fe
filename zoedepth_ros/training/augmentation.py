"""Augmentation of an image and its depth, in the order of ZoeDepth's training code."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.training.config import AugmentationConfig, Range


def rotated(
    rgb: NDArray[np.uint8], depth_m: NDArray[np.float32], angle_deg: float
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Rotate both counter-clockwise about the centre; uncovered pixels are black and NaN.

    Convention: pixel centres at integers, so the centre is ((W - 1) / 2, (H - 1) / 2).
    """
    height, width = depth_m.shape
    turn = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), angle_deg, 1.0)
    rotated_rgb = cv2.warpAffine(rgb, turn, (width, height), flags=cv2.INTER_LINEAR)
    depth = cv2.warpAffine(
        depth_m, turn, (width, height), flags=cv2.INTER_NEAREST, borderValue=float('nan')
    )
    return rotated_rgb, depth


def color_table(
    rng: np.random.Generator, config: AugmentationConfig, brightness: Range
) -> NDArray[np.float32]:
    """Return a random lookup table of gamma, brightness and colour, (256, 3)."""
    values = (np.arange(256) / 255.0) ** rng.uniform(*config.gamma)
    factors = rng.uniform(*brightness) * rng.uniform(*config.color, size=3)
    return np.clip(values[:, None] * factors, 0.0, 1.0).astype(np.float32)


IDENTITY_TABLE = np.repeat(
    np.arange(256, dtype=np.float32)[:, None] / np.float32(255.0), 3, axis=1
)
"""Lookup table that keeps colours."""


def augmented(
    rgb: NDArray[np.uint8],
    depth_m: NDArray[np.float32],
    rng: np.random.Generator,
    config: AugmentationConfig,
    brightness: Range,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Rotate, mirror and recolour: image (H, W, 3) in [0, 1] and depth (H, W) [m]."""
    angle_deg = rng.uniform(-config.rotation_deg, config.rotation_deg)
    mirrored = rng.random() < config.flip_probability
    recoloured = rng.random() < config.color_probability
    if config.rotation_deg > 0:
        rgb, depth_m = rotated(rgb, depth_m, angle_deg)
    if mirrored:
        rgb, depth_m = rgb[:, ::-1], depth_m[:, ::-1]
    table = color_table(rng, config, brightness) if recoloured else IDENTITY_TABLE
    image = table[rgb, np.arange(3)]
    if recoloured:
        image = camera_effects(image, rng, config)
    return image, np.ascontiguousarray(depth_m)


def camera_effects(
    image: NDArray[np.float32], rng: np.random.Generator, config: AugmentationConfig
) -> NDArray[np.float32]:
    """Apply random effects of cameras to an image (H, W, 3) in [0, 1]: colours to compression."""
    height, width = image.shape[:2]
    saturation, contrast = rng.uniform(*config.saturation), rng.uniform(*config.contrast)
    vignette, blur_px = rng.uniform(*config.vignette), rng.uniform(*config.blur_px)
    noise, quality = rng.uniform(*config.noise), rng.uniform(*config.jpeg_quality)
    if saturation != 1.0:
        grey = (image @ np.array((0.299, 0.587, 0.114), np.float32))[..., None]
        image = grey + np.float32(saturation) * (image - grey)
    if contrast != 1.0:
        mean = image.mean()
        image = mean + np.float32(contrast) * (image - mean)
    if vignette > 0.0:
        rows, columns = np.linspace(-1, 1, height), np.linspace(-1, 1, width)
        radius2 = 0.5 * (rows[:, None] ** 2 + columns**2)
        image = image * (1.0 - vignette * radius2).astype(np.float32)[..., None]
    if blur_px > 0.3:
        image = cv2.GaussianBlur(image, (0, 0), blur_px)
    if noise > 0.0:
        image = image + rng.normal(0.0, noise, image.shape).astype(np.float32)
    image = np.clip(image, 0.0, 1.0)
    if quality >= 100.0:
        return image
    _, code = cv2.imencode(
        '.jpg', np.rint(255.0 * image).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, int(quality)]
    )
    return IDENTITY_TABLE[cv2.imdecode(code, cv2.IMREAD_COLOR), np.arange(3)]
