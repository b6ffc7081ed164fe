"""Options that are refused where they would do nothing."""

from __future__ import annotations

import argparse
from collections.abc import Iterable


def refuse_idle(args: argparse.Namespace, names: Iterable[str], reason: str) -> None:
    """Raise ValueError for an option of `names` that was given although it does nothing.

    names: of attributes whose value is None or False where the option was not given.
    reason: goes on after the option's name, such as 'is for films'.
    """
    for name in names:
        if getattr(args, name) not in (None, False):
            raise ValueError(f'--{name.replace("_", "-")} {reason}')
