"""Resumable MCAP writer: after a kill, what is on disk is kept and continued.

A file is a function of what was put into it. So an unfinished one is finished by putting the same
things in again: bytes that are there already are compared instead of written, and what differs
shows that the work is another one.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

from mcap.records import Attachment
from mcap.writer import CompressionType, Writer

from zoedepth_ros.bags.contents import Channel, Item, Message, Metadata
from zoedepth_ros.bags.errors import Damage, ExistsError, RecordingError, ResumeError
from zoedepth_ros.bags.mcap_reader import read_mcap, sound_bytes
from zoedepth_ros.bags.memory import STATE, Memory, open_own
from zoedepth_ros.files import is_still, named_write_errors

UNCOMPRESSED = 'none'
REMEDY = 'free some space, then repeat the command: the command continues where it stopped'
"""End of errors about a recording that cannot be written."""

_PROFILE, _LIBRARY = 'ros2', 'zoedepth_ros'


class McapWriter:
    """Write the recording `path`, through `path`.partial; a context that finishes or leaves it.

    The partial file is locked until it has its final name.
    """

    def __init__(
        self,
        path: Path,
        *,
        compression: str = UNCOMPRESSED,
        overwrite: bool = False,
        resume: bool = True,
        keeps_unfinished: bool = True,
    ) -> None:
        """Go on with the partial file when there is one.

        compression: of chunks; none, lz4 or zstd.  overwrite: replace `path`.  resume: False
        begins again.  keeps_unfinished: leave the partial file when the block fails.  Raises
        ExistsError when `path` exists, ResumeError when another process is writing it, other
        RecordingErrors, and OSError.
        """
        self.path, self.partial = path, partial_path(path)
        self._overwrite, self._keeps_unfinished = overwrite, keeps_unfinished
        self._memory: Memory | None = None
        self._written = 0  # number of the last image of which everything is in the file, if new
        self._noted = deque([(0, 0)] * 3, maxlen=3)  # number of an image, size of the file then
        self.partial.parent.mkdir(parents=True, exist_ok=True)
        self._lock = open_own(self.partial, _start())
        try:
            self._refuse_existing()
            self.kept_bytes = sound_bytes(self.partial) if resume else 0
            self._file = _ComparingFile(self.partial, self._lock, self.kept_bytes)
            stream = cast('IO[bytes]', self._file)  # it has what the writer needs
            self._writer = Writer(stream, compression=CompressionType[compression.upper()])
            self._writer.start(_PROFILE, _LIBRARY)
        except BaseException:
            self._lock.close()
            raise
        self._schema = cache(self._writer.register_schema)  # each is declared once
        self._channel = cache(self._register)

    def __enter__(self) -> McapWriter:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        is_finished = False
        try:
            if kind is None:
                self._writer.finish()  # type: ignore[no-untyped-call]
                self._file.cut()
                self._file.sync()
                self._rename()
                is_finished = True
        finally:
            if not is_finished and not self._keeps_unfinished:
                self._remove()
            # unfinished work has raised already, perhaps for a full disk, which closing repeats
            with nullcontext() if is_finished else suppress(OSError), self._lock:
                if self._memory is not None:
                    self._memory.close()

    def remember(self, about: Mapping[str, str]) -> Memory:
        """Return the memory of this work, removed when it is finished; `about` identifies it."""
        self._memory = Memory(memory_path(self.path), about, anew=not self.kept_bytes)
        if self._memory.settled_bytes > self.kept_bytes:  # states it needs have been dropped
            self.kept_bytes = 0
            self._file.cut()
            self._memory.clear()
        return self._memory

    def note(self, number: int, note: Mapping[str, Any]) -> None:
        """Note the state after an image, before everything made of it is written."""
        assert self._memory is not None
        self._memory.note(number, note)
        if STATE not in note:
            return
        self._noted.append((number, self._file.tell()))
        (before, _), (_, old_size), (_, size) = self._noted
        if size > old_size:  # the chunk with everything made of the image `before` is written
            self._written = before
        if self._memory.is_long and self._written:
            self._file.sync()
            self._memory.settle(self._written, size)
            self._written = 0

    def _refuse_existing(self) -> None:
        if not os.path.lexists(self.path) or self._overwrite:
            return
        if not os.fstat(self._lock.fileno()).st_size:  # empty: the lock has created it
            self._remove()
        raise ExistsError(f'{self.path} exists; --overwrite replaces it')

    def _rename(self) -> None:
        """Give the file its final name, while it is locked."""
        if not is_still(self.partial, self._lock):
            raise RecordingError(
                f'{self.partial} was removed or replaced by another program while zoedepth wrote '
                'to it'
            )
        self._refuse_existing()
        if self._memory is not None:
            self._memory.remove()
        self.partial.replace(self.path)

    def _remove(self) -> None:
        if is_still(self.partial, self._lock):
            self.partial.unlink()

    def done(self) -> Iterator[Message]:
        """Return the messages that an earlier attempt has left, in order."""
        if self.kept_bytes:
            for item in read_mcap(self.partial, Damage(recover=True), self.kept_bytes):
                if isinstance(item, Message):
                    yield item

    def write(self, item: Item) -> None:
        """Put one thing in; raises ResumeError when it is not what the partial file holds."""
        if isinstance(item, Message):
            self._writer.add_message(
                self._channel(item.channel),
                item.log_time_ns,
                item.data,
                item.publish_time_ns,
                item.sequence,
            )
        elif isinstance(item, Channel):
            self._channel(item)
        elif isinstance(item, Attachment):
            self._writer.add_attachment(
                item.create_time, item.log_time, item.name, item.media_type, item.data
            )
        elif isinstance(item, Metadata):
            self._writer.add_metadata(item.name, item.values)

    def _register(self, channel: Channel) -> int:
        """Declare a channel; returns its number."""
        key = (channel.type_name, channel.schema_encoding, channel.schema)
        schema = self._schema(*key) if channel.type_name else 0  # the format's value for none
        return self._writer.register_channel(
            channel.topic, channel.message_encoding, schema, dict(channel.metadata)
        )


def partial_path(path: Path) -> Path:
    """Return the name under which a recording is written until it is whole."""
    return path.with_name(f'{path.name}.partial')


def memory_path(path: Path) -> Path:
    """Return the name of the file that keeps the state of unfinished work."""
    return path.with_name(f'{path.name}.partial.state')


def check_target(path: Path, *, overwrite: bool) -> None:
    """Raise what `McapWriter` would raise for these names; changes nothing."""
    if path.is_dir():
        raise RecordingError(f'{path} is a folder, expected the name of a file')
    if os.path.lexists(path) and not overwrite:
        raise ExistsError(f'{path} exists; --overwrite replaces it')
    if os.path.lexists(partial_path(path)):
        open_own(partial_path(path), _start()).close()


@cache
def _start() -> bytes:
    """Return the bytes with which every file of this module begins."""
    stream = BytesIO()
    Writer(stream).start(_PROFILE, _LIBRARY)
    return stream.getvalue()


class _ComparingFile:
    """Be a file whose first `kept_bytes` are compared with what is written, not written."""

    def __init__(self, path: Path, file: BinaryIO, kept_bytes: int) -> None:
        self._path, self._file, self._kept, self._at = path, file, kept_bytes, 0
        self._file.truncate(kept_bytes)

    def write(self, data: bytes) -> None:
        """Write, or compare as far as there is something; ResumeError where it differs."""
        old = max(0, min(len(data), self._kept - self._at))
        if old:
            if self._file.read(old) != data[:old]:
                raise ResumeError(
                    f'the unfinished {self._path} was made from a different recording or with '
                    'different settings: repeat the command with that recording and those '
                    'settings, or give --overwrite to start again'
                )
            self._at += old
            if self._at == self._kept:
                self._file.seek(self._kept)  # from reading to writing
        with self._named():
            self._at += self._file.write(data[old:])

    def tell(self) -> int:
        """Return the position."""
        return self._at

    def flush(self) -> None:
        """Hand everything to the system."""
        with self._named():
            self._file.flush()

    def cut(self) -> None:
        """Cut off what is beyond the position, and forget what has not been compared yet."""
        self._kept = self._at
        with self._named():
            self._file.truncate(self._at)
            self._file.seek(self._at)

    def sync(self) -> None:
        """Wait until the disk has everything."""
        self.flush()
        with self._named():
            os.fsync(self._file.fileno())

    def _named(self) -> AbstractContextManager[None]:
        return named_write_errors(self._path, remedy=REMEDY)
