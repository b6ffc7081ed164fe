"""One thread that works on the newest frame, and the mailbox that hands it over."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

Item = TypeVar('Item')


class Mailbox(Generic[Item]):
    """Hold at most one item; a newer one replaces it."""

    def __init__(self) -> None:
        self._item: Item | None = None
        self._closed = False
        self._changed = threading.Condition()

    def put(self, item: Item) -> Item | None:
        """Leave an item and give back the one it replaces, if nobody had taken that."""
        with self._changed:
            replaced, self._item = self._item, item
            self._changed.notify()
            return replaced

    def take(self) -> Item | None:
        """Wait for an item and take it; None once the box is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._item is not None or self._closed)
            item, self._item = self._item, None
            return None if self._closed else item

    def close(self) -> None:
        """Wake whoever waits and let nobody take anything any more."""
        with self._changed:
            self._closed = True
            self._item = None
            self._changed.notify_all()


class FrameWorker(Generic[Item]):
    """Run `work` on the newest item in a thread of its own."""

    def __init__(
        self, work: Callable[[Item], None], on_error: Callable[[Exception], None]
    ) -> None:
        """Start the thread.

        on_error gets whatever `work` raises; the thread goes on.
        """
        self._work, self._on_error = work, on_error
        self._mailbox: Mailbox[Item] = Mailbox()
        # A daemon: a network call of several seconds must not keep the process from ending.
        self._thread = threading.Thread(target=self._run, name='inference', daemon=True)
        self._thread.start()

    def put(self, item: Item) -> Item | None:
        """Hand over an item and give back the one that nobody had begun with, if any."""
        return self._mailbox.put(item)

    def stop(self, timeout_s: float) -> bool:
        """Let the present item finish and end the thread; False when that takes too long."""
        self._mailbox.close()
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while (item := self._mailbox.take()) is not None:
            try:
                self._work(item)
            except Exception as error:
                self._on_error(error)
            del item  # do not hold a picture while waiting for the next
