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
_ONE_TOPIC = 'SELECT topic_id FROM messages WHERE id = ?'


def read_db3(path: Path, damage: Damage) -> Iterator[Item]:
    """Return metadata, every channel, then the messages in the order of their times.

    Types that the file itself does not define, as before Iron, are those of rosbags.  Raises
    RecordingError when it is no recording and, unless damage is tolerated, DamagedRecordingError.
    """
    with closing(_connect(path, damage)) as database:
        channels = _channels(path, database, damage)
        yield from _metadata(path, database, damage)
        yield from channels.values()
        rows = (
            _every_row(path, database, damage, _ONE)
            if damage.recover
            else database.execute(_BY_TIME)
        )
        try:
            for topic_id, time_ns, data in rows:
                is_whole = isinstance(time_ns, int) and time_ns >= 0 and isinstance(data, bytes)
                if is_whole and topic_id in channels:
                    yield Message(channels[topic_id], time_ns, time_ns, 0, data)
                else:
                    damage.report(
                        path,
                        'damaged: some rows of the database table `messages` belong to no topic '
                        'of the recording',
                    )
        except sqlite3.Error as error:
            damage.report(path, f'damaged: {error}')


def summarize_db3(path: Path, damage: Damage) -> RecordingSummary:
    """Return channels and counts; reads every row where the index cannot be read."""
    with closing(_connect(path, damage)) as database:
        channels = _channels(path, database, damage)
        try:
            counts = dict(
                database.execute('SELECT topic_id, COUNT(*) FROM messages GROUP BY topic_id')
            )
        except sqlite3.Error as error:
            damage.report(path, f'damaged: {error}')
            rows = _every_row(path, database, damage, _ONE_TOPIC)
            counts = Counter(topic_id for (topic_id,) in rows)
    of_topics = Counter[str]()  # of which a merged recording may have several rows
    for key, channel in channels.items():
        of_topics[channel.topic] += counts.get(key, 0)
    return RecordingSummary(tuple(channels.values()), dict(of_topics))


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


def _channels(path: Path, database: sqlite3.Connection, damage: Damage) -> dict[int, Channel]:
    try:
        _refuse_views(path, database)
        columns = _columns(database, 'topics')
        rows = database.execute('SELECT * FROM topics ORDER BY id').fetchall()
    except sqlite3.Error as error:
        if 'malformed' in str(error):
            hint = '' if damage.recover else ' (--recover)'
            raise DamagedRecordingError(f'{path}: damaged: {error}{hint}') from None
        raise RecordingError(f'{path} is not a recording of rosbag2: {error}') from None
    missing = {'id', 'name', 'type', 'serialization_format'} - set(columns)
    if missing:
        raise RecordingError(
            f'{path} is not a recording of rosbag2: the database table `topics` lacks the columns '
            f'{sorted(missing)}'
        )
    schemas = _schemas(path, database, damage)
    channels = {}
    for row in rows:
        topic = dict(zip(columns, row, strict=True))
        if not all(isinstance(topic[k], str) for k in ('name', 'type', 'serialization_format')):
            damage.report(
                path, f'damaged: the name or the type of topic {quoted(topic["name"])} is not text'
            )
            continue
        channels[topic['id']] = _channel(topic, schemas)
    return channels


def _refuse_views(path: Path, database: sqlite3.Connection) -> None:
    """Raise RecordingError when there are queries of somebody else's, which need not end."""
    view = database.execute("SELECT name FROM sqlite_master WHERE type = 'view'").fetchone()
    if view is not None:
        name = quoted(view[0])
        raise RecordingError(
            f'{path} is not a recording of rosbag2: {name} is a database view, expected a table'
        )


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


def _schemas(
    path: Path, database: sqlite3.Connection, damage: Damage
) -> dict[str, tuple[str, str]]:
    query = 'SELECT topic_type, encoding, encoded_message_definition FROM message_definitions'
    found = {}
    try:
        if _columns(database, 'message_definitions'):
            for name, encoding, text in database.execute(query):
                if isinstance(encoding, str) and isinstance(text, str):
                    found[name] = encoding, text
    except sqlite3.Error as error:
        damage.report(path, f'damaged: {error}')
    return found


def _metadata(path: Path, database: sqlite3.Connection, damage: Damage) -> Iterator[Metadata]:
    try:
        if _columns(database, 'metadata'):
            for (text,) in database.execute('SELECT metadata FROM metadata ORDER BY id'):
                if isinstance(text, str):
                    yield Metadata(ROSBAG2_METADATA, {'serialized_metadata': text})
    except sqlite3.Error as error:
        damage.report(path, f'damaged: {error}')


def _columns(database: sqlite3.Connection, table: str) -> list[str]:
    return [row[1] for row in database.execute(f'PRAGMA table_info({table})')]


def _every_row(
    path: Path, database: sqlite3.Connection, damage: Damage, query: str
) -> Iterator[tuple[Any, ...]]:
    """Return the rows one by one, so that a damaged page costs only what lies on it.

    They come by time where the index can be read, else by number.
    """
    row_ids: Iterable[int] = count(1)
    try:
        found = database.execute('SELECT id FROM messages ORDER BY timestamp, id').fetchall()
        row_ids = [row_id for (row_id,) in found]
    except sqlite3.Error as error:
        damage.report(path, f'damaged: {error}')
    misses, is_damaged = 0, False
    for row_id in row_ids:
        row = None
        try:
            row = database.execute(query, (row_id,)).fetchone()
        except sqlite3.Error:
            is_damaged = True
        misses = 0 if row is not None else misses + 1
        if row is not None:
            yield row
        if misses > _MAX_GAP:
            break
    if is_damaged:
        damage.report(path, 'damaged: the messages on some pages of the database cannot be read')
