"""Names of topics and files that mean depth."""

from __future__ import annotations

import re

_DEPTH_WORDS = frozenset({'depth', 'depths', 'depthmap', 'disparity', 'range'})
_IMAGE_WORDS = frozenset({
    *('rgb', 'color', 'colour', 'mono', 'gray', 'grey', 'left', 'right', 'bayer'),
    *('ir', 'nearir', 'infra', 'infrared', 'thermal', 'amplitude', 'intensity', 'signal'),
})  # fmt: skip


def names_depth(name: str) -> bool:
    """Return whether the last telling word of a topic or path is one of depth, not of an image.

    Depth wins within one segment, as in aligned_depth_to_color.
    """
    for segment in reversed(name.lower().split('/')):
        words = set(re.split(r'[^a-z]+', segment))
        if words & _DEPTH_WORDS:
            return True
        if words & _IMAGE_WORDS:
            return False
    return False
