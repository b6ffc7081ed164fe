"""Find the camera_info of an image where it was recorded after the image."""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TypeGuard

from zoedepth_ros.bags.contents import Item, Message, RecordingSummary, size_of
from zoedepth_ros.bags.recording import Recording

MOST_S, MOST_BYTES, MOST_INFOS = 1.0, 64 << 20, 32
"""How far to look: log time [s], size of what is read ahead [bytes], messages of camera_info."""


def look_ahead(
    items: Iterable[Item],
    summary: RecordingSummary,
    images: str,
    infos: str,
    found: Callable[[Message], None],
) -> Iterator[Item]:
    """Return the items in order; an image waits until the camera_info of its stamp has been read.

    images, infos: topics.  found: called with each camera_info that is read before its turn.  A
    single camera_info of the recording, as of a latched topic, is left to `first_info`.
    """
    if summary.counts.get(infos, 0) < 2:
        yield from items
        return
    ahead = _Ahead(iter(items), infos, found)
    for item in ahead:
        if isinstance(item, Message) and item.channel.topic == images:
            ahead.look_for(item)
        yield item


def first_info(recording: Recording, summary: RecordingSummary, infos: str) -> list[Message]:
    """Return the first camera_info, for the images before it; [] where there is none."""
    return list(islice(recording.messages([infos]), 1)) if summary.counts.get(infos) else []


class _Ahead:
    """Hold what has been read before its turn."""

    def __init__(
        self, items: Iterator[Item], infos: str, found: Callable[[Message], None]
    ) -> None:
        self._items, self._infos, self._found = items, infos, found
        self._waiting = deque[Item]()
        self._bytes = self._count = 0
        self._stamps = deque[tuple[int, int]](maxlen=2 * MOST_INFOS)  # of the latest camera_info
        self._end: Exception | None = None

    def __iter__(self) -> Iterator[Item]:
        return self

    def __next__(self) -> Item:
        if not self._waiting and (end := self._read()):
            raise end
        item = self._waiting.popleft()
        self._count -= self._is_info(item)
        self._bytes -= size_of(item)
        return item

    def look_for(self, image: Message) -> None:
        """Read on until the camera_info of an image is there, or is too far."""
        stamp, end_ns = stamp_of(image), image.log_time_ns + round(MOST_S * 1e9)
        while stamp not in self._stamps:
            if self._bytes > MOST_BYTES or self._count >= MOST_INFOS:
                return
            last = self._waiting[-1] if self._waiting else image
            if isinstance(last, Message) and last.log_time_ns > end_ns:
                return
            if self._read():
                return
            item = self._waiting[-1]
            if self._is_info(item):
                self._found(item)

    def _read(self) -> Exception | None:
        """Read one item; returns the end or the error of the items where there is none."""
        try:
            item = next(self._items)
        except Exception as error:  # is raised when what was read before it has had its turn
            self._end = self._end or error
            return self._end
        self._waiting.append(item)
        self._bytes += size_of(item)
        if self._is_info(item):
            self._count += 1
            self._stamps.append(stamp_of(item))
        return None

    def _is_info(self, item: Item) -> TypeGuard[Message]:
        return isinstance(item, Message) and item.channel.topic == self._infos


def stamp_of(message: Message) -> tuple[int, int]:
    """Return the stamp (sec, nanosec) of a message that begins with a header; 0, 0 without."""
    order = '<' if message.data[1:2] == b'\1' else '>'
    if len(message.data) < 12:
        return 0, 0
    sec, nanosec = struct.unpack_from(f'{order}iI', message.data, 4)
    return sec, nanosec


def stamp_s(message: Message) -> float:
    """Return the stamp of a message that begins with a header [s]; 0.0 without."""
    sec, nanosec = stamp_of(message)
    return sec + 1e-9 * nanosec
