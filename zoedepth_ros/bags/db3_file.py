"""Read an SQLite file of rosbag2, of any of its schema versions.

With sqlite3 itself, because what a killed recorder left in its write-ahead log counts too.
"""

from __future__ import annotations

import os
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, suppress
from itertools import count
from pathlib import Path
from typing import Any

from zoedepth_ros.bags.cdr import definition
from zoedepth_ros.bags.contents import (
    ROSBAG2_METADATA,
    Channel,
    Item,
    Message,
    Metadata,
    RecordingSummary,
    full_type_name,
)
from zoedepth_ros.bags.errors import Damage, DamagedRecordingError, RecordingError
from zoedepth_ros.errors import quoted

_BY_TIME = 'SELECT topic_id, timestamp, data FROM messages ORDER BY timestamp, id'
_MAX_GAP = 10_000  # numbers without a row in a damaged file before it counts as its end
_ONE = 'SELECT topic_id, timestamp, data FROM messages WHERE id = ?'
_IDS = 'SELECT id FROM messages ORDER BY timestamp, id'
_DEFINITIONS = 'SELECT topic_type, encoding, encoded_message_definition FROM message_definitions'
_TEXTS = ('name', 'type', 'serialization_format')
_ONE_TOPIC = 'SELECT topic_id FROM messages WHERE id = ?'


def read_db3(path: Path, damage: Damage) -> Iterator[Item]:
    """Return metadata, every channel, then the messages in the order of their times.

    Types that the file itself does not define, as before Iron, are those of rosbags.  Raises
    RecordingError when it is no recording and, unless damage is tolerated, DamagedRecordingError.
    """
    with closing(_connect(path, damage)) as connection:
        database = _Database(path, connection, damage)
        channels = database.channels()
        for (text,) in database.rows('metadata', 'SELECT metadata FROM metadata ORDER BY id'):
            if isinstance(text, str):
                yield Metadata(ROSBAG2_METADATA, {'serialized_metadata': text})
        yield from channels.values()
        try:
            messages = database.every_row(_ONE) if damage.recover else connection.execute(_BY_TIME)
            for topic_id, time_ns, data in messages:
                is_whole = isinstance(time_ns, int) and time_ns >= 0 and isinstance(data, bytes)
                if is_whole and topic_id in channels:
                    yield Message(channels[topic_id], time_ns, time_ns, 0, data)
                else:
                    database.report(
                        'some rows of the database table `messages` belong to no topic of the '
                        'recording'
                    )
        except sqlite3.Error as error:
            database.report(error)


def summarize_db3(path: Path, damage: Damage) -> RecordingSummary:
    """Return channels and counts; reads every row where the index cannot be read."""
    with closing(_connect(path, damage)) as connection:
        database = _Database(path, connection, damage)
        channels = database.channels()
        try:
            counts = dict(
                connection.execute('SELECT topic_id, COUNT(*) FROM messages GROUP BY topic_id')
            )
        except sqlite3.Error as error:
            database.report(error)
            counts = Counter(topic_id for (topic_id,) in database.every_row(_ONE_TOPIC))
    of_topics = Counter[str]()  # of which a merged recording may have several rows
    for key, channel in channels.items():
        of_topics[channel.topic] += counts.get(key, 0)
    return RecordingSummary(tuple(channels.values()), dict(of_topics))


class _Database:
    """Read the tables of one open file."""

    def __init__(self, path: Path, connection: sqlite3.Connection, damage: Damage) -> None:
        self._path, self._connection, self._damage = path, connection, damage

    def report(self, what: object) -> None:
        """Report damage."""
        self._damage.report(self._path, f'damaged: {what}')

    def channels(self) -> dict[int, Channel]:
        """Return the topics by their numbers."""
        no_recording = f'{self._path} is not a recording of rosbag2'
        try:
            view = self._connection.execute(
                "SELECT name FROM sqlite_master WHERE type = 'view'"
            ).fetchone()
            if view is not None:  # a query of somebody else's, which need not end
                name = quoted(view[0])
                raise RecordingError(
                    f'{no_recording}: {name} is a database view, expected a table'
                )
            found = self._connection.execute('SELECT * FROM topics ORDER BY id')
            columns, rows = [name for name, *_ in found.description], found.fetchall()
        except sqlite3.Error as error:
            if 'malformed' in str(error):
                hint = '' if self._damage.recover else ' (--recover)'
                raise DamagedRecordingError(f'{self._path}: damaged: {error}{hint}') from None
            raise RecordingError(f'{no_recording}: {error}') from None
        missing = {'id', *_TEXTS} - set(columns)
        if missing:
            raise RecordingError(
                f'{no_recording}: the database table `topics` lacks the columns {sorted(missing)}'
            )
        schemas = {
            name: (encoding, text)
            for name, encoding, text in self.rows('message_definitions', _DEFINITIONS)
            if isinstance(encoding, str) and isinstance(text, str)
        }
        channels = {}
        for row in rows:
            topic = dict(zip(columns, row, strict=True))
            if all(isinstance(topic[name], str) for name in _TEXTS):
                channels[topic['id']] = _channel(topic, schemas)
            else:
                self.report(f'the name or the type of topic {quoted(topic["name"])} is not text')
        return channels

    def rows(self, table: str, query: str) -> Iterator[tuple[Any, ...]]:
        """Return the rows of a query; none where the table is missing, as in older versions."""
        try:
            if self._connection.execute(f'PRAGMA table_info({table})').fetchone():
                yield from self._connection.execute(query)
        except sqlite3.Error as error:
            self.report(error)

    def every_row(self, query: str) -> Iterator[tuple[Any, ...]]:
        """Return the rows one by one, so that a damaged page costs only what lies on it.

        They come by time where the index can be read, else by number.
        """
        row_ids: Iterable[int] = count(1)
        try:
            row_ids = [row_id for (row_id,) in self._connection.execute(_IDS).fetchall()]
        except sqlite3.Error as error:
            self.report(error)
        misses, is_damaged = 0, False
        for row_id in row_ids:
            row = None
            try:
                row = self._connection.execute(query, (row_id,)).fetchone()
            except sqlite3.Error:
                is_damaged = True
            misses = 0 if row is not None else misses + 1
            if row is not None:
                yield row
            if misses > _MAX_GAP:
                break
        if is_damaged:
            self.report('the messages on some pages of the database cannot be read')


def _channel(topic: Mapping[str, Any], schemas: Mapping[str, tuple[str, str]]) -> Channel:
    encoding, text = schemas.get(topic['type'], ('', ''))
    known_hash = str(topic.get('type_description_hash') or '')
    if not text:
        text, found_hash = definition(full_type_name(topic['type']))
        encoding, known_hash = 'ros2msg' if text else '', known_hash or found_hash
    qos = str(topic.get('offered_qos_profiles') or '')
    return Channel(
        topic['name'],
        topic['type'],
        encoding,
        text.encode(),
        topic['serialization_format'],
        (('offered_qos_profiles', qos), ('topic_type_hash', known_hash)),
    )


def _connect(path: Path, damage: Damage) -> sqlite3.Connection:
    address = f'{path.resolve().as_uri()}?mode=ro'
    if not os.access(path.parent, os.W_OK):  # where SQLite cannot make the files of a log
        log, index, journal = (
            path.with_name(f'{path.name}-{name}') for name in ('wal', 'shm', 'journal')
        )
        if not (_has_content(log) or _has_content(journal)):
            address += '&immutable=1'
        elif _has_content(log) and not index.exists():
            raise RecordingError(
                f'{path}: the last messages are in {log.name}, which SQLite reads only in a '
                'folder that can be written to: copy the recording into such a folder'
            )
    try:
        database = sqlite3.connect(address, uri=True, check_same_thread=False)
    except sqlite3.Error as error:
        raise RecordingError(f'{path}: cannot be opened: {error}') from None
    if damage.recover:  # else a file that was cut is not opened
        with suppress(sqlite3.Error):  # the next reader reports the error
            database.execute('PRAGMA writable_schema = ON')
    return database


def _has_content(file: Path) -> bool:
    return file.exists() and file.stat().st_size > 0
