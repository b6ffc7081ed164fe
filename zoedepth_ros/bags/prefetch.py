"""Work that overlaps: an iterator that runs ahead in its own thread."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar('T')


def prefetch(items: Generator[T, None, None], limit: int = 16) -> Generator[T, None, None]:
    """Return the items in order while a thread makes up to `limit` more.

    What the iterator raises is raised here.  Leaving early stops and closes the iterator.
    """
    end: Any = object()
    ahead = deque[Future[T]]()
    thread = ThreadPoolExecutor(1)
    try:
        while True:
            while len(ahead) <= limit:
                ahead.append(thread.submit(next, items, end))
            item = ahead.popleft().result()
            if item is end:
                return
            yield item
    finally:
        thread.shutdown(cancel_futures=True)
        items.close()
