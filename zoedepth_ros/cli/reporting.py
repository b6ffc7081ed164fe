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


def progress(items: Iterable[Item], total: int | None, unit: str) -> Iterator[Item]:
    """Yield items and show how many are done.

    total: their number, None for unknown.  unit: their name, in the plural.  Outside a terminal
    there is no bar, but a line for every tenth and at least every minute.
    """
    from tqdm import tqdm

    if sys.stderr.isatty():
        yield from tqdm(items, total=total, unit=f' {unit}', leave=False)
        return
    start_s = last_s = time.monotonic()
    step = max(1, total // _LINES) if total else 0
    for n_done, item in enumerate(items, start=1):
        yield item
        now_s = time.monotonic()
        if (step and n_done % step == 0) or now_s - last_s > _MAX_INTERVAL_S or n_done == total:
            last_s = now_s
            of_total = f' of {total}' if total else ''
            elapsed = f'{now_s - start_s:.0f} s'
            print(f'{n_done}{of_total} {unit}, {elapsed}', file=sys.stderr, flush=True)
