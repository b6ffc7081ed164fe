"""Images of this package on which exported files and networks of others are checked.

Rendered by `synthetic.scene.render_scene` from seed 2**40 + 5003, which training does not use.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

SIZE = (480, 640)
"""Height and width of every image [px]."""

_FOLDER = Path(__file__).parent
_FOCAL_PX = {'room': 480.475, 'street': 579.356}


@dataclass(frozen=True, slots=True)
class CheckImage:
    """A rendered image, its camera and its depth."""

    name: str
    """'room' or 'street'."""
    rgb: NDArray[np.uint8]
    """(480, 640, 3)."""
    depth_m: NDArray[np.float32]
    """(120, 160) depth along z of every fourth pixel from (2, 2) on [m]; NaN for sky."""
    focal_px: float
    """Focal length; the principal point is the centre [px]."""


@cache
def check_image(name: str) -> CheckImage:
    """Return 'room' or 'street'; the arrays are shared and must not be written."""
    bgr = cv2.imdecode(_bytes(f'{name}.jpg'), cv2.IMREAD_COLOR)
    millimetres = cv2.imdecode(_bytes(f'{name}.png'), cv2.IMREAD_UNCHANGED)
    assert bgr is not None
    assert millimetres is not None
    depth_m = np.where(millimetres > 0, millimetres * np.float32(1e-3), np.nan)
    return CheckImage(
        name, np.ascontiguousarray(bgr[..., ::-1]), depth_m.astype(np.float32), _FOCAL_PX[name]
    )


def export_images() -> dict[str, NDArray[np.uint8]]:
    """Return room, street and noise by name, (480, 640, 3) each, always the same."""
    images = {name: check_image(name).rgb for name in _FOCAL_PX}
    noise = np.random.default_rng(0).integers(0, 256, (*SIZE, 3), np.uint8)
    return {**images, 'noise': noise}


def _bytes(name: str) -> NDArray[np.uint8]:
    return np.frombuffer((_FOLDER / name).read_bytes(), np.uint8)
