"""Errors in words."""

from __future__ import annotations


def describe(error: BaseException) -> str:
    """Say an error in one line, with its kind unless that is for people anyway."""
    return in_one_line(error) if isinstance(error, (ValueError, OSError)) else repr(error)


def in_one_line(error: BaseException) -> str:
    """Give an error's text in one line; its kind where it has none."""
    return ' '.join(str(error).split()) or repr(error)
