"""Arrays as plain values, exact and small enough for a line of JSON."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray


def plain(array: NDArray[Any] | None) -> dict[str, Any] | None:
    """Return an array as values that JSON can hold; None stays None."""
    if array is None:
        return None
    packed = zlib.compress(np.ascontiguousarray(array).tobytes(), 1)
    return {
        'dtype': array.dtype.str,
        'shape': list(array.shape),
        'zlib': base64.b64encode(packed).decode('ascii'),
    }


def array_from(values: Mapping[str, Any] | None) -> NDArray[Any] | None:
    """Return the array that `plain` was given."""
    if values is None:
        return None
    data = zlib.decompress(base64.b64decode(values['zlib']))
    return np.frombuffer(data, values['dtype']).reshape(values['shape']).copy()
