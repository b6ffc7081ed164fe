"""Read an SQLite file of rosbag2, of any of its schema versions.

With sqlite3 itself, because what a killed recorder left in its write-ahead log counts too.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import count
from pathlib import Path

from zoedepth_ros.recordings.contents import (
    ROSBAG2_METADATA,
    Channel,
    Item,
    Message,
    Metadata,
    Survey,
)
from zoedepth_ros.recordings.errors import Damage, DamagedRecordingError, RecordingError

Definitions = Callable[[str], tuple[str, str]]
"""Type name -> (definition, hash), both '' when the type is not known."""

_BY_TIME = 'SELECT topic_id, timestamp, data FROM messages ORDER BY timestamp, id'
_MAX_GAP = 10_000  # numbers without a row in a damaged file before it counts as its end
_ONE = 'SELECT topic_id, timestamp, data FROM messages WHERE id = ?'


def read_db3(path: Path, damage: Damage, definitions: Definitions) -> Iterator[Item]:
    """Give metadata, every channel, then the messages in the order of their times.

    definitions: asked for types that the file itself does not define, as before Iron.  Raises
    RecordingError when it is no recording and, unless damage is to be endured,
    DamagedRecordingError.
    """
    with closing(_connect(path, damage)) as database:
        channels = _channels(path, database, definitions)
        yield from _metadata(database)
        yield from channels.values()
        rows = _every_row(path, database, damage) if damage.salvage else database.execute(_BY_TIME)
        try:
            for topic_id, time_ns, data in rows:
                yield Message(channels[topic_id], time_ns, time_ns, 0, data)
        except (sqlite3.DatabaseError, KeyError) as error:
            damage.report(path, f'damaged: {error}')


def survey_db3(path: Path, damage: Damage, definitions: Definitions) -> Survey:
    """Tell channels and counts."""
    with closing(_connect(path, damage)) as database:
        channels = _channels(path, database, definitions)
        try:
            counts = dict(
                database.execute('SELECT topic_id, COUNT(*) FROM messages GROUP BY topic_id')
            )
        except sqlite3.DatabaseError as error:
            damage.report(path, f'damaged: {error}')
            counts = {}
    return Survey(
        tuple(channels.values()),
        {channel.topic: counts.get(key, 0) for key, channel in channels.items()},
    )


def _connect(path: Path, damage: Damage) -> sqlite3.Connection:
    address = f'{path.resolve().as_uri()}?mode=ro'
    database = sqlite3.connect(address, uri=True, check_same_thread=False)
    if damage.salvage:
        database.execute('PRAGMA writable_schema = ON')  # else a file that was cut is not opened
    return database


def _channels(
    path: Path, database: sqlite3.Connection, definitions: Definitions
) -> dict[int, Channel]:
    try:
        columns = _columns(database, 'topics')
        rows = database.execute('SELECT * FROM topics ORDER BY id').fetchall()
        schemas = _schemas(database)
    except sqlite3.DatabaseError as error:
        if 'malformed' in str(error):
            raise DamagedRecordingError(f'{path}: damaged: {error} (--salvage)') from None
        raise RecordingError(f'{path}: not a recording of rosbag2: {error}') from None
    channels = {}
    for row in rows:
        topic = dict(zip(columns, row, strict=True))
        encoding, text = schemas.get(topic['type'], ('', ''))
        known_hash = topic.get('type_description_hash', '')
        if not text:
            text, found_hash = definitions(topic['type'])
            encoding, known_hash = 'ros2msg' if text else '', known_hash or found_hash
        qos = topic.get('offered_qos_profiles', '')
        metadata = {'offered_qos_profiles': qos, 'topic_type_hash': known_hash}
        channels[topic['id']] = Channel(
            topic['name'],
            topic['type'],
            encoding,
            text.encode(),
            topic['serialization_format'],
            tuple(metadata.items()),
        )
    return channels


def _schemas(database: sqlite3.Connection) -> dict[str, tuple[str, str]]:
    if not _columns(database, 'message_definitions'):
        return {}
    query = 'SELECT topic_type, encoding, encoded_message_definition FROM message_definitions'
    return {name: (encoding, text) for name, encoding, text in database.execute(query)}


def _metadata(database: sqlite3.Connection) -> Iterator[Metadata]:
    if _columns(database, 'metadata'):
        for (text,) in database.execute('SELECT metadata FROM metadata ORDER BY id'):
            yield Metadata(ROSBAG2_METADATA, {'serialized_metadata': text})


def _columns(database: sqlite3.Connection, table: str) -> list[str]:
    return [row[1] for row in database.execute(f'PRAGMA table_info({table})')]


def _every_row(
    path: Path, database: sqlite3.Connection, damage: Damage
) -> Iterator[tuple[int, int, bytes]]:
    """Give the rows one by one, so that a damaged page costs only what lies on it."""
    misses, is_damaged = 0, False
    for row_id in _row_ids(path, database, damage):
        row = None
        try:
            row = database.execute(_ONE, (row_id,)).fetchone()
        except sqlite3.DatabaseError:
            is_damaged = True
        misses = 0 if row is not None else misses + 1
        if row is not None:
            yield row
        if misses > _MAX_GAP:
            break
    if is_damaged:
        damage.report(path, 'damaged: messages on some pages cannot be read')


def _row_ids(path: Path, database: sqlite3.Connection, damage: Damage) -> Iterator[int]:
    """Give the numbers of the rows by time where the index can be read, else by number."""
    try:
        by_time = database.execute('SELECT id FROM messages ORDER BY timestamp, id').fetchall()
    except sqlite3.DatabaseError as error:
        damage.report(path, f'damaged: {error}')
    else:
        yield from (row_id for (row_id,) in by_time)
        return
    yield from count(1)
