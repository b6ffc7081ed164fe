"""Tell what is no image of a scene, or one that is read wrongly, by its name and its values."""

from __future__ import annotations

import re
from itertools import zip_longest
from typing import Any

import numpy as np
from numpy.typing import NDArray

_DEPTH_WORDS = frozenset({
    *('depth', 'depths', 'depthmap', 'depthimage', 'disparity', 'range', 'distance'),
})  # fmt: skip
_IMAGE_WORDS = frozenset({
    *('rgb', 'color', 'colour', 'mono', 'gray', 'grey', 'left', 'right', 'bayer'),
    *('ir', 'nearir', 'infra', 'infrared', 'thermal', 'amplitude', 'intensity', 'signal'),
})  # fmt: skip
_DEVICE_WORDS = frozenset({
    *('camera', 'cam', 'sensor', 'finder', 'robot', 'bot', 'rover', 'drone', 'ai', 'anything'),
})  # fmt: skip
_MAP_WORDS = frozenset({
    *('label', 'labels', 'mask', 'masks', 'confidence', 'segmentation', 'semantic', 'instance'),
})  # fmt: skip

LEAST_HOLES, NEAREST = 0.01, 100  # of depth: least share of 0, least of the other values
LIKE_DEPTH = (
    '16-bit images look like depth (some values are 0, and all other values are '
    f'{NEAREST} or more): is this a topic of depth images?'
)
DARK, BRIGHT_PIXELS = 16.0, 0.001  # part of white; largest share of brighter pixels
MANY = 16  # different values that a real image has at least
OTHER_BYTE_ORDER = (
    '16-bit images look like values of 10 to 14 bits whose bytes are swapped: the '
    'driver sets a wrong is_bigendian'
)
LEAST_SIDE_PX, SAMPLES = 64, 128  # of images that are checked for a mosaic; along a side
UNLIKE, ALIKE = 0.1, 0.02  # differences of the colours of a mosaic, relative to the mean
LIKE_MOSAIC = (
    'grey images look like a Bayer mosaic: the driver must give the pattern as '
    'encoding, such as bayer_rggb8'
)


def names_depth(name: str) -> bool:
    """Return whether the last telling word of a topic or path is one of depth, not of an image.

    Depth wins within one segment, as in aligned_depth_to_color.  What follows `to` is another
    camera, depth_camera is a camera and depth_bot a robot.
    """
    return _last_telling(name, _DEPTH_WORDS)


def doubts_by_name(name: str) -> tuple[str, ...]:
    """Return why images of a topic or path may be none, in words."""
    if _last_telling(name, _DEPTH_WORDS | _MAP_WORDS):
        return (f'the name {name} is usual for depth or labels: are these images of a camera?',)
    return ()


def doubts_by_values(
    pixels: NDArray[Any], *, is_grey: bool, bits: int, white: int
) -> tuple[str, ...]:
    """Return why values are those of no image, or are read wrongly, in words.

    pixels: (H, W) or (H, W, channels) of 8 or 16 bits; none doubts colours of 8 bits.  is_grey: of
    one channel and no mosaic.  bits: as configured; 0 for none.  white: value of white.
    """
    found = []
    if pixels.itemsize == 2:
        few = pixels[::7, ::11]  # all colours of a mosaic
        if is_grey and not bits and _is_like_depth(few):
            found.append(LIKE_DEPTH)
        if white == 0xFFFF and _is_swapped(few):
            found.append(OTHER_BYTE_ORDER)
        elif not bits and few.any() and (few >= white / DARK).mean() < BRIGHT_PIXELS:
            found.append(
                f'16-bit images are nearly black: {1.0 - BRIGHT_PIXELS:.1%} of the '
                f'values are below {white / DARK:.0f}, white is {white}; set camera.bits '
                '(--bits)'
            )
    if is_grey and is_like_mosaic(pixels):
        found.append(LIKE_MOSAIC)
    return tuple(found)


def is_like_mosaic(pixels: NDArray[Any]) -> bool:
    """Tell a Bayer mosaic from a grey image: two of its four colours are alike, on a diagonal."""
    height, width = pixels.shape
    if min(height, width) < LEAST_SIDE_PX:
        return False
    stride = max(2, min(height, width) // SAMPLES * 2)
    a, b, c, d = (float(pixels[i::stride, j::stride].mean()) for i in (0, 1) for j in (0, 1))
    mean = 0.25 * (a + b + c + d)
    green, others = ((a, d), (b, c)) if abs(a - d) < abs(b - c) else ((b, c), (a, d))
    differences = [abs(other - green[0]) for other in others]
    return abs(green[0] - green[1]) < ALIKE * mean and max(differences) > UNLIKE * mean


def _last_telling(name: str, wanted: frozenset[str]) -> bool:
    if re.search(r'depth/colou?r(/compressed)?$', name.lower()):
        return True  # colours of depth, as this package publishes them
    for segment in reversed(name.lower().split('/')):
        words = re.split(r'[^a-z]+', segment.partition('_to_')[0])
        telling = {a for a, b in zip_longest(words, words[1:]) if b not in _DEVICE_WORDS}
        if wanted & telling:
            return True
        if _IMAGE_WORDS & telling:
            return False
    return False


def _is_swapped(few: NDArray[Any]) -> bool:
    """Tell values of 10 to 14 bits whose bytes are swapped: their low bytes are small."""
    low = few & 0xFF
    return bool(low.max() < 0x40 and np.unique(low).size > 2 and np.unique(few).size > MANY)


def _is_like_depth(few: NDArray[Any]) -> bool:
    """Tell depth of unknown pixels and a nearest range from an image, which has dark values.

    Values whose last 7 bits are never used were scaled up from 8 bits, as no depth is.
    """
    if (few & 0x7F == 0).all():
        return False
    known = few[few > 0]
    return few.size - known.size > LEAST_HOLES * few.size and bool(known.min() >= NEAREST)
