"""Result files that an option names, and the progress of long commands on stderr."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from zoedepth_ros.files import json_text, write_file

Item = TypeVar('Item')

_LINES = 10
_MAX_INTERVAL_S = 60.0


def write_json(name: str, values: Any) -> None:
    """Write plain values as JSON; raises WriteError."""
    write_text(name, json_text(values))


def write_text(name: str, text: str) -> None:
    """Write a text, make its folder, and print the path; raises WriteError."""
    path = Path(name).expanduser()
    write_file(path, text, make_folder=True)
    print(f'-> {path}')


def warn_of_weights(warning: str) -> None:
    """Print the warning that weights have; '' for none."""
    if warning:
        print(f'WARNING  {warning.upper()}')


def progress(items: Iterable[Item], total: int | None, unit: str) -> Iterator[Item]:
    """Yield items and show how many are done.

    total: their number, None for unknown.  unit: their name, in the plural.  Outside a terminal
    there is no bar, but a line for every tenth and at least every minute.
    """
    from tqdm import tqdm

    if sys.stderr.isatty():
        yield from tqdm(items, total=total, unit=f' {unit}', leave=False)
        return
    lines = ProgressLines(unit, total or 0)
    for item in items:
        yield item
        lines.advance(1)


class ProgressLines:
    """Print a line to stderr for every tenth of the work, and at least every minute."""

    def __init__(self, unit: str, total: int = 0) -> None:
        """total: 0 for unknown; it may be raised during the work."""
        self.total, self._unit = total, unit
        self._done = self._last = 0
        self._start_s = self._last_s = time.monotonic()

    def advance(self, count: int) -> None:
        """Note that so many more are done."""
        if not count:
            return
        self._done += count
        now_s, step = time.monotonic(), max(1, self.total // _LINES)
        is_tenth = self.total and self._done >= self._last + step
        if is_tenth or self._done == self.total or now_s - self._last_s > _MAX_INTERVAL_S:
            self._last, self._last_s = self._done, now_s
            of_total = f' of {self.total}' if self.total else ''
            elapsed = f'{now_s - self._start_s:.0f} s'
            print(f'{self._done}{of_total} {self._unit}, {elapsed}', file=sys.stderr, flush=True)
