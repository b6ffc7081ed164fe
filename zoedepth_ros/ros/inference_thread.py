"""The thread that runs the network on the newest images of all cameras."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from queue import SimpleQueue
from typing import Generic, TypeVar

import numpy as np

from zoedepth_ros.inference.fallback import FallbackPredictor
from zoedepth_ros.inference.result import InferenceError, NotFinite
from zoedepth_ros.pipeline.request import predict_batch
from zoedepth_ros.ros.image_processor import ImageProcessor, PreparedImage, ReceivedImage

Item = TypeVar('Item')

LEAD_S = 5e-3
"""Longest time that `InferenceThread.put` waits for an idle thread to start working [s]."""


class Mailbox(Generic[Item]):
    """Hold at most one item of each sender; a newer one replaces it."""

    def __init__(self) -> None:
        self._items: dict[str, Item] = {}
        self._turns: dict[str, int] = {}  # when each sender had its last one, counted in items
        self._taken = 0
        self._closed = False
        self._lock = threading.Lock()
        self._waiting = SimpleQueue[None]()  # one entry per item; waits without running Python

    def put(self, item: Item, sender: str = '') -> Item | None:
        """Add an item, and return the one it replaces, if that had not been taken."""
        with self._lock:
            replaced = self._items.get(sender)
            self._items[sender] = item
        if replaced is None:
            self._waiting.put(None)
        return replaced

    def take(self, most: Callable[[], int] = lambda: 1) -> list[Item]:
        """Wait for items and return them, at most one of each sender.

        most: returns how many to take, called once there are any.  Senders take turns, however
        often they send.  [] once the mailbox is closed.
        """
        self._waiting.get()
        with self._lock:
            if self._closed:
                self._waiting.put(None)
                return []
            senders = sorted(self._items, key=lambda sender: self._turns.get(sender, -1))
            taken = [self._take_from(sender) for sender in senders[: max(1, most())]]
        for _ in taken[1:]:
            self._waiting.get()
        return taken

    def _take_from(self, sender: str) -> Item:
        self._turns[sender] = self._taken = self._taken + 1
        return self._items.pop(sender)

    def close(self) -> None:
        """Wake waiting threads; from now on `take` returns nothing."""
        with self._lock:
            self._closed = True
            self._items.clear()
        self._waiting.put(None)


class InferenceThread(Generic[Item]):
    """Run `work` on the newest items in its own thread."""

    def __init__(
        self,
        work: Callable[[list[Item]], None],
        on_error: Callable[[Exception], None],
        most: Callable[[], int] = lambda: 1,
    ) -> None:
        """Start the thread.

        on_error: called with what `work` raises; the thread continues.  most: returns how many
        items of different senders to process together.
        """
        self._work, self._on_error, self._most = work, on_error, most
        self._mailbox: Mailbox[tuple[Item, threading.Lock]] = Mailbox()
        self.is_idle = False
        """Whether the thread waits for an item."""
        # A daemon: a network call of several seconds must not keep the process from ending.
        self._thread = threading.Thread(target=self._run, name='inference', daemon=True)
        self._thread.start()

    def put(self, item: Item, sender: str = '') -> Item | None:
        """Hand over an item, and return the sender's previous one if its processing had not begun.

        Waits a moment for an idle thread to start.  The executor would otherwise collect, in
        Python, everything it waits for, and hold the interpreter for 0.4 ms before this thread
        gets it, and repeatedly while it works.  A shorter switch interval does not help.  rclpy's
        EventsExecutor collects nothing in Python, but is experimental, not in every release, and
        crashes when topics with QoS events are destroyed (ros2/rclpy#1644).
        """
        has_lead, self.is_idle = self.is_idle, False
        done = threading.Lock()
        done.acquire()
        replaced = self._mailbox.put((item, done), sender)
        if has_lead:
            done.acquire(timeout=LEAD_S)
        return None if replaced is None else replaced[0]

    def stop(self, timeout_s: float) -> bool:
        """Let the present items finish and end the thread; False if that takes too long."""
        self._mailbox.close()
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        self.is_idle = True
        while taken := self._mailbox.take(self._most):
            self.is_idle = False
            items, finished = zip(*taken, strict=True)
            try:
                self._work(list(items))
            except Exception as error:
                self._on_error(error)
            self.is_idle = True
            for done in finished:
                done.release()
            del taken, items  # do not keep images while waiting for the next


Arrivals = Sequence[tuple[ImageProcessor, ReceivedImage]]
"""Images of different cameras."""
Work = tuple[ImageProcessor, PreparedImage]

QUICK_MS = 100.0
"""Below this time per image a batch on the CPU delays no image noticeably [ms]."""


class SharedNetwork:
    """Run one predictor on the images of several cameras, in the inference thread."""

    def __init__(
        self, predictor: FallbackPredictor, cameras: int = 1, batch_limit: int = 0
    ) -> None:
        """batch_limit: largest number of images in one run; 0 for that of the cameras."""
        self.batch_limit = batch_limit
        self._predictor, self._cameras = predictor, cameras
        self._image_ms = math.inf  # per image, of the last run
        self._failed: set[ImageProcessor] = set()  # whose last image made the network fail
        self._busy = threading.Lock()

    @property
    def prefers_batches(self) -> bool:
        """Whether to run the network on several images together.

        A CPU is hardly faster with a batch than with single images, so that with a slow network
        the first images would only be late.
        """
        return self._predictor.device != 'cpu' or self._image_ms < QUICK_MS

    def largest_batch(self) -> int:
        """Return how many images may go through the network together."""
        preferred = self._cameras if self.prefers_batches else 1
        fitting = self._predictor.batch_limit or self._cameras
        return min(self.batch_limit or preferred, fitting, self._cameras)

    def warm_up(self, height: int, width: int) -> None:
        """Run on empty images: one, and as many as may come together."""
        self._predictor.warm_up(height, width)
        batch = self.largest_batch()
        if batch > 1:
            grey = np.full((height, width, 3), 128, np.uint8)
            head = self._predictor.heads[0]
            with suppress(InferenceError):  # a fallback limits the batch
                self._predictor.predict_batch(
                    [grey] * batch, [head] * batch, routes=[True] * batch
                )

    def work(self, images: Arrivals) -> None:
        """Make the outputs that are due of images of different cameras.

        A failure of one camera does not affect the others.
        """
        with self._busy:  # the thread of an earlier activation may still be inside
            prepared = [(processor, processor.prepare(image)) for processor, image in images]
            due = [(processor, ready) for processor, ready in prepared if ready is not None]
            alone = [work for work in due if work[0] in self._failed]
            together = [work for work in due if work[0] not in self._failed]
            for group in (together, *([work] for work in alone)):
                if group:
                    self._run(group)

    def _run(self, group: list[Work]) -> None:
        start_s = time.monotonic()
        try:
            results = predict_batch(self._predictor, [ready.request for _, ready in group])
        except Exception as error:
            if len(group) > 1 and _may_be_ones_fault(error):
                for work in group:
                    self._run([work])
                return
            for processor, _ in group:
                self._failed.add(processor)
                processor.fail(error)
            return
        took_ms, before_ms = 1e3 * (time.monotonic() - start_s), self._predictor.preprocess_ms
        self._image_ms = took_ms / len(group)
        for (processor, prepared), result in zip(group, results, strict=True):
            self._failed.discard(processor)
            processor.statistics.note_run(took_ms, before_ms, len(group))
            processor.finish(prepared, result)


def _may_be_ones_fault(error: Exception) -> bool:
    """Return whether one image may be the cause; a lost device affects all."""
    return isinstance(error, NotFinite) or not isinstance(error, InferenceError)
