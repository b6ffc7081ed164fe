"""Camera exposure: radiance to an image."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.path_traced.draws import Draws
from zoedepth_ros.path_traced.meshes import Array

LUMINANCE = np.array([0.2126, 0.7152, 0.0722])
SHOULDER = 0.7
"""Brightness above which some cameras compress contrast."""


def exposed(radiance: Array, draws: Draws) -> NDArray[np.uint8]:
    """Expose and balance the colours of linear radiance (H, W, 3) automatically; return sRGB."""
    luminance = radiance @ LUMINANCE
    mean = np.exp(np.log(np.maximum(luminance, 1e-6)).mean())
    bright = max(float(np.percentile(luminance, 90)), 1e-6)
    light = radiance * min(draws.between(0.10, 0.26) / mean, draws.between(0.75, 1.6) / bright)
    grey = np.maximum(light.reshape(-1, 3).mean(0), 1e-6)
    light = light * np.clip((grey.mean() / grey) ** draws.between(0.2, 0.9), 0.6, 1.7)
    if draws.coin():
        room = 1.0 - SHOULDER
        compressed = SHOULDER + room * np.tanh((light - SHOULDER) / room)
        light = np.where(light > SHOULDER, compressed, light)
    light = np.clip(light, 0.0, 1.0)
    srgb = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.rint(255 * srgb).astype(np.uint8)


def is_well_exposed(rgb: NDArray[np.uint8]) -> bool:
    """Tell whether an image is neither too dark nor too bright nor of a single colour."""
    return bool(
        20 <= rgb.mean() <= 225
        and rgb.std() >= 4
        and (rgb.max(axis=-1) == 255).mean() <= 0.35
        and np.percentile(rgb, 85) >= 45
    )
