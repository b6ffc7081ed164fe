"""A recording on disk: one file, or a folder with metadata.yaml and any number of files."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path, PurePosixPath
from tempfile import NamedTemporaryFile
from typing import Any

import yaml
import zstandard

from zoedepth_ros.recordings.cdr import IMAGE, decode, definition
from zoedepth_ros.recordings.contents import (
    ROSBAG2_METADATA,
    Channel,
    Item,
    Message,
    Metadata,
    Survey,
)
from zoedepth_ros.recordings.db3_file import read_db3, survey_db3
from zoedepth_ros.recordings.errors import Damage, RecordingError
from zoedepth_ros.recordings.mcap_file import read_mcap, survey_mcap

SUFFIXES = ('.mcap', '.db3')
METADATA_FILE = 'metadata.yaml'
_LOOKED_AT = 2000  # items: some seconds of a robot


@dataclass(frozen=True, slots=True)
class Recording:
    """Name the files of a recording, in the order of time."""

    path: Path
    """What was asked for."""

    files: tuple[Path, ...]
    """Its parts; a name ending in .zstd is compressed as a whole."""

    packed_messages: bool = False
    """Whether each payload is compressed (`ros2 bag record --compression-mode message`)."""

    metadata: str = ''
    """What metadata.yaml says, as YAML; '' without it."""

    def read(self, damage: Damage) -> Iterator[Item]:
        """Give everything in order; payloads are byte for byte what was recorded."""
        if self.metadata and all(_suffix(file) == '.db3' for file in self.files):
            yield self._plain(Metadata(ROSBAG2_METADATA, {'serialized_metadata': self.metadata}))
        for file in self.files:
            with _unpacked(file) as plain:
                items = (
                    read_mcap(plain, damage)
                    if _suffix(file) == '.mcap'
                    else read_db3(plain, damage, definition)
                )
                for item in items:
                    if isinstance(item, Message) and self.packed_messages:
                        item = item._replace(data=zstandard.decompress(item.data))
                    elif isinstance(item, Metadata):
                        item = self._plain(item)
                    yield item

    def survey(self, damage: Damage) -> Survey:
        """Tell channels and counts; reads only indexes where there are some."""
        channels: dict[Channel, None] = {}
        counts = Counter[str]()
        for file in self.files:
            with _unpacked(file) as plain:
                survey = (
                    survey_mcap(plain, damage)
                    if _suffix(file) == '.mcap'
                    else survey_db3(plain, damage, definition)
                )
            channels.update(dict.fromkeys(survey.channels))
            counts.update(survey.counts)
        return Survey(tuple(channels), dict(counts))

    def encodings(self, topics: Sequence[str], damage: Damage) -> dict[str, str]:
        """Tell the encodings of topics of Image, of those whose first message comes early."""
        wanted, found = set(topics), dict[str, str]()
        for item in islice(self.read(damage), _LOOKED_AT):
            if not wanted:
                break
            if isinstance(item, Message) and item.channel.topic in wanted:
                wanted.remove(item.channel.topic)
                try:
                    found[item.channel.topic] = str(decode(item.data, IMAGE).encoding)
                except ValueError:  # whoever reads the pictures counts it
                    found[item.channel.topic] = ''
        return found

    def _plain(self, metadata: Metadata) -> Metadata:
        """Take the compression that has been undone out of rosbag2's metadata."""
        text = metadata.values.get('serialized_metadata', '')
        packed = self.packed_messages or any(f.suffix == '.zstd' for f in self.files)
        if metadata.name != ROSBAG2_METADATA or not packed or not text:
            return metadata
        content = {**yaml.safe_load(text), 'compression_mode': '', 'compression_format': ''}
        plain = yaml.safe_dump(content, sort_keys=False)
        return replace(metadata, values={**metadata.values, 'serialized_metadata': plain})


def open_recording(path: Path, damage: Damage) -> Recording:
    """Find the files of a recording.

    path: an .mcap or .db3 file, or a folder of them.  Raises RecordingError when there is none,
    FileNotFoundError, and DamagedRecordingError when a part is missing.
    """
    if path.suffix == '.bag':
        raise RecordingError(
            f'{path}: a recording of ROS 1; convert it first: '
            f'rosbags-convert --src {path} --dst {path.with_suffix("")}'
        )
    if not path.exists():
        raise FileNotFoundError(f'{path}: no such recording')
    if path.is_file():
        if _suffix(path) not in SUFFIXES:
            raise RecordingError(f'{path}: expected an .mcap or .db3 file, or a folder of them')
        return Recording(path, (path,))
    if (path / METADATA_FILE).exists():
        return _with_metadata(path, damage)
    files = sorted(file for file in path.iterdir() if _suffix(file) in SUFFIXES)
    if not files:
        raise RecordingError(f'{path}: no {METADATA_FILE}, no .mcap and no .db3 file in it')
    return Recording(path, tuple(files))


def _with_metadata(path: Path, damage: Damage) -> Recording:
    try:
        content: Any = yaml.safe_load((path / METADATA_FILE).read_text(encoding='utf-8'))
        information = content['rosbag2_bagfile_information']
        names = [PurePosixPath(name).name for name in information['relative_file_paths']]
        mode = str(information.get('compression_mode') or '').lower()
    except (yaml.YAMLError, KeyError, TypeError, UnicodeDecodeError) as error:
        raise RecordingError(f'{path / METADATA_FILE}: cannot be read: {error!r}') from None
    files = []
    for file in (path / name for name in names):
        if file.exists():
            files.append(file)
        else:
            damage.report(file, f'missing although {METADATA_FILE} names it')
    if any(_suffix(file) not in SUFFIXES for file in files):
        raise RecordingError(f'{path}: expected .mcap or .db3 files, got {", ".join(names)}')
    text = yaml.safe_dump(information, sort_keys=False)
    return Recording(path, tuple(files), mode == 'message', text)


def _suffix(file: Path) -> str:
    return (file.with_suffix('') if file.suffix == '.zstd' else file).suffix


@contextmanager
def _unpacked(file: Path) -> Iterator[Path]:
    """Give a file itself, or a temporary copy of what a compressed one holds."""
    if file.suffix != '.zstd':
        yield file
        return
    with NamedTemporaryFile(suffix=_suffix(file)) as plain:
        try:
            with file.open('rb') as packed, zstandard.open(packed, 'rb') as stream:
                shutil.copyfileobj(stream, plain)
        except zstandard.ZstdError as error:
            raise RecordingError(f'{file}: damaged: {error}') from None
        plain.flush()
        yield Path(plain.name)
