"""Whether images are rectified (projection P) or raw (K with D), and what that was decided by."""

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


class Reading(NamedTuple):
    """Hold how a camera_info is read for the images of a topic."""

    rectified: bool
    """True: P; False: K with D."""

    text: str
    """The same in words, with the reason."""

    is_guess: bool = False
    """Whether nothing tells, although camera_info names two projections and no distortion."""


def read_as(
    choice: str, topic: str, *, k: Sequence[float], d: Sequence[float], p: Sequence[float]
) -> Reading:
    """Decide how a camera_info is read.

    choice: one of CHOICES.  topic: of the images, of which whole words of whole path segments
    count ('image_rect', 'rect/image'), the last such word first; '' for images without a topic.
    """
    if choice != AUTO:
        return _reading(choice == RECTIFIED, 'as configured')
    no_lens = not any(d)
    if no_lens and _is_same(k, p):
        return _reading(True, 'D is 0 and P equals K, so both readings are the same')
    if no_lens and not any(p):
        return _reading(False, 'D and P are 0')
    word = _word_in(topic)
    if word:
        return _reading(word in _RECTIFIED_WORDS, f"'{word}' in the name of {topic}")
    reason = f'nothing in the name of {topic or "the images"} says rectified'
    return _reading(False, reason, is_guess=no_lens)


def _reading(rectified: bool, reason: str, *, is_guess: bool = False) -> Reading:
    how = 'rectified images (P)' if rectified else 'raw images (K with D)'
    return Reading(rectified, f'camera_info is read for {how}: {reason}', is_guess)


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
    """Give the word that tells, of the segment nearest to the end; '' when there is none.

    Of one segment with both, as image_rect_raw of RealSense cameras, 'rect' counts.
    """
    for segment in reversed(topic.lower().removesuffix(_COMPRESSED).split('/')):
        words = re.split(r'[_\d]+', segment)
        for known in (_RECTIFIED_WORDS, _RAW_WORDS):
            found = known.intersection(words)
            if found:
                return min(found)
    return ''
