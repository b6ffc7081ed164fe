"""Errors in words."""

from __future__ import annotations


def describe(error: BaseException) -> str:
    """Say an error in one line, with its kind unless that is for people anyway."""
    text = ' '.join(str(error).split())
    return text if isinstance(error, (ValueError, OSError)) and text else f'{error!r}'
