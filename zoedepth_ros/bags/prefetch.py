"""Work that overlaps: an iterator that runs ahead in its own thread."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterable, Iterator
from queue import Full, Queue
from typing import Generic, TypeVar

T = TypeVar('T')

_LOOK_UP_S = 0.1


class _End(Generic[T]):
    """Stand behind the last item, with what stopped the iterator, if something did."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


def prefetch(items: Iterator[T], limit: int) -> Generator[T, None, None]:
    """Return the items in order while a thread makes up to `limit` more.

    What the iterator raises is raised here.  Leaving early stops and closes the iterator.
    """
    queue: Queue[T | _End[T]] = Queue(limit)
    stop = threading.Event()
    thread = threading.Thread(target=_run, args=(items, queue, stop), daemon=True)
    thread.start()
    try:
        while True:
            item = queue.get()
            if isinstance(item, _End):
                if item.error is not None:
                    raise item.error
                return
            yield item
    finally:
        stop.set()
        thread.join()


def _run(items: Iterable[T], queue: Queue[T | _End[T]], stop: threading.Event) -> None:
    error: BaseException | None = None
    try:
        for item in items:
            if not _put(queue, item, stop):
                break
    except BaseException as caught:
        error = caught
    finally:
        close = getattr(items, 'close', None)
        if close is not None:
            close()
    _put(queue, _End(error), stop)


def _put(queue: Queue[T | _End[T]], item: T | _End[T], stop: threading.Event) -> bool:
    """Wait for a place; False when the consumer has stopped."""
    while not stop.is_set():
        try:
            queue.put(item, timeout=_LOOK_UP_S)
            return True
        except Full:
            continue
    return False
