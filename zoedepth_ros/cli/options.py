"""Options that are refused where they would do nothing, and numbers that are refused at once."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Iterable


def refuse_idle(args: argparse.Namespace, names: Iterable[str], reason: str) -> None:
    """Raise ValueError for an option of `names` that was given although it does nothing.

    names: of attributes whose value is None or False where the option was not given.
    reason: goes on after the option's name, such as 'is for films'.
    """
    for name in names:
        if getattr(args, name) not in (None, False):
            raise ValueError(f'--{name.replace("_", "-")} {reason}')


def at_least(least: int) -> Callable[[str], int]:
    """Give what reads a whole number of `least` or more."""

    def read(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = least - 1
        if value < least:
            raise argparse.ArgumentTypeError(f'expected a whole number, {least} or more: {text}')
        return value

    return read


def positive(text: str) -> float:
    """Read a finite number above 0."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not (math.isfinite(value) and value > 0.0):
        raise argparse.ArgumentTypeError(f'expected a number above 0: {text}')
    return value
