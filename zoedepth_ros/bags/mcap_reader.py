"""Read an MCAP file from its first to its last record, damaged ones as far as they go.

Records are parsed here rather than by mcap's readers because those neither report where a file
breaks off nor notice it inside a message (specification: mcap.dev/spec).
"""

from __future__ import annotations

import struct
import zlib
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import IO, Any

import lz4.frame  # type: ignore[import-untyped]
import zstandard
from mcap import records
from mcap.data_stream import ReadDataStream
from mcap.opcode import Opcode
from mcap.reader import SeekingReader
from mcap.summary import Summary

from zoedepth_ros.bags.contents import Channel, Item, Message, Metadata, RecordingSummary
from zoedepth_ros.bags.errors import Damage, DamagedRecordingError, RecordingError
from zoedepth_ros.errors import quoted

MAGIC = b'\x89MCAP0\r\n'
_HEAD, _MESSAGE = struct.Struct('<BQ'), struct.Struct('<HIQQ')
_LAST_OPCODE, _FIRST_PRIVATE_OPCODE = 0x0F, 0x80
_LEAST_BYTES = 2 * len(MAGIC) + _HEAD.size + 20  # of a file with a footer
_BLOCK_BYTES = 1 << 18
_MOST_CHUNK_BYTES = 1 << 30  # recorders make chunks of some megabytes


class _BrokenError(DamagedRecordingError):
    """Raised for an invalid record; the caller adds the position."""


def read_mcap(path: Path, damage: Damage, end: int | None = None) -> Iterator[Item]:
    """Return everything in the order of the file.

    end: take the file for so many bytes long.  Raises RecordingError when it is no MCAP file and,
    unless damage is tolerated, DamagedRecordingError at the first damage.
    """
    with path.open('rb') as file:
        _check_start(path, file)
        yield from _Reader(path, file, damage, end).items()


def summarize_mcap(path: Path, damage: Damage) -> RecordingSummary:
    """Return channels and counts, from the index at the end or else from all records."""
    with path.open('rb') as file:
        _check_start(path, file)
    if not has_end(path):
        damage.report(
            path, 'the end of the file is missing: the recorder was killed or the file was cut off'
        )
    summary = _summary(path)
    statistics = summary.statistics if summary else None
    found = statistics.channel_message_counts if statistics else {}  # may be left out, as channels
    is_indexed = statistics and sum(found.values()) == statistics.message_count
    if (
        summary
        and is_indexed
        and found.keys() <= summary.channels.keys()
        and _has_schemas(summary)
    ):
        channels = {key: _channel(c, summary.schemas) for key, c in summary.channels.items()}
        counts = Counter[str]()
        for key, count in found.items():
            counts[channels[key].topic] += count
        return RecordingSummary(tuple(channels.values()), dict(counts))
    return _scan(path, Damage(recover=damage.recover))


def has_end(path: Path) -> bool:
    """Return whether an MCAP file was finished."""
    with path.open('rb') as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - len(MAGIC)))
        return size > 2 * len(MAGIC) and file.read() == MAGIC


def first_metadata(path: Path, name: str) -> Mapping[str, str]:
    """Return the metadata with which a finished file begins; {} for any other file."""
    try:
        if path.is_file() and has_end(path):
            first = next(read_mcap(path, Damage(recover=True)), None)
            if isinstance(first, Metadata) and first.name == name:
                return first.values
    except (ValueError, OSError):
        pass
    return {}


def sound_bytes(path: Path) -> int:
    """Return the length of the part, from the start, that an unfinished file can go on after."""
    with path.open('rb') as file:
        if file.read(len(MAGIC)) != MAGIC:
            return 0
        reader, end = _Reader(path, file, Damage(recover=False)), len(MAGIC)
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
    if (start := file.read(len(MAGIC))) != MAGIC:
        raise RecordingError(f'{path}: not an MCAP file: it begins with {quoted(start)}')


def _scan(path: Path, damage: Damage) -> RecordingSummary:
    channels: dict[Channel, None] = {}
    counts = Counter[str]()
    for item in read_mcap(path, damage):
        if isinstance(item, Channel):
            channels[item] = None
        elif isinstance(item, Message):
            counts[item.channel.topic] += 1
    return RecordingSummary(tuple(channels), dict(counts))


class _Reader:
    """Parse one open file."""

    def __init__(
        self, path: Path, file: IO[bytes], damage: Damage, end: int | None = None
    ) -> None:
        self._path, self._file, self._damage = path, file, damage
        self._size = file.seek(0, 2) if end is None else end
        self._schemas: dict[int, Any] = {}
        self._channels: dict[int, Channel] = {}
        self._message_count = 0

    def items(self) -> Iterator[Item]:
        """Return channels, messages, attachments and metadata in the order of the file."""
        if self._damage.recover:  # the index may contain what a lost chunk declared
            self._learn_from_summary()
        for offset, opcode, body in self.records():
            if opcode == Opcode.DATA_END:
                self._check_count(offset)
                return
            try:
                if opcode == Opcode.CHUNK:
                    yield from self._chunk(offset, body)
                else:
                    yield from self._record(opcode, body)
            except _BrokenError as error:
                self._report(offset, str(error))

    def records(self) -> Iterator[tuple[int, int, bytes]]:
        """Return (offset, opcode, body) of every record; a chunk at a cut end comes incomplete."""
        offset = len(MAGIC)
        while True:
            self._file.seek(offset)
            head = self._file.read(min(_HEAD.size, self._size - offset))
            if len(head) < _HEAD.size:
                self._report(offset, 'the file ends without a footer')
                return
            opcode, length = _HEAD.unpack(head)
            end = offset + _HEAD.size + length
            if _is_known(opcode) and end <= self._size:
                yield offset, opcode, self._file.read(length)
                offset = end
                continue
            self._report(
                offset,
                'expected an MCAP record that ends before the end of the file',
            )
            resume = self._next_chunk(offset)
            if resume is None:
                if opcode == Opcode.CHUNK:
                    yield offset, opcode, self._file.read(self._size - offset - _HEAD.size)
                return
            offset = resume

    def _chunk(self, offset: int, body: bytes) -> Iterator[Item]:
        chunk, is_whole = _parse(records.Chunk, body), True
        try:
            plain = self.decompress(chunk)
        except _BrokenError as error:
            self._report(offset, str(error))
            plain, is_whole = _decompressed(chunk), False
        view, at = memoryview(plain), 0
        starts: list[int] | None = None  # of messages, where no checksum says that all is right
        if not chunk.uncompressed_crc or not is_whole:
            starts = self._message_starts(offset + _HEAD.size + len(body), view)
        while at < len(view):
            opcode, end = _record_head(view, at)
            following = _following(starts, at)
            if _is_known(opcode) and end <= (len(view) if following is None else following):
                try:
                    yield from self._record(opcode, view[at + _HEAD.size : end])
                except _BrokenError as error:
                    self._report(offset, str(error))
                at = end
                continue
            if is_whole:
                self._report(offset, 'a record in a chunk has a wrong length')
            if following is None:
                return
            at = following

    def decompress(self, chunk: Any) -> bytes:
        """Return a chunk's records; raises DamagedRecordingError when they are not all right."""
        plain = _decompressed(chunk)
        if len(plain) != chunk.uncompressed_size:
            text = (
                f'only {len(plain):,} of {chunk.uncompressed_size:,} bytes of a chunk can be read'
            )
            raise _BrokenError(text)
        if chunk.uncompressed_crc and zlib.crc32(plain) != chunk.uncompressed_crc:
            raise _BrokenError('the checksum of a chunk is wrong')
        return plain

    def _record(self, opcode: int, body: bytes | memoryview) -> Iterator[Item]:
        if opcode == Opcode.MESSAGE:
            yield self._message(body)
        elif opcode == Opcode.SCHEMA:
            schema = _parse(records.Schema, body)
            self._schemas[schema.id] = schema
        elif opcode == Opcode.CHANNEL:
            channel = _parse(records.Channel, body)
            self._channels[channel.id] = _channel(channel, self._schemas)
            yield self._channels[channel.id]
        elif opcode == Opcode.ATTACHMENT:
            yield _parse(records.Attachment, body)
        elif opcode == Opcode.METADATA:
            metadata = _parse(records.Metadata, body)
            yield Metadata(metadata.name, metadata.metadata)

    def _message(self, body: bytes | memoryview) -> Message:
        if len(body) < _MESSAGE.size:
            raise _BrokenError('a message is shorter than its header')
        key, sequence, log_ns, publish_ns = _MESSAGE.unpack_from(body)
        if key not in self._channels:
            raise _BrokenError(f'a message names channel {key}, which the file does not declare')
        self._message_count += 1
        data = bytes(body[_MESSAGE.size :])
        return Message(self._channels[key], log_ns, publish_ns, sequence, data)

    def _check_count(self, offset: int) -> None:
        """Compare what was read with the statistics of the file."""
        summary = _summary(self._path)
        if summary is None or summary.statistics is None:
            return
        expected = summary.statistics.message_count
        if self._message_count != expected:
            found = f'{self._message_count:,} messages can be read'
            self._report(
                offset, f'{found}, but the statistics record of the file states {expected:,}'
            )

    def _message_starts(self, offset: int, chunk: memoryview) -> list[int]:
        """Return where messages begin in a chunk, by the index from `offset` on, in order."""
        starts = set[int]()
        self._file.seek(offset)
        while True:
            head = self._file.read(_HEAD.size)
            opcode, length = _HEAD.unpack(head) if len(head) == _HEAD.size else (0, 0)
            if opcode != Opcode.MESSAGE_INDEX or self._file.tell() + length > self._size:
                return sorted(
                    at for at in starts if at < len(chunk) and chunk[at] == Opcode.MESSAGE
                )
            with suppress(_BrokenError):
                index = _parse(records.MessageIndex, self._file.read(length))
                starts.update(at for _, at in index.records)

    def _learn_from_summary(self) -> None:
        summary = _summary(self._path)
        if summary:
            self._schemas.update(summary.schemas)
            for key, channel in summary.channels.items():
                self._channels[key] = _channel(channel, self._schemas)

    def _next_chunk(self, offset: int) -> int | None:
        """Return the offset of the first chunk after damage; None if unknown."""
        summary = _summary(self._path)
        starts = [c.chunk_start_offset for c in summary.chunk_indexes] if summary else []
        return min((start for start in starts if start > offset), default=None)

    def _report(self, offset: int, text: str) -> None:
        self._damage.report(self._path, f'damaged at byte {offset:,}: {text}')


def _summary(path: Path) -> Summary | None:
    """Read the index at the end; None when there is none that can be read."""
    if path.stat().st_size < _LEAST_BYTES:
        return None
    try:
        with path.open('rb') as file:
            return SeekingReader(file).get_summary()
    except OSError:
        raise
    except Exception:  # bytes that are not what they should be make mcap raise anything
        return None


def _has_schemas(summary: Summary) -> bool:
    """Return whether a summary repeats the schemas of its channels, as it need not."""
    return {channel.schema_id for channel in summary.channels.values()} <= {0, *summary.schemas}


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
    try:
        return kind.read(ReadDataStream(BytesIO(body)))
    except Exception:  # bytes that are not what they should be make mcap raise anything
        name = kind.__name__.lower()
        raise _BrokenError(f'a record of type {name} cannot be read') from None


def _record_head(view: memoryview, at: int) -> tuple[int, int]:
    """Return opcode and end of the record in a chunk; no opcode where there is no room for one."""
    if at + _HEAD.size > len(view):
        return 0, len(view)
    opcode, length = _HEAD.unpack_from(view, at)
    return opcode, at + _HEAD.size + length


def _following(starts: list[int] | None, at: int) -> int | None:
    """Return the first known start behind a place."""
    index = bisect_right(starts or [], at)
    return starts[index] if starts and index < len(starts) else None


def _is_known(opcode: int) -> bool:
    return 0 < opcode <= _LAST_OPCODE or opcode >= _FIRST_PRIVATE_OPCODE


def _decompressed(chunk: Any) -> bytes:
    """Return as much of a chunk's content as can be had."""
    if not chunk.compression:
        return bytes(chunk.data)
    if chunk.uncompressed_size > _MOST_CHUNK_BYTES:
        raise _BrokenError(
            f'a chunk would decompress to {chunk.uncompressed_size:,} bytes, more than the limit '
            f'of {_MOST_CHUNK_BYTES:,} bytes'
        )
    if chunk.compression not in ('zstd', 'lz4'):
        name = quoted(chunk.compression)
        raise _BrokenError(f'a chunk is compressed with {name}, expected lz4 or zstd')
    parts, left = [], chunk.uncompressed_size + 1  # one more shows that the size is wrong
    unpack = _zstd_blocks if chunk.compression == 'zstd' else _lz4_blocks
    with suppress(zstandard.ZstdError, RuntimeError, EOFError):
        for part in unpack(chunk.data):
            parts.append(part[:left])
            left -= len(parts[-1])
            if not left:
                break
    return b''.join(parts)


def _zstd_blocks(data: bytes) -> Iterator[bytes]:
    with zstandard.ZstdDecompressor().stream_reader(data) as stream:
        while block := stream.read(_BLOCK_BYTES):
            yield block


def _lz4_blocks(data: bytes) -> Iterator[bytes]:
    decoder = lz4.frame.LZ4FrameDecompressor()
    for start in range(0, len(data), _BLOCK_BYTES):
        yield decoder.decompress(data[start : start + _BLOCK_BYTES])
