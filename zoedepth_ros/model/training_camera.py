"""Metadata of weights and of exported files about the training camera.  Imports no torch."""

from __future__ import annotations

import math
from collections.abc import Mapping

from zoedepth_ros.errors import quoted

TRAINING_HFOV_KEY = 'training_hfov_deg'
"""Metadata key: horizontal field of view of the training camera [degrees]."""

FOCAL_EXPONENT_KEY = 'focal_exponent'
"""Metadata key: exponent of the ratio of focal lengths in the focal correction."""


def read_training_camera(metadata: Mapping[str, str]) -> tuple[float, float]:
    """Return the training camera's horizontal field of view [rad] and the focal exponent.

    By default 0 (unknown) and 1.  Raises ValueError for other values than the message lists.
    """
    hfov_deg = _number(metadata, TRAINING_HFOV_KEY, 0.0)
    if hfov_deg != 0.0 and not 1.0 <= hfov_deg < 179.0:
        raise ValueError(
            f'the metadata {TRAINING_HFOV_KEY} must be 0 (unknown), or at least 1 and less than '
            f'179 degrees, got {quoted(metadata[TRAINING_HFOV_KEY])}'
        )
    exponent = _number(metadata, FOCAL_EXPONENT_KEY, 1.0)
    if not 0.0 < exponent <= 1.0:
        raise ValueError(
            f'the metadata {FOCAL_EXPONENT_KEY} must be above 0 and at most 1, '
            f'got {quoted(metadata[FOCAL_EXPONENT_KEY])}'
        )
    return math.radians(hfov_deg), exponent


def _number(metadata: Mapping[str, str], key: str, default: float) -> float:
    try:
        return float(metadata.get(key) or default)
    except ValueError:
        return math.nan
