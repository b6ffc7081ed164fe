"""Limits and default for the field of view of a camera, without importing NumPy."""

from __future__ import annotations

import math

NARROWEST_DEG, WIDEST_DEG = 5.0, 150.0
"""Horizontal field of view of telephoto lenses and of the widest rectilinear lenses [degrees]."""

ASSUMED_DEG = 55.0
"""Field of view that ZoeDepth's own point clouds assume; used where none is known [degrees]."""

NARROWEST_RAD, WIDEST_RAD = math.radians(NARROWEST_DEG), math.radians(WIDEST_DEG)
