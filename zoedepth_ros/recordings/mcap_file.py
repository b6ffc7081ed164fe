"""Read an MCAP file from its first to its last record, damaged ones as far as they go.

Records are taken apart here rather than by mcap's readers because those neither say where a file
breaks off nor notice it inside a message (specification: mcap.dev/spec).
"""

from __future__ import annotations

import struct
import zlib
from collections import Counter
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import IO, Any

import lz4.frame  # type: ignore[import-untyped]
import zstandard
from mcap import records
from mcap.data_stream import ReadDataStream
from mcap.exceptions import McapError
from mcap.opcode import Opcode
from mcap.reader import SeekingReader
from mcap.summary import Summary

from zoedepth_ros.recordings.contents import (
    Attachment,
    Channel,
    Item,
    Message,
    Metadata,
    Survey,
)
from zoedepth_ros.recordings.errors import Damage, DamagedRecordingError, RecordingError

MAGIC = b'\x89MCAP0\r\n'
_HEAD, _MESSAGE = struct.Struct('<BQ'), struct.Struct('<HIQQ')
_LAST_OPCODE, _FIRST_PRIVATE_OPCODE = 0x0F, 0x80
_BLOCK_BYTES = 1 << 18
# Whatever mcap's parsers raise when bytes are not what they should be.
_UNREADABLE = (McapError, struct.error, ValueError, KeyError, OverflowError, MemoryError)


def read_mcap(path: Path, damage: Damage, end: int | None = None) -> Iterator[Item]:
    """Give everything in the order of the file.

    end: take the file for so many bytes long.  Raises RecordingError when it is no MCAP file and,
    unless damage is to be endured, DamagedRecordingError at the first damage.
    """
    with path.open('rb') as file:
        _check_start(path, file)
        yield from _Reader(path, file, damage, end).items()


def survey_mcap(path: Path, damage: Damage) -> Survey:
    """Tell channels and counts, from the index at the end or, without one, from everything."""
    with path.open('rb') as file:
        _check_start(path, file)
    if not has_end(path):
        damage.report(path, 'its end is missing: the recorder was stopped hard or the file is cut')
    summary = _summary(path)
    statistics = summary.statistics if summary else None
    if summary and statistics and (summary.channels or not statistics.message_count):
        channels = {key: _channel(c, summary.schemas) for key, c in summary.channels.items()}
        counts = Counter[str]()
        for key, count in statistics.channel_message_counts.items():
            counts[channels[key].topic] += count
        return Survey(tuple(channels.values()), dict(counts))
    return _scan(path, Damage(salvage=damage.salvage))


def has_end(path: Path) -> bool:
    """Tell whether an MCAP file was finished."""
    with path.open('rb') as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - len(MAGIC)))
        return size > 2 * len(MAGIC) and file.read() == MAGIC


def sound_bytes(path: Path) -> int:
    """Give the length of the part, from the start, that an unfinished file can go on after."""
    with path.open('rb') as file:
        if file.read(len(MAGIC)) != MAGIC:
            return 0
        reader, end = _Reader(path, file, Damage(salvage=False)), len(MAGIC)
        try:
            for offset, opcode, body in reader.records():
                if opcode == Opcode.DATA_END:
                    break
                if opcode == Opcode.CHUNK:
                    reader.decompress(_parse(records.Chunk, body))
                end = offset + _HEAD.size + len(body)
        except DamagedRecordingError:
            pass
    return end


def _check_start(path: Path, file: IO[bytes]) -> None:
    if file.read(len(MAGIC)) != MAGIC:
        raise RecordingError(f'{path}: not an MCAP file, its first bytes are others')


def _scan(path: Path, damage: Damage) -> Survey:
    channels: dict[Channel, None] = {}
    counts = Counter[str]()
    for item in read_mcap(path, damage):
        if isinstance(item, Channel):
            channels[item] = None
        elif isinstance(item, Message):
            counts[item.channel.topic] += 1
    return Survey(tuple(channels), dict(counts))


class _Reader:
    """Take one open file apart."""

    def __init__(
        self, path: Path, file: IO[bytes], damage: Damage, end: int | None = None
    ) -> None:
        self._path, self._file, self._damage = path, file, damage
        self._size = file.seek(0, 2) if end is None else end
        self._schemas: dict[int, Any] = {}
        self._channels: dict[int, Channel] = {}

    def items(self) -> Iterator[Item]:
        """Give what people put into the file."""
        if self._damage.salvage:  # what a lost chunk declared, the index may tell
            self._learn_from_summary()
        for offset, opcode, body in self.records():
            if opcode == Opcode.DATA_END:
                return
            try:
                if opcode == Opcode.CHUNK:
                    yield from self._chunk(offset, body)
                else:
                    yield from self._record(opcode, body)
            except _UNREADABLE as error:
                if isinstance(error, RecordingError):
                    raise
                self._report(offset, f'a record that cannot be read ({error})')

    def records(self) -> Iterator[tuple[int, int, bytes]]:
        """Give (offset, opcode, body) of every record; a chunk at a cut end comes incomplete."""
        offset = len(MAGIC)
        while True:
            self._file.seek(offset)
            head = self._file.read(min(_HEAD.size, self._size - offset))
            if len(head) < _HEAD.size:
                self._report(offset, 'the file ends here, without its end')
                return
            opcode, length = _HEAD.unpack(head)
            end = offset + _HEAD.size + length
            if _is_known(opcode) and end <= self._size:
                yield offset, opcode, self._file.read(length)
                offset = end
                continue
            self._report(offset, 'no record, or one that goes beyond the end')
            resume = self._next_chunk(offset)
            if resume is None:
                if opcode == Opcode.CHUNK:
                    yield offset, opcode, self._file.read(self._size - offset - _HEAD.size)
                return
            offset = resume

    def _chunk(self, offset: int, body: bytes) -> Iterator[Item]:
        chunk = _parse(records.Chunk, body)
        try:
            plain = self.decompress(chunk)
        except DamagedRecordingError as error:
            self._report(offset, str(error))
            plain = _decompressed(chunk)
        view, at = memoryview(plain), 0
        while at + _HEAD.size <= len(view):
            opcode, length = _HEAD.unpack_from(view, at)
            start, at = at + _HEAD.size, at + _HEAD.size + length
            if not _is_known(opcode) or at > len(view):
                return
            yield from self._record(opcode, view[start:at])

    def decompress(self, chunk: Any) -> bytes:
        """Give a chunk's records; raises DamagedRecordingError when they are not all right."""
        plain = _decompressed(chunk)
        if len(plain) != chunk.uncompressed_size:
            text = f'a chunk of which {len(plain):,} of {chunk.uncompressed_size:,} bytes are left'
            raise DamagedRecordingError(text)
        if chunk.uncompressed_crc and zlib.crc32(plain) != chunk.uncompressed_crc:
            raise DamagedRecordingError('a chunk with a wrong checksum')
        return plain

    def _record(self, opcode: int, body: bytes | memoryview) -> Iterator[Item]:
        if opcode == Opcode.MESSAGE:
            key, sequence, log_ns, publish_ns = _MESSAGE.unpack_from(body)
            data = bytes(body[_MESSAGE.size :])
            yield Message(self._channels[key], log_ns, publish_ns, sequence, data)
        elif opcode == Opcode.SCHEMA:
            schema = _parse(records.Schema, body)
            self._schemas[schema.id] = schema
        elif opcode == Opcode.CHANNEL:
            channel = _parse(records.Channel, body)
            self._channels[channel.id] = _channel(channel, self._schemas)
            yield self._channels[channel.id]
        elif opcode == Opcode.ATTACHMENT:
            a = _parse(records.Attachment, body)
            yield Attachment(a.log_time, a.create_time, a.name, a.media_type, a.data)
        elif opcode == Opcode.METADATA:
            metadata = _parse(records.Metadata, body)
            yield Metadata(metadata.name, metadata.metadata)

    def _learn_from_summary(self) -> None:
        summary = _summary(self._path)
        if summary:
            self._schemas.update(summary.schemas)
            for key, channel in summary.channels.items():
                self._channels[key] = _channel(channel, self._schemas)

    def _next_chunk(self, offset: int) -> int | None:
        """Give the offset of the first chunk after a damaged place; None when nobody knows."""
        summary = _summary(self._path)
        starts = [c.chunk_start_offset for c in summary.chunk_indexes] if summary else []
        return min((start for start in starts if start > offset), default=None)

    def _report(self, offset: int, text: str) -> None:
        self._damage.report(self._path, f'damaged at byte {offset:,}: {text}')


def _summary(path: Path) -> Summary | None:
    """Read the index at the end; None when there is none that can be read."""
    try:
        with path.open('rb') as file:
            return SeekingReader(file).get_summary()
    except _UNREADABLE:
        return None


def _channel(channel: Any, schemas: dict[int, Any]) -> Channel:
    schema = schemas.get(channel.schema_id)
    return Channel(
        topic=channel.topic,
        type_name=schema.name if schema else '',
        schema_encoding=schema.encoding if schema else '',
        schema=schema.data if schema else b'',
        message_encoding=channel.message_encoding,
        metadata=tuple(channel.metadata.items()),
    )


def _parse(kind: Any, body: bytes | memoryview) -> Any:
    return kind.read(ReadDataStream(BytesIO(body)))


def _is_known(opcode: int) -> bool:
    return 0 < opcode <= _LAST_OPCODE or opcode >= _FIRST_PRIVATE_OPCODE


def _decompressed(chunk: Any) -> bytes:
    """Give as much of a chunk's content as can be had."""
    if not chunk.compression:
        return bytes(chunk.data)
    if chunk.compression == 'zstd':
        decoder: Any = zstandard.ZstdDecompressor().decompressobj()
    elif chunk.compression == 'lz4':
        decoder = lz4.frame.LZ4FrameDecompressor()
    else:
        raise RecordingError(f'chunks are compressed with {chunk.compression!r}, not lz4 or zstd')
    parts = []
    try:
        for start in range(0, len(chunk.data), _BLOCK_BYTES):
            parts.append(decoder.decompress(chunk.data[start : start + _BLOCK_BYTES]))
    except (zstandard.ZstdError, RuntimeError, EOFError):
        pass
    return b''.join(parts)
