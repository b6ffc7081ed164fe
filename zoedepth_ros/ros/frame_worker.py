"""One thread that works on the newest frames, and the mailbox that hands them over."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

Item = TypeVar('Item')

LEAD_S = 5e-3
"""How long whoever hands an item to an idle worker stays out of its way at most [s]."""


class Mailbox(Generic[Item]):
    """Hold at most one item of each sender; a newer one replaces it."""

    def __init__(self) -> None:
        self._items: dict[str, Item] = {}
        self._turns: dict[str, int] = {}  # when each sender had its last one, counted in items
        self._taken = 0
        self._closed = False
        self._changed = threading.Condition()

    def put(self, item: Item, sender: str = '') -> Item | None:
        """Leave an item and give back the one it replaces, if nobody had taken that."""
        with self._changed:
            replaced = self._items.get(sender)
            self._items[sender] = item
            self._changed.notify()
            return replaced

    def take(self, most: Callable[[], int] = lambda: 1) -> list[Item]:
        """Wait for an item and take those there are, one by one around the senders.

        most: gives how many to take, once there are any.  First comes who has had no turn for the
        longest, however often it sends.  [] once the box is closed.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._items or self._closed)
            if self._closed:
                return []
            senders = sorted(self._items, key=lambda sender: self._turns.get(sender, -1))
            return [self._take_from(sender) for sender in senders[: max(1, most())]]

    def _take_from(self, sender: str) -> Item:
        self._turns[sender] = self._taken = self._taken + 1
        return self._items.pop(sender)

    def close(self) -> None:
        """Wake whoever waits and let nobody take anything any more."""
        with self._changed:
            self._closed = True
            self._items.clear()
            self._changed.notify_all()


class FrameWorker(Generic[Item]):
    """Run `work` on the newest items in a thread of its own."""

    def __init__(
        self,
        work: Callable[[list[Item]], None],
        on_error: Callable[[Exception], None],
        most: Callable[[], int] = lambda: 1,
    ) -> None:
        """Start the thread.

        on_error gets whatever `work` raises; the thread goes on.  most: gives how many items of
        different senders to work on at once.
        """
        self._work, self._on_error, self._most = work, on_error, most
        self._mailbox: Mailbox[Item] = Mailbox()
        self._idle = threading.Event()
        # A daemon: a network call of several seconds must not keep the process from ending.
        self._thread = threading.Thread(target=self._run, name='inference', daemon=True)
        self._thread.start()

    def put(self, item: Item, sender: str = '') -> Item | None:
        """Hand over an item and give back the sender's that nobody had begun with, if any.

        An idle worker gets a lead.  The executor goes on by gathering, in Python, all that it
        waits for; as the worker has to wake up first, that would hold the interpreter for 0.4 ms
        before the worker gets it, and again and again while it works.  A shorter switch interval
        does not help.  rclpy's EventsExecutor gathers nothing in Python, but is experimental, not
        in every release, and crashes when topics with QoS events go (ros2/rclpy#1644).
        """
        has_lead = self._idle.is_set()
        self._idle.clear()
        replaced = self._mailbox.put(item, sender)
        if has_lead:
            self._idle.wait(LEAD_S)
        return replaced

    def stop(self, timeout_s: float) -> bool:
        """Let the present items finish and end the thread; False when that takes too long."""
        self._mailbox.close()
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        self._idle.set()
        while items := self._mailbox.take(self._most):
            self._idle.clear()
            try:
                self._work(items)
            except Exception as error:
                self._on_error(error)
            self._idle.set()
            del items  # do not hold pictures while waiting for the next
