"""Write a recording while its messages arrive, without blocking the sender."""

from __future__ import annotations

import threading
from collections import Counter
from pathlib import Path
from queue import SimpleQueue

from zoedepth_ros.bags.contents import Item, Message, size_of
from zoedepth_ros.bags.mcap_writer import McapWriter

_MOST_WAITING_BYTES = 256 * 2**20


class LiveRecording:
    """Own the thread that compresses and writes."""

    def __init__(self, path: Path, *, most_waiting_bytes: int = _MOST_WAITING_BYTES) -> None:
        """Begin; what an earlier attempt left is removed.

        most_waiting_bytes: more than this is not kept for a disk that is slow.
        """
        self._path, self._most_waiting_bytes = path, most_waiting_bytes
        path.unlink(missing_ok=True)
        self._lock, self._waiting_bytes = threading.Lock(), 0
        self._queue: SimpleQueue[Item | type[_Abandoned] | None] = SimpleQueue()
        self._trouble = ''
        self._counts = Counter[str]()
        self._thread = threading.Thread(target=self._run, name='recording', daemon=True)
        self._thread.start()

    def add(self, item: Item) -> bool:
        """Take something; tells whether it will be written, unless the disk fails."""
        size = size_of(item)
        with self._lock:
            if self._trouble or self._waiting_bytes + size > self._most_waiting_bytes:
                return False
            self._waiting_bytes += size
        self._queue.put(item)
        return True

    def finish(self) -> Counter[str]:
        """Wait until everything is on the disk; gives topic -> messages.

        Raises OSError when it cannot be written; then there is no file.
        """
        self._end(None)
        if self._trouble:
            raise OSError(self._trouble)
        return self._counts

    def abandon(self) -> None:
        """Leave no file."""
        self._end(_Abandoned)

    def _end(self, last: type[_Abandoned] | None) -> None:
        self._queue.put(last)
        self._thread.join()

    def _run(self) -> None:
        try:
            choices = {'overwrite': True, 'resume': False, 'keeps_unfinished': False}
            with McapWriter(self._path, compression='zstd', **choices) as output:
                while (item := self._queue.get()) is not None:
                    if isinstance(item, type):
                        raise item
                    output.write(item)
                    if isinstance(item, Message):
                        self._counts[item.channel.topic] += 1
                    with self._lock:
                        self._waiting_bytes -= size_of(item)
        except _Abandoned:
            pass
        except Exception as error:  # whatever it is, the stream must go on
            self._trouble = f'{self._path}: {error}'


class _Abandoned(Exception):  # noqa: N818, internal
    pass
