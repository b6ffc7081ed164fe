import os
import re
import shutil
import sqlite3
import struct
from collections import Counter
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import bags
import pytest
import yaml
import zstandard
from mcap.reader import make_reader
from mcap.records import Attachment
from mcap.writer import CompressionType, IndexType, Writer

from zoedepth_ros.bags.contents import Channel, Message, Metadata
from zoedepth_ros.bags.errors import Damage, DamagedRecordingError, RecordingError
from zoedepth_ros.bags.mcap_writer import McapWriter
from zoedepth_ros.bags.recording import open_recording
from zoedepth_ros.bags.topics import find_inputs


def read(path: Path, *, recover: bool = False):
    damage = Damage(recover=recover)
    return list(open_recording(path, damage).read(damage)), damage.notes


def messages(path: Path, *, recover: bool = False) -> list[bags.Written]:
    items, _ = read(path, recover=recover)
    return [
        bags.Written(m.channel.topic, m.channel.type_name, m.log_time_ns, m.data)
        for m in items
        if isinstance(m, Message)
    ]


def summary(path: Path, *, recover: bool = False):
    damage = Damage(recover=recover)
    return open_recording(path, damage).summary(damage)


def many(count: int = 400) -> list[bags.Written]:
    return [bags.text(f'{n} ' + 'words ' * 100, 10**18 + n) for n in range(count)]


def chunked(path: Path, compression: CompressionType, written: list[bags.Written]) -> Path:
    return bags.write_with_mcap(path, written, chunk_size=10_000, compression=compression)


@pytest.mark.parametrize('storage', ['mcap', 'sqlite3'])
def test_a_bag_reads_as_folder_and_as_file(tmp_path, storage):
    folder = bags.write_bag(tmp_path / 'bag', bags.drive(2), storage)
    file = next(path for path in folder.iterdir() if path.suffix in ('.mcap', '.db3'))
    assert Counter(messages(folder)) == Counter(messages(file)) == Counter(bags.drive(2))
    for path in (folder, file):
        assert summary(path).counts == {bags.IMAGE: 2, bags.INFO: 2, bags.CHATTER: 2}


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
    assert summary(folder).counts[bags.IMAGE] == 4
    (folder / 'bag_1.mcap').unlink()
    with pytest.raises(DamagedRecordingError, match=r'bag_1.mcap: the file is missing'):
        messages(folder)
    assert len(messages(folder, recover=True)) == 6


def packed_bag(folder: Path, mode: str) -> Path:
    """Write a bag that rosbags compresses."""
    from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin
    from rosbags.rosbag2 import Writer as BagWriter

    writer = BagWriter(folder, version=9, storage_plugin=StoragePlugin.SQLITE3)
    writer.set_compression(CompressionMode[mode], CompressionFormat.ZSTD)
    with writer:
        connection = writer.add_connection(
            bags.CHATTER, 'std_msgs/msg/String', typestore=bags.STORE
        )
        for message in many(5):
            writer.write(connection, message.time_ns, message.data)
    return folder


@pytest.mark.parametrize('mode', ['FILE', 'MESSAGE'])
def test_what_rosbag2_compressed_comes_out_plain(tmp_path, mode):
    folder = packed_bag(tmp_path / 'bag', mode)
    assert messages(folder) == many(5)
    items, _ = read(folder)
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
    chatter, own = summary(path).channels
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


def as_user(user: int) -> None:
    if 0 in os.getresuid():  # root can write everywhere
        os.setresuid(user, user, 0)


@pytest.mark.parametrize('is_closed', [True, False])
def test_a_database_with_a_log_is_read_in_a_folder_that_cannot_be_written_to(is_closed):
    with TemporaryDirectory() as folder:
        bag = bags.write_bag(Path(folder) / 'bag', many(3), 'sqlite3')
        file = next(bag.glob('*.db3'))
        database = sqlite3.connect(file)
        database.execute('PRAGMA journal_mode=WAL')
        database.execute("UPDATE topics SET type = 'std_msgs/msg/Text'")
        database.commit()
        copy = Path(folder) / 'copy'
        copy.mkdir()
        if is_closed:
            database.close()
        for name in (file.name, f'{file.name}-wal'):  # without the index of the log
            if (bag / name).exists():
                shutil.copy(bag / name, copy / name)
        database.close()
        Path(folder).chmod(0o755)
        copy.chmod(0o555)
        as_user(65534)
        try:
            if is_closed:
                assert [m.type_name for m in messages(copy)] == ['std_msgs/msg/Text'] * 3
            else:
                with pytest.raises(RecordingError, match='the last messages are in bag.db3-wal'):
                    messages(copy)
        finally:
            as_user(0)
            copy.chmod(0o755)


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
    with McapWriter(tmp_path / 'out.mcap') as output:
        for item in read(path)[0]:
            output.write(item)
    for file in (path, tmp_path / 'out.mcap'):
        items, notes = read(file)
        channel = Channel(
            '/b', 'a/msg/B', 'ros2idl', b'idl', 'cdr', (('offered_qos_profiles', 'as it was'),)
        )
        assert Message(channel, 11, 7, 42, b'data') in items
        attachment = Attachment(3, 4, 'calibration.yaml', 'text/yaml', b'k: 1')
        assert attachment in items
        assert Metadata('where', {'place': 'hall'}) in items
        assert {c.topic for c in summary(file).channels} == {'/b', '/silent', '/json'}
        assert not notes


def test_a_cut_recording_is_refused_and_recoverd_up_to_the_cut(tmp_path):
    path = chunked(tmp_path / 'in.mcap', CompressionType.NONE, many())
    path.write_bytes(path.read_bytes()[:100_000])
    with pytest.raises(
        DamagedRecordingError, match=r'in.mcap: the end of the file is missing.*--recover'
    ):
        summary(path)
    with pytest.raises(DamagedRecordingError, match='damaged at byte'):
        messages(path)
    kept = messages(path, recover=True)
    assert kept == many()[: len(kept)]
    per_message = len(many(1)[0].data) + 60  # with its share of the chunk's index
    assert len(kept) >= 100_000 // per_message - 1
    assert summary(path, recover=True).counts == {bags.CHATTER: len(kept)}


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
    kept = set(messages(path, recover=True))
    lost = [message for message in many() if message not in kept]
    # 10 000 bytes are 16 messages; a damaged head may take the chunk before along.
    assert 0 < len(lost) <= 34
    assert lost == many()[many().index(lost[0]) :][: len(lost)]
    assert read(path, recover=True)[1]


def test_after_a_destroyed_record_head_the_index_shows_where_to_go_on(tmp_path):
    path = chunked(tmp_path / 'in.mcap', CompressionType.ZSTD, many())
    with path.open('rb') as file:
        chunks = make_reader(file).get_summary().chunk_indexes
    data = bytearray(path.read_bytes())
    at = chunks[5].chunk_start_offset
    data[at : at + 9] = b'\xff' * 9
    path.write_bytes(data)
    kept = messages(path, recover=True)
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
    kept = messages(folder, recover=True)
    assert set(kept) <= set(many())
    assert len(kept) >= 400 - (size // 4096 + 1) * 7  # six messages on a page of 4096 bytes
    assert read(folder, recover=True)[1]


@pytest.mark.parametrize(
    ('name', 'content', 'message'),
    [
        ('a.mcap', b'text, no recording at all', 'a.mcap: not an MCAP file'),
        ('a.db3', b'text, no recording at all' * 200, 'a.db3 is not a recording of rosbag2'),
        ('a.bag', b'#ROSBAG V2.0', 'ROS 1; convert it first: rosbags-convert'),
        ('a.txt', b'', 'expected an .mcap or .db3 file'),
        ('a.db3.zstd', b'xx', 'a.db3.zstd is not a recording of rosbag2'),
    ],
)
def test_what_is_no_recording_is_called_so(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(RecordingError, match=message):
        messages(tmp_path / name)


def test_a_folder_named_as_a_recording_of_ros_1_is_read(tmp_path):
    folder = bags.write_bag(tmp_path / 'drive.bag', bags.drive(2))
    assert summary(folder).counts[bags.IMAGE] == 2


def test_messages_are_counted_where_the_statistics_do_not_tell_topics_apart(tmp_path):
    def clear(writer):
        writer._Writer__statistics.channel_message_counts.clear()  # optional in the format

    path = bags.write_with_mcap(tmp_path / 'in.mcap', many(3), also=clear)
    assert summary(path).counts == {bags.CHATTER: 3}


def test_types_are_found_where_the_index_does_not_repeat_them(tmp_path):
    path = bags.write_with_mcap(tmp_path / 'in.mcap', many(3), repeat_schemas=False)
    assert summary(path).type_of(bags.CHATTER) == 'std_msgs/msg/String'
    assert summary(path).counts == {bags.CHATTER: 3}


def test_rows_of_one_topic_are_counted_together(tmp_path):
    folder = bags.write_bag(tmp_path / 'in', bags.drive(4), 'sqlite3')
    with closing(sqlite3.connect(next(folder.glob('*.db3')))) as database:
        ids = dict(database.execute('SELECT name, id FROM topics').fetchall())
        row = database.execute('SELECT * FROM topics WHERE name = ?', (bags.CHATTER,)).fetchone()
        marks = ', '.join('?' for _ in row)
        database.execute(f'INSERT INTO topics VALUES ({marks})', (99, *row[1:]))
        database.execute(
            'UPDATE messages SET topic_id = 99 WHERE id IN '
            '(SELECT id FROM messages WHERE topic_id = ? LIMIT 1)',
            (ids[bags.CHATTER],),
        )
        database.commit()
    assert summary(folder).counts[bags.CHATTER] == 4


def test_an_empty_folder_and_a_missing_file_are_called_so(tmp_path):
    with pytest.raises(
        RecordingError, match=r'no metadata.yaml, and the folder contains no .mcap or .db3'
    ):
        messages(tmp_path)
    for name in ('nothing.mcap', 'nothing.bag'):
        with pytest.raises(FileNotFoundError, match='this recording does not exist'):
            messages(tmp_path / name)


BROKEN_METADATA = {
    'empty': '',
    'a list': '- 1',
    'no names': 'rosbag2_bagfile_information: {version: 9}',
    'an empty list': 'rosbag2_bagfile_information: {relative_file_paths: []}',
    'other compression': 'rosbag2_bagfile_information: {relative_file_paths: [a.mcap], '
    'compression_format: lz4}',
    'names that are none': 'rosbag2_bagfile_information: {relative_file_paths: [{a: 1}]}',
    'not yaml': 'rosbag2_bagfile_information: [\n  }',
    'not text': 'rosbag2_bagfile_information: \x00',
    'deep': '[' * 20_000,
    'bomb': 'a: &a [x, x]\nb: &b [*a, *a]\nrosbag2_bagfile_information: *b',
}


def test_files_that_metadata_does_not_name_are_reported(tmp_path):
    folder = bags.write_bag(tmp_path / 'bag', bags.drive(2))
    bags.write_mcap(folder / 'other.mcap', bags.drive(3))
    items, notes = read(folder)
    assert sum(isinstance(item, Message) for item in items) == 6
    assert notes == [
        f'{folder}/metadata.yaml: files that metadata.yaml does not list are not read: '
        "['other.mcap']"
    ]


@pytest.mark.parametrize('recover', [False, True])
@pytest.mark.parametrize('kind', BROKEN_METADATA)
def test_with_broken_metadata_the_files_that_are_there_are_read(tmp_path, kind, recover):
    folder = bags.write_bag(tmp_path / 'bag', bags.drive(2))
    (folder / 'metadata.yaml').write_text(BROKEN_METADATA[kind])
    items, notes = read(folder, recover=recover)
    assert sum(isinstance(item, Message) for item in items) == 6
    (note,) = notes
    assert f'{folder}/metadata.yaml: cannot be read: ' in note
    assert not re.search(r'Error\(|object at|<class', note)
    assert len(note) < 600
    (folder / 'metadata.yaml').unlink()
    (folder / 'metadata.yaml').mkdir()
    assert read(folder, recover=recover)[0] == items
    next(folder.glob('*.mcap')).unlink()
    with pytest.raises(
        RecordingError, match=r'metadata.yaml: cannot be read.*contains no .mcap or'
    ):
        messages(folder, recover=recover)


@pytest.mark.parametrize('storage', ['mcap', 'sqlite3'])
def test_a_renamed_file_is_read_although_metadata_has_its_old_name(tmp_path, storage):
    folder = bags.write_bag(tmp_path / 'bag', bags.drive(2), storage)
    file = next(path for path in folder.iterdir() if path.suffix in ('.mcap', '.db3'))
    file.rename(folder / f'monday{file.suffix}')
    items, notes = read(folder)
    assert sum(isinstance(item, Message) for item in items) == 6
    assert notes == [
        f'{folder}/metadata.yaml: {file.name} does not exist; '
        'all recordings in the folder are read instead'
    ]


def shifted(seconds: int) -> list[bags.Written]:
    return [replace(m, time_ns=m.time_ns + seconds * 10**9) for m in many(3)]


@pytest.mark.parametrize('ending', ['.mcap', '.db3', '.mcap.zstd', '.db3.zstd'])
def test_splits_without_metadata_come_in_the_order_of_their_first_messages(tmp_path, ending):
    folder = tmp_path / 'bag'
    folder.mkdir()
    for number in (0, 1, 2, 10, 11):
        storage = 'mcap' if '.mcap' in ending else 'sqlite3'
        bag = bags.write_bag(tmp_path / f'b{number}', shifted(number), storage)
        (file,) = (p for p in bag.iterdir() if p.suffix != '.yaml')
        data = file.read_bytes()
        name = f'bag_{number}{ending}'
        (folder / name).write_bytes(zstandard.compress(data) if 'zstd' in ending else data)
    late = (folder / f'bag_2{ending}').rename(folder / f'a_renamed_one{ending}')
    read_back = messages(folder)
    assert read_back == [m for n in (0, 1, 2, 10, 11) for m in shifted(n)]
    (folder / f'bag_11{ending}').rename(folder / f'0{ending}')
    assert messages(folder) == read_back
    assert late.exists()


def test_a_split_that_is_there_packed_and_plain_is_read_once(tmp_path):
    path = bags.write_mcap(tmp_path / 'in.mcap', many(3))
    shutil.rmtree(tmp_path / 'in.mcap_folder')
    (tmp_path / 'in.mcap.zstd').write_bytes(zstandard.compress(path.read_bytes()))
    assert messages(tmp_path) == many(3)


@pytest.mark.parametrize('storage', ['mcap', 'db3'])
def test_compressed_messages_are_known_without_metadata_yaml(tmp_path, storage):
    if storage == 'mcap':  # rosbags refuses to write it: made from an ordinary one
        packed = [replace(m, data=zstandard.compress(m.data)) for m in many(5)]
        file = chunked(tmp_path / 'in.mcap', CompressionType.NONE, packed)
    else:
        file = next(packed_bag(tmp_path / 'bag', 'MESSAGE').glob('*.db3'))
    alone = shutil.copy(file, tmp_path / f'alone{file.suffix}')
    assert messages(file) == messages(alone) == many(5)


def test_what_the_file_states_of_its_compression_is_undone_in_the_copy(tmp_path):
    content = {'version': 9, 'compression_mode': 'message', 'compression_format': 'zstd'}
    path = bags.write_with_mcap(
        tmp_path / 'in.mcap',
        [],
        also=lambda writer: writer.add_metadata(
            'rosbag2', {'serialized_metadata': yaml.safe_dump(content)}
        ),
    )
    ((item,), _) = read(path)
    plain = yaml.safe_load(item.values['serialized_metadata'])
    assert plain == {'version': 9, 'compression_mode': '', 'compression_format': ''}


def test_a_broken_compressed_message_is_named_and_the_others_are_kept(tmp_path):
    packed = [replace(m, data=zstandard.compress(m.data)) for m in many(5)]
    packed[2] = replace(packed[2], data=packed[2].data[:-9])
    huge = zstandard.ZstdCompressor().compress(bytes(100))
    bomb = huge[:4] + b'\xe0' + (2**40).to_bytes(8, 'little') + huge[6:]  # states 1 TB
    packed[3] = replace(packed[3], data=bomb)
    path = chunked(tmp_path / 'in.mcap', CompressionType.NONE, packed)
    with pytest.raises(DamagedRecordingError, match='in.mcap: .* message of /chatter cannot be'):
        messages(path)
    assert messages(path, recover=True) == [many(5)[n] for n in (0, 1, 4)]
    assert any(
        'would decompress to 1,099,511,627,776 bytes, more than the limit of' in n
        for n in read(path, recover=True)[1]
    )


def image_file(path: Path, type_name: str, **options) -> Path:
    images = [bags.image(bags.rgb_image(n), 10**18 + n) for n in range(2)]
    images = [replace(image, type_name=type_name) for image in images]
    return bags.write_with_mcap(path, images, **options)


def test_types_without_msg_in_their_names_are_the_same_types(tmp_path):
    path = image_file(tmp_path / 'in.mcap', 'sensor_msgs/Image')
    assert find_inputs(summary(path), '', '').image == bags.IMAGE
    folder = bags.write_bag(tmp_path / 'bag', bags.drive(2), 'sqlite3')
    with sqlite3.connect(next(folder.glob('*.db3'))) as database:
        database.execute("UPDATE topics SET type = replace(type, '/msg/', '/')")
        database.execute('DELETE FROM message_definitions')
    database.close()
    found = summary(folder)
    inputs = find_inputs(found, '', '')
    assert (inputs.image, inputs.camera_info) == (bags.IMAGE, bags.INFO)
    by_topic = {channel.topic: channel for channel in found.channels}
    assert by_topic[bags.IMAGE].type_name == 'sensor_msgs/Image'  # word for word in the copy
    assert b'uint8[] data' in by_topic[bags.IMAGE].schema


@pytest.mark.parametrize(
    ('arguments', 'reason'),
    [
        (
            {'encoding': 'ros1', 'profile': 'ros1'},
            'messages of this recording are of ROS 1.*rosbags-convert',
        ),
        ({'encoding': 'protobuf'}, "encoded as 'protobuf', expected cdr"),
        ({'schema': False}, 'does not contain the types of its messages'),
    ],
)
def test_recordings_of_other_systems_are_named_with_the_remedy(tmp_path, arguments, reason):
    path = image_file(tmp_path / 'in.mcap', 'sensor_msgs/Image', **arguments)
    with pytest.raises(RecordingError, match=reason):
        find_inputs(summary(path), '', '')
    with pytest.raises(RecordingError, match=reason):
        find_inputs(summary(path), bags.IMAGE, '')


LFS = b'version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n'


@pytest.mark.parametrize('name', ['a.mcap', 'a.db3', 'a.mcap.zstd'])
@pytest.mark.parametrize(
    ('content', 'reason'),
    [
        (LFS, 'Git LFS pointer.*git lfs pull'),
        (b'#ROSBAG V2.0\n', 'ROS 1; convert it first: rosbags-convert'),
        (b'<!DOCTYPE html><title>sign in</title>', 'a web page'),
        (b'\n <!doctype HTML>', 'a web page'),
        (
            b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>',
            'a web page or the error message',
        ),
        (b'{"message": "Not Found"}', 'a web page or the error message'),
        (b'/annex/objects/SHA256E-s1--2.mcap', 'git annex get'),
        (b'\x1f\x8b\x08', 'gunzip'),
        (b'PK\x03\x04', 'unzip'),
        (b'BZh91AY', 'bunzip2'),
        (b'\xfd7zXZ', 'unxz'),
        (b'', 'the file is empty'),
    ],
)
def test_what_lies_under_a_recordings_name_is_named_with_the_remedy(
    tmp_path, name, content, reason
):
    (tmp_path / name).write_bytes(content)
    for path in (tmp_path / name, tmp_path):
        with pytest.raises(RecordingError, match=f'{name}: .*{reason}'):
            messages(path, recover=True)


@pytest.mark.parametrize('name', ['pipe.mcap', 'pipe.db3'])
def test_a_pipe_is_no_recording_and_is_not_waited_for(tmp_path, name):
    os.mkfifo(tmp_path / name)
    with pytest.raises(RecordingError, match=f'{name}: expected a regular file'):
        messages(tmp_path / name)


def test_an_empty_split_is_damage_and_the_others_are_read(tmp_path):
    for n in range(2):
        bags.write_mcap(tmp_path / f'{n}.mcap', bags.drive(2))
        shutil.rmtree(tmp_path / f'{n}.mcap_folder')
    (tmp_path / '2.mcap').touch()
    with pytest.raises(DamagedRecordingError, match=r'2\.mcap: the file is empty'):
        messages(tmp_path)
    assert len(messages(tmp_path, recover=True)) == 2 * len(bags.drive(2))


@pytest.mark.parametrize(('storage', 'reason'), [
    ('mcap', 'not an MCAP file'), ('sqlite3', 'is not a recording of rosbag2'),
])  # fmt: skip
def test_a_split_of_zeros_is_damage_and_the_others_are_recovered(tmp_path, storage, reason):
    written = many(6)
    folder = tmp_path / 'bag'
    folder.mkdir()
    for number in range(3):
        part = bags.write_bag(
            tmp_path / f'{number}', written[2 * number : 2 * number + 2], storage
        )
        for file in part.glob('*.[md]*[p3]'):
            shutil.move(file, folder / f'bag_{file.name}')
    files = sorted(folder.iterdir())
    files[1].write_bytes(bytes(files[1].stat().st_size))  # by a power cut
    with pytest.raises(RecordingError, match=reason):
        messages(folder)
    assert messages(folder, recover=True) == written[:2] + written[4:]
    assert summary(folder, recover=True).counts == {bags.CHATTER: 4}
    _, notes = read(folder, recover=True)
    assert len(notes) == 1
    assert reason in notes[0]
    for file in files:
        file.write_bytes(bytes(1000))
    with pytest.raises(RecordingError, match=reason):
        summary(folder, recover=True)


def test_bytes_that_cannot_be_decompressed_are_named(tmp_path):
    path = tmp_path / 'a.mcap.zstd'
    path.write_bytes(
        zstandard.compress(bags.write_mcap(tmp_path / 'a', many(3)).read_bytes())[:60]
    )
    with pytest.raises(
        DamagedRecordingError, match='a.mcap.zstd: damaged: no part of the compressed'
    ):
        messages(path, recover=True)


def test_compression_is_known_by_the_content_whatever_the_name(tmp_path):
    written = bags.drive(2)
    packed = zstandard.compress(bags.write_mcap(tmp_path / 'a', written).read_bytes())
    (tmp_path / 'packed.mcap').write_bytes(packed)
    bags.write_mcap(tmp_path / 'plain.mcap.zstd', written)
    for name in ('packed.mcap', 'plain.mcap.zstd'):
        assert Counter(messages(tmp_path / name)) == Counter(written)


def test_damage_of_a_packed_file_is_reported_under_its_own_name(tmp_path):
    content = bags.write_mcap(tmp_path / 'a', bags.drive(2)).read_bytes()
    packed = tmp_path / 'b.mcap.zstd'
    packed.write_bytes(zstandard.compress(content[:-3000]))
    with pytest.raises(DamagedRecordingError) as error:
        messages(packed)
    assert str(error.value).startswith(f'{packed}: ')
    damage = Damage(recover=True)
    assert list(open_recording(packed, damage).read(damage))
    assert damage.notes
    assert all(note.startswith(f'{packed}: ') for note in damage.notes)
    packed.write_bytes(zstandard.compress(b'nothing'))
    with pytest.raises(RecordingError, match=rf'^{packed}: not an MCAP file'):
        messages(packed)


@pytest.mark.parametrize('size', range(0, 60, 5))
def test_a_file_of_a_few_bytes_is_no_recording_with_images(tmp_path, size):
    content = bags.write_mcap(tmp_path / 'a', bags.drive(1)).read_bytes()
    short = tmp_path / 'short.mcap'
    short.write_bytes(content[: max(0, size - 8)] + content[-min(8, size) :] if size else b'')
    for recover in (False, True):
        with pytest.raises(RecordingError):  # and no OSError of a seek before the start
            find_inputs(summary(short, recover=recover), '', '')


def test_a_data_set_of_tables_is_named_and_recordings_further_down_are_listed(tmp_path):
    (tmp_path / 'data').mkdir()
    (tmp_path / 'data' / 'file-000.parquet').write_bytes(b'PAR1')
    (tmp_path / 'videos').mkdir()
    (tmp_path / 'videos' / 'front.mp4').write_bytes(b'')
    with pytest.raises(RecordingError, match=r'Hugging Face.*zoedepth predict .*front.mp4'):
        messages(tmp_path)
    bags.write_mcap(tmp_path / 'data' / 'drive.mcap', bags.drive(1))
    with pytest.raises(
        RecordingError, match=r'its subfolders do: give .*data/drive.mcap.* instead'
    ):
        messages(tmp_path)


def without_checksums(path: Path, written: list[bags.Written], *, index=True) -> Path:
    """Write uncompressed chunks of 10 messages without CRC, as rosbag2's `fastwrite` does."""
    return bags.write_with_mcap(
        path,
        written,
        chunk_size=10 * (len(written[0].data) + 31),
        compression=CompressionType.NONE,
        enable_crcs=False,
        index_types=IndexType.ALL if index else IndexType.CHUNK,
    )


def even(count: int = 40) -> list[bags.Written]:
    return [bags.text(f'{n:04} ' + 'words ' * 100, 10**18 + n) for n in range(count)]


@pytest.mark.parametrize('index', [True, False])
@pytest.mark.parametrize('change', [-5, 3, 40, 631, 640, 10**6, 2**62])
@pytest.mark.parametrize('which', [0, 7, 19, 25])
def test_a_wrong_length_inside_a_chunk_is_never_silent(tmp_path, index, change, which):
    path = without_checksums(tmp_path / 'in.mcap', even(), index=index)
    data = bytearray(path.read_bytes())
    at = data.index(even()[which].data) - 22 - 8  # of the record's length: u64 before the head
    length = int.from_bytes(data[at : at + 8], 'little')
    assert length == 22 + len(even()[0].data)
    data[at : at + 8] = (length + change).to_bytes(8, 'little')
    path.write_bytes(data)
    with pytest.raises(DamagedRecordingError, match='in.mcap: damaged at byte'):
        messages(path)
    kept = messages(path, recover=True)
    assert read(path, recover=True)[1]
    intact = [message for message in even() if message in kept]
    assert len(intact) >= (39 if index else 28)


def test_messages_that_are_missing_by_the_files_own_count_are_reported(tmp_path):
    path = without_checksums(tmp_path / 'in.mcap', even())
    data = bytearray(path.read_bytes())
    at = data.index(even()[12].data) - 22 - 9
    data[at] = 0x99  # a record of somebody else's, which is to be skipped
    path.write_bytes(data)
    with pytest.raises(
        DamagedRecordingError,
        match='39 messages can be read.*statistics record of the file states 40',
    ):
        messages(path)
    assert messages(path, recover=True) == [m for n, m in enumerate(even()) if n != 12]


def test_a_chunk_that_would_fill_the_memory_is_refused(tmp_path):
    """One states 4 GB, the other one states 100 bytes and holds a megabyte."""
    packed = zstandard.compress(bytes(2**20))
    for size in (2**32, 100):
        path = tmp_path / f'{size}.mcap'
        with path.open('wb') as file:
            writer = Writer(file)
            writer.start('ros2')
            body = struct.pack('<QQQII', 0, 0, size, 0, 4) + b'zstd'
            body += struct.pack('<Q', len(packed)) + packed
            file.write(b'\x06' + struct.pack('<Q', len(body)) + body)
            writer.finish()
        with pytest.raises(DamagedRecordingError, match=' a chunk '):
            messages(path)
        assert messages(path, recover=True) == []


@pytest.mark.parametrize(('share', 'page_bytes'), [(0.99, 1), (0.95, 1), (0.5, 1), (0.5, 4096)])
def test_a_cut_database_is_summarized_row_by_row(tmp_path, share, page_bytes):
    folder = bags.write_bag(tmp_path / 'bag', many(), 'sqlite3')
    file = next(folder.glob('*.db3'))
    size = file.stat().st_size
    os.truncate(file, int(share * size) // page_bytes * page_bytes)
    with pytest.raises(DamagedRecordingError, match=r'db3: damaged'):
        messages(folder)
    kept = messages(folder, recover=True)
    assert len(kept) >= share * 400 - 20
    # SQLite fills up a page that was cut with zeros.
    assert len(set(kept) - set(many())) <= (page_bytes == 1)
    assert summary(folder, recover=True).counts == {bags.CHATTER: len(kept)}


@pytest.mark.parametrize('recover', [False, True])
def test_a_view_that_never_ends_is_no_recording(tmp_path, recover):
    path = tmp_path / 'a.db3'
    with sqlite3.connect(path) as database:
        database.executescript("""
            CREATE VIEW topics AS WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n)
                SELECT id, 'a' AS name, 'b' AS type, 'cdr' AS serialization_format FROM n;
            CREATE VIEW messages AS SELECT id, id AS topic_id, id AS timestamp, x'' AS data
                FROM topics;
        """)
    database.close()
    with pytest.raises(
        RecordingError, match='a.db3 is not a recording of rosbag2: .* is a database view'
    ):
        messages(path, recover=recover)
    shutil.copy(path, tmp_path / 'b.db3')
    with pytest.raises(RecordingError, match='is a database view'):
        messages(tmp_path, recover=recover)


def test_rows_and_topics_of_another_form_are_damage(tmp_path):
    folder = bags.write_bag(tmp_path / 'bag', many(5), 'sqlite3')
    file = next(folder.glob('*.db3'))
    with sqlite3.connect(file) as database:
        database.execute("INSERT INTO messages(topic_id, timestamp, data) VALUES (1, 'x', 'y')")
        database.execute("INSERT INTO messages(topic_id, timestamp, data) VALUES (9, 1, x'00')")
        database.execute("INSERT INTO messages(topic_id, timestamp, data) VALUES (1, -1, x'00')")
    database.close()
    with pytest.raises(DamagedRecordingError, match='some rows of the database table `messages`'):
        messages(folder)
    assert messages(folder, recover=True) == many(5)
    with sqlite3.connect(file) as database:
        database.execute('ALTER TABLE topics RENAME COLUMN type TO kind')
    database.close()
    with pytest.raises(RecordingError, match=r"table `topics` lacks the columns \['type'\]"):
        messages(folder)
