"""Errors in words."""

from __future__ import annotations

from zoedepth_ros.errors import in_one_line


def describe(error: BaseException) -> str:
    """Say an error in one line, with its kind unless that is for people anyway."""
    return in_one_line(error) if isinstance(error, (ValueError, OSError)) else repr(error)
