import shutil
import sqlite3
from collections import Counter
from pathlib import Path

import pytest
import yaml

pytest.importorskip('mcap', reason='pip install mcap')
pytest.importorskip('rosbags', reason='pip install rosbags')

import bags
import zstandard
from mcap.reader import make_reader
from mcap.writer import CompressionType, Writer

from zoedepth_ros.recordings.contents import Attachment, Channel, Message, Metadata
from zoedepth_ros.recordings.errors import Damage, DamagedRecordingError, RecordingError
from zoedepth_ros.recordings.output import Output
from zoedepth_ros.recordings.recording import open_recording


def read(path: Path, *, salvage: bool = False):
    damage = Damage(salvage=salvage)
    return list(open_recording(path, damage).read(damage)), damage.notes


def messages(path: Path, *, salvage: bool = False) -> list[bags.Written]:
    items, _ = read(path, salvage=salvage)
    return [
        bags.Written(m.channel.topic, m.channel.type_name, m.log_time_ns, m.data)
        for m in items
        if isinstance(m, Message)
    ]


def survey(path: Path, *, salvage: bool = False):
    damage = Damage(salvage=salvage)
    return open_recording(path, damage).survey(damage)


def many(count: int = 400) -> list[bags.Written]:
    return [bags.text(f'{n} ' + 'words ' * 100, 10**18 + n) for n in range(count)]


def chunked(path: Path, compression: CompressionType, written: list[bags.Written]) -> Path:
    """Write small chunks with mcap's own writer."""
    with path.open('wb') as file:
        writer = Writer(file, chunk_size=10_000, compression=compression)
        writer.start('ros2')
        schema = writer.register_schema('std_msgs/msg/String', 'ros2msg', b'string data')
        channel = writer.register_channel(bags.CHATTER, 'cdr', schema)
        for message in written:
            writer.add_message(channel, message.time_ns, message.data, message.time_ns)
        writer.finish()
    return path


@pytest.mark.parametrize('storage', ['mcap', 'sqlite3'])
def test_a_bag_reads_as_folder_and_as_file(tmp_path, storage):
    folder = bags.write_bag(tmp_path / 'bag', bags.drive(2), storage)
    file = next(path for path in folder.iterdir() if path.suffix in ('.mcap', '.db3'))
    assert Counter(messages(folder)) == Counter(messages(file)) == Counter(bags.drive(2))
    for path in (folder, file):
        assert survey(path).counts == {bags.IMAGE: 2, bags.INFO: 2, bags.CHATTER: 2}


def test_a_bag_in_several_files_is_one(tmp_path):
    folder = bags.write_bag(tmp_path / 'bag', bags.drive(2))
    later = [bags.Written(m.topic, m.type_name, m.time_ns + 10**9, m.data) for m in bags.drive(2)]
    bags.write_mcap(folder / 'bag_1.mcap', later)
    shutil.rmtree(folder / 'bag_1.mcap_folder')
    text = (folder / 'metadata.yaml').read_text()
    both = text.replace('- bag.mcap\n', '- bag.mcap\n  - bag_1.mcap\n')
    assert both != text
    (folder / 'metadata.yaml').write_text(both)
    assert messages(folder) == messages(folder / 'bag.mcap') + messages(folder / 'bag_1.mcap')
    assert survey(folder).counts[bags.IMAGE] == 4
    (folder / 'bag_1.mcap').unlink()
    with pytest.raises(DamagedRecordingError, match=r'bag_1.mcap: missing'):
        messages(folder)
    assert len(messages(folder, salvage=True)) == 6


def test_a_folder_that_a_killed_recorder_left_without_metadata_is_read(tmp_path):
    folder = bags.write_bag(tmp_path / 'bag', bags.drive(2), 'sqlite3')
    (folder / 'metadata.yaml').unlink()
    assert Counter(messages(folder)) == Counter(bags.drive(2))


@pytest.mark.parametrize('mode', ['FILE', 'MESSAGE'])
def test_what_rosbag2_compressed_comes_out_plain(tmp_path, mode):
    from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin
    from rosbags.rosbag2 import Writer as BagWriter

    with_compression = BagWriter(tmp_path / 'bag', version=9, storage_plugin=StoragePlugin.SQLITE3)
    with_compression.set_compression(CompressionMode[mode], CompressionFormat.ZSTD)
    with with_compression as writer:
        connection = writer.add_connection(
            bags.CHATTER, 'std_msgs/msg/String', typestore=bags.STORE
        )
        for message in many(5):
            writer.write(connection, message.time_ns, message.data)
    assert messages(tmp_path / 'bag') == many(5)
    items, _ = read(tmp_path / 'bag')
    texts = [i.values['serialized_metadata'] for i in items if isinstance(i, Metadata)]
    assert texts
    # A player would unpack it again.
    assert {yaml.safe_load(text)['compression_mode'] for text in texts} == {''}


def test_bags_of_before_iron_get_the_definitions_of_common_types(tmp_path):
    path = tmp_path / 'humble.db3'
    with sqlite3.connect(path) as database:
        database.executescript("""
            CREATE TABLE topics(id INTEGER PRIMARY KEY, name TEXT NOT NULL, type TEXT NOT NULL,
                serialization_format TEXT NOT NULL, offered_qos_profiles TEXT NOT NULL);
            CREATE TABLE messages(id INTEGER PRIMARY KEY, topic_id INTEGER NOT NULL,
                timestamp INTEGER NOT NULL, data BLOB NOT NULL);
            INSERT INTO topics VALUES (1, '/chatter', 'std_msgs/msg/String', 'cdr', 'the qos'),
                (2, '/own', 'my_msgs/msg/Own', 'cdr', '');
        """)
        for message in reversed(many(3)):
            row = (1, message.time_ns, message.data)
            database.execute('INSERT INTO messages(topic_id, timestamp, data) VALUES(?,?,?)', row)
    database.close()
    assert messages(path) == many(3)  # by time
    chatter, own = survey(path).channels
    assert (chatter.schema_encoding, chatter.schema, chatter.qos) == (
        'ros2msg',
        b'string data\n',
        'the qos',
    )
    # REP 2016's hash of std_msgs/msg/String, as `ros2 topic info -v` shows it
    expected = 'RIHS01_df668c740482bbd48fb39d76a70dfd4bd59db1288021743503259e948f6b1a18'
    assert dict(chatter.metadata)['topic_type_hash'] == expected
    assert (own.schema_encoding, own.schema) == ('', b'')


def test_a_database_that_was_not_closed_keeps_its_last_messages(tmp_path):
    folder = bags.write_bag(tmp_path / 'bag', many(3), 'sqlite3')
    file = next(folder.glob('*.db3'))
    database = sqlite3.connect(file)
    database.execute('PRAGMA journal_mode=WAL')
    database.execute('INSERT INTO messages(topic_id, timestamp, data) VALUES (1, 5, ?)', (b'x',))
    database.commit()
    killed = tmp_path / 'killed'
    killed.mkdir()
    for part in folder.glob('*.db3*'):  # as they lie on the disk now
        shutil.copy(part, killed / part.name)
    database.close()
    assert len(list(killed.iterdir())) > 1
    assert bags.Written(bags.CHATTER, 'std_msgs/msg/String', 5, b'x') in messages(killed)


def test_attachments_metadata_times_and_numbers_are_kept(tmp_path):
    path = tmp_path / 'in.mcap'
    with path.open('wb') as file:
        writer = Writer(file)
        writer.start('ros2', 'somebody')
        writer.add_attachment(3, 4, 'calibration.yaml', 'text/yaml', b'k: 1')
        writer.add_metadata('where', {'place': 'hall'})
        schema = writer.register_schema('a/msg/B', 'ros2idl', b'idl')
        used = writer.register_channel('/b', 'cdr', schema, {'offered_qos_profiles': 'as it was'})
        writer.register_channel('/silent', 'cdr', schema, {})
        writer.register_channel('/json', 'json', 0, {})
        writer.add_message(used, 11, b'data', 7, 42)
        writer.finish()
    with Output(tmp_path / 'out.mcap') as output:
        for item in read(path)[0]:
            output.write(item)
    for file in (path, tmp_path / 'out.mcap'):
        items, notes = read(file)
        channel = Channel(
            '/b', 'a/msg/B', 'ros2idl', b'idl', 'cdr', (('offered_qos_profiles', 'as it was'),)
        )
        assert Message(channel, 11, 7, 42, b'data') in items
        assert Attachment(4, 3, 'calibration.yaml', 'text/yaml', b'k: 1') in items
        assert Metadata('where', {'place': 'hall'}) in items
        assert {c.topic for c in survey(file).channels} == {'/b', '/silent', '/json'}
        assert not notes


def test_a_cut_recording_is_refused_and_salvaged_up_to_the_cut(tmp_path):
    path = chunked(tmp_path / 'in.mcap', CompressionType.NONE, many())
    path.write_bytes(path.read_bytes()[:100_000])
    with pytest.raises(DamagedRecordingError, match=r'in.mcap: its end is missing.*--salvage'):
        survey(path)
    with pytest.raises(DamagedRecordingError, match='damaged at byte'):
        messages(path)
    kept = messages(path, salvage=True)
    assert kept == many()[: len(kept)]
    per_message = len(many(1)[0].data) + 60  # with its share of the chunk's index
    assert len(kept) >= 100_000 // per_message - 1
    assert survey(path, salvage=True).counts == {bags.CHATTER: len(kept)}


@pytest.mark.parametrize('compression', list(CompressionType))
def test_a_damaged_chunk_costs_no_other_chunk(tmp_path, compression):
    path = chunked(tmp_path / 'in.mcap', compression, many())
    data = bytearray(path.read_bytes())
    with path.open('rb') as file:
        chunk = make_reader(file).get_summary().chunk_indexes[5]
    middle = chunk.chunk_start_offset + chunk.chunk_length // 2
    data[middle : middle + 40] = bytes(40)
    path.write_bytes(data)
    with pytest.raises(DamagedRecordingError, match=r'in.mcap: damaged at byte [\d,]+: '):
        messages(path)
    kept = set(messages(path, salvage=True))
    lost = [message for message in many() if message not in kept]
    # 10 000 bytes are 16 messages; a damaged head may take the chunk before along.
    assert 0 < len(lost) <= 34
    assert lost == many()[many().index(lost[0]) :][: len(lost)]
    assert read(path, salvage=True)[1]


def test_after_a_destroyed_record_head_the_index_shows_where_to_go_on(tmp_path):
    path = chunked(tmp_path / 'in.mcap', CompressionType.ZSTD, many())
    with path.open('rb') as file:
        chunks = make_reader(file).get_summary().chunk_indexes
    data = bytearray(path.read_bytes())
    at = chunks[5].chunk_start_offset
    data[at : at + 9] = b'\xff' * 9
    path.write_bytes(data)
    kept = messages(path, salvage=True)
    assert kept[-1] == many()[-1]
    assert 400 - 20 <= len(kept) < 400


@pytest.mark.parametrize(('start', 'size'), [(0.3, 4096), (0.6, 20_000)])
def test_a_database_with_broken_pages_gives_the_other_messages(tmp_path, start, size):
    folder = bags.write_bag(tmp_path / 'bag', many(), 'sqlite3')
    file = next(folder.glob('*.db3'))
    data = bytearray(file.read_bytes())
    at = int(start * len(data)) // 4096 * 4096
    data[at : at + size] = b'\xff' * size
    file.write_bytes(data)
    with pytest.raises(DamagedRecordingError, match='damaged'):
        messages(folder)
    kept = messages(folder, salvage=True)
    assert set(kept) <= set(many())
    assert len(kept) >= 400 - (size // 4096 + 1) * 7  # six messages on a page of 4096 bytes
    assert read(folder, salvage=True)[1]


def test_a_cut_database_gives_the_messages_before_the_cut(tmp_path):
    folder = bags.write_bag(tmp_path / 'bag', many(), 'sqlite3')
    file = next(folder.glob('*.db3'))
    file.write_bytes(file.read_bytes()[: 4096 * 40])
    with pytest.raises(DamagedRecordingError, match=r'db3: damaged'):
        messages(folder)
    kept = messages(folder, salvage=True)
    assert len(kept) > 100
    assert set(kept) <= set(many())


@pytest.mark.parametrize(
    ('name', 'content', 'message'),
    [
        ('a.mcap', b'text, no recording at all', 'a.mcap: not an MCAP file'),
        ('a.mcap', b'', 'a.mcap: '),
        ('a.db3', b'text, no recording at all' * 200, 'a.db3: not a recording of rosbag2'),
        ('a.bag', b'#ROSBAG V2.0', 'ROS 1; convert it first: rosbags-convert'),
        ('a.txt', b'', 'expected an .mcap or .db3 file'),
        ('a.db3.zstd', b'xx', 'a.db3.zstd: damaged'),
    ],
)
def test_what_is_no_recording_is_called_so(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(RecordingError, match=message):
        messages(tmp_path / name)


def test_an_empty_folder_and_a_missing_file_are_called_so(tmp_path):
    with pytest.raises(RecordingError, match=r'no metadata.yaml, no .mcap and no .db3'):
        messages(tmp_path)
    with pytest.raises(FileNotFoundError, match='no such recording'):
        messages(tmp_path / 'nothing.mcap')


def test_broken_metadata_is_named(tmp_path):
    (tmp_path / 'metadata.yaml').write_text('rosbag2_bagfile_information: {version: 9}')
    with pytest.raises(RecordingError, match=r'metadata.yaml: cannot be read.*relative_file'):
        messages(tmp_path)


def test_a_single_packed_file_is_unpacked(tmp_path):
    path = bags.write_mcap(tmp_path / 'in.mcap', many(3))
    packed = tmp_path / 'packed.mcap.zstd'
    packed.write_bytes(zstandard.compress(path.read_bytes()))
    assert messages(packed) == many(3)
