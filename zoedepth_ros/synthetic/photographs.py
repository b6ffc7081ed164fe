"""Photographs of materials, as textures of synthetic scenes; training only."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.media.files import jpeg_files
from zoedepth_ros.synthetic.dice import Dice, grey
from zoedepth_ros.synthetic.jit import kernel
from zoedepth_ros.synthetic.primitives import (
    FOLIAGE,
    GLASS,
    LEAVES,
    PHOTOGRAPH,
    PLATE,
    SCREEN,
    VIEW,
    Colour,
)
from zoedepth_ros.synthetic.world import World

SIDE_PX = 256
"""Width and height of the largest level of a texture."""
TEXELS = (4 * SIDE_PX * SIDE_PX - 1) // 3
"""Texels of all levels of a texture, each half as wide as the one before, to a single one."""
LEAST_SIDE_PX = 128
"""Smaller images are left out."""
LEAST_CONTRAST = 5.0
"""Images whose standard deviation of grey is smaller are left out."""
SCENE_SHARE = {'indoor': 0.85, 'outdoor': 0.5}
"""Share of scenes with photographs, by domain."""
SURFACE_SHARE = (0.2, 0.9)
"""Share of the surfaces of such a scene that get one."""
SIZE_M = (0.15, 2.5)
"""Size of a photograph on a surface, where it is repeated [m]."""
FIT_SHARE = 0.35
"""Share of surfaces on which a photograph covers each face once."""
RECOLOURED_SHARE = 0.3
"""Share of surfaces whose photograph gets the colour that they had."""
TINT = (0.7, 1.3)
"""Factors on the colours of the others."""
LOOK = slice(13, 23)
"""Numbers of a row of a solid that its photograph replaces: kind, two colours, scale, p1, p2."""
KEPT = (LEAVES, SCREEN, VIEW, GLASS, PLATE)
"""Surfaces that stay as they are."""

Textures = NDArray[np.uint8]
"""Photographs, (n, TEXELS, 3)."""
NO_TEXTURES: Textures = np.empty((0, TEXELS, 3), np.uint8)
"""For worlds without photographs."""


@cache
def textures_in(folder: Path) -> Textures:
    """Read the photographs of materials among the .jpg files of a folder and of its zip archives.

    Raises ValueError for a folder without any.
    """
    contents = jpeg_files(sorted(folder.glob('*')))
    images = (cv2.imdecode(np.frombuffer(c, np.uint8), cv2.IMREAD_COLOR) for c in contents)
    rows = [pyramid(image) for image in images if image is not None and is_texture(image)]
    if not rows:
        raise ValueError(
            f'textures: expected photographs of materials, .jpg files in {folder} or in its zip '
            'archives, got none'
        )
    return np.stack(rows)


def is_texture(image: NDArray[np.uint8]) -> bool:
    """Tell whether an image (H, W, 3) is large enough and more than one colour."""
    contrast = float(image.mean(axis=2).std())
    return min(image.shape[:2]) >= LEAST_SIDE_PX and contrast >= LEAST_CONTRAST


def pyramid(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the largest square of an image (H, W, 3) in BGR in all sizes, (TEXELS, 3)."""
    side_px = min(image.shape[:2])
    square = cv2.cvtColor(image[:side_px, :side_px], cv2.COLOR_BGR2RGB)
    level = cv2.resize(square, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA)
    levels = [level.reshape(-1, 3)]
    while len(level) > 1:
        level = cv2.resize(level, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        levels.append(level.reshape(-1, 3))
    return np.concatenate(levels)


@kernel
def photograph(
    textures: Textures, index: int, u: float, v: float, blur: float, tint: Colour
) -> Colour:
    """Return the colour of a photograph at u, v, linear light; it covers 0 to 1, mirrored beyond.

    blur: size of a pixel of the rendered image in the same unit.
    """
    side, start = SIDE_PX, 0
    while side > 1 and blur * side > 1.0:
        start += side * side
        side //= 2
    x = abs(u - 2.0 * math.floor(0.5 * u + 0.5)) * side - 0.5
    y = abs(v - 2.0 * math.floor(0.5 * v + 0.5)) * side - 0.5
    x, y = min(max(x, 0.0), side - 1.0), min(max(y, 0.0), side - 1.0)
    left, top = int(x), int(y)
    right, bottom = min(left + 1, side - 1), min(top + 1, side - 1)
    rows = textures[index, start:]
    a, b = rows[top * side + left], rows[top * side + right]
    c, d = rows[bottom * side + left], rows[bottom * side + right]
    p, q = x - left, y - top
    red = (1.0 - q) * ((1.0 - p) * a[0] + p * b[0]) + q * ((1.0 - p) * c[0] + p * d[0])
    green = (1.0 - q) * ((1.0 - p) * a[1] + p * b[1]) + q * ((1.0 - p) * c[1] + p * d[1])
    blue = (1.0 - q) * ((1.0 - p) * a[2] + p * b[2]) + q * ((1.0 - p) * c[2] + p * d[2])
    red, green, blue = red / 255.0, green / 255.0, blue / 255.0
    return tint[0] * red * red, tint[1] * green * green, tint[2] * blue * blue


def with_photographs(world: World, domain: str, dice: Dice, textures: Textures) -> World:
    """Put photographs on some surfaces of a world; solids that look the same get the same."""
    if not dice.coin(SCENE_SHARE[domain]):
        return world
    share = dice.between(*SURFACE_SHARE)
    solids = world.solids.copy()
    chosen: dict[bytes, tuple[float, ...] | None] = {}
    for row in solids:
        if row[0] == FOLIAGE or row[LOOK][0] in KEPT:
            continue
        look = row[LOOK].tobytes()
        if look not in chosen:
            chosen[look] = (
                random_look(dice, row[LOOK], len(textures)) if dice.coin(share) else None
            )
        if (new := chosen[look]) is not None:
            row[LOOK] = new
    return replace(world, solids=solids, textures=textures)


def random_look(dice: Dice, before: NDArray[np.float64], count: int) -> tuple[float, ...]:
    """Draw a photograph, its size and its tint: the numbers of a Surface up to p2."""
    index = dice.whole(0, count - 1)
    low_m, high_m = SIZE_M
    size_m = 0.0 if dice.coin(FIT_SHARE) else low_m * (high_m / low_m) ** dice.random()
    if dice.coin(RECOLOURED_SHARE):
        tint = tuple(0.3 + 1.4 * float(c) for c in before[1:4])
    else:
        tint = (dice.between(*TINT), dice.between(*TINT), dice.between(*TINT))
    is_turned = float(dice.coin())
    return (PHOTOGRAPH, *tint, *grey(0.5), size_m, index, is_turned)
