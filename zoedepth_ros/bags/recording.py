"""A recording on disk: one file, or a folder with metadata.yaml and any number of files."""

from __future__ import annotations

import os
import re
import shutil
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any

import yaml
import zstandard

from zoedepth_ros.bags.cdr import decode
from zoedepth_ros.bags.contents import (
    CDR,
    ROSBAG2_METADATA,
    Channel,
    Item,
    Message,
    Metadata,
    RecordingSummary,
)
from zoedepth_ros.bags.db3_file import read_db3, summarize_db3
from zoedepth_ros.bags.errors import Damage, DamagedRecordingError, RecordingError
from zoedepth_ros.bags.mcap_reader import read_mcap, summarize_mcap
from zoedepth_ros.errors import quoted
from zoedepth_ros.files import parse_yaml, read_text
from zoedepth_ros.messages.types import IMAGE

_READ = {'.mcap': read_mcap, '.db3': read_db3}
_SUMMARIZE = {'.mcap': summarize_mcap, '.db3': summarize_db3}
SUFFIXES = tuple(_READ)
METADATA_FILE = 'metadata.yaml'
_METADATA_BYTES = 16 << 20  # of a thousand files with a hundred topics: 10 MB
_LOOKED_AT = 2000  # items: some seconds of a robot
_LOOKED_INTO = 10_000  # names, of a folder without a recording
_ZSTD_MAGIC = b'\x28\xb5\x2f\xfd'  # no message in CDR begins so
_MOST_MESSAGE_BYTES = 1 << 30
_COMPRESSED = re.compile(r'compression_(?:mode|format):[ \t]*["\']?\w')

_WEB_PAGE = (
    'the file is a web page or the error message of a server, not a recording: download the '
    'recording itself'
)
_NO_RECORDING = {
    b'version https://git-lfs': 'the file is a Git LFS pointer, not the recording itself: run '
    '`git lfs pull` in its repository',
    b'/annex/objects/': 'the file is a git-annex pointer, not the recording itself: run '
    '`git annex get` in its repository',
    b'#rosbag v': 'the file is a recording of ROS 1; convert it first: '
    'rosbags-convert --src FILE.bag --dst FOLDER',
    b'<!doctype': _WEB_PAGE,
    b'<html': _WEB_PAGE,
    b'<?xml': _WEB_PAGE,
    b'{"': _WEB_PAGE,
    b'\x1f\x8b': 'the file is compressed with gzip: unpack it first with gunzip FILE',
    b'pk\x03\x04': 'the file is a zip archive: unpack it first with unzip FILE',
    b'bzh': 'the file is compressed with bzip2: unpack it first with bunzip2 FILE',
    b'\xfd7zxz': 'the file is compressed with xz: unpack it first with unxz FILE',
}
"""First bytes, in lower case, of what is found under the names of recordings -> the remedy."""


@dataclass(frozen=True, slots=True)
class Recording:
    """Name the files of a recording, in the order of time."""

    path: Path
    """The path that was given."""

    files: tuple[Path, ...]
    """Its parts; a name ending in .zstd is compressed as a whole."""

    metadata: str = ''
    """Content of metadata.yaml; '' without it."""

    def read(self, damage: Damage) -> Iterator[Item]:
        """Return everything in order; payloads are byte for byte what was published."""
        if self.metadata and all(_suffix(file) == '.db3' for file in self.files):
            yield _plain(Metadata(ROSBAG2_METADATA, {'serialized_metadata': self.metadata}))
        for file in self.files:
            with damage.of(file, len(self.files)), _unpacked(file, damage) as plain:
                for item in _READ[_suffix(file)](plain, damage):
                    if isinstance(item, Metadata):
                        yield _plain(item)
                    elif isinstance(item, Message) and item.data.startswith(_ZSTD_MAGIC):
                        yield from _unpacked_message(file, item, damage)
                    else:
                        yield item

    def messages(self, topics: Collection[str]) -> Iterator[Message]:
        """Return the messages of topics, as far as they can be read."""
        for item in self.read(Damage(recover=True)):
            if isinstance(item, Message) and item.channel.topic in topics:
                yield item

    def summary(self, damage: Damage) -> RecordingSummary:
        """Return channels and counts; reads only indexes where there are some."""
        channels: dict[Channel, None] = {}
        counts = Counter[str]()
        for file in self.files:
            with damage.of(file, len(self.files)), _unpacked(file, damage) as plain:
                summary = _SUMMARIZE[_suffix(file)](plain, damage)
                channels.update(dict.fromkeys(summary.channels))
                counts.update(summary.counts)
        return RecordingSummary(tuple(channels), dict(counts))

    def encodings(self, topics: Sequence[str]) -> dict[str, str]:
        """Return the encodings of Image topics whose first message comes early."""
        wanted, found = set(topics), dict[str, str]()
        for item in islice(self.read(Damage(recover=True)), _LOOKED_AT):
            if not wanted:
                break
            if isinstance(item, Message) and item.channel.topic in wanted:
                wanted.remove(item.channel.topic)
                try:
                    found[item.channel.topic] = str(decode(item.data, IMAGE).encoding)
                except ValueError:  # counted when the images are read
                    found[item.channel.topic] = ''
        return found


def open_recording(path: Path, damage: Damage) -> Recording:
    """Find the files of a recording.

    path: an .mcap or .db3 file, or a folder of them.  Raises RecordingError when there is none,
    FileNotFoundError, and DamagedRecordingError when a part is missing.
    """
    if not path.exists():
        raise FileNotFoundError(f'{path}: this recording does not exist')
    if path.is_dir():
        recording = _folder(path, damage)
    elif path.suffix == '.bag':
        raise RecordingError(
            f'{path}: the file is a recording of ROS 1; convert it first: rosbags-convert '
            f'--src {path} --dst {path.with_suffix("")}'
        )
    elif _suffix(path) in SUFFIXES:
        recording = Recording(path, (path,))
    else:
        raise RecordingError(f'{path}: expected an .mcap or .db3 file, or a folder of them')
    for file in recording.files:
        _refuse_other(file)
    empty = [file for file in recording.files if not file.stat().st_size]
    if len(empty) == len(recording.files):
        raise RecordingError(f'{empty[0]}: the file is empty')
    for file in empty:
        damage.report(file, 'the file is empty')
    return replace(recording, files=tuple(f for f in recording.files if f not in empty))


def _folder(path: Path, damage: Damage) -> Recording:
    metadata, there = path / METADATA_FILE, _files_in(path)
    if not metadata.exists():
        if not there:
            raise RecordingError(f'{path}: there is no {METADATA_FILE}, and {_what_else(path)}')
        return Recording(path, _by_time(there))
    try:
        information, names = _information(metadata)
    except (ValueError, OSError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        if not there:
            raise RecordingError(
                f'{metadata}: cannot be read: {reason}; {_what_else(path)}'
            ) from None
        damage.note(
            f'{metadata}: cannot be read: {reason}; all recordings in the folder are read instead'
        )
        return Recording(path, _by_time(there))
    named = [path / name for name in names]
    missing = [file for file in named if not file.exists()]
    others = [file for file in there if file not in named]
    if missing and len(others) >= len(missing):  # renamed
        damage.note(
            f'{metadata}: {missing[0].name} does not exist; all recordings in the folder are '
            'read instead'
        )
        return Recording(path, _by_time(there))
    for file in missing:
        damage.report(file, f'the file is missing, although {METADATA_FILE} lists this file')
    unnamed = [f.name for f in others if f.with_name(f'{f.name}.zstd') not in named]
    if unnamed:
        damage.note(
            f'{metadata}: files that {METADATA_FILE} does not list are not read: {quoted(unnamed)}'
        )
    files = tuple(file for file in named if file not in missing)
    if not files or any(_suffix(file) not in SUFFIXES for file in files):
        raise RecordingError(
            f'{metadata}: expected the names of .mcap or .db3 files, got {quoted(names)}'
        )
    return Recording(path, files, yaml.safe_dump(information, sort_keys=False))


def _information(metadata: Path) -> tuple[dict[str, Any], list[str]]:
    """Read metadata.yaml and the names of its files; ValueError names what is missing."""
    content = parse_yaml(read_text(metadata, _METADATA_BYTES))
    key, names_key = 'rosbag2_bagfile_information', 'relative_file_paths'
    information = content.get(key) if isinstance(content, dict) else None
    if not isinstance(information, dict):
        raise ValueError(f'expected the key {key}, got {quoted(content)}')
    paths = information.get(names_key)
    if not paths or not isinstance(paths, list) or not all(isinstance(p, str) for p in paths):
        raise ValueError(
            f'expected a list of file names, at least one, under {names_key}, got {quoted(paths)}'
        )
    kind = information.get('compression_format') or 'zstd'
    if kind != 'zstd':
        raise ValueError(f'the recording is compressed with {quoted(kind)}, expected zstd')
    return information, [PurePosixPath(name).name for name in paths]


def _files_in(folder: Path) -> list[Path]:
    """Return the recordings in a folder; of one that is there packed and plain, the plain one."""
    files = [file for file in folder.iterdir() if _suffix(file) in SUFFIXES and file.is_file()]
    return [f for f in files if f.suffix != '.zstd' or f.with_suffix('') not in files]


def _by_time(files: Sequence[Path]) -> tuple[Path, ...]:
    """Put files into the order of their first messages; those without one come last, by name."""
    if len(files) < 2:
        return tuple(files)
    return tuple(sorted(files, key=lambda file: (_first_time_ns(file), _natural(file.name))))


def _first_time_ns(file: Path) -> int:
    for recover in (False, True):  # without looking for damage the first message comes at once
        items = Recording(file, (file,)).read(Damage(recover=recover))
        with suppress(Exception):  # reading it reports the error
            return next(item.log_time_ns for item in items if isinstance(item, Message))
    return 2**64


def _natural(name: str) -> list[tuple[int, str]]:
    """Return a key by which bag_2 comes before bag_10."""
    parts = re.findall(r'\d+|\D+', name)
    return [(int(part), '') if part.isdecimal() else (-1, part) for part in parts]


def _refuse_other(file: Path) -> None:
    """Raise RecordingError for what is known not to be a recording although it is named so."""
    if not file.is_file():
        raise RecordingError(f'{file}: expected a regular file')
    start = _first_bytes(file)
    for first_bytes, text in _NO_RECORDING.items():
        if start.lstrip().lower().startswith(first_bytes):
            raise RecordingError(f'{file}: {text}')


def _first_bytes(file: Path) -> bytes:
    with file.open('rb') as stream:
        return stream.read(64)


def _what_else(folder: Path) -> str:
    """Return what a folder without a recording contains instead, and a remedy."""
    names = (Path(at, name) for at, _, names in os.walk(folder) for name in sorted(names))
    found = [file for file in islice(names, _LOOKED_INTO) if not file.name.startswith('.')]
    text = 'the folder contains no .mcap or .db3 file'
    recordings = [str(file) for file in found if _suffix(file) in SUFFIXES]
    if recordings:
        more = f' and {len(recordings) - 3} more' if len(recordings) > 3 else ''
        return f'{text}, but its subfolders do: give {", ".join(recordings[:3])}{more} instead'
    if any(file.suffix in ('.parquet', '.arrow') for file in found):
        videos = [str(file) for file in found if file.suffix == '.mp4']
        remedy = (
            f'; for depth of a video in the folder run: zoedepth predict {videos[0]}'
            if videos
            else ''
        )
        return (
            f'{text}; data sets in .parquet or .arrow files, as on Hugging Face, cannot be '
            f'read{remedy}'
        )
    return text


def _plain(metadata: Metadata) -> Metadata:
    """Take the compression that has been undone out of rosbag2's metadata."""
    text = metadata.values.get('serialized_metadata', '')
    if metadata.name != ROSBAG2_METADATA or not _COMPRESSED.search(text):
        return metadata
    try:
        content = parse_yaml(text)
    except ValueError:  # as it was
        return metadata
    if not isinstance(content, dict):
        return metadata
    content |= {'compression_mode': '', 'compression_format': ''}
    plain = yaml.safe_dump(content, sort_keys=False)
    return replace(metadata, values={**metadata.values, 'serialized_metadata': plain})


def _unpacked_message(file: Path, message: Message, damage: Damage) -> Iterator[Message]:
    """Return a message that was compressed by itself (`--compression-mode message`)."""
    if message.channel.message_encoding != CDR:
        yield message
        return
    try:
        size = zstandard.frame_content_size(message.data)
        if size > _MOST_MESSAGE_BYTES:
            raise zstandard.ZstdError(
                f'the message would decompress to {size:,} bytes, more than the limit of '
                f'{_MOST_MESSAGE_BYTES:,} bytes'
            )
        yield message._replace(data=zstandard.decompress(message.data))
    except zstandard.ZstdError as error:
        topic = message.channel.topic
        damage.report(
            file, f'damaged: a compressed message of {topic} cannot be decompressed: {error}'
        )


def _suffix(file: Path) -> str:
    return (file.with_suffix('') if file.suffix == '.zstd' else file).suffix


@contextmanager
def _unpacked(file: Path, damage: Damage) -> Iterator[Path]:
    """Return a file itself, or a temporary copy of what a compressed one holds."""
    if not _first_bytes(file).startswith(_ZSTD_MAGIC):
        yield file
        return
    with TemporaryDirectory(prefix='zoedepth_') as folder:
        plain = Path(folder) / file.name
        with plain.open('xb') as copy, file.open('rb') as packed:
            try:
                shutil.copyfileobj(zstandard.open(packed, 'rb'), copy)
            except zstandard.ZstdError as error:
                damage.report(file, f'damaged: {error}')
            if not copy.tell():
                raise DamagedRecordingError(
                    f'{file}: damaged: no part of the compressed file can be decompressed'
                )
        with damage.named(plain, file):
            yield plain
