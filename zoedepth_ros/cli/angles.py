"""Angles on the command line, in degrees; ROS parameters are in radians."""

from __future__ import annotations

import argparse
import math

from zoedepth_ros.geometry.field_of_view import NARROWEST_DEG, WIDEST_DEG


def field_of_view_deg(text: str) -> float:
    """Read a horizontal field of view [degrees]; refuses what no lens has, above all radians."""
    expected = f'expected degrees, {NARROWEST_DEG:g} to {WIDEST_DEG:g}, got {text}'
    try:
        degrees = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(expected) from None
    if 0.0 < degrees < min(math.pi, NARROWEST_DEG):
        hint = f'radians? {text} rad are {math.degrees(degrees):.1f} degrees'
        raise argparse.ArgumentTypeError(f'{expected} ({hint})')
    if not NARROWEST_DEG <= degrees <= WIDEST_DEG:
        raise argparse.ArgumentTypeError(expected)
    return degrees
