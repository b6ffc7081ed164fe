"""Print imports and opened files of a process, so that a test can interrupt it there."""

from __future__ import annotations

import sys


def announce(*moments: str) -> None:
    """Print each name once it is imported (a module) or opened (the end of a file name)."""
    left = set(moments)

    def on_event(event: str, about: tuple) -> None:
        if event not in ('import', 'open') or not left:
            return
        reached = {m for m in left if about[0] == m or str(about[0]).endswith(f'/{m}')}
        for moment in reached:
            left.discard(moment)
            sys.stdout.write(f'{moment}\n')
            sys.stdout.flush()

    sys.addaudithook(on_event)
