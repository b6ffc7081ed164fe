"""The fields of view that a camera without distortion can have."""

from __future__ import annotations

import math

NARROWEST_DEG, WIDEST_DEG = 5.0, 150.0
"""Horizontal, of telephoto lenses and of the widest lenses that draw straight lines straight."""

NARROWEST_RAD, WIDEST_RAD = math.radians(NARROWEST_DEG), math.radians(WIDEST_DEG)
