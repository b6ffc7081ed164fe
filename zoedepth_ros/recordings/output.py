"""Write an MCAP file that survives a kill: what is on disk is gone on with, never done again.

A file is a function of what was put into it. So an unfinished one is finished by putting the same
things in again: bytes that are there already are compared instead of written, and what differs
shows that the work is another one.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

from mcap.writer import CompressionType, Writer

from zoedepth_ros.recordings.contents import Attachment, Channel, Item, Message, Metadata
from zoedepth_ros.recordings.errors import Damage, ResumeError
from zoedepth_ros.recordings.mcap_file import read_mcap, sound_bytes

COMPRESSIONS = {
    'none': CompressionType.NONE,
    'lz4': CompressionType.LZ4,
    'zstd': CompressionType.ZSTD,
}
_LIBRARY = 'zoedepth_ros'


class Output:
    """Write the recording `path`, through `path`.partial; a context that finishes or leaves it."""

    def __init__(self, path: Path, *, compression: str = 'none') -> None:
        """Go on with the partial file when there is one.

        compression: a key of COMPRESSIONS, of chunks.
        """
        self.path, self.partial = path, partial_path(path)
        self.kept_bytes = sound_bytes(self.partial) if self.partial.exists() else 0
        self.partial.parent.mkdir(parents=True, exist_ok=True)
        self._file = _ComparingFile(self.partial, self.kept_bytes)
        stream = cast('IO[bytes]', self._file)  # it has what the writer needs
        self._writer = Writer(stream, compression=COMPRESSIONS[compression])
        self._writer.start('ros2', _LIBRARY)
        self._schemas: dict[tuple[str, str, bytes], int] = {}
        self._channels: dict[Channel, int] = {}

    def __enter__(self) -> Output:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        try:
            if kind is None:
                self._writer.finish()  # type: ignore[no-untyped-call]
                self._file.sync()
        finally:
            self._file.close()
        if kind is None:
            self.partial.replace(self.path)

    def done(self) -> Iterator[Message]:
        """Give the messages that an earlier attempt has left, in order."""
        if self.kept_bytes:
            for item in read_mcap(self.partial, Damage(salvage=True), self.kept_bytes):
                if isinstance(item, Message):
                    yield item

    def write(self, item: Item) -> None:
        """Put one thing in; raises ResumeError when it is not what the partial file holds."""
        if isinstance(item, Message):
            key = self._channel(item.channel)
            self._writer.add_message(
                key,
                item.log_time_ns,
                item.data,
                item.publish_time_ns,
                item.sequence,
            )
        elif isinstance(item, Channel):
            self._channel(item)
        elif isinstance(item, Attachment):
            self._writer.add_attachment(
                item.create_time_ns, item.log_time_ns, item.name, item.media_type, item.data
            )
        elif isinstance(item, Metadata):
            self._writer.add_metadata(item.name, item.values)

    def _channel(self, channel: Channel) -> int:
        """Give a channel's number, declaring it the first time."""
        if channel not in self._channels:
            self._channels[channel] = self._writer.register_channel(
                channel.topic,
                channel.message_encoding,
                self._schema(channel),
                dict(channel.metadata),
            )
        return self._channels[channel]

    def _schema(self, channel: Channel) -> int:
        if not channel.type_name:
            return 0  # the format's own way to say that there is none
        key = (channel.type_name, channel.schema_encoding, channel.schema)
        if key not in self._schemas:
            self._schemas[key] = self._writer.register_schema(*key)
        return self._schemas[key]


def partial_path(path: Path) -> Path:
    """Give the name under which a recording is written until it is whole."""
    return path.with_name(f'{path.name}.partial')


class _ComparingFile:
    """Be a file whose first `kept_bytes` are compared with what is written, not written."""

    def __init__(self, path: Path, kept_bytes: int) -> None:
        self._path, self._kept, self._at = path, kept_bytes, 0
        self._file = path.open('r+b' if path.exists() else 'w+b')
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # held until it is closed
        except BlockingIOError:
            raise ResumeError(f'{path}: another process is writing it') from None
        self._file.truncate(kept_bytes)

    def write(self, data: bytes) -> None:
        """Write, or compare as far as there is something; ResumeError where it differs."""
        old = min(len(data), self._kept - self._at)
        if old > 0:
            if self._file.read(old) != data[:old]:
                raise ResumeError(
                    f'{self._path} was begun from another recording or with other settings: '
                    'give the same ones, or --overwrite to begin again'
                )
            self._at += old
            if self._at == self._kept:
                self._file.seek(self._kept)  # from reading to writing
        else:
            old = 0
        self._at += self._file.write(data[old:])

    def tell(self) -> int:
        """Give the position."""
        return self._at

    def flush(self) -> None:
        """Hand everything to the system."""
        self._file.flush()

    def sync(self) -> None:
        """Cut off what is beyond the end and wait until the disk has it all."""
        self._file.truncate(self._at)
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close it."""
        self._file.close()
