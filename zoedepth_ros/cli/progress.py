"""Progress of long commands on stderr: a bar in a terminal, a line now and then in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

Item = TypeVar('Item')

_PARTS = 10
_SILENCE_S = 60.0


def progress(items: Iterable[Item], total: int | None, unit: str) -> Iterator[Item]:
    """Give items and show how many are done.

    total: how many there will be, None for unknown.  unit: what they are, in the plural.  Where
    nobody can see a bar move, a line comes for every tenth and at least every minute.
    """
    from tqdm import tqdm

    if sys.stderr.isatty():
        yield from tqdm(items, total=total, unit=f' {unit}', leave=False)
        return
    start_s = last_s = time.monotonic()
    step = max(1, total // _PARTS) if total else 0
    for n_done, item in enumerate(items, start=1):
        yield item
        now_s = time.monotonic()
        if (step and n_done % step == 0) or now_s - last_s > _SILENCE_S or n_done == total:
            last_s = now_s
            of_all = f' of {total}' if total else ''
            print(f'{n_done}{of_all} {unit}, {now_s - start_s:.0f} s', file=sys.stderr, flush=True)
