"""Damaged recordings in a fleet: every one is done or named, none stops the others.

The corpus is made anew from seeds.  ZOEDEPTH_FUZZ_CASES=100000 damages 10,000 files instead of
150.
"""

from __future__ import annotations

import random
import re
import shutil

import bags
import pytest
from fake_model import FakeModel
from fuzzing import CASES
from mcap.writer import CompressionType

from zoedepth_ros.bags.fleet import Counts, run_here
from zoedepth_ros.bags.plan import DepthOptions, Job, Report

FILES = CASES // 10 or 150
RAW = re.compile(r'object at 0x|Error\(|Traceback|\\x[0-9a-f]{2}.{400}')
STRUCTURE = (  # what of a recording's text makes readers do something
    b'/camera/image_raw', b'sensor_msgs/msg/Image', b'cdr', b'zstd', b'CREATE TABLE', b'topics',
    b'messages', b'relative_file_paths', b'rosbag2_bagfile_information', b'\x89MCAP0\r\n',
)  # fmt: skip
REPLACED = (b'', b'[' * 300, b'\xff' * 9, b'&a [*a, *a]', b'null', b'1e999', b'../' * 20, b'\x00')


def add_more(writer) -> None:
    writer.add_attachment(1, 2, 'a.txt', 'text/plain', b'abc')
    writer.add_metadata('m', {'k': 'v'})


@pytest.fixture(scope='module')
def whole(tmp_path_factory):
    """Give good recordings: a file, or a folder and the name of the file in it to be damaged."""
    folder = tmp_path_factory.mktemp('whole')
    found = []
    for number, (kind, crcs) in enumerate([('NONE', False), ('LZ4', True), ('ZSTD', False)]):
        options = {'chunk_size': 15_000, 'compression': CompressionType[kind], 'enable_crcs': crcs}
        path = folder / f'{number}.mcap'
        found.append((bags.write_with_mcap(path, bags.drive(4), also=add_more, **options), ''))
    for number, version in enumerate((8, 9)):
        bag = bags.write_bag(folder / f'bag_{number}', bags.drive(4), 'sqlite3', version)
        found += [(bag, next(bag.glob('*.db3')).name), (bag, 'metadata.yaml')]
    bag = bags.write_bag(folder / 'bag_mcap', bags.drive(4))
    found.append((bag, next(bag.glob('*.mcap')).name))
    return found


def damaged(data: bytes, chance: random.Random) -> bytes:
    """Cut, alter, double, swap or replace, often where the structure is."""
    data = bytearray(data)
    for _ in range(chance.choice([1, 1, 1, 2, 5])):
        at = chance.randrange(len(data))
        if chance.random() < 0.4:
            at = min(len(data) - 1, chance.choice([at % 400, len(data) - 1 - at % 2000]))
        size = chance.choice([1, 4, 8, 60, 4096])
        kind = chance.choice(['bits', 'noise', 'zero', 'cut', 'end', 'double', 'page', 'word'])
        if kind == 'bits':
            data[at] ^= 1 << chance.randrange(8)
        elif kind == 'noise':
            data[at : at + size] = chance.randbytes(size)
        elif kind == 'zero':
            data[at : at + size] = bytes(size)
        elif kind == 'cut':
            del data[at : at + size]
        elif kind == 'end':
            del data[max(1, at) :]
        elif kind == 'double':
            data[at:at] = data[at : at + size]
        elif kind == 'page':
            page, other = (chance.randrange(len(data)) // 4096 * 4096 for _ in range(2))
            data[page : page + 4096] = data[other : other + 4096]
        else:
            word, new = chance.choice(STRUCTURE), chance.choice(REPLACED)
            data = data.replace(word, new, chance.choice([1, -1]))
        data = data or bytearray(b'x')
    return bytes(data)


@pytest.mark.timeout(7200)
def test_a_damaged_recording_is_done_or_named_and_stops_no_other(whole, tmp_path):
    jobs = []
    for number in range(FILES):
        chance = random.Random(number)
        source, name = whole[number % len(whole)]
        copy = tmp_path / f'n{number}{source.suffix}'
        shutil.copytree(source, copy) if name else shutil.copy(source, copy)
        target = copy / name if name else copy
        target.write_bytes(damaged(target.read_bytes(), chance))
        out = tmp_path / 'out' / f'{number}.mcap'
        jobs.append(Job(copy, out, DepthOptions(), recover=bool(number // len(whole) % 2)))
    results = list(run_here(jobs, FakeModel(), Counts([0, 0])))
    assert [job for job, _ in results] == jobs
    done = 0
    for job, result in results:
        if isinstance(result, Report):
            done += 1
            written = bags.read_mcap(job.target)  # by mcap's own reader, checksums checked
            assert sum(m.topic == '/depth/image' for m in written) == result.depths, job
            continue
        assert str(job.source) in result or str(job.target) in result, (job, result)
        assert len(result) <= 1000, job
        assert not RAW.search(result), (job, result)
    assert 0.1 * FILES < done < 0.95 * FILES
