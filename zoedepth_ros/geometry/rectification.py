"""Decide whether images are rectified (projection P) or raw (K with D)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

AUTO, RECTIFIED, RAW = 'auto', 'rectified', 'raw'
CHOICES = (AUTO, RECTIFIED, RAW)
"""Values of the parameter camera.rectified and of the option --rectified."""

_RECTIFIED_WORDS = frozenset({'rect', 'rectified', 'undistorted'})
_RAW_WORDS = frozenset({'raw', 'unrectified', 'distorted'})
_COMPRESSED = '/compressed'


class Rectification(NamedTuple):
    """Which projection of a camera_info applies to the images of a topic."""

    rectified: bool
    """True: P; False: K with D."""

    text: str
    """Description of the choice and its reason."""

    is_guess: bool = False
    """True if K and P differ, D is zero, and the topic name does not tell which applies."""


def choose_rectification(
    choice: str, topic: str, *, k: Sequence[float], d: Sequence[float], p: Sequence[float]
) -> Rectification:
    """Choose the projection of a camera_info.

    choice: one of CHOICES.  topic: image topic, searched from its end for words such as 'rect' or
    'raw' ('image_rect', 'rect/image'); '' for images without a topic.
    """
    no_lens, rectified, is_guess = not any(d), False, False
    if choice != AUTO:
        rectified, reason = choice == RECTIFIED, 'as configured'
    elif no_lens and _is_same(k, p):
        rectified = True
        reason = 'D is 0 and P equals K, so raw and rectified images are the same'
    elif no_lens and not any(p):
        reason = 'D and P are 0'
    elif word := _word_in(topic):
        rectified, reason = word in _RECTIFIED_WORDS, f"'{word}' in the name of {topic}"
    else:
        is_guess = no_lens
        reason = f'the name of {topic or "the images"} does not contain a word such as rect'
    how = 'rectified images (P)' if rectified else 'raw images (K with D)'
    return Rectification(rectified, f'camera_info is used for {how}: {reason}', is_guess)


def _is_same(k: Sequence[float], p: Sequence[float]) -> bool:
    """Compare K, 9 numbers, with the left three columns of P, 12 numbers."""
    if len(k) != 9 or len(p) != 12:
        return False
    largest = max(abs(number) for number in p)
    return all(
        abs(k[3 * row + column] - p[4 * row + column]) <= 1e-6 * largest
        for row in range(3)
        for column in range(3)
    )


def _word_in(topic: str) -> str:
    """Return the last word of a topic that means rectified or raw; '' if there is none.

    'rect' wins within one segment, as in image_rect_raw of RealSense cameras.
    """
    for segment in reversed(topic.lower().removesuffix(_COMPRESSED).split('/')):
        words = re.split(r'[_\d]+', segment)
        for known in (_RECTIFIED_WORDS, _RAW_WORDS):
            found = known.intersection(words)
            if found:
                return min(found)
    return ''
