"""What is written is whole or not there, and what cannot be written is named with its need."""

import errno
import os
import stat
import subprocess
import sys

import pytest

from zoedepth_ros import files
from zoedepth_ros.files import WriteError, check_folder, check_writable, replacing, write_file


@pytest.fixture
def small_disk():
    """Run Python in a process whose files cannot grow beyond 2,000 bytes: the system refuses."""

    def run(code, *arguments):
        limit = 'import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))\n'
        command = [sys.executable, '-c', limit + code, *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)

    return run


WRITE = 'import sys, pathlib; from zoedepth_ros.files import write_file\n'


def test_a_file_that_the_system_refuses_is_named_with_its_size_and_leaves_nothing(
    small_disk, tmp_path
):
    old = tmp_path / 'scores.json'
    old.write_text('old')
    code = f'{WRITE}write_file(pathlib.Path(sys.argv[1]), "x" * 5000)'
    done = small_disk(code, old)
    last = done.stderr.strip().splitlines()[-1]
    assert f'WriteError: {old}: cannot be written: ' in last
    assert '5,000 bytes are needed' in last
    assert [path.name for path in tmp_path.iterdir()] == ['scores.json']
    assert old.read_text() == 'old'


@pytest.mark.parametrize(
    'write',
    [
        'import torch; f = p.open("wb"); torch.save({"a": torch.zeros(5000)}, f)',
        'import torch, safetensors.torch as st; st.save_file({"a": torch.zeros(5000)}, p)',
    ],
    ids=['torch', 'safetensors'],
)
def test_the_reason_of_the_system_is_found_behind_the_error_of_a_library(
    small_disk, tmp_path, write
):
    code = 'import sys, pathlib; from zoedepth_ros.files import replacing\n'
    code += f'with replacing(pathlib.Path(sys.argv[1])) as p:\n    {write}'
    done = small_disk(code, tmp_path / 'weights')
    expected = f'WriteError: {tmp_path / "weights"}: cannot be written: {os.strerror(errno.EFBIG)}'
    assert expected in done.stderr.strip().splitlines()[-1]
    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_an_error_with_the_room_that_is_left(tmp_path, monkeypatch):
    def full(self, data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(files.Path, 'write_bytes', full)
    usage = os.statvfs(tmp_path)
    with pytest.raises(WriteError) as raised:
        write_file(tmp_path / 'new' / 'depth.png', bytes(1_234_567), make_folder=True)
    text = str(raised.value)
    assert f'{tmp_path / "new" / "depth.png"}: cannot be written: No space left' in text
    assert '1,234,567 bytes are needed' in text
    assert f'bytes are free in {tmp_path}' in text
    assert 'make room or choose another place' in text
    assert usage.f_bavail > 0
    assert not list((tmp_path / 'new').iterdir())


def test_an_error_of_something_else_stays_what_it_is(tmp_path):
    with pytest.raises(KeyError), replacing(tmp_path / 'a'):
        raise KeyError('mine')
    assert not list(tmp_path.iterdir())


def test_names_as_long_as_the_system_takes_can_be_written(tmp_path):
    path = tmp_path / ('n' * 251 + '.txt')
    write_file(path, 'text')
    assert path.read_text() == 'text'


def test_names_in_another_encoding_are_escaped_and_cost_nothing(tmp_path):
    write_file(tmp_path / 'a.csv', os.fsdecode(b'k\xfcche.jpg'))
    assert (tmp_path / 'a.csv').read_text('utf-8') == r'k\xfcche.jpg'


def test_a_device_is_written_to_and_stays_one():
    check_writable(files.Path(os.devnull))
    write_file(files.Path(os.devnull), 'text')
    assert stat.S_ISCHR(files.Path(os.devnull).stat().st_mode)


def test_a_link_is_replaced_not_written_through(tmp_path):
    (tmp_path / 'other').write_text('precious')
    (tmp_path / 'link').symlink_to(tmp_path / 'other')
    write_file(tmp_path / 'link', 'text')
    assert (tmp_path / 'other').read_text() == 'precious'
    assert not (tmp_path / 'link').is_symlink()


@pytest.mark.parametrize('name', ['folder', 'file/x', 'folder/' + 'n' * 300, 'file/x/y/z'])
def test_places_where_nothing_can_be_written_are_named_before_the_work(tmp_path, name):
    (tmp_path / 'folder').mkdir()
    (tmp_path / 'file').touch()
    with pytest.raises(OSError, match=r'file|folder') as raised:
        check_writable(tmp_path / name)
    assert str((tmp_path / name).parent) in str(raised.value)


def test_a_folder_that_takes_no_file_is_named_before_the_work():
    with pytest.raises(OSError, match=r'^/proc/zoedepth: cannot be written: '):
        check_folder(files.Path('/proc/zoedepth'))


def test_looking_leaves_nothing_behind(tmp_path):
    check_writable(tmp_path / 'a' / 'b' / 'scores.json')
    check_folder(tmp_path / 'c' / 'd')
    assert not list(tmp_path.iterdir())
