"""What goes wrong with weights, in words for people. Imports no torch."""

from __future__ import annotations

from collections.abc import Collection

from zoedepth_ros.errors import shortened

_SHOWN = 8


class WeightsError(ValueError):
    """A file of weights is damaged, or does not belong to the network; the text says which."""


def listing(what: str, names: Collection[str]) -> str:
    """Return `what`, a count and the first of the names: one line of an error."""
    shown = shortened(', '.join(sorted(names)[:_SHOWN]), 600)
    more = len(names) - _SHOWN
    return f'{len(names)} {what}: {shown}' + (f' and {more} more' if more > 0 else '')
