"""From light to a picture: exposure, colours, lens and sensor."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.synthetic.jit import kernel
from zoedepth_ros.synthetic.world import Film


@kernel
def exposure_of(light: NDArray[np.float32]) -> float:
    """Return the factor that brings the mean of the logarithm of the light to middle grey."""
    total, count = 0.0, 0
    height, width, _ = light.shape
    for v in range(0, height, 3):
        for u in range(0, width, 3):
            grey = 0.3 * light[v, u, 0] + 0.6 * light[v, u, 1] + 0.1 * light[v, u, 2]
            total += math.log(grey + 0.01)
            count += 1
    return 0.26 / math.exp(total / count)


@kernel
def develop(
    light: NDArray[np.float32], red: float, green: float, blue: float, saturation: float,
    contrast: float, vignette: float, noise: float, seed: int, out: NDArray[np.uint8],
) -> None:  # fmt: skip
    """Write the picture: gains, saturation, tone curve, gamma, vignette and noise."""
    height, width, _ = light.shape
    for v in range(height):
        y = (v - 0.5 * height) / (0.5 * width)
        for u in range(width):
            x = (u - 0.5 * width) / (0.5 * width)
            fall = 1.0 - vignette * (x * x + y * y)
            r, g, b = (
                light[v, u, 0] * red * fall,
                light[v, u, 1] * green * fall,
                light[v, u, 2] * blue * fall,
            )
            grey = 0.3 * r + 0.6 * g + 0.1 * b
            for c in range(3):
                value = r if c == 0 else (g if c == 1 else b)
                value = max(0.0, grey + saturation * (value - grey))
                value = value * (1.0 + 0.12 * value) / (1.0 + value)
                value = math.sqrt(value) * 1.1
                value = 0.45 + contrast * (value - 0.45)
                seed = (seed * 1664525 + 1013904223) & 0xFFFFFFFF
                grain = ((seed >> 8) & 0xFFFF) + ((seed >> 16) & 0xFFFF)
                value += noise * (grain * (1.0 / 65536.0) - 1.0) * 2.45 * (0.6 + 0.5 * value)
                out[v, u, c] = np.uint8(min(255.0, max(0.0, value * 255.0 + 0.5)))


def take(light: NDArray[np.float32], film: Film) -> NDArray[np.uint8]:
    """Make a picture (H, W, 3) of linear light (H, W, 3)."""
    sigma_px = film.blur_px * light.shape[1] / 256
    if sigma_px > 0.1:
        size = 3 if sigma_px < 0.8 else 5
        light = cv2.GaussianBlur(light, (size, size), sigma_px)
    gain = exposure_of(light) * film.exposure
    out = np.empty(light.shape, np.uint8)
    develop(
        light, gain * (1.0 + film.warmth), gain, gain * (1.0 - film.warmth), film.saturation,
        film.contrast, film.vignette, film.noise, film.seed, out,
    )  # fmt: skip
    if not film.jpeg_quality:
        return out
    _, code = cv2.imencode('.jpg', out, [cv2.IMWRITE_JPEG_QUALITY, film.jpeg_quality])
    return np.asarray(cv2.imdecode(code, cv2.IMREAD_COLOR), dtype=np.uint8)
