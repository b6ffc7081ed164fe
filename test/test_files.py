"""Small files are read with limits; files are written completely or not at all; errors."""

import errno
import os
import stat
import subprocess
import sys
from contextlib import suppress

import pytest

from zoedepth_ros import files
from zoedepth_ros.errors import describe, in_one_line, quoted, shortened
from zoedepth_ros.files import (
    WriteError,
    check_folder,
    check_writable,
    open_locked,
    parse_json,
    parse_yaml,
    read_text,
    replacing,
    write_file,
)
from zoedepth_ros.inference.result import ContextLost

BOMB = 'a: &a [x, x, x, x, x, x, x, x, x]\n' + ''.join(
    f'{b}: &{b} [{", ".join(["*" + a] * 9)}]\n'
    for a, b in zip('abcdefgh', 'bcdefghi', strict=True)
)


def bomb() -> object:
    value: object = 'x'
    for _ in range(40):  # a repr of 2**40 characters
        value = [value, value]
    return value


HUGE = {  # made in the test: pytest would print them
    'text': lambda: 'x' * 10**6,
    'list': lambda: ['y' * 1000] * 1000,
    'bomb': bomb,
    'key': lambda: {'k' * 500: 1},
    'digits': lambda: 16**5000,
    'bytes': lambda: b'z' * 10**6,
}


@pytest.mark.parametrize('kind', HUGE)
def test_quoted_values_in_errors_are_short(kind):
    text = quoted(HUGE[kind]())
    assert 3 < len(text) <= 200


def test_short_values_are_quoted_as_they_are():
    assert quoted('indoor') == "'indoor'"
    assert quoted([1, None]) == '[1, None]'


def test_a_long_error_is_shortened_to_one_line():
    text = in_one_line(ValueError('begin\n' + 'word\n' * 10**6 + 'end'))
    assert text.startswith('begin word')
    assert text.endswith('end')
    assert len(text) <= 1000
    assert in_one_line(KeyError()) == 'KeyError()'
    assert shortened('abcdefgh', 5) == 'ab…gh'


@pytest.mark.parametrize(
    ('error', 'text'),
    [
        (ValueError('the value\nis odd'), 'the value is odd'),
        (
            FileNotFoundError(2, 'No such file or directory', 'a.bin'),
            'a.bin: No such file or directory',
        ),
        (ContextLost('cuda:0: gone'), 'cuda:0: gone'),
        (RuntimeError('mat1 and mat2\ncannot'), 'RuntimeError: mat1 and mat2 cannot'),
        (KeyError('depth'), "KeyError: 'depth'"),
        (IndexError(), 'IndexError()'),
    ],
    ids=['value', 'file', 'package', 'torch', 'key', 'empty'],
)
def test_only_errors_that_are_not_written_for_users_are_reported_with_their_class(error, text):
    assert describe(error) == text


@pytest.mark.parametrize(
    ('text', 'reason'),
    [
        (BOMB, r'line 2: YAML aliases \(\*name\) are not allowed'),
        ('[' * 20_000, 'line 1: the values are nested too deeply'),
        ('a: ' + '{b: ' * 60 + '}' * 60, 'line 1: the values are nested too deeply'),
        ('a: [1,\nb: 2', 'line 2: '),
        ('a: !!python/object/apply:os.system [x]', 'line 1: could not determine a constructor'),
        ('a: "\x00"', 'special characters are not allowed'),
        ('a: 1\n2001-99-99: 1', "line 2: '2001-99-99' is not of the type timestamp"),
        ('a: 1\nb: !!int ""', "line 2: '' is not of the type int"),
        ('a: !!bool maybe', "line 1: 'maybe' is not of the type bool"),
        ('? [a]\n: 1', 'line 1: found unhashable key'),
        ('a: 1\nb: {c: 1,\n  c: 2}', 'line 3: the key c occurs twice'),
    ],
)
def test_yaml_of_other_than_plain_values_is_rejected_with_the_line(text, reason):
    with pytest.raises(ValueError, match=reason) as found:
        parse_yaml(text)
    assert len(str(found.value)) < 300


def test_plain_yaml_and_json_are_read():
    assert parse_yaml('a: [1, 2.5, x]\nb: {c: null}') == {'a': [1, 2.5, 'x'], 'b': {'c': None}}
    assert parse_yaml('') is None
    assert parse_yaml('a: &x [1]\nb: *x', aliases=True) == {'a': [1], 'b': [1]}
    assert parse_yaml('1: a\n"1": b') == {1: 'a', '1': 'b'}
    merged = 'a: &x {c: 1, d: 1}\nb: {<<: *x, c: 2}'
    assert parse_yaml(merged, aliases=True)['b'] == {'c': 2, 'd': 1}
    assert parse_json('{"a": [1]}') == {'a': [1]}
    with pytest.raises(ValueError, match='nested too deeply'):
        parse_json('[' * 10 * sys.getrecursionlimit())


def test_text_is_read_up_to_a_limit(tmp_path):
    path = tmp_path / 'a.yaml'
    path.write_bytes(b'\xef\xbb\xbfa: 1')  # as editors on Windows write it
    assert read_text(path) == 'a: 1'
    with pytest.raises(ValueError, match='at most 3 bytes'):
        read_text(path, 3)
    path.write_bytes(b'a: \xff')
    with pytest.raises(ValueError, match='expected UTF-8 text, got the byte 0xff'):
        read_text(path)


def test_a_pipe_is_rejected_without_waiting(tmp_path):
    os.mkfifo(tmp_path / 'pipe')
    with pytest.raises(ValueError, match='a device or a pipe'):
        read_text(tmp_path / 'pipe')
    with pytest.raises(OSError, match='pipe: expected a regular file'):
        open_locked(tmp_path / 'pipe')


def test_a_file_is_replaced_when_the_new_one_is_complete_and_no_link_is_followed(tmp_path):
    path, precious = tmp_path / 'a.txt', tmp_path / 'precious'
    precious.write_text('mine')
    path.symlink_to(precious)
    with replacing(path) as unfinished:
        assert unfinished.suffix == '.txt'
        unfinished.write_text('new')
        assert path.read_text() == 'mine'
    assert (path.read_text(), precious.read_text()) == ('new', 'mine')
    with suppress(RuntimeError), replacing(path) as unfinished:
        unfinished.write_text('half')
        raise RuntimeError
    assert path.read_text() == 'new'
    assert sorted(p.name for p in tmp_path.iterdir()) == ['a.txt', 'precious']
    mask = os.umask(0)
    os.umask(mask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~mask


def test_a_lock_is_exclusive_until_the_file_is_closed(tmp_path):
    with open_locked(tmp_path / 'a'), pytest.raises(BlockingIOError):
        open_locked(tmp_path / 'a')
    open_locked(tmp_path / 'a').close()


@pytest.fixture
def small_disk():
    """Run Python in a process whose files are limited to 2,000 bytes."""

    def run(code, *arguments):
        limit = 'import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))\n'
        command = [sys.executable, '-c', limit + code, *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)

    return run


WRITE = 'import sys, pathlib; from zoedepth_ros.files import write_file\n'


def test_a_failed_write_is_reported_with_its_size_and_leaves_nothing(small_disk, tmp_path):
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
def test_the_reason_of_the_system_is_found_in_the_error_of_a_library(small_disk, tmp_path, write):
    code = 'import sys, pathlib; from zoedepth_ros.files import replacing\n'
    code += f'with replacing(pathlib.Path(sys.argv[1])) as p:\n    {write}'
    done = small_disk(code, tmp_path / 'weights')
    expected = f'WriteError: {tmp_path / "weights"}: cannot be written: {os.strerror(errno.EFBIG)}'
    assert expected in done.stderr.strip().splitlines()[-1]
    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_an_error_with_the_free_space(tmp_path, monkeypatch):
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
    assert 'free some space or choose another place' in text
    assert usage.f_bavail > 0
    assert not list((tmp_path / 'new').iterdir())


def test_other_errors_are_not_changed(tmp_path):
    with pytest.raises(KeyError), replacing(tmp_path / 'a'):
        raise KeyError('mine')
    assert not list(tmp_path.iterdir())


def test_names_of_maximum_length_can_be_written(tmp_path):
    path = tmp_path / ('n' * 251 + '.txt')
    write_file(path, 'text')
    assert path.read_text() == 'text'


def test_names_in_another_encoding_are_escaped(tmp_path):
    write_file(tmp_path / 'a.csv', os.fsdecode(b'k\xfcche.jpg'))
    assert (tmp_path / 'a.csv').read_text('utf-8') == r'k\xfcche.jpg'


def test_a_device_is_written_to_and_not_replaced():
    check_writable(files.Path(os.devnull))
    write_file(files.Path(os.devnull), 'text')
    assert stat.S_ISCHR(files.Path(os.devnull).stat().st_mode)


@pytest.mark.parametrize('name', ['folder', 'file/x', 'folder/' + 'n' * 300, 'file/x/y/z'])
def test_unwritable_paths_are_reported_before_the_work(tmp_path, name):
    (tmp_path / 'folder').mkdir()
    (tmp_path / 'file').touch()
    with pytest.raises(OSError, match=r'file|folder') as raised:
        check_writable(tmp_path / name)
    assert str((tmp_path / name).parent) in str(raised.value)


def test_an_unwritable_folder_is_reported_before_the_work():
    with pytest.raises(OSError, match=r'^/proc/zoedepth: cannot be written: '):
        check_folder(files.Path('/proc/zoedepth'))


def test_the_checks_leave_no_files(tmp_path):
    check_writable(tmp_path / 'a' / 'b' / 'scores.json')
    check_folder(tmp_path / 'c' / 'd')
    assert not list(tmp_path.iterdir())


def test_numbers_that_are_not_finite_become_null_in_json():
    text = files.json_text({'a': float('nan'), 'b': (1.5, float('-inf')), 'c': {'d': True}})
    assert parse_json(text) == {'a': None, 'b': [1.5, None], 'c': {'d': True}}
