"""Errors of weights.  Imports no torch."""

from __future__ import annotations

from collections.abc import Collection

from zoedepth_ros.errors import shortened

_SHOWN = 8


class WeightsError(ValueError):
    """A weights file is damaged or does not fit the network; the message states the reason."""


def listing(what: str, names: Collection[str]) -> str:
    """Return a count, `what` and the first names, for an error message."""
    shown = shortened(', '.join(sorted(names)[:_SHOWN]), 600)
    more = len(names) - _SHOWN
    return f'{len(names)} {what}: {shown}' + (f' and {more} more' if more > 0 else '')
