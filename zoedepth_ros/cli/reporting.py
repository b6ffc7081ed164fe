"""Result files that an option names, and the progress of long commands on stderr."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from zoedepth_ros.files import check_writable, json_text, write_file

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


def image_file(option: str, name: str) -> Path:
    """Return the path of an image that an option names, before the work.

    Raises ValueError for a suffix of no image, OSError if it cannot be written.
    """
    path = Path(name).expanduser()
    if path.suffix.lower() not in ('.png', '.jpg', '.jpeg'):
        raise ValueError(f'{option} must be a .png or .jpg file, got {name}')
    check_writable(path)
    return path


def warn_of_weights(warning: str) -> None:
    """Print the warning that weights have; '' for none."""
    if warning:
        print(f'WARNING  {warning.upper()}')


def progress(items: Iterable[Item], total: int | None, unit: str = 'images') -> Iterator[Item]:
    """Yield items and show how many are done.

    total: their number, None for unknown.  unit: their name, in the plural.
    """
    with Progress(unit, total or 0) as bar:
        for item in items:
            yield item
            bar.advance(1)


class Progress:
    """Show on stderr how much is done: a bar, or outside a terminal lines; a context.

    There is a line for every tenth of the work, and at least every minute.
    """

    def __init__(self, unit: str, total: int = 0) -> None:
        """total: 0 for unknown; `expect` raises it."""
        from tqdm import tqdm

        self._bar = tqdm(total=total or None, unit=f' {unit}', leave=False, disable=None)
        self._unit, self._total = unit, total
        self._done = self._last = 0
        self._start_s = self._last_s = time.monotonic()

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def expect(self, images: int) -> None:
        """Know of more to come."""
        self._total += images
        self._bar.total = self._total
        self._bar.refresh()

    def advance(self, images: int) -> None:
        """Note that so many more are done."""
        self._bar.update(images)
        if not self._bar.disable or not images:
            return
        self._done += images
        now_s, step = time.monotonic(), max(1, self._total // _LINES)
        is_tenth = self._total and self._done >= self._last + step
        if is_tenth or self._done == self._total or now_s - self._last_s > _MAX_INTERVAL_S:
            self._last, self._last_s = self._done, now_s
            of_total = f' of {self._total}' if self._total else ''
            elapsed = f'{now_s - self._start_s:.0f} s'
            print(f'{self._done}{of_total} {self._unit}, {elapsed}', file=sys.stderr, flush=True)

    def clear(self) -> None:
        """Make room for a line."""
        self._bar.clear()

    def say(self, line: str) -> None:
        """Show a line about the work."""
        self.clear()
        print(f'zoedepth: {line}', file=sys.stderr, flush=True)
