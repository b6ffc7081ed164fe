"""Depth of Image messages as arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.geometry.millimetres import from_millimetres
from zoedepth_ros.messages.images import image_rows

_TYPES = {'32FC1': np.float32, '16UC1': np.uint16}


def depth_from_image(msg: Any) -> NDArray[np.float32]:
    """Return the depth (H, W) [m] of a 32FC1 or 16UC1 image; NaN where it is unknown.

    Raises ValueError for another encoding and for data that do not fit the size.
    """
    if msg.encoding not in _TYPES:
        raise ValueError(f'the encoding of depth must be 32FC1 or 16UC1, got {msg.encoding!r}')
    kind = np.dtype(_TYPES[msg.encoding]).newbyteorder('>' if msg.is_bigendian else '<')
    rows = image_rows(msg, msg.height, msg.width * kind.itemsize)
    values = np.ascontiguousarray(rows).view(kind)
    return from_millimetres(values) if msg.encoding == '16UC1' else values.astype(np.float32)
